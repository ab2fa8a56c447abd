"""`fingerpost rollout power` and `rollout compare`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "rollouts"
HUSSEY = EXAMPLES / "hussey_hughes.yaml"
PROGRAMME = EXAMPLES / "change_programme.yaml"


def rollout(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, ["rollout", *(str(word) for word in words)])


def test_hussey_and_hughes_by_the_command_line(tmp_path: Path):
    done = rollout("power", HUSSEY, "--json", tmp_path / "p.json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert told["power_z"] == pytest.approx(0.8059172, abs=5e-8)
    assert told["power_t"] < told["power_z"] and told["df"] == 22
    assert told["variance"] == pytest.approx(4.0658473e-05, abs=5e-13)
    words = " ".join(done.output.split())
    assert "of −1.80 percentage points is 81% by z, 77% by t (22 df)" in words
    # Never one number alone: a table each way in which levels drift, and what they assume.
    assert "nested: smallest effect found (percentage points)" in done.output
    assert "decay: smallest effect found (percentage points)" in done.output
    assert "worst case lies between the ends" in words
    assert_folder(tmp_path / "out", told)


def assert_folder(folder: Path, told: dict[str, object]) -> None:
    """Look at what the command wrote into a folder."""
    assert {path.name for path in folder.iterdir()} == {
        *("power.html", "power.json", "power-tables"),
        *("power-curves-nested.svg", "power-curves-decay.svg", "design-matrix.svg"),
    }
    assert json.loads((folder / "power.json").read_text(encoding="utf-8")) == told
    page = (folder / "power.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 6  # three pictures, wide and narrow
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "No spilling over" in page and "percentage points" in page
    tables = {path.name for path in (folder / "power-tables").glob("*.csv")}
    assert tables == {"power.csv", "power_curves.csv", "waves.csv", "design_matrix.csv"}
    for link in ("power", "power_curves", "waves", "design_matrix"):
        assert f"power-tables/{link}.csv" in page


def test_the_change_programme_side_by_side(tmp_path: Path):
    done = rollout("compare", PROGRAMME, "--json", tmp_path / "c.json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    by = {each["design"]: each for each in told["designs"]}
    assert set(by) == {"parallel", "staggered", "stepped_wedge", "waiting_list", "before_after"}
    assert told["units"] == 32 and by["staggered"]["planned"]
    assert by["before_after"]["mdes"] is None
    assert by["before_after"]["answers"].startswith("Answers nothing.")
    assert by["parallel"]["never"] == 16 and by["stepped_wedge"]["never"] == 0
    assert by["stepped_wedge"]["mdes_least"] < by["stepped_wedge"]["mdes_most"]
    words = " ".join(done.output.split())
    assert "staggered, as planned" in words and "Answers nothing." in words
    assert "a design that answers of fewer may seem to find more" in words
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"compare.json", "compare.csv"}


def test_the_example_says_what_is_known_and_what_is_assumed():
    text = PROGRAMME.read_text(encoding="utf-8")
    assert "# Known:" in text and "# Assumed" in text
    assert "32 local authorities, 9 partnerships" in text


@pytest.mark.parametrize("verb", ["power", "compare"])
def test_faults_are_plain_and_write_nothing(verb: str, tmp_path: Path):
    text = HUSSEY.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("begins: period 4", "begins: period 2"), encoding="utf-8")
    late = text.replace("{begins: period 4, units: 6}", "{units: 6}")
    unfit = tmp_path / "unfit.yaml"
    unfit.write_text(late, encoding="utf-8")
    done = rollout(verb, unfit, "--json", tmp_path / "p.json", "-q")
    assert done.exit_code in (1, 2)
    assert "staggered" in done.output and "Traceback" not in done.output
    assert not (tmp_path / "p.json").exists()
    fits = rollout(verb, wrong, "-q")
    assert fits.exit_code == 0, fits.output
    other = ROOT / "examples" / "lalonde" / "study.yaml"
    none = rollout(verb, other, "-q")
    assert none.exit_code == 2 and "is of no roll-out" in none.output


def test_help_has_examples():
    for verb in ("power", "compare"):
        done = rollout(verb, "--help")
        assert done.exit_code == 0
        assert f"fingerpost rollout {verb} examples/rollouts/" in done.output
