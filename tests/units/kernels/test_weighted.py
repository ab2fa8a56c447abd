"""Weighted summaries against repetition of rows and against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from fingerpost.core.errors import TooFew
from fingerpost.kernels.weighted import (
    effective_size,
    farthest,
    ranked,
    weighted_mean,
)

RANDOM = np.random.default_rng(29)
VALUES = RANDOM.normal(size=(60, 2)).round(1)
WEIGHTS = RANDOM.integers(0, 5, 60)


def distance(values, weights) -> float:
    """Return the distance between weightings of the same values."""
    held = ranked(values)
    return farthest([held.shares(weight) for weight in weights])


def test_mean_and_variance_are_those_of_rows_repeated():
    repeated = np.repeat(VALUES, WEIGHTS, axis=0)
    np.testing.assert_allclose(weighted_mean(VALUES, WEIGHTS), repeated.mean(axis=0))
    own = [ranked(column) for column in VALUES.T]
    variances = [one.variance(one.shares(WEIGHTS)) for one in own]
    np.testing.assert_allclose(variances, repeated.var(axis=0))
    theirs = DescrStatsW(VALUES, weights=WEIGHTS)
    np.testing.assert_allclose(variances, theirs.var)


def test_an_indicator_is_ranked_as_any_other_number_is():
    """Without sorting: two levels, and the share of the second is the weighted share."""
    girl = RANDOM.integers(0, 2, 60)
    held = ranked(girl)
    assert held.levels.tolist() == [0.0, 1.0]
    share = held.shares(WEIGHTS)
    assert share[1] == pytest.approx(WEIGHTS[girl == 1].sum() / WEIGHTS.sum())
    assert held.variance(share) == pytest.approx(share[0] * share[1])
    for same in (0.0, 1.0):
        alone = ranked(np.full(5, same))
        assert alone.levels.tolist() == [same] and alone.codes.tolist() == [0] * 5


def test_distance_is_kolmogorov_and_smirnovs_of_rows_repeated():
    others, weights = RANDOM.normal(0.4, 1.2, 45).round(1), RANDOM.integers(0, 4, 45)
    theirs = scipy.stats.ks_2samp(
        np.repeat(VALUES[:, 0], WEIGHTS), np.repeat(others, weights), method="asymp"
    )
    both = np.concatenate([VALUES[:, 0], others])
    mine = np.concatenate([WEIGHTS, np.zeros(45)])
    others_own = np.concatenate([np.zeros(60), weights * 2.5])
    assert distance(both, [mine, others_own]) == pytest.approx(theirs.statistic)
    assert distance(both, [others_own, mine]) == pytest.approx(theirs.statistic)


def test_of_three_samples_the_pair_farthest_apart_counts():
    values, group = RANDOM.normal(size=90).round(1), np.repeat([0, 1, 2], 30)
    samples = [values[group == g] for g in range(3)]
    pairs = [
        scipy.stats.ks_2samp(samples[i], samples[j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    weights = [(group == g).astype(float) for g in range(3)]
    assert distance(values, weights) == pytest.approx(max(pairs))


def test_distance_of_a_sample_to_itself_is_nought_and_of_disjoint_ones_is_one():
    values, first = np.array([0.0, 1, 2, 3, 10, 11]), np.array([1.0, 1, 1, 1, 0, 0])
    same = distance(values, [first, 3 * first])
    apart = distance(values, [first, 1 - first])
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
        distance(np.ones(2), [np.zeros(2), np.ones(2)])
