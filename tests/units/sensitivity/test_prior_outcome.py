"""Prior-outcome placebo: as the negative control, and the answer less what was there before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.outcome import Outcome
from fingerpost.estimators.regression import run as regression
from fingerpost.sensitivity import negative_control, prior_outcome
from fingerpost.sensitivity._task import SensitivityTask
from suites.sensitivity_worlds import confounded, make_cohort, make_study, ols

EFFECT = 0.5


def estimators(cluster=None):
    """Return a refit by the least-squares leaf, whose influence is known."""

    def refit(cohort, given, terms, leaves=None):
        told = Analysis(given, cluster=cluster, stream="test")
        return (regression(Task(cohort, terms, told)),)

    return refit


def world(seed=3, *, strength=0.6, gone=0, **more):
    arm, score, covariates, _ = confounded(seed, strength=strength, n=500, effect=EFFECT)
    prior = covariates["prior"]
    prior[:gone] = np.nan
    cohort = make_cohort(arm, score, {"social": covariates["social"]}, **more)
    cohort = replace(cohort, roles={"prior": Column(prior)})
    return cohort, make_study(("social",))


def ask(cohort, study, refit=None, **options):
    return prior_outcome.run(SensitivityTask(study, cohort, (), refit or estimators(), options))


def corrected(answer):
    return [
        row
        for table in answer.tables
        if table.name.endswith("corrected")
        for row in table.records()
    ]


def test_the_placebo_is_the_negative_control_by_another_name():
    cohort, study = world()
    mine = ask(cohort, study, outcome="prior")
    task = SensitivityTask(study, cohort, (), estimators(), {"outcome": "prior"})
    other = negative_control.run(task)
    assert [table.rows for table in mine.tables] == [table.rows for table in other.tables]
    assert mine.estimate.value == other.estimate.value
    assert mine.tables[0].name == mine.leaf == "prior_outcome"
    assert "before provision" in mine.tables[0].title


def test_the_corrected_answer_is_that_of_the_change():
    """With one model, after less before is the same regression of the change: value and error."""
    cohort, study = world()
    (row,) = corrected(ask(cohort, study, outcome="prior", same_scale=True))
    score, prior = cohort.outcomes["score"].value, cohort.roles["prior"].values
    changed = replace(cohort, outcomes={"score": Outcome("continuous", score - prior)})
    (by_change,) = estimators()(changed, study.given, study.estimand.terms("score", "mean"))
    assert row["corrected"] == pytest.approx(by_change.estimate.value[0])
    assert row["se"] == pytest.approx(np.sqrt(np.sum(by_change.estimate.spread.sums**2)))
    assert row["hi"] - row["corrected"] == pytest.approx(1.959964 * row["se"])
    columns = [cohort.arm.astype(float), cohort.covariates["social"].values]
    assert row["after"] == pytest.approx(ols(score, *columns)[0][1])
    assert row["before"] == pytest.approx(ols(prior, *columns)[0][1])


def test_clusters_are_kept():
    school = np.arange(500) // 5
    cohort, study = world(clusters={"school": school})
    (row,) = corrected(ask(cohort, study, estimators("school"), outcome="prior", same_scale=True))
    (alone,) = corrected(ask(cohort, study, outcome="prior", same_scale=True))
    assert row["corrected"] == pytest.approx(alone["corrected"])
    assert row["se"] != pytest.approx(alone["se"], rel=1e-6)


def test_equal_confounding_is_taken_out():
    """Severity moves both measures alike, so that the corrected answer is the truth."""
    found = [
        corrected(ask(*world(seed), outcome="prior", same_scale=True))[0] for seed in range(100)
    ]
    value = np.array([row["corrected"] for row in found])
    after = np.array([row["after"] for row in found])
    held = [row["lo"] <= EFFECT <= row["hi"] for row in found]
    assert abs(value.mean() - EFFECT) < 3.5 * value.std() / 10
    assert after.mean() < EFFECT - 0.3
    assert np.mean(held) >= 0.88


def test_children_without_the_earlier_measure_leave_both():
    cohort, study = world(gone=40)
    (row,) = corrected(ask(cohort, study, outcome="prior", same_scale=True))
    (kept,) = corrected(
        ask(cohort.take(np.arange(40, 500)), study, outcome="prior", same_scale=True)
    )
    assert row == pytest.approx(kept)


def test_answers_without_influence_have_no_interval():
    cohort, study = world()

    def bare(given, _, terms, leaves=None):
        return (Answer("other", Estimate(terms, np.array([1.0]), Matrix(np.eye(1)))),)

    (row,) = corrected(ask(cohort, study, bare, outcome="prior", same_scale=True))
    assert (row["corrected"], row["se"], row["lo"]) == (0.0, None, None)

    def nothing(given, _, terms, leaves=None):
        return (Answer("other", Estimate(terms, np.array([1.0]), None)),)

    (row,) = corrected(ask(cohort, study, nothing, outcome="prior", same_scale=True))
    assert row["se"] is None


def test_a_control_that_nobody_answers_is_said():
    cohort, study = world()

    def once(given, _, terms, leaves=None):
        return () if terms[0].outcome == "prior" else estimators()(given, study.given, terms)

    with pytest.raises(Unanswerable, match="none of this study's estimators answers on prior"):
        ask(cohort, study, once, outcome="prior", same_scale=True)


def test_no_correction_is_made_unasked():
    assert corrected(ask(*world(), outcome="prior")) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "prior_outcome needs `outcome`.*before provision"),
        ({"outcome": "piror"}, 'prior_outcome: outcome: there is no column "piror"'),
        ({"outcome": "prior", "same_scale": "yes"}, "same_scale must be true or false"),
        ({"outcome": "prior", "without": ["socal"]}, 'Did you mean "social"'),
        ({"outcome": "prior", "samescale": True}, 'Did you mean "same_scale"'),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        ask(*world(), **options)


def test_measures_of_two_kinds_cannot_be_subtracted():
    cohort, study = world()
    passed = (cohort.roles["prior"].values > 0).astype(float)
    cohort = replace(cohort, roles={"passed": Column(passed)})
    with pytest.raises(
        UsageError, match=r"score is a continuous outcome and passed is binary.*Mend"
    ):
        ask(cohort, study, outcome="passed", same_scale=True)
    assert ask(cohort, study, outcome="passed").tables


def test_an_earlier_measure_that_does_not_vary():
    cohort, study = world()
    cohort = replace(cohort, roles={"flat": Column(np.ones(cohort.n))})
    with pytest.raises(TooFew, match="prior_outcome: flat does not vary"):
        ask(cohort, study, outcome="flat")
