"""Kaplan and Meier's curve against statsmodels and by derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.survival import kaplan_meier

RANDOM = np.random.default_rng(31)
N = 300
FAILURE, CENSORING = RANDOM.exponential(5.0, N), RANDOM.exponential(8.0, N)
TIME = np.ceil(2 * np.minimum(FAILURE, CENSORING)) / 2  # ties, of events with censorings too
EVENT = FAILURE <= CENSORING
ENTRY = np.where(RANDOM.random(N) < 0.3, TIME - 0.5 * RANDOM.integers(1, 4, N), -1.0)
WEIGHTS = RANDOM.integers(1, 4, N).astype(float)


@pytest.mark.parametrize("entry", [None, ENTRY], ids=["from the start", "delayed entry"])
@pytest.mark.parametrize("horizon", [2.0, 5.25])
def test_curve_and_greenwoods_variance_are_those_of_statsmodels(entry, horizon):
    ours = kaplan_meier(TIME, EVENT, horizon=horizon, entry=entry)
    theirs = SurvfuncRight(TIME, EVENT, entry=entry)
    last = np.searchsorted(theirs.surv_times, horizon, side="right") - 1
    assert ours.risk == pytest.approx(1 - theirs.surv_prob[last])
    assert ours.variance == pytest.approx(theirs.surv_prob_se[last] ** 2)
    np.testing.assert_allclose(
        ours.survival, np.interp(ours.times, theirs.surv_times, theirs.surv_prob)
    )


def test_whole_weights_are_repeated_rows():
    ours = kaplan_meier(TIME, EVENT, horizon=4.0, weights=WEIGHTS)
    times = WEIGHTS.astype(int)
    theirs = kaplan_meier(np.repeat(TIME, times), np.repeat(EVENT, times), horizon=4.0)
    assert ours.risk == pytest.approx(theirs.risk)
    assert ours.variance == pytest.approx(theirs.variance)
    np.testing.assert_allclose(np.repeat(ours.influence, times), theirs.influence, atol=1e-15)


def test_influence_is_the_derivative_of_the_risk_in_each_rows_weight():
    ours = kaplan_meier(TIME, EVENT, horizon=3.0, entry=ENTRY, weights=WEIGHTS)
    for row in range(0, N, 13):
        unit = np.zeros(N)
        unit[row] = 1e-5
        up, down = (
            kaplan_meier(TIME, EVENT, horizon=3.0, entry=ENTRY, weights=WEIGHTS + sign * unit).risk
            for sign in (1, -1)
        )
        assert ours.influence[row] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_without_censoring_the_risk_is_a_proportion_and_both_variances_are_binomial():
    ours = kaplan_meier(TIME, np.ones(N, dtype=bool), horizon=3.0)
    share = np.mean(TIME <= 3.0)
    assert ours.risk == pytest.approx(share)
    assert ours.variance == pytest.approx(share * (1 - share) / N)
    assert np.sum(ours.influence**2) == pytest.approx(share * (1 - share) / N)


def test_the_influence_sums_to_nought_and_its_squares_to_nearly_greenwoods_variance():
    ours = kaplan_meier(TIME, EVENT, horizon=4.0)
    assert np.sum(ours.influence) == pytest.approx(0.0, abs=1e-12)
    assert np.sum(ours.influence**2) == pytest.approx(ours.variance, rel=0.05)


def test_a_risk_of_one_or_nought_has_no_spread():
    certain = kaplan_meier(np.array([1.0, 2.0]), np.ones(2, dtype=bool), horizon=3.0)
    assert (certain.risk, certain.variance) == (1.0, 0.0)
    none = kaplan_meier(np.array([5.0, 6.0]), np.zeros(2, dtype=bool), horizon=3.0)
    assert (none.risk, none.variance, none.influence.tolist()) == (0.0, 0.0, [0.0, 0.0])


def test_what_cannot_be_known_is_said():
    with pytest.raises(TooFew, match="horizon of 9"):
        kaplan_meier(np.array([1.0, 2.0]), np.array([True, False]), horizon=9.0)
    with pytest.raises(UsageError, match="entry must come before"):
        kaplan_meier(np.array([1.0]), np.array([True]), horizon=1.0, entry=np.array([1.0]))
