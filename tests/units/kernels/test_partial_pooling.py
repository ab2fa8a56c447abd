"""Partial pooling: its two ends, one known answer, errors that hang together, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from fingerpost.kernels.partial_pooling import at_spreads, partial_pooling, typical

# Rubin's eight schools (Gelman and others, Bayesian Data Analysis, table 5.2).
EFFECT = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERROR = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def test_without_spread_all_are_at_the_centre():
    # The book's complete pooling: 7.7 with a standard error of 4.1.
    found = at_spreads(EFFECT, np.diag(ERROR**2), spreads=np.zeros(1))
    assert found.value[0] == pytest.approx(np.full(8, 7.69), abs=0.01)
    assert found.error[0] == pytest.approx(np.full(8, 4.07), abs=0.01)
    assert not found.kept.any()


def test_with_a_great_spread_each_keeps_its_own():
    found = at_spreads(EFFECT, np.diag(ERROR**2), spreads=np.array([1e6]))
    assert found.value[0] == pytest.approx(EFFECT, abs=1e-3)
    assert found.error[0] == pytest.approx(ERROR, rel=1e-6)
    assert found.kept[0] == pytest.approx(np.ones(8))


def test_at_a_spread_each_is_the_weighted_mean_of_itself_and_the_centre():
    found = at_spreads(EFFECT, np.diag(ERROR**2), spreads=np.array([5.0]))
    weight = 1 / (25 + ERROR**2)
    centre = weight @ EFFECT / weight.sum()
    kept = 25 / (25 + ERROR**2)
    assert found.centre[0] == pytest.approx(centre)
    assert found.value[0] == pytest.approx(kept * EFFECT + (1 - kept) * centre)
    # Gelman and others, equation 5.17 and 5.20.
    variance = kept * ERROR**2 + (1 - kept) ** 2 / weight.sum()
    assert found.error[0] == pytest.approx(np.sqrt(variance))


def test_what_all_share_moves_none_towards_another():
    own = np.diag(ERROR**2)
    alone, shared = partial_pooling(EFFECT, own), partial_pooling(EFFECT, own + 30.0)
    assert typical(own + 30.0) == pytest.approx(typical(own))
    assert shared.value == pytest.approx(alone.value)
    assert shared.spread == pytest.approx(alone.spread)
    assert (shared.hi - shared.lo > alone.hi - alone.lo).all()


def test_shift_and_scale():
    base = partial_pooling(EFFECT, np.diag(ERROR**2))
    moved = partial_pooling(3 - 2 * EFFECT, np.diag(4 * ERROR**2))
    assert moved.value == pytest.approx(3 - 2 * base.value)
    assert moved.lo == pytest.approx(3 - 2 * base.hi)
    assert moved.spread == pytest.approx(2 * base.spread)


def test_two_groups_by_integration():
    """The mean over the spread by an integral of its own, share by share."""
    value, errors = np.array([1.0, 4.0]), np.array([1.0, 1.0])

    def part(share: float, power: int) -> float:
        between = 2 * (1 + (1 - share) / share)  # variance of the difference of the two
        density = np.exp(-(3.0**2) / (2 * between)) / np.sqrt(between)
        return float(density * (1 - share) ** power)

    kept = quad(part, 0, 1, args=(1,))[0] / quad(part, 0, 1, args=(0,))[0]
    found = partial_pooling(value, np.diag(errors**2))
    assert found.kept == pytest.approx(np.full(2, kept), abs=2e-3)
    assert found.value == pytest.approx(2.5 + kept * np.array([-1.5, 1.5]), abs=5e-3)


@pytest.mark.parametrize(("spread", "better"), [(0.0, 0.6), (1.0, 0.8)])
def test_pooled_answers_are_nearer_the_truth_and_their_intervals_hold_it(spread, better):
    generator = np.random.default_rng(5)
    covariance = np.diag([0.6, 1.0, 1.5, 1.0]) + 0.2
    held, own, drawn = [], [], []
    for _ in range(300):
        true = 1 + spread * generator.normal(size=4)
        value = generator.multivariate_normal(true, covariance)
        found = partial_pooling(value, covariance)
        held.append((found.lo <= true) & (true <= found.hi))
        own.append((value - true) ** 2)
        drawn.append((found.value - true) ** 2)
    assert 0.92 < np.mean(held) < 0.99
    assert np.mean(drawn) < better * np.mean(own)
