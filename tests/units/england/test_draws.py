"""Draws by inversion, against SciPy's own distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fingerpost.england._draws import choose, expit, gamma_frailty, poisson, source


def test_poisson_counts_are_the_inverse_of_the_distribution():
    rng = np.random.default_rng(1)
    mean = np.exp(rng.uniform(-6, 4.8, 20_000))
    uniform = rng.random(20_000)
    assert np.array_equal(poisson(uniform, mean), stats.poisson.ppf(uniform, mean).astype(int))


def test_more_is_expected_more_is_drawn():
    uniform = np.random.default_rng(2).random(5_000)
    few, many = (poisson(uniform, np.full(5_000, mean)) for mean in (1.7, 2.2))
    assert (many >= few).all() and many.sum() > few.sum()


def test_a_mean_of_nothing_draws_nothing():
    assert poisson(np.array([0.0, 0.5, 0.999999]), np.zeros(3)).tolist() == [0, 0, 0]


def test_kinds_come_in_their_shares():
    uniform = (np.arange(1_000) + 0.5) / 1_000
    assert np.bincount(choose(uniform, (2.0, 1.0, 1.0))).tolist() == [500, 250, 250]


def test_frailty_has_mean_one_and_the_spread_asked_for():
    drawn = gamma_frailty(np.random.default_rng(3), 400_000, 2.6)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.var() == pytest.approx(2.6, rel=0.03)


def test_expit_does_not_overflow():
    assert expit(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]


def test_streams_are_named():
    same, again = source(1, 2, "x").random(3), source(1, 2, "x").random(3)
    assert np.array_equal(same, again)
    for other in (source(2, 2, "x"), source(1, 3, "x"), source(1, 2, "y")):
        assert not np.array_equal(same, other.random(3))
