"""The random-intercept model against lme4's printed fits, and against what balance gives exactly.

lme4 (of R) fits Posttest ~ Intervention + Prettest + (1 | School) by REML to two trials of the
package eefAnalytics: variances 5.6737234, 14.7793987, coefficient 3.109709 (1.209383) in crtData;
45.337805, 78.183397, 3.5571938 (1.2300012) in mstData. Its errors are without Kenward and Roger.s
addition.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.kernels.mixed_intercept import mixed_intercept

TRIALS = Path("/work/shared/data/eef_crt_mst")
LME4 = {
    "crtData": (5.6737234, 14.7793987, 3.109709, 1.209383),
    "mstData": (45.337805, 78.183397, 3.5571938, 1.2300012),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", sorted(LME4))
def test_variances_and_coefficients_are_those_of_lme4(name):
    path = TRIALS / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"REAL DATA NOT FOUND: {path}")
    table = pd.read_csv(path)
    x = np.column_stack([np.ones(len(table)), table["Intervention"], table["Prettest"]])
    codes = table["School"].astype("category").cat.codes.to_numpy().astype(np.int64)
    found = mixed_intercept(x, table["Posttest"].to_numpy(float), codes=codes)
    said = (found.between, found.within, found.coefficients[1], np.sqrt(found.plain[1, 1]))
    assert said == pytest.approx(LME4[name], rel=2e-6)


def balanced(r, groups=12, size=5, between=1.0):
    codes = np.repeat(np.arange(groups), size)
    arm = (codes % 2).astype(float)
    y = arm + between * r.standard_normal(groups)[codes] + r.standard_normal(groups * size)
    return np.column_stack([np.ones(len(arm)), arm]), y, codes


def test_a_balanced_trial_of_groups_is_a_t_test_of_their_means():
    x, y, codes = balanced(np.random.default_rng(1))
    found = mixed_intercept(x, y, codes=codes)
    means = y.reshape(12, 5).mean(axis=1)
    first, second = means[1::2], means[::2]
    pooled = (first.var(ddof=1) + second.var(ddof=1)) / 2
    assert not found.at_zero
    assert found.coefficients[1] == pytest.approx(first.mean() - second.mean())
    assert np.sqrt(found.covariance[1, 1]) == pytest.approx(np.sqrt(pooled * 2 / 6), rel=1e-6)
    assert found.df(np.array([0.0, 1.0])) == pytest.approx(10, rel=1e-6)


def test_within_groups_a_balanced_trial_has_the_degrees_of_freedom_of_two_ways():
    r = np.random.default_rng(2)
    codes = np.repeat(np.arange(10), 6)
    arm = np.tile([0.0, 1.0], 30)
    y = arm + r.standard_normal(10)[codes] + r.standard_normal(60)
    found = mixed_intercept(np.column_stack([np.ones(60), arm]), y, codes=codes)
    assert found.df(np.array([0.0, 1.0])) == pytest.approx(60 - 10 - 1, rel=1e-6)


def test_groups_that_are_all_alike_have_a_variance_of_nought():
    x, y, codes = balanced(np.random.default_rng(5), between=0.0)
    y = y - y.reshape(12, 5).mean(axis=1)[codes] + x[:, 1]
    found = mixed_intercept(x, y, codes=codes)
    assert found.at_zero and found.between == 0.0 and found.icc == 0.0


def test_what_cannot_be_fitted_is_said():
    x, y, codes = balanced(np.random.default_rng(3))
    with pytest.raises(TooFew):
        mixed_intercept(x, y, codes=codes % 2)
    with pytest.raises(NotFitted):
        mixed_intercept(np.column_stack([x, x[:, 1]]), y, codes=codes)
