"""Equity on a little synthetic England: a planted gap is found, or we cannot tell, as need is kept.

England gives boys a higher log-odds of provision at equal need than girls, so that there is a gap
to find. Its truth is worked out from the model itself: of many children the chance of provision is
known, and is compared within fine cells of true need, social and clinical index and marker of need
for a plan, of which the study takes account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from fingerpost.cli._studying import Choices, answered, chosen, told
from fingerpost.core.output import Output
from fingerpost.england import places, world
from fingerpost.england.model import PLAN
from fingerpost.england.scenarios import scenario
from fingerpost.reports.results import results as results_of
from fingerpost.reports.results import schema

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
STUDY = ROOT / "examples" / "hope" / "equity.yaml"
FEWER = {
    "[sex, fsm, ethnicity, first_language, idaci_fifth]": "[sex, fsm]",
    "places: [school, la]": "places: [la]",
}
SEED, BORN_LAST = 2, 2014  # Year 1 of the youngest children that the study is of


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *words],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def studied(folder: Path, need: str, *, children: int) -> Path:
    """Build an England, and return the study on it, of what is looked at here alone."""
    build(folder, need, children=children)
    study, text = folder / "equity.yaml", STUDY.read_text(encoding="utf-8")
    for said, fewer in FEWER.items():
        assert said in text
        text = text.replace(said, fewer)
    study.write_text(text, encoding="utf-8")
    return study


def answers(study: Path) -> Output:
    """Return what the command answers, without drawing its report."""
    choices = Choices(records=study.parent / "records")
    asked = chosen(study, choices)
    return answered(asked, choices, base=study.parent, say=lambda words: None)


def build(folder: Path, need: str, *, children: int) -> None:
    made = run(
        *("england", "build", "--children", str(children), "--seed", str(SEED), "--jobs", "1"),
        *("--scenario", need, "--phenotype-boost", "none", "--out", str(folder / "records"), "-q"),
    )
    assert made.returncode == 0, made.stderr


def true_gap() -> float:
    """Return the gap of boys and girls at equal need, by the model of England."""
    cells, chances, sexes = [], [], []
    here = places.make(SEED)
    for block in range(200, 203):
        made = world.make(
            here,
            scenario=scenario("universal_need"),
            seed=SEED,
            block=block,
            first_child=1,
            size=30_000,
        )
        support = 1 - (1 - PLAN.unmarked) * (1 - expit(made.needs.log_odds))
        chance = np.where(made.health.marked, 1 - PLAN.neither, support)
        kept = made.families.reception + 1 <= BORN_LAST
        indices = (made.needs.severity, made.needs.social, made.needs.clinical)
        cell = np.zeros(made.size, dtype=int)
        for index in indices:
            cell = cell * 8 + np.clip(np.floor(1.5 * index + 4), 0, 7).astype(int)
        cells.append(2 * cell[kept] + made.health.marked[kept])
        chances.append(chance[kept])
        sexes.append(made.families.sex[kept])
    cell, chance, sex = map(np.concatenate, (cells, chances, sexes))
    counts = [np.bincount(cell[sex == each], minlength=1024) for each in (0, 1)]
    sums = [np.bincount(cell[sex == e], weights=chance[sex == e], minlength=1024) for e in (0, 1)]
    both = (counts[0] > 0) & (counts[1] > 0)
    gap = sums[0][both] / counts[0][both] - sums[1][both] / counts[1][both]
    return float(np.average(gap, weights=(counts[0] + counts[1])[both]))


def estimates(results: dict[str, Any], estimator: str, contrast: str) -> list[dict[str, Any]]:
    return [
        one
        for one in results["estimates"]
        if (one["estimator"], one["contrast"], one["outcome"]) == (estimator, contrast, "provision")
    ]


def test_with_need_of_all_a_planted_gap_is_found(tmp_path: Path) -> None:
    import jsonschema

    build(tmp_path, "universal_need", children=20_000)
    records, out = str(tmp_path / "records"), tmp_path / "report"
    done = run("study", "run", str(STUDY), "--records", records, "--out", str(out))
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert done.returncode == 0 and results["synthetic"]
    jsonschema.validate(results, schema())
    (found,) = estimates(results, "equal_need", "boys v girls")
    assert abs(found["value"] - true_gap()) < 3.5 * found["se"]
    assert found["lo"] > 0
    assert "Boys v girls" in done.stdout and "a gap is left at equal need" in done.stdout


def test_with_need_at_concern_the_answer_is_for_children_with_a_concern(tmp_path: Path) -> None:
    results = results_of(answers(studied(tmp_path, "concern_only_need", children=12_000)))
    assert results["status"] != "refused"
    (found,) = estimates(results, "equal_need", "boys v girls")
    assert found["subgroup"] == "children of whom a concern was raised"
    assert estimates(results, "equal_need", "free school meals v no free school meals")


def test_with_need_of_the_provided_alone_we_cannot_tell(tmp_path: Path) -> None:
    output = answers(studied(tmp_path, "provided_only_need", children=8_000))
    results, words = results_of(output), told(output)
    assert results["status"] == "refused"
    assert not estimates(results, "equal_need", "boys v girls")
    assert estimates(results, "observed", "boys v girls")
    assert "we cannot tell" in words
