"""Weighting with regression adjustment against stacked equations by hand and statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.outcome import Outcome
from suites.worlds import term
from units.estimators.cases import ASKED, ATE, ATT, NAMES, ask, check, said, small
from units.estimators.sandwich import children_of


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    check("ipw_ra", case, weighted=weighted)


def test_weighted_fits_of_each_arm_are_averaged_over_the_target():
    """Binary outcome, survey weights: statsmodels fits the score and both outcome models."""
    cohort = small("binary", weighted=True)
    found = children_of(cohort)
    logit = sm.families.Binomial()
    treated = found.c[:, 1] == 1
    options = {"tol": 1e-12, "maxiter": 200}
    e = sm.GLM(found.c[:, 1], found.x, logit, freq_weights=found.weight).fit(**options).predict()
    odds = found.weight * e / (1 - e)
    risks = []
    for rows, weight in ((treated, found.weight), (~treated, odds)):
        model = sm.GLM(found.y[rows], found.x[rows], logit, freq_weights=weight[rows])
        predicted = model.fit(**options).predict(found.x[treated])
        risks.append(np.average(predicted, weights=found.weight[treated]))
    value = said(ask("ipw_ra", cohort, term("binary", ATT, "ratio")))[0]
    assert value == pytest.approx(np.log(risks[0] / risks[1]))


def test_where_outcomes_are_the_model_exactly_so_is_the_answer():
    cohort = small("continuous", 3)
    x = children_of(cohort).x
    lines = np.array([[1.0, 2, -1], [2.0, 1, 0.5], [0.0, -1, 3]])
    exact = Outcome("continuous", np.einsum("np,np->n", x, lines[cohort.arm]))
    value, _ = said(ask("ipw_ra", replace(cohort, outcomes={"y": exact}), term("continuous", ATE)))
    assert value == pytest.approx((x @ (lines[1] - lines[0])).mean())
