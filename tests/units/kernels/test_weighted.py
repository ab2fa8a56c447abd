"""Weighted summaries against repetition of rows and against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from fingerpost.core.errors import TooFew
from fingerpost.kernels.weighted import (
    distribution_distance,
    effective_size,
    weighted_mean,
    weighted_variance,
)

RANDOM = np.random.default_rng(29)
VALUES = RANDOM.normal(size=(60, 2)).round(1)
WEIGHTS = RANDOM.integers(0, 5, 60)


def test_mean_and_variance_are_those_of_rows_repeated():
    repeated = np.repeat(VALUES, WEIGHTS, axis=0)
    np.testing.assert_allclose(weighted_mean(VALUES, WEIGHTS), repeated.mean(axis=0))
    np.testing.assert_allclose(weighted_variance(VALUES, WEIGHTS), repeated.var(axis=0))
    theirs = DescrStatsW(VALUES, weights=WEIGHTS)
    np.testing.assert_allclose(weighted_variance(VALUES, WEIGHTS), theirs.var)


def test_distance_is_kolmogorov_and_smirnovs_of_rows_repeated():
    others, weights = RANDOM.normal(0.4, 1.2, 45).round(1), RANDOM.integers(0, 4, 45)
    theirs = scipy.stats.ks_2samp(
        np.repeat(VALUES[:, 0], WEIGHTS), np.repeat(others, weights), method="asymp"
    )
    ours = distribution_distance(
        VALUES[:, 0], others, first_weights=WEIGHTS, second_weights=weights * 2.5
    )
    assert ours == pytest.approx(theirs.statistic)
    back = distribution_distance(
        others, VALUES[:, 0], first_weights=weights, second_weights=WEIGHTS
    )
    assert back == pytest.approx(ours)


def test_distance_of_a_sample_to_itself_is_nought_and_of_disjoint_ones_is_one():
    one, two = np.arange(4.0), np.arange(10.0, 12.0)
    weights = np.ones(4)
    same = distribution_distance(one, one, first_weights=weights, second_weights=3 * weights)
    apart = distribution_distance(one, two, first_weights=weights, second_weights=np.ones(2))
    assert (same, apart) == (pytest.approx(0.0), pytest.approx(1.0))


def test_effective_size_is_n_for_equal_weights_and_never_more():
    assert effective_size(np.full(30, 0.2)) == pytest.approx(30)
    assert effective_size(np.array([1e300, 1e300])) == pytest.approx(2)
    assert effective_size(WEIGHTS) < np.count_nonzero(WEIGHTS)
    # The variance of a weighted mean of independent values is that of n_eff unweighted ones.
    variance = np.sum((WEIGHTS / WEIGHTS.sum()) ** 2)
    assert effective_size(WEIGHTS) == pytest.approx(1 / variance)


def test_no_weight_at_all_is_said():
    assert effective_size(np.zeros(3)) == 0.0
    with pytest.raises(TooFew, match="positive sum"):
        weighted_mean(VALUES, np.zeros(60))
    with pytest.raises(TooFew, match="positive sum"):
        distribution_distance(
            np.ones(2), np.ones(2), first_weights=np.zeros(2), second_weights=np.ones(2)
        )
