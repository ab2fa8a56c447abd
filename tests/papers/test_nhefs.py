"""NHEFS, stopping smoking and weight: the committed study file against printed numbers.

Printed: Hernán and Robins, Causal Inference: What If (2020), chapters 12 and 13, to one decimal.
To more digits: R (`lm`, `glm`, `geeglm`) and Python on the same 1,566 people and models, whose
values agree with one another; the standard error with the propensity estimated is theirs without a
small-sample factor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.release.clear import clear
from fingerpost.reports.results import results as results_of
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run as studied

ROOT = Path(__file__).resolve().parents[2]
STACKED_SE = 0.4870726071


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Return the results of the committed study, run once as the command does, without a report."""
    study = read_study(ROOT / "examples" / "nhefs" / "study.yaml")
    return results_of(clear(studied(study, read_records(study.records))))


def estimate(results: dict[str, Any], estimator: str, target: str) -> dict[str, Any]:
    """Return the one estimate of an estimator and target."""
    found = [
        each
        for each in results["estimates"]
        if (each["estimator"], each["target"]) == (estimator, target)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("estimator", "target", "value"),
    [
        ("naive", "association", 2.5405814550),
        ("regression", "conditional", 3.4626218292),
        ("ipw", "ate", 3.4405354296),
        ("g_formula", "ate", 3.5173742009),
        ("aipw", "ate", 3.4572842898),
    ],
)
def test_points(results, estimator, target, value):
    found = estimate(results, estimator, target)
    assert found["value"] == pytest.approx(value, abs=1e-6)
    assert found["n"] == 1566


def test_the_book_prints_the_same_to_one_decimal(results):
    printed = {
        ("naive", "association"): (2.5, 1.7, 3.4),
        ("ipw", "ate"): (3.4, None, None),
        ("g_formula", "ate"): (3.5, None, None),
    }
    for (estimator, target), (value, lo, hi) in printed.items():
        found = estimate(results, estimator, target)
        assert found["value"] == pytest.approx(value, abs=0.05)
        if lo is not None:
            # The book's interval takes one variance for both arms; ours each arm's own.
            assert (found["lo"], found["hi"]) == pytest.approx((lo, hi), abs=0.15)


def test_the_standard_error_knows_that_the_propensity_was_estimated(results):
    found = estimate(results, "ipw", "ate")
    assert found["se"] == pytest.approx(STACKED_SE, abs=1e-9)


def test_effective_sizes(results):
    table = next(t for t in results["diagnostics"]["weights"] if t["tags"]["target"] == "ate")
    sizes = {row["arm"]: row["effective_size"] for row in table["rows"]}
    assert sizes == pytest.approx({"quitting": 325.9747, "smoking": 1128.6099}, abs=5e-5)


def test_the_largest_weight(results):
    table = next(t for t in results["diagnostics"]["weights"] if t["tags"]["target"] == "ate")
    assert max(row["largest"] for row in table["rows"]) == pytest.approx(16.700094, abs=1e-6)


def test_every_target_is_answered_without_a_warning(results):
    assert results["status"] == "answered"
    assert results["refusals"] == []
    assert [each for each in results["estimates"] if each["warnings"]] == []
    verdicts = {row["verdict"] for t in results["diagnostics"]["guard"] for row in t["rows"]}
    assert verdicts == {"ok"}


def test_nobody_disappears(results):
    flow = results["flow"]
    assert flow["start"] == 1629
    assert flow["start"] - sum(step["left"] for step in flow["steps"]) == flow["remaining"] == 1566
    assert flow["arms"] == {"smoking": 1163, "quitting": 403}
