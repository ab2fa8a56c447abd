"""Bounds on an effect if trends part as they did before: by hand, and coverage."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.relative_trends import relative_magnitudes

Z = 1.959963985


def test_the_first_effect_may_be_off_by_the_largest_step_before():
    """Effects −.2, .1, then 0: steps .3 and −.1. At twice the largest, .6 either way."""
    found = relative_magnitudes(
        np.array([-0.2, 0.1]),
        1.0,
        covariance=np.zeros((3, 3)),
        carried=1.0,
        times=2,
        critical=Z,
    )
    assert (found.low, found.high) == pytest.approx((0.4, 1.6))
    assert (found.lo, found.hi) == pytest.approx((0.4, 1.6))


def test_drift_adds_up_over_periods():
    """The mean of three effects may be off by (1 + 2 + 3)/3 steps."""
    found = relative_magnitudes(
        np.array([0.1]), 1.0, covariance=np.zeros((2, 2)), carried=2.0, times=1, critical=Z
    )
    assert (found.low, found.high) == pytest.approx((0.8, 1.2))


def test_at_no_drift_it_is_the_ordinary_interval():
    covariance = np.diag([0.01, 0.04])
    found = relative_magnitudes(
        np.array([0.1]), 1.0, covariance=covariance, carried=1.0, times=0, critical=Z
    )
    assert (found.lo, found.hi) == pytest.approx((1 - 0.391993, 1 + 0.391993), abs=1e-6)


@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_intervals_hold_the_truth_at_the_drift_that_there_is(drift):
    """Trends part by `drift` in each step, before and after; the effect is 1."""
    r = np.random.default_rng(1)
    mean = np.array([-2 * drift, -drift, 1 + drift])
    covariance = 0.04 * (0.5 * np.eye(3) + 0.5)
    held = []
    for _ in range(400):
        drawn = r.multivariate_normal(mean, covariance)
        found = relative_magnitudes(
            drawn[:2], drawn[2], covariance=covariance, carried=1.0, times=1, critical=Z
        )
        held.append(found.lo <= 1.0 <= found.hi)
    assert np.mean(held) >= 0.93
