"""Adaptive trials and sequences of draws: where a formula tells it, and laws of error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from fingerpost.core.errors import UsageError
from fingerpost.kernels.adaptive import (
    Rule,
    Sequence2,
    best_shares,
    divided,
    drop_losers,
    follow_results,
    sequence_power,
    simulate,
)

REPLICATES = 4000


def test_two_arms_and_one_stage_are_a_z_test():
    found = simulate(
        Rule((0.0, 0.4), (200,)),
        drop_losers,
        replicates=REPLICATES,
        random=np.random.default_rng(1),
    )
    assert found.critical == pytest.approx(1.96, abs=0.06)
    exact = norm.sf(norm.isf(0.025) - 0.4 * math.sqrt(50))
    assert found.power == pytest.approx(exact, abs=0.03)
    assert found.units.tolist() == [100, 100]


def test_three_arms_against_one_are_dunnetts():
    # Dunnett (1955): one-sided 0.025, three comparisons of equal sizes, infinite degrees: 2.35.
    found = simulate(
        Rule((0.0,) * 4, (400,)),
        drop_losers,
        replicates=REPLICATES,
        random=np.random.default_rng(2),
    )
    assert found.critical == pytest.approx(2.35, abs=0.06)
    assert found.size == pytest.approx(0.025, abs=0.009)


@pytest.mark.parametrize(
    ("rule", "play"),
    [
        (Rule((0.0, 0.1, 0.2, 0.4), (160, 120, 80), keep=(2, 1)), drop_losers),
        (Rule((0.0, 0.1, 0.2, 0.4), (60,) * 4, control=0.3), follow_results),
    ],
    ids=["drop_losers", "response_adaptive"],
)
def test_the_level_is_kept_and_the_best_arm_gets_more(rule, play):
    found = simulate(rule, play, replicates=REPLICATES, random=np.random.default_rng(3))
    assert found.size == pytest.approx(0.025, abs=0.009)
    assert found.units.sum() == pytest.approx(sum(rule.per_stage))
    assert found.units[3] > found.units[2] > found.units[1]
    assert found.chosen[1:].sum() == pytest.approx(found.power)
    assert found.correct == found.chosen[3] > 0.4
    assert found.errors[1] == pytest.approx(
        math.sqrt(found.power * (1 - found.power) / REPLICATES), abs=1e-9
    )


def test_shares_go_with_the_chance_of_being_best():
    means, units = np.array([[0.0, 0.3, 0.1]]), np.array([[50, 40, 60]])
    random = np.random.default_rng(4)
    drawn = means + random.standard_normal((200_000, 3)) / np.sqrt(units)
    wins = np.bincount(drawn.argmax(axis=1), minlength=3) / 200_000
    # Below the least share an arm is lifted to it, so that the others give a little.
    assert best_shares(means, units, 1.0)[0] == pytest.approx(wins, abs=0.012)
    assert divided(7, np.array([[0.5, 0.5]])).sum() == 7


def test_a_sequence_of_draws_keeps_its_level_and_its_formula():
    none = sequence_power(
        Sequence2((0.4, 0.4), np.zeros((2, 3)), 400),
        replicates=REPLICATES,
        random=np.random.default_rng(5),
    )
    for share in (none.first, none.second, none.best_pair):
        assert share == pytest.approx(0.05, abs=0.012)
    # The first arms differ by 0.3 whatever follows: a comparison of two halves.
    apart = sequence_power(
        Sequence2((0.4, 0.4), np.array([[0.0] * 3, [0.3] * 3]), 400),
        replicates=REPLICATES,
        random=np.random.default_rng(6),
    )
    exact = norm.sf(1.96 - 0.3 * 10) + norm.cdf(-1.96 - 3)
    assert apart.first == pytest.approx(exact, abs=0.03)
    assert apart.true.tolist() == pytest.approx([0, 0, 0.3, 0.3])


def test_what_cannot_be_simulated_is_refused_all_at_once():
    with pytest.raises(UsageError) as told:
        Rule((0.1, 0.2), (2,), keep=(5,), control=1.5)
    assert len(told.value.problems) == 4
    with pytest.raises(UsageError, match="100 or more"):
        simulate(
            Rule((0.0, 0.1), (50,)), drop_losers, replicates=9, random=np.random.default_rng(1)
        )
    with pytest.raises(UsageError) as told:
        Sequence2((0.0, 0.5), np.zeros((1, 3)), 4)
    assert len(told.value.problems) == 3
