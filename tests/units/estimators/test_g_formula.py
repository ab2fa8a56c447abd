"""The g-formula against stacked equations by hand and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.estimand import Target
from fingerpost.core.model import Models
from suites.worlds import term
from units.estimators.cases import ASKED, ATE, ATT, NAMES, ask, check, said, small
from units.estimators.sandwich import children_of

SETTLED = {"tol": 1e-12, "maxiter": 200}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    check("g_formula", case, weighted=weighted)


def test_rates_come_from_poisson_models_with_person_time_as_offset():
    """Expected events of all children under each arm, over all their person-time."""
    cohort = small("count", 3)
    found = children_of(cohort)
    rates = {}
    for a in (0, 2):
        rows = found.c[:, a] == 1
        model = sm.GLM(
            found.y[rows],
            found.x[rows],
            sm.families.Poisson(),
            offset=np.log(found.time[rows]),
        ).fit(**SETTLED)
        expected = model.predict(found.x, offset=np.log(found.time))
        rates[a] = expected.sum() / found.time.sum()
    asked = term("count", ATE, "ratio", arms=("plan", "none"))
    assert said(ask("g_formula", cohort, asked))[0] == pytest.approx(np.log(rates[2] / rates[0]))


def test_one_pooled_model_with_the_products_that_were_declared():
    cohort = small("binary")
    found = children_of(cohort)

    def rows(arm: np.ndarray) -> np.ndarray:
        return np.column_stack([found.x, arm, arm * found.x[:, 1]])

    model = sm.GLM(found.y, rows(found.c[:, 1]), sm.families.Binomial()).fit(**SETTLED)
    treated = found.c[:, 1] == 1
    risks = [model.predict(rows(np.full(cohort.n, a)))[treated].mean() for a in (1.0, 0.0)]
    asked = term("binary", ATT)
    answer = ask("g_formula", cohort, asked, models=Models(by_arm=False, interactions=("index",)))
    assert said(answer)[0] == pytest.approx(risks[0] - risks[1])


def test_one_linear_model_without_products_gives_its_coefficient():
    """Standardised over anybody, a model of equal effects says what its coefficient says."""
    cohort = small("continuous", 3)
    equal = Models(by_arm=False)
    plain = said(ask("regression", cohort, term("continuous", Target("conditional"))))
    assert said(ask("g_formula", cohort, term("continuous", ATE), models=equal)) == pytest.approx(
        plain
    )
