"""`fingerpost trial design` and `trial validate`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from fingerpost.cli.main import app
from fingerpost.core.leaves import names
from fingerpost.studies.trials import validating

STUDY = """\
study: trial
question: Does more help?
trial:
  arms: {usual: {gets: usual, offer: usual}, more: {gets: more}}
  size: 20
  plans: kept
assignment: {randomised: {design: simple, unit: child}}
"""


def trial(*words: object) -> Result:
    return CliRunner().invoke(app, ["trial", *(str(word) for word in words)])


def written(tmp_path: Path, text: str = STUDY) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_design_is_said_and_written(tmp_path):
    done = trial("design", written(tmp_path), "--json", tmp_path / "d.json")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "Simple randomisation." in words and "1,048,576 allocations are possible" in words
    assert "trial.registry.assent" in words
    told = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert told["design"] == "simple" and told["chances"] == {"usual": 0.5, "more": 0.5}


def test_a_pack_is_written_and_a_failure_ends_with_1(tmp_path, monkeypatch):
    monkeypatch.setattr(validating, "LEAST", 200)
    file, out = written(tmp_path), tmp_path / "pack"
    done = trial("validate", file, "--draws", 200, "--out", out, "--quiet")
    assert done.exit_code == 0, done.output
    assert {"validation.html", "validation.json"} <= {path.name for path in out.iterdir()}
    tables = {path.name for path in (out / "validation-tables").iterdir()}
    assert {"arms.csv", "golden.csv", "units.csv", "digests.csv", "guesses.csv"} <= tables
    page = (out / "validation.html").read_text(encoding="utf-8")
    assert "How often the next arm is guessed" in page and "Golden vectors" in page
    monkeypatch.setattr(validating, "chances", lambda found: (9.0, 99.0, 4.0))
    assert trial("validate", file, "--draws", 200, "--quiet").exit_code == 1


def test_every_design_has_a_page_in_full():
    for name in names("designs"):
        page = CliRunner().invoke(app, ["leaves", "designs", name])
        assert page.exit_code == 0
        assert {"Without", "Assumes", "Source"} <= {
            line.split(" ")[0] for line in page.output.split("\n")
        }


def test_a_fault_of_the_study_is_told_without_a_traceback(tmp_path):
    bad = STUDY.replace("design: simple", "design: simplex")
    done = trial("design", written(tmp_path, bad))
    assert done.exit_code == 1 and "simplex" in done.output and "Traceback" not in done.output
    few = trial("validate", written(tmp_path), "--draws", 5)
    assert few.exit_code == 2 and "10,000" in few.output
