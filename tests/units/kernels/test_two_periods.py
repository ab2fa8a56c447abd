"""Two groups over two periods: the estimators with covariates from their equations."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.two_periods import METHODS, change_of_treated


def sample(seed=1, n=300):
    r = np.random.default_rng(seed)
    x = sm.add_constant(r.standard_normal((n, 2)))
    treated = r.random(n) < 1 / (1 + np.exp(-(x @ [-0.5, 0.8, -0.4])))
    change = x @ [0.1, 0.5, 0.3] + 0.7 * treated + 0.3 * r.standard_normal(n)
    return change, treated, x


def test_values_are_those_written_out():
    y, d, x = sample()
    slope = np.linalg.lstsq(x[~d], y[~d], rcond=None)[0]
    e = sm.Logit(d.astype(float), x).fit(disp=0, tol=1e-12).predict()
    odds = np.where(d, 0.0, e / (1 - e))
    left = y - x @ slope
    expected = {
        "regression": left[d].mean(),
        "weighting": y[d].mean() - (odds @ y) / odds.sum(),
        "doubly_robust": left[d].mean() - (odds @ left) / odds.sum(),
    }
    for method in METHODS:
        assert change_of_treated(y, d, x=x, method=method).value == pytest.approx(expected[method])


@pytest.mark.parametrize("method", METHODS)
def test_influence_is_what_a_copy_of_a_unit_adds(method):
    y, d, x = sample(2)
    found = change_of_treated(y, d, x=x, method=method)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-10)
    every = np.arange(300)
    for at in range(0, 300, 37):
        more = np.append(every, at)
        less = np.delete(every, at)
        up = change_of_treated(y[more], d[more], x=x[more], method=method).value
        down = change_of_treated(y[less], d[less], x=x[less], method=method).value
        assert found.influence[at] == pytest.approx((up - down) / 2, rel=0.03, abs=2e-6)


def test_without_covariates_the_three_are_one():
    y, d, _ = sample(3)
    found = [change_of_treated(y, d, x=np.ones((300, 1)), method=each) for each in METHODS]
    assert len({one.value for one in found}) == 1


def test_covariates_that_tell_the_wave_for_certain_are_refused():
    y, d, x = sample(4)
    x = np.column_stack([x, d + 0.01 * np.random.default_rng(1).random(300)])
    with pytest.raises(NotFitted, match="for certain"):
        change_of_treated(y, d, x=x, method="weighting")
