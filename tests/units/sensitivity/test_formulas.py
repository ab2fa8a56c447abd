"""Formulas of omitted-variable bias against their own definitions, by algebra and by search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fingerpost.core.errors import UsageError
from fingerpost.sensitivity._formulas import (
    adjusted_estimate,
    adjusted_se,
    benchmark,
    bias,
    partial_f2,
    partial_r2,
    robustness_value,
)
from suites.sensitivity_worlds import ols

t_values = st.floats(0.05, 60).flatmap(lambda size: st.sampled_from([size, -size]))
degrees = st.integers(5, 5000)


@given(t=t_values, df=degrees)
def test_a_confounder_of_the_robustness_value_leaves_nothing(t, df):
    value = robustness_value(t, df)
    left = adjusted_estimate(t, 1.0, df=df, r2_exposure=value, r2_outcome=value)
    assert left == pytest.approx(0.0, abs=1e-8 * abs(t))


@given(t=t_values, df=degrees, share=st.floats(0.1, 0.9))
def test_a_share_of_the_estimate_is_taken_away(t, df, share):
    value = robustness_value(t, df, share=share)
    left = adjusted_estimate(t, 1.0, df=df, r2_exposure=value, r2_outcome=value)
    assert left == pytest.approx((1 - share) * t, rel=1e-8)


@given(t=t_values, df=degrees)
def test_all_of_the_outcome_and_the_partial_r2_of_the_exposure_leave_nothing(t, df):
    left = adjusted_estimate(t, 1.0, df=df, r2_exposure=partial_r2(t, df), r2_outcome=1.0)
    assert left == pytest.approx(0.0, abs=1e-8 * abs(t))


@pytest.mark.parametrize(
    ("t", "df"), [(4.18, 783), (2.5, 40), (9.0, 12), (40.0, 8), (200.0, 30), (-6.0, 60)]
)
def test_with_alpha_the_worst_t_within_the_value_is_the_critical_one(t, df):
    """Searched for over both strengths; the third to fifth take the second branch of the formula,
    where less than the full share of the outcome is worst."""
    value = robustness_value(t, df, alpha=0.05)
    critical = scipy.stats.t.ppf(0.975, df - 1)

    def worst(bound):
        shares = np.linspace(0, bound, 4001)[:-1]
        left = [
            adjusted_estimate(abs(t), 1.0, df=df, r2_exposure=bound, r2_outcome=share)
            / adjusted_se(1.0, df, r2_exposure=bound, r2_outcome=share)
            for share in shares
        ]
        return min(left)

    assert worst(value * 0.999) > critical
    assert worst(min(value * 1.001, 0.9999)) < critical


def test_an_estimate_that_is_not_significant_needs_nothing():
    assert robustness_value(1.9, 200, alpha=0.05) == 0.0
    assert robustness_value(1.9, 200) > 0


@given(t=t_values, df=degrees)
def test_partial_r2_and_f2_say_the_same(t, df):
    share = partial_r2(t, df)
    assert partial_f2(t, df) == pytest.approx(share / (1 - share), rel=1e-9)


def test_bias_either_way():
    reduced = adjusted_estimate(-2.0, 0.5, df=100, r2_exposure=0.1, r2_outcome=0.1)
    grown = adjusted_estimate(-2.0, 0.5, df=100, r2_exposure=0.1, r2_outcome=0.1, reduce=False)
    size = bias(0.5, 100, r2_exposure=0.1, r2_outcome=0.1)
    assert (reduced, grown) == (pytest.approx(-2 + size), pytest.approx(-2 - size))


def test_an_estimate_can_change_its_sign():
    assert adjusted_estimate(1.0, 0.5, df=100, r2_exposure=0.5, r2_outcome=0.5) < 0
    assert adjusted_estimate(-1.0, 0.5, df=100, r2_exposure=0.5, r2_outcome=0.5) > 0


@pytest.mark.parametrize("strength", [(-0.1, 0.2), (1.0, 0.2), (0.2, 1.1), (math.nan, 0.1)])
def test_a_share_beyond_its_range_is_refused(strength):
    with pytest.raises(UsageError, match="between 0 and 1"):
        bias(1.0, 10, r2_exposure=strength[0], r2_outcome=strength[1])


def test_the_standard_error_is_that_of_the_longer_regression():
    draw = np.random.default_rng(5)
    x, u = draw.standard_normal((2, 80))
    exposure = 0.5 * x + 0.7 * u + draw.standard_normal(80)
    outcome = exposure + x - u + draw.standard_normal(80)
    _, covariance, residual, df = ols(outcome, exposure, x)
    _, longer_covariance, longer, _ = ols(outcome, exposure, x, u)
    left, longer_left = ols(exposure, x)[2], ols(exposure, x, u)[2]
    found = adjusted_se(
        math.sqrt(covariance[1, 1]),
        df,
        r2_exposure=1 - longer_left @ longer_left / (left @ left),
        r2_outcome=1 - longer @ longer / (residual @ residual),
    )
    assert found == pytest.approx(math.sqrt(longer_covariance[1, 1]), rel=1e-10)


def test_a_covariate_unrelated_to_the_exposure_benchmarks_no_exposure():
    strength = benchmark(0.0, 0.2, times=2)
    assert strength is not None
    assert (strength.r2_exposure, strength.r2_outcome) == (0.0, pytest.approx(2 * 0.25))


def test_no_confounder_can_be_stronger_than_everything():
    assert benchmark(0.4, 0.1, times=2) is None
    assert benchmark(0.6, 0.1, times=1) is None
    capped = benchmark(0.1, 0.7, times=1)
    assert capped is not None and capped.r2_outcome == 1.0


@pytest.mark.parametrize("seed", range(20))
def test_the_benchmark_bounds_a_confounder_of_that_many_times_its_strength(seed):
    """Z is made unrelated to X given the other covariate, in the sample; its strength relative to
    X is measured with the truth in hand, and the bound, which sees X only, must hold."""
    draw = np.random.default_rng(seed)
    n = 300
    other, raw_x, raw_z = draw.standard_normal((3, n))
    x = ols(raw_x, other)[2]
    z = ols(raw_z, other, x)[2]
    pull_x, push_x = draw.uniform(0.3, 0.5, 2)
    pull_z, push_z = draw.uniform(0.1, 0.4, 2)
    exposure = pull_x * x + pull_z * z + 0.3 * other + draw.standard_normal(n)
    outcome = exposure + push_x * x + push_z * z + other + draw.standard_normal(n)

    def share(y, added, *before):
        short, long = ols(y, *before)[2], ols(y, *before, added)[2]
        return 1 - long @ long / (short @ short)

    with_exposure = share(exposure, z, other) / share(exposure, x, other)
    with_outcome = share(outcome, z, other, exposure) / share(outcome, x, other, exposure)
    bound = benchmark(
        share(exposure, x, other),
        share(outcome, x, other, exposure),
        times=max(with_exposure, with_outcome),
    )
    assert bound is not None
    assert share(exposure, z, other, x) <= bound.r2_exposure * (1 + 1e-9)
    assert share(outcome, z, other, x, exposure) <= bound.r2_outcome * (1 + 1e-9)
