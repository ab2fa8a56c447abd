"""`fingerpost rollout plan`: what it prints, writes, refuses; the demonstration's second card."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli import _reform
from fingerpost.cli._examples import example
from fingerpost.cli._studying import Choices, answered, chosen
from fingerpost.cli.main import app
from fingerpost.reports import docx
from fingerpost.studies.document import read_study
from units.studies.rollouts.draws import write_study

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "rollouts" / "protocol.yaml"
SHARED = Path("/work/shared/data/england_lait_panel/la_sen_indicators_long.csv")


def plan(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["rollout", "plan", *(str(word) for word in words)])


def small(folder: Path) -> Path:
    """Write the example with the small register of the draw's tests, quick to try."""
    path = write_study(folder)
    whole = EXAMPLE.read_text(encoding="utf-8")
    parts = whole[whole.index("  correlation:") : whole.index("outcomes:")]
    parts = parts.replace("2027 autumn: 2027-12-17", "1: 2027-12-17")
    lines = [line for line in parts.splitlines() if not line.strip().startswith("20")]
    text = path.read_text(encoding="utf-8").replace(
        "assignment:", "\n".join(lines) + "\nassignment:"
    )
    path.write_text(text, encoding="utf-8")
    return path


def test_the_protocol_is_written_and_says_what_is_open(tmp_path) -> None:
    study = small(tmp_path)
    out = tmp_path / "out"
    done = plan(study, "--out", out, "--json", tmp_path / "p.json", "-q")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "items are answered" in words and "registration (statement.registration)" in words
    assert "rollout randomise" in done.output
    told = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert told["kind"] == "plan of a roll-out" and told["items_by_state"]["open"] > 0
    names = {path.name for path in out.iterdir()}
    assert names >= {
        *("protocol.html", "protocol.json", "protocol-tables", "calendar.svg", "looks.svg"),
        *("design-matrix.svg", "power-curves-nested.svg", "power-curves-decay.svg"),
    }
    assert ("protocol.docx" in names) == docx.available()
    page = (out / "protocol.html").read_text(encoding="utf-8")
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    for text in ("Looks on the way", "WHO 24", "legal duty", "An invented department"):
        assert text in page
    for path in (out / "protocol-tables").glob("*.csv"):
        if path.stem in page:
            assert f"protocol-tables/{path.name}" in page
    again = plan(study, "--out", out, "-q")
    assert again.exit_code == 0, again.output


def test_without_the_package_the_page_is_written_and_one_line_says_so(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(docx, "available", lambda: False)
    done = plan(write_study(tmp_path), "--out", tmp_path / "out", "-q")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "Left out protocol.docx. Word documents need the package python-docx" in words
    page = (tmp_path / "out" / "protocol.html").read_text(encoding="utf-8")
    assert "does not say what the roll-out has to find" in page


def test_faults_are_told_at_once_and_nothing_is_written(tmp_path) -> None:
    study = write_study(tmp_path, limit=("{at_most: 3, wave", "{at_most: 0, wave"))
    done = plan(study, "--out", tmp_path / "out", "--json", tmp_path / "p.json", "-q")
    assert done.exit_code == 1 and "Raise the limit" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists() and not (tmp_path / "p.json").exists()
    other = plan(ROOT / "examples" / "lalonde" / "study.yaml", "-q")
    assert other.exit_code == 2 and "is of no roll-out" in other.output


def test_the_example_leaves_nothing_open() -> None:
    study = read_study(EXAMPLE)
    assert study.rollout is not None
    assert len(study.rollout.registry) == 19 and study.rollout.monitoring is not None
    assert {period for period, _ in study.rollout.collection.ends} == set(study.rollout.periods)


def test_help_has_an_example() -> None:
    done = plan("--help")
    assert done.exit_code == 0
    assert "fingerpost rollout plan examples/rollouts/england.yaml" in done.output


# -------------------------------------------------------------------- the second card
@pytest.fixture
def quick(tmp_path, monkeypatch) -> Path:
    """The demonstration's study with few candidates and one estimator, on made-up areas."""
    text = example(_reform.STUDY).read_text(encoding="utf-8")
    text = text.replace("candidates: 5000", "candidates: 2000").replace(
        "[gls_exposure_time, random_timing, group_time]", "[gls_exposure_time]"
    )
    path = tmp_path / "reform.yaml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(_reform, "example", lambda n: path if n == _reform.STUDY else example(n))
    monkeypatch.setenv("FINGERPOST_SHARED", str(tmp_path))
    return tmp_path


def test_a_planted_fall_is_found_where_the_draw_planted_it(quick) -> None:
    made = quick / "made"
    made.mkdir()
    _reform.make(made, say=lambda words: None)
    study = chosen(made / "study.yaml", Choices())
    assert study.records.synthetic  # made-up areas are said to be
    past = {
        (area, period): y
        for area, _, ys in _reform.found_past(study).rows
        for period, y in zip(study.rollout.periods, ys, strict=True)
    }
    with (made / "draw" / "allocation.csv").open(encoding="utf-8") as stream:
        begins = {row["unit"]: row["begins"] for row in csv.DictReader(stream)}
    with (made / "panel.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 152 * 9
    fallen = {
        (row["area"], row["period"])
        for row in rows
        if float(row["absence"]) < past[row["area"], row["period"]] - 0.05
    }
    wanted = {
        (row["area"], row["period"])
        for row in rows
        if begins[row["area"]] and row["period"] >= begins[row["area"]]
    }
    assert fallen == wanted and 300 < len(wanted) < 800
    choices = Choices(made / "panel.csv", draw=made / "draw")
    output = answered(study, choices, base=made, say=lambda words: None)
    (answer,) = output.results
    assert abs(answer.value + 0.1) < 3 * answer.se and answer.hi < 0
    assert _reform.with_truth(output).truth == ((answer.term, -0.1),)


def test_the_real_panel_is_found_and_complete(monkeypatch) -> None:
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not here")
    monkeypatch.setenv("FINGERPOST_SHARED", str(SHARED.parents[1]))
    past = _reform.found_past(read_study(example(_reform.STUDY)))
    assert past.real and len(past.rows) == 146
    assert all(len(values) == 9 for _, _, values in past.rows)
