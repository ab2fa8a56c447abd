"""Waves of few clusters: which are pooled, what one cluster pulls, Welch's degrees of freedom."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from fingerpost.kernels.small_waves import (
    effective,
    left_to_others,
    pooled,
    wave_groups,
    welch_freedom,
)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ([30, 31], [0, 1]),
        ([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]),
        ([3], [0]),
        ([3, 3, 3, 3], [0, 0, 1, 1]),
        ([8, 2], [0, 0]),
    ],
)
def test_neighbours_in_time_are_put_together_until_they_are_five(counts, groups):
    found = wave_groups(np.array(counts), np.ones(len(counts), dtype=bool))
    assert found.tolist() == groups


def test_waves_that_are_not_used_are_of_no_group():
    found = wave_groups(np.array([1, 9, 4]), np.array([True, False, True]))
    assert found.tolist() == [0, -1, 0]


def test_welchs_degrees_of_freedom_are_those_of_scipy():
    r = np.random.default_rng(1)
    a, b = r.standard_normal(4), 3 * r.standard_normal(9)
    # Influence on the difference of means, scaled as the variance of a mean has it.
    sums = np.concatenate([(x - x.mean()) / np.sqrt(len(x) * (len(x) - 1)) for x in (a, b)])
    code = np.repeat([0, 1], [4, 9])
    found = welch_freedom(sums, np.ones(13), code=code, groups=2)
    assert found == pytest.approx(ttest_ind(a, b, equal_var=False).df)


def test_what_a_cluster_leaves_and_what_uneven_ones_are_worth():
    pull, code = np.array([3.0, 1.0, 5.0, 5.0]), np.array([0, 0, 1, 1])
    assert left_to_others(pull, code, groups=2) == pytest.approx([0.25, 0.75, 0.5, 0.5])
    assert effective(pull, code, groups=2) == pytest.approx([16 / 10, 2.0])


def test_lone_waves_about_their_shared_mean_have_the_variance_of_their_own_effects():
    """Five waves of one, each a fifth of the answer: influence is their effects about the mean."""
    effects = np.array([1.0, 4.0, -2.0, 0.5, 3.0])
    lean = np.full(5, 0.2)
    found = pooled(np.zeros(5), moved=lean * effects, lean=lean, group=np.zeros(5, dtype=int))
    assert found == pytest.approx((effects - effects.mean()) / 5)
    assert np.sum(found**2) * 5 / 4 == pytest.approx(effects.var(ddof=1) / 5)
