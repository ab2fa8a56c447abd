"""One fault, one exit code, whichever command of roll-outs meets it: 1 what is wrong in the study
or its register, 2 what was asked of a study that it is not for.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from units.studies.rollouts.draws import write_study

POWERED = ("assignment: {randomised", "  power: {effect: 1, sd: 3}\nassignment: {randomised")
ALL = "assignment: {randomised: {design: staggered, unit: area, strata: [region]}}"


def codes(path: Path, out: Path, word: str) -> list[int]:
    """Return the exit code of each command on a study, all of which say a word."""
    found = []
    for verb in ("plan", "power", "randomise"):
        asked = ["rollout", verb, str(path), "-q", *(["--out", str(out)] * (verb == "randomise"))]
        done = CliRunner().invoke(app, asked)
        assert word in " ".join(done.output.split()), (verb, done.output)
        assert not out.exists()
        found.append(done.exit_code)
    return found


@pytest.mark.parametrize(
    ("change", "word", "code"),
    [
        (("units: 9}, second: {begins: 3, units: 9}", "units: 90}, second: {begins: 3, units: 9}"),
         "26", 1),
        (("design: staggered", "design: stepped_wedge"), "stepped_wedge", 1),
        (("table: areas.csv", "table: nowhere.csv"), "nowhere.csv is not there", 1),
        (("unit: code", "unit: codes"), "there is no column codes", 1),
        (("begins: 2,", "begins: 7,"), '"7" is not a period', 1),
        ((ALL, "assignment: {observed: {}}"), "nothing is drawn", 2),
    ],
)  # fmt: skip
def test_a_fault_has_one_exit_code_whoever_meets_it(tmp_path, change, word, code):
    path = write_study(tmp_path, powered=POWERED, change=change)
    assert codes(path, tmp_path / "out", word) == [code] * 3


def test_a_study_of_no_roll_out_is_a_wrong_command(tmp_path):
    root = Path(__file__).resolve().parents[3]
    assert codes(root / "examples/lalonde/study.yaml", tmp_path / "o", "roll-out") == [2] * 3
