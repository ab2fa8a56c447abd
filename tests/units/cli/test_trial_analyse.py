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


LOOKS = """study: looks
question: Does it help?
records: {table: t.csv, unit: code}
trial:
  arms: {usual: {offer: usual}, more: {offer: added}}
  blocks: [4]
  monitoring: {looks: 3, looked: 2}
arms: {column: a, levels: {usual: usual, more: more}}
outcomes: {score: {column: y, kind: continuous, measured_in: points, better: higher}}
assignment: {randomised: {design: group_sequential, unit: child}}
estimand: {contrast: [more, usual], target: ate}
estimators: [by_stratum]
release: {policy: none}
"""


@pytest.mark.parametrize(("step", "said"), [(4, "Allowing for the looks"), (2, "not crossed")])
def test_a_trial_at_a_look_says_what_allows_for_looks(step, said, tmp_path):
    rows = [f"C{at},{('usual', 'more')[at % 2]},{at % 11 + step * (at % 2)}" for at in range(60)]
    (tmp_path / "t.csv").write_text("code,a,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "s.yaml").write_text(LOOKS, encoding="utf-8")
    done = run(tmp_path / "s.yaml", "--out", tmp_path / "out", "--quiet")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert said in words and "Whatever the reason for stopping" in words
    assert ("improvement" in words) is (step == 4)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "At the look at which records were taken" in page
