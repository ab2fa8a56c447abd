"""The wild bootstrap: exact draws, the t distribution as a limit, and its size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.wild import every_weight, studentised, wild_score_bootstrap, wild_weights


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_one_stream_gives_one_answer_and_scale_and_order_of_terms_do_not_matter():
    sums = stream().normal(size=(15, 3))
    first = wild_score_bootstrap(sums, level=0.95, draws=999, stream=stream(2))
    again = wild_score_bootstrap(sums * [1, -5, 100], level=0.95, draws=999, stream=stream(2))
    np.testing.assert_allclose(first, again, rtol=1e-12)
    turned = wild_score_bootstrap(sums[:, ::-1], level=0.95, draws=999, stream=stream(2))
    np.testing.assert_allclose(first[::-1], turned, rtol=1e-12)


def test_weights_drawn_once_give_what_each_call_would_draw():
    sums = np.random.default_rng(4).standard_normal((30, 2))
    own = wild_score_bootstrap(sums, level=0.95, draws=999, stream=np.random.default_rng(5))
    weights = every_weight(999, 30, stream=np.random.default_rng(5))
    shared = wild_score_bootstrap(
        sums, level=0.95, draws=999, stream=np.random.default_rng(6), weights=weights
    )
    assert shared.tolist() == own.tolist()


def test_a_constant_added_to_every_sum_is_taken_off_first():
    sums = stream().normal(size=(15, 2))
    first = wild_score_bootstrap(sums, level=0.95, draws=999, stream=stream(2))
    moved = wild_score_bootstrap(sums + 30.0, level=0.95, draws=999, stream=stream(2))
    np.testing.assert_allclose(moved, first, rtol=1e-9)


def test_the_statistic_is_the_t_of_the_drawn_sums():
    sums = stream().normal(size=(13, 2))
    weights = wild_weights(4, 13, stream=stream(3))
    for drawn, found in zip(weights, studentised(sums, weights), strict=True):
        theirs = scipy.stats.ttest_1samp(drawn[:, None] * sums, 0.0)
        np.testing.assert_allclose(found, theirs.statistic)


def test_the_critical_value_is_the_quantile_over_all_signs():
    sums = stream(4).standard_exponential(size=(12, 1))
    centred = sums - sums.mean()
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=12)))
    every = np.abs(studentised(centred, signs)[:, 0])
    found = wild_score_bootstrap(sums, level=0.9, draws=9999, stream=stream(5))[0]
    assert np.mean(every <= found) == pytest.approx(0.9, abs=0.012)


def test_weights_have_mean_nought_and_variance_one_and_six_points_for_few_clusters():
    for size, points in ((8, 6), (12, 2)):
        weights = wild_weights(40_000, size, stream=stream(6))
        assert len(np.unique(weights)) == points
        assert abs(weights.mean()) < 0.01
        assert weights.var() == pytest.approx(1.0, abs=0.01)


def test_size_with_twenty_unequal_clusters_is_near_the_nominal_one():
    generator, rejected = stream(7), 0
    spread = np.linspace(0.5, 2.0, 20)
    for _ in range(600):
        sums = generator.normal(size=20) * spread
        error = np.sqrt(20 / 19 * np.sum((sums - sums.mean()) ** 2))
        critical = wild_score_bootstrap(sums[:, None], level=0.95, draws=399, stream=generator)[0]
        rejected += abs(sums.sum()) / error > critical
    # Monte Carlo standard error of .05 over 600 draws is .009.
    assert 0.025 < rejected / 600 < 0.08


def test_few_clusters_widen_the_interval_as_the_t_distribution_does():
    generator = stream(8)
    values = [
        wild_score_bootstrap(
            generator.normal(size=(20, 50)), level=0.95, draws=399, stream=generator
        ).mean()
        for _ in range(6)
    ]
    assert np.mean(values) == pytest.approx(scipy.stats.t.ppf(0.975, 19), rel=0.03)


def test_what_cannot_be_done_is_said():
    with pytest.raises(TooFew, match="found 1"):
        wild_score_bootstrap(np.ones((1, 2)), level=0.95, draws=999, stream=stream())
    with pytest.raises(UsageError, match="more than 10 draws"):
        wild_score_bootstrap(np.ones((20, 2)), level=0.95, draws=10, stream=stream())
