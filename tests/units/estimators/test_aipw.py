"""Augmented weighting against stacked equations by hand and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from suites.worlds import term
from units.estimators.cases import ASKED, ATE, ATT, NAMES, ask, check, said, small
from units.estimators.sandwich import children_of


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    check("aipw", case, weighted=weighted)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED[::2], ids=NAMES[::2])
def test_normalised_residuals_too(case, weighted):
    check("aipw", case, weighted=weighted, equations="normalised", normalised=True)


def test_the_plain_form_is_the_mean_of_the_efficient_influence_function():
    cohort = small("continuous")
    found = children_of(cohort)
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    means = []
    for arm, probability in ((1, e), (0, 1 - e)):
        rows = found.c[:, arm] == 1
        fitted = sm.OLS(found.y[rows], found.x[rows]).fit().predict(found.x)
        means.append(np.mean(fitted + found.c[:, arm] * (found.y - fitted) / probability))
    value, error = said(ask("aipw", cohort, term("continuous", ATE)))
    assert value == pytest.approx(means[0] - means[1])
    # By orthogonality the influence of the two models is small beside the function itself.
    own = said(ask("aipw", cohort, term("continuous", ATE), normalised=True))
    assert own[0] != value and own[1] == pytest.approx(error, rel=0.05)


def test_among_those_who_received_only_the_other_arm_is_modelled():
    cohort = small("binary")
    found = children_of(cohort)
    treated = found.c[:, 1] == 1
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    model = sm.Logit(found.y[~treated], found.x[~treated]).fit(disp=0, tol=1e-12)
    fitted = model.predict(found.x)
    rest = (e / (1 - e) * (found.y - fitted))[~treated].sum()
    without = (fitted[treated].sum() + rest) / treated.sum()
    value = said(ask("aipw", cohort, term("binary", ATT)))[0]
    assert value == pytest.approx(found.y[treated].mean() - without)
