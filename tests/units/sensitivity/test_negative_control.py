"""Negative controls: what the estimators are asked, of whom, and what is said of the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, UsageError
from fingerpost.core.estimand import Target, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.negative_control import CLEAN, CONFOUNDED, UNSURE, run, verdict
from suites.sensitivity_worlds import confounded, make_cohort, make_study, ols, refit_ols


def world(flagged=("prior",), **more):
    arm, score, covariates, _ = confounded(3, strength=0.6)
    flag = (np.arange(len(arm)) % 7 == 0).astype(float)
    covariates |= {"prior missing": Column(flag, flag_of=flagged)}
    cohort = make_cohort(arm, score, covariates)
    return cohort, make_study(("social", "prior", "prior missing"), **more)


class Recorder:
    """A refit that remembers what it was asked."""

    def __init__(self, answers=None):
        self.answers = answers

    def __call__(self, cohort, given, terms):
        self.cohort, self.given, self.terms = cohort, given, terms
        return refit_ols(cohort, given, terms) if self.answers is None else self.answers


def ask(cohort, study, refit=None, **options):
    refit = refit or Recorder()
    return run(SensitivityTask(study, cohort, (), refit, options)), refit


def test_the_control_becomes_the_outcome_and_leaves_the_covariates():
    cohort, study = world()
    answer, asked = ask(cohort, study, outcome="prior")
    assert tuple(asked.cohort.outcomes) == ("prior",)
    assert asked.cohort.outcomes["prior"].kind == "continuous"
    assert asked.given == ("social",)
    assert [(term.outcome, term.summary, term.scale) for term in asked.terms] == [
        ("prior", "mean", "difference")
    ]
    columns = [cohort.arm.astype(float), cohort.covariates["social"].values]
    coefficients, covariance, _, _ = ols(cohort.covariates["prior"].values, *columns)
    (line,) = answer.tables[0].records()
    assert line["estimate"] == pytest.approx(coefficients[1], rel=1e-10)
    assert line["se"] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-10)
    assert line["verdict"] == CONFOUNDED
    assert "prior, prior missing" in answer.tables[0].context


def test_further_covariates_can_be_left_out():
    cohort, study = world()
    _, asked = ask(cohort, study, outcome="prior", without=["social"])
    assert asked.given == ()
    _, asked = ask(cohort, study, outcome="prior", without="social")
    assert asked.given == ()


def test_a_flag_stays_while_a_covariate_that_it_flags_stays():
    cohort, study = world(flagged=("prior", "social"))
    _, asked = ask(cohort, study, outcome="prior")
    assert asked.given == ("social", "prior missing")
    _, asked = ask(cohort, study, outcome="prior", without=["social"])
    assert asked.given == ()
    cohort, study = world(flagged=())
    _, asked = ask(cohort, study, outcome="prior")
    assert asked.given == ("social", "prior missing")


def test_a_ratio_study_asks_a_difference_of_the_control():
    cohort, study = world(scale="ratio", targets=(Target("att"), Target("ate", trim=0.01)))
    _, asked = ask(cohort, study, outcome="prior")
    assert [term.scale for term in asked.terms] == ["difference", "difference"]
    assert [term.target.label() for term in asked.terms] == ["att", "ate trimmed 0.01"]


def test_a_yes_or_no_control_is_a_risk():
    cohort, study = world()
    _, asked = ask(cohort, study, outcome="prior missing")
    assert asked.cohort.outcomes["prior missing"].kind == "binary"
    assert asked.terms[0].summary == "risk"


def test_a_control_kept_for_the_purpose_is_found_and_its_gaps_leave():
    cohort, study = world()
    before = np.where(np.arange(cohort.n) < 10, np.nan, cohort.covariates["prior"].values)
    cohort = replace(cohort, roles={"before": Column(before)})
    answer, asked = ask(cohort, study, outcome="before")
    assert asked.cohort.n == cohort.n - 10
    assert np.isfinite(asked.cohort.outcomes["before"].value).all()
    assert asked.given == study.given
    assert f"{cohort.n - 10} children" in answer.tables[0].context


def test_another_outcome_can_be_the_control():
    cohort, study = world()
    counts = Outcome("count", np.arange(cohort.n) % 5.0, observed=np.arange(cohort.n) % 2 == 0)
    cohort = replace(cohort, outcomes={**cohort.outcomes, "days": counts})
    _, asked = ask(cohort, study, outcome="days")
    assert asked.cohort.n == (cohort.n + 1) // 2
    assert asked.terms[0].summary == "rate"


def test_every_contrast_has_its_table():
    cohort, study = world()
    arm = np.where(np.arange(cohort.n) % 3 == 0, 2, cohort.arm)
    cohort = replace(cohort, arm=arm, arms=("none", "support", "plan"))
    study = make_study(study.given, contrasts=(pair("support", "none"), pair("plan", "none")))
    answer, _ = ask(cohort, study, outcome="prior")
    assert [dict(table.tags)["contrast"] for table in answer.tables] == [
        "support v none",
        "plan v none",
    ]


def test_the_estimate_is_the_first_primary_estimators():
    cohort, study = world()
    terms = study.estimand.terms("prior", "mean")

    def one(leaf, value, target="ate"):
        term = terms[0].on(Target(target))
        return Answer(leaf, Estimate((term,), np.array([value]), Matrix(np.eye(1))))

    answers = (one("naive", 3.0, "association"), one("ipw", 1.0), one("aipw", 2.0))
    answer, _ = ask(cohort, study, Recorder(answers), outcome="prior")
    assert answer.estimate.value == [1.0]
    study = make_study(study.given, primary=("aipw", "ipw"))
    answer, _ = ask(cohort, study, Recorder(answers), outcome="prior")
    assert answer.estimate.value == [2.0]
    assert answer.tables[0].column("estimator") == ("naive", "ipw", "aipw")


def test_what_is_refused_again_comes_back_once():
    cohort, study = world()
    terms = study.estimand.terms("prior", "mean")
    refusal = Refusal(terms, (Broken("smd", "positivity", 6.97, 0.25),), "trim")
    answers = (Answer("ipw", refusals=(refusal,)), Answer("aipw", refusals=(refusal,)))
    answer, _ = ask(cohort, study, Recorder(answers), outcome="prior")
    assert answer.refusals == (refusal,)
    assert answer.estimate is None and answer.tables == ()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ((-1.0, 1.0), CLEAN),
        ((0.0, 1.0), CLEAN),
        ((0.1, 1.0), CONFOUNDED),
        ((-2.0, -0.1), CONFOUNDED),
        ((None, None), UNSURE),
        ((float("nan"), float("nan")), UNSURE),
    ],
)
def test_verdicts(limits, words):
    assert verdict(*limits) == words


def test_an_answer_without_an_interval_cannot_tell():
    cohort, study = world()
    terms = study.estimand.terms("prior", "mean")
    bare = (Answer("ipw", Estimate(terms, np.array([1.0]), None)),)
    answer, _ = ask(cohort, study, Recorder(bare), outcome="prior")
    (line,) = answer.tables[0].records()
    assert (line["se"], line["lo"], line["verdict"]) == (None, None, UNSURE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs `outcome`"),
        ({"outcome": ["prior"]}, "needs `outcome`"),
        ({"outcome": "piror"}, 'no column "piror". Did you mean "prior"'),
        ({"outcome": "prior", "without": ["socal"]}, 'Did you mean "social"'),
        ({"outcome": "prior", "without": 3}, "a name or a list of names"),
        ({"outcome": "prior", "witout": []}, 'Did you mean "without"'),
    ],
)
def test_wrong_options_are_told(options, words):
    cohort, study = world()
    with pytest.raises(UsageError, match=words):
        ask(cohort, study, **options)


def test_a_category_of_many_levels_is_no_control():
    cohort, study = world()
    region = Column(np.arange(cohort.n) % 3, ("north", "south", "west"))
    cohort = replace(cohort, roles={"region": region})
    with pytest.raises(UsageError, match="category of 3 levels"):
        ask(cohort, study, outcome="region")


def test_a_control_that_does_not_vary():
    cohort, study = world()
    cohort = replace(cohort, roles={"flat": Column(np.ones(cohort.n))})
    with pytest.raises(TooFew, match="flat does not vary"):
        ask(cohort, study, outcome="flat")
