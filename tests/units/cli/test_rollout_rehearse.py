"""`fingerpost rollout rehearse`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app
from fingerpost.studies.rollouts import rehearsing
from units.studies.rollouts.pasts import PLAN, outcomes, write_past


def rollout(*words: object) -> Result:
    """Run a command of roll-outs in this process."""
    return CliRunner().invoke(app, ["rollout", *(str(word) for word in words)])


def told(done: Result) -> str:
    """Return what a command said, wherever its lines were broken."""
    return " ".join(done.output.split())


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan and its past, fewer draws than usual being enough."""
    monkeypatch.setattr(rehearsing, "FEWEST_DRAWS", 50)
    monkeypatch.setattr(rehearsing, "MOVED", 10)
    write_past(tmp_path, outcomes())
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_plan_is_rehearsed_and_told_on_screen_on_a_page_and_as_data(plan: Path, tmp_path: Path):
    out, file = tmp_path / "out", tmp_path / "r.json"
    done = rollout("rehearse", plan, "--draws", 60, "--out", out, "--json", file)
    assert done.exit_code == 0, done.output
    words = told(done)
    assert "y: 60 units complete in 2016 to 2023; the plan lies on 2018 to 2023" in words
    assert "y, simple (days), 60 draws" in words and "MDES80" in words and "if early" in words
    assert "Preselected: " in words or "No estimator is preselected." in words
    assert "60 draws tell false alarms of 5% no better than" in words
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["kind"] == "rehearsal of a roll-out" and said["draws"] == 60
    assert json.loads((out / "rehearsal.json").read_text(encoding="utf-8")) == said
    page = (out / "rehearsal.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 6  # three pictures, wide and narrow
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    tables = {path.name for path in (out / "rehearsal-tables").glob("*.csv")}
    assert tables == {
        *("rehearsal.csv", "planted.csv", "past.csv", "autocorrelation.csv", "laid.csv"),
    }


def test_another_panel_or_its_folder_can_be_named(plan: Path, tmp_path: Path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (tmp_path / "past.csv").rename(other / "past.csv")
    for named in (other, other / "past.csv"):
        done = rollout("rehearse", plan, "--draws", 50, "--records", named, "-q")
        assert done.exit_code == 0, done.output
    assert rollout("rehearse", plan, "--draws", 50, "-q").exit_code == 1


def test_mistakes_are_told_plainly_and_nothing_is_written(plan: Path, tmp_path: Path):
    file = tmp_path / "r.json"
    text = plan.read_text(encoding="utf-8")
    for name, content, code, words in (
        ("few", text, 2, "--draws 10"),
        ("unread", text.replace("records: {table: past.csv, unit: area}\n", ""), 1, "its past"),
        ("column", text.replace("y: {column: y", "y: {column: z"), 1, '"z"'),
        ("short", text.replace("count: 6", "count: 16").replace("2033", "2031"), 1, "past holds"),
    ):
        wrong = tmp_path / f"{name}.yaml"
        wrong.write_text(content, encoding="utf-8")
        draws = 10 if name == "few" else 50
        done = rollout("rehearse", wrong, "--draws", draws, "--json", file, "-q")
        assert done.exit_code == code and words in told(done), (name, done.output)
        assert "Traceback" not in done.output and not file.exists()


def test_help_has_an_example():
    done = rollout("rehearse", "--help")
    assert done.exit_code == 0 and "fingerpost rollout rehearse examples/rollouts/" in done.output


def test_a_draw_asks_for_a_rehearsal_by_name(tmp_path: Path):
    examples = Path(__file__).resolve().parents[3] / "examples" / "rollouts"
    gone = tmp_path / "none.json"
    done = rollout(
        "randomise", examples / "england.yaml", "--rehearsal", gone, "--out", tmp_path / "o", "-q"
    )
    assert done.exit_code == 2 and "there is no such file" in told(done)
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}", encoding="utf-8")
    done = rollout(
        "randomise", examples / "england.yaml", "--rehearsal", wrong, "--out", tmp_path / "o", "-q"
    )
    assert done.exit_code == 1 and "no file such as" in told(done)
    assert not (tmp_path / "o").exists()
