"""Schools within local authorities: the likelihood by brute force, and planted variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.kernels.nested_intercepts import (
    LATENT_VARIANCE,
    NestedIntercepts,
    checked,
    evaluated,
    nested_intercepts,
)
from fingerpost.kernels.random_intercept import random_intercept


def world(outer_sd: float, inner_sd: float, *, seed: int, authorities: int = 100, each: int = 12):
    """Return events, size, school of each row, and authority of each school."""
    rng = np.random.default_rng(seed)
    outer = np.repeat(np.arange(authorities), rng.integers(each // 2, 2 * each, authorities))
    size = rng.integers(6, 40, len(outer)).astype(float)
    logit = -1.1 + outer_sd * rng.normal(size=authorities)[outer]
    logit += inner_sd * rng.normal(size=len(outer))
    ones = rng.binomial(size.astype(int), expit(logit)).astype(float)
    return ones, size, np.arange(len(outer)), outer


def fitted(outer_sd: float, inner_sd: float, *, seed: int) -> NestedIntercepts:
    ones, size, inner, outer = world(outer_sd, inner_sd, seed=seed)
    x = np.ones((len(ones), 1))
    return nested_intercepts(x, ones, inner=inner, outer=outer, trials=size, points=5)


def by_force(theta, ones, size, outer) -> float:
    """Return the log-likelihood on a wide, fine grid of both intercepts."""
    grid = np.linspace(-7, 7, 141)
    log_density = -(grid**2) / 2 - 0.5 * np.log(2 * np.pi) + np.log(grid[1] - grid[0])
    total = 0.0
    for one in range(outer.max() + 1):
        own = outer == one
        logit = theta[0] + theta[1] * grid[:, None, None] + theta[2] * grid[None, :, None]
        each = ones[own] * logit - size[own] * np.logaddexp(0, logit)
        schools = logsumexp(each + log_density[None, :, None], axis=1).sum(axis=1)
        total += logsumexp(schools + log_density)
    return float(total)


@pytest.mark.parametrize("theta", [(-1.0, 0.3, 0.5), (-0.4, 0.8, 0.2), (-1.5, 0.05, 1.2)])
def test_the_likelihood_is_the_integral_and_the_score_its_slope(theta):
    ones, size, inner, outer = world(0.4, 0.5, seed=5, authorities=3, each=3)
    rows = checked(np.ones((len(ones), 1)), ones, inner=inner, outer=outer, trials=size)
    at = np.array(theta)
    value, score = evaluated(rows, at, 11)
    assert value == pytest.approx(by_force(at, ones, size, outer), abs=2e-4)
    step = 1e-4
    for place in range(3):
        move = step * (np.arange(3) == place)
        slope = by_force(at + move, ones, size, outer) - by_force(at - move, ones, size, outer)
        assert score[place] == pytest.approx(slope / (2 * step), abs=5e-3)


@pytest.mark.parametrize(("outer_sd", "inner_sd"), [(0.2, 0.45), (0.4, 0.8)])
def test_planted_variances_are_found(outer_sd, inner_sd):
    found = [fitted(outer_sd, inner_sd, seed=seed) for seed in range(3)]
    outer, inner = (np.mean([[f.outer.sd, f.inner.sd] for f in found], axis=0)).tolist()
    assert outer == pytest.approx(outer_sd, abs=0.05)
    assert inner == pytest.approx(inner_sd, abs=0.04)
    held = [
        level.lo <= planted <= level.hi
        for one in found
        for level, planted in ((one.outer, outer_sd), (one.inner, inner_sd))
    ]
    assert sum(held) >= 5
    one = found[0]
    total = one.outer.sd**2 + one.inner.sd**2 + LATENT_VARIANCE
    assert one.share(one.outer.variance) == pytest.approx(one.outer.sd**2 / total)


def test_where_authorities_do_not_differ_none_of_the_schools_is_theirs():
    found = [fitted(0.0, 0.45, seed=seed) for seed in range(3)]
    assert all(one.outer.lo == 0.0 and one.outer.hi < 0.2 for one in found)
    assert np.mean([one.inner.sd for one in found]) == pytest.approx(0.45, abs=0.04)
    assert any(one.outer.at_zero for one in found)


def test_where_schools_do_not_differ_it_is_the_model_of_one_level():
    ones, size, inner, outer = world(0.4, 0.0, seed=3)
    x = np.ones((len(ones), 1))
    found = nested_intercepts(x, ones, inner=inner, outer=outer, trials=size, points=5)
    alone = random_intercept(x, ones, codes=outer, names=("intercept",), trials=size)
    assert found.inner.sd < 0.1 and found.inner.lo == 0.0
    assert found.outer.sd == pytest.approx(alone.sd, abs=0.01)


def test_an_sd_does_not_stay_at_nought_where_the_likelihood_is_higher_beyond():
    """A first step that ends at nought finds no slope there, whatever lies beyond."""
    rng = np.random.default_rng(3)
    outer = np.repeat(np.arange(40), rng.integers(6, 24, 40))
    inner = np.repeat(np.arange(len(outer)), 4)
    x = np.column_stack([np.ones(len(inner)), rng.normal(size=len(inner))])
    size = rng.integers(6, 40, len(inner)).astype(float)
    logit = x @ [-1.1, 0.4] + 0.4 * rng.normal(size=40)[outer][inner]
    ones = rng.binomial(size.astype(int), expit(logit)).astype(float)
    found = nested_intercepts(x, ones, inner=inner, outer=outer, trials=size, points=5)
    rows = checked(x, ones, inner=inner, outer=outer, trials=size)
    for sd in (0.02, 0.05, 0.1, 0.2):
        theta = np.array([*found.coefficients, found.outer.sd, sd])
        assert evaluated(rows, theta, 5)[0] <= found.log_likelihood + 1e-3


def test_an_interval_without_an_upper_end_is_said():
    """Two authorities of which one provides for nobody: no sd is too large for them."""
    ones, size = np.array([0.0, 0.0, 30.0, 31.0]), np.full(4, 60.0)
    outer = np.array([0, 0, 1, 1])
    with pytest.raises(NotFitted, match="cannot be ruled out"):
        nested_intercepts(
            np.ones((4, 1)), ones, inner=np.arange(4), outer=outer, trials=size, points=3
        )


def test_what_does_not_nest_is_refused():
    x, ones = np.ones((4, 1)), np.array([0.0, 1.0, 1.0, 0.0])
    with pytest.raises(TooFew):
        nested_intercepts(x, ones, inner=np.arange(4), outer=np.zeros(4, dtype=int))
    with pytest.raises(UsageError, match="inner group must have a row"):
        nested_intercepts(x, ones, inner=np.zeros(4, dtype=int), outer=np.array([0, 1]))
    with pytest.raises(UsageError, match="between 0 and trials"):
        nested_intercepts(x, ones + 1, inner=np.arange(4), outer=np.array([0, 0, 1, 1]))
