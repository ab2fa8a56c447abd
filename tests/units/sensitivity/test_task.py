"""What a sensitivity analysis is told, and how it reads its options."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import pair
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.sensitivity._task import check_options, smallest_arm
from suites.sensitivity_worlds import confounded, make_cohort, make_study, make_task


def two_outcomes():
    arm, score, covariates, _ = confounded(1, strength=0.5)
    cohort = make_cohort(arm, score, covariates)
    days = Outcome("count", np.ones(len(arm)))
    study = make_study(("social", "prior"))
    return replace(
        make_task(cohort, study),
        cohort=replace(
            cohort,
            outcomes={
                **cohort.outcomes,
                "days": days,
            },
        ),
    )


def test_only_the_outcomes_that_were_answered_are_looked_at():
    task = two_outcomes()
    assert task.outcomes == ("score",)
    assert replace(task, answers=()).outcomes == ("score", "days")


def test_a_refused_outcome_was_asked_too():
    task = two_outcomes()
    terms = task.study.estimand.terms("days", "rate")
    refused = Answer("ipw", refusals=(Refusal(terms, (Broken("smd", "p", 1, 0.25),), "trim"),))
    assert replace(task, answers=(refused,)).outcomes == ("days",)


def test_the_smaller_arm_of_a_contrast():
    cohort = make_cohort(np.array([0, 0, 0, 1, 2, 2]), np.zeros(6), {}, arms=("a", "b", "c"))
    assert smallest_arm(cohort, pair("a", "c")) == 2
    assert smallest_arm(cohort, pair("c", "b")) == 1


def test_every_unknown_option_is_told_at_once():
    with pytest.raises(UsageError) as told:
        check_options("e_value", given=("tru", "level"), allowed=("true",))
    assert len(told.value.problems) == 2
    assert 'Did you mean "true"' in told.value.problems[0]


def test_a_leaf_without_options_says_so():
    with pytest.raises(UsageError, match="write its name alone"):
        check_options("leaf", given=("any",), allowed=())
