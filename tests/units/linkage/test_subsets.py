"""Chances and draws by sums over subsets, against ways written out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.linkage import subsets
from fingerpost.linkage.assignment import ways_of
from units.linkage.test_assignment import by_subsets, drawn_pairs, exact, large_group


@pytest.mark.parametrize("seed", range(6))
def test_chances_are_those_of_all_ways_whichever_side_is_few(seed):
    left, right = drawn_pairs(seed, people=5, pairs=11)
    odds = np.random.default_rng(seed).normal(0, 3, len(left))
    for one, other in ((left, right), (right, left)):
        turns = subsets.turns_of(one, other)
        assert turns is not None
        assert subsets.chances(turns, odds) == pytest.approx(exact(left, right, odds), abs=1e-12)


# A ring of pairs as likely as each other: a chain that begins on one of its two halves never left.
@pytest.mark.parametrize("people", [6, 9, 12])
def test_of_a_ring_each_pair_stands_as_often_as_the_next(people):
    left = np.repeat(np.arange(people), 2)
    right = (left + np.tile([0, 1], people)) % people
    ways = ways_of(left, right, (people, people))
    chance = ways.chances(np.full(2 * people, 30.0), np.random.default_rng(1))
    assert chance == pytest.approx(0.5, abs=1e-6)


def test_odds_beyond_what_numbers_hold_are_summed():
    """Products of a dozen of them are 1 with hundreds of noughts; chances only hang on ratios."""
    left, right, bits = large_group(12, 12, 1.0)
    turns = subsets.turns_of(left, right)
    assert turns is not None
    odds = bits * np.log(2)
    want = by_subsets(left, right, odds)
    assert subsets.chances(turns, odds) == pytest.approx(want, abs=1e-9)
    lifted = subsets.chances(turns, odds + 600.0)  # all are linked: as many pairs in every way
    assert np.isfinite(lifted).all() and lifted.sum() == pytest.approx(12.0)
    sunk = subsets.chances(turns, odds - 600.0)
    assert sunk.max() < 1e-200


def test_sides_that_are_both_many_are_left_to_the_chain():
    left, right, _ = large_group(13, 13, 1.0)
    assert subsets.turns_of(left, right) is None
    narrow = np.arange(3_000)
    assert subsets.turns_of(narrow, narrow % 12) is None
    assert subsets.turns_of(narrow, narrow % 5) is not None


def test_draws_are_by_the_product_of_odds():
    left, right = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
    odds = np.random.default_rng(5).normal(0, 1.5, 9)
    turns, rng, draws = subsets.turns_of(left, right), np.random.default_rng(6), 4_000
    assert turns is not None
    count = np.zeros(9)
    for _ in range(draws):
        chosen = subsets.drawn(turns, odds, rng)
        assert len(set(left[chosen])) == len(chosen) == len(set(right[chosen]))
        count[chosen] += 1
    want = exact(left, right, odds)
    assert np.all(np.abs(count / draws - want) < 4.5 * np.sqrt(want * (1 - want) / draws))
