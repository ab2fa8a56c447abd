"""`fingerpost trial analyse`: it is of trials, and says which command others want."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def run(*words: object):
    return CliRunner().invoke(app, ["trial", "analyse", *map(str, words)])


def test_a_trial_is_analysed_and_written(tmp_path):
    file, out = EXAMPLES / "methods" / "permutation_test.yaml", tmp_path / "r.json"
    done = run(file, "--out", tmp_path / "out", "--json", out, "--quiet")
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text(encoding="utf-8"))
    (region,) = found["regions"]
    assert region["estimator"] == "permutation_test" and 0 < region["p"] < 0.05
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("methods/aipw.yaml", "study run"),
        ("rollouts/mpdta.yaml", "rollout analyse"),
    ],
)
def test_what_is_no_trial_is_sent_to_its_command(file, said, tmp_path):
    done = run(EXAMPLES / file, "--out", tmp_path / "out", "--quiet")
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
