"""Regression against statsmodels' least squares and Poisson models, clustered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target
from fingerpost.core.outcome import Outcome
from suites.worlds import World, term
from units.estimators.cases import ask, bell_mccaffrey, clustered, said, small
from units.estimators.sandwich import children_of

CONDITIONAL = Target("conditional")
PLAN_V_SUPPORT = np.array([0.0, -1, 1, 0, 0])


def design(found) -> np.ndarray:
    """Return 1, the arms but the first, and the covariates."""
    return np.column_stack([found.x[:, 0], found.c[:, 1:], found.x[:, 1:]])


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_differences_are_those_of_weighted_least_squares(kind, weighted):
    """A rate is explained per unit of person-time, and weighed by it."""
    cohort = small(kind, 3, weighted=weighted)
    found = children_of(cohort)
    model = sm.WLS(found.y / found.time, design(found), weights=found.weight * found.time)
    value, error = said(
        ask("regression", cohort, term(kind, CONDITIONAL, arms=("plan", "support")))
    )
    assert value == pytest.approx(PLAN_V_SUPPORT @ model.fit().params)
    assert error == pytest.approx(clustered(model, found.school, PLAN_V_SUPPORT))


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_ratios_are_those_of_a_poisson_model(kind):
    """Zou (2004): the same model gives risk ratios; with an offset, rate ratios."""
    cohort = small(kind, 3)
    found = children_of(cohort)
    offset = np.log(found.time)
    model = sm.GLM(found.y, design(found), sm.families.Poisson(), offset=offset)
    asked = term(kind, CONDITIONAL, "ratio", arms=("plan", "support"))
    value, error = said(ask("regression", cohort, asked))
    assert value == pytest.approx(PLAN_V_SUPPORT @ model.fit(tol=1e-12).params)
    assert error == pytest.approx(clustered(model, found.school, PLAN_V_SUPPORT))


def test_survey_weights_weigh_a_poisson_model_too():
    cohort = small("count", weighted=True)
    found = children_of(cohort)
    family, offset = sm.families.Poisson(), np.log(found.time)
    model = sm.GLM(found.y, design(found), family, offset=offset, freq_weights=found.weight)
    value, _ = said(ask("regression", cohort, term("count", CONDITIONAL, "ratio")))
    assert value == pytest.approx(model.fit(tol=1e-12).params[1])


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_few_schools_take_bell_and_mccaffreys_variance(kind):
    cohort = World(n=300, schools=15, kind=kind).draw(6)
    found = children_of(cohort)
    answer = ask("regression", cohort, term(kind, CONDITIONAL, arms=("plan", "support")))
    error, df = bell_mccaffrey(
        design(found), found.y / found.time, found.time, found.school, PLAN_V_SUPPORT
    )
    assert said(answer)[1] == pytest.approx(error)
    assert answer.estimate.df == pytest.approx([df])


def test_ordinary_errors_are_shown_beside():
    cohort = small("continuous")
    found = children_of(cohort)
    answer = ask("regression", cohort, term("continuous", CONDITIONAL))
    row, *_ = next(t for t in answer.tables if t.name == "ordinary_errors").records()
    assert row["se"] == pytest.approx(sm.OLS(found.y, design(found)).fit().bse[1])


def test_a_ratio_of_negative_outcomes_has_no_meaning():
    cohort = small("continuous")
    below = Outcome("continuous", cohort.outcomes["y"].value - 20)
    with pytest.raises(Unanswerable, match=r"never negative.*scale: difference"):
        moved = replace(cohort, outcomes={"y": below})
        ask("regression", moved, term("continuous", CONDITIONAL, "ratio"))
