"""Inverse probability weighting against stacked equations by hand, statsmodels and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from suites.worlds import term
from units.estimators.cases import ASKED, ATE, ATT, NAMES, ask, check, said, small
from units.estimators.sandwich import children_of


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    check("ipw", case, weighted=weighted)


def test_the_effect_on_all_is_a_difference_of_means_weighted_by_a_logit():
    cohort = small("binary")
    found = children_of(cohort)
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    first = np.average(found.y, weights=found.c[:, 1] / e)
    second = np.average(found.y, weights=found.c[:, 0] / (1 - e))
    assert said(ask("ipw", cohort, term("binary", ATE)))[0] == pytest.approx(first - second)


def test_with_survey_weights_the_score_is_weighted_too():
    cohort = small("continuous", weighted=True)
    found = children_of(cohort)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(found.x[:, 1:], found.c[:, 1], sample_weight=found.weight)
    e = model.predict_proba(found.x[:, 1:])[:, 1]
    first = np.average(found.y, weights=found.weight * found.c[:, 1])
    second = np.average(found.y, weights=found.weight * found.c[:, 0] * e / (1 - e))
    assert said(ask("ipw", cohort, term("continuous", ATT)))[0] == pytest.approx(first - second)


def test_three_arms_share_one_multinomial_score():
    """The rate among those who received the second arm, weighted by e_b / e_a of all arms."""
    cohort = small("count", 3)
    found = children_of(cohort)
    e = sm.MNLogit(cohort.arm, found.x).fit(disp=0, tol=1e-12, maxiter=100).predict()
    rates = []
    for a in (1, 0):
        weight = found.c[:, a] * e[:, 1] / e[:, a]
        rates.append((weight @ found.y) / (weight @ found.time))
    value = said(ask("ipw", cohort, term("count", ATT, "ratio")))[0]
    assert value == pytest.approx(np.log(rates[0] / rates[1]))


def test_the_error_counts_that_the_score_was_estimated():
    """Weighted least squares with weights taken as known (statsmodels) says otherwise; estimating
    the score makes the effect on all surer (Robins, Mark & Newey 1992, Biometrics 48:479).
    """
    cohort = small("continuous")
    found = children_of(cohort)
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    weight = found.c[:, 1] / e + found.c[:, 0] / (1 - e)
    known = sm.WLS(found.y, sm.add_constant(found.c[:, 1]), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": found.school, "use_correction": False}
    )
    value, error = said(ask("ipw", cohort, term("continuous", ATE)))
    assert value == pytest.approx(known.params[1])
    assert error < 0.98 * known.bse[1]
