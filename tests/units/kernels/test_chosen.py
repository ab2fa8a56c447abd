"""Going on with the best arm: a normal test, Dunnett's table, and trials that are played."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from fingerpost.core.errors import UsageError
from fingerpost.kernels.adaptive import Rule, drop_losers
from fingerpost.kernels.chosen import boundary_of, declared


def test_of_one_arm_it_is_a_z_test():
    assert boundary_of(1, first=20, second=80) == pytest.approx(norm.isf(0.025))
    power = declared(np.array([0.4]), first=20, second=80, boundary=1.959964)
    assert power[0] == pytest.approx(norm.sf(1.959964 - 0.4 * np.sqrt(50)), abs=1e-9)


def test_nobody_looking_before_the_end_it_is_dunnetts():
    """Dunnett (1955), table 1a, infinite degrees of freedom, one-sided 5%: 1.64, 1.92, 2.06."""
    found = [boundary_of(arms, first=100, second=0, alpha=0.05) for arms in (1, 2, 3)]
    assert found == pytest.approx([1.64, 1.92, 2.06], abs=0.006)


def test_trials_that_are_played_come_to_the_same():
    effects, many = np.array([0.1, 0.0, 0.3]), 60_000
    boundary = boundary_of(3, first=30, second=60)
    rule = Rule((0.0, *effects), (120, 120), keep=(1,))
    played = drop_losers(rule, many, random=np.random.default_rng(3))
    for arm, chance in enumerate(declared(effects, first=30, second=60, boundary=boundary), 1):
        seen = ((played.best == arm) & (played.statistic > boundary)).mean()
        assert abs(seen - chance) < 4 * np.sqrt(chance * (1 - chance) / many)


def test_no_arms_and_no_units_are_refused():
    with pytest.raises(UsageError, match="arms 0"):
        boundary_of(0, first=10, second=10)
    with pytest.raises(UsageError, match="above 0"):
        declared(np.array([0.1]), first=0, second=10, boundary=2.0)
