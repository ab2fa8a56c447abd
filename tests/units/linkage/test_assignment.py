"""One to one: against every way written out, and against scipy's own assignment."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from fingerpost.linkage import assignment, subsets
from fingerpost.linkage.assignment import ways_of, written_out


def drawn_pairs(seed: int, *, people: int = 40, pairs: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of two sides, sorted."""
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.choice(people * people, size=pairs, replace=False))
    return codes // people, codes % people


def matchings(left: np.ndarray, right: np.ndarray) -> list[tuple[int, ...]]:
    """Every set of pairs in which nobody stands twice, by trying all sets."""
    found = []
    for size in range(len(left) + 1):
        for chosen in combinations(range(len(left)), size):
            lefts, rights = left[list(chosen)], right[list(chosen)]
            if len(set(lefts)) == size == len(set(rights)):
                found.append(chosen)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_ways_of_a_few_pairs_are_all_there_are(seed):
    left, right = drawn_pairs(seed, people=4, pairs=8)
    found = written_out(left, right)
    assert found is not None and len(found) == len(set(found))
    assert set(found) == set(matchings(left, right))


@pytest.mark.parametrize("most", [assignment.MOST_WAYS, 1])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_weighs_as_much_as_the_best_assignment(seed, most, monkeypatch):
    monkeypatch.setattr(assignment, "MOST_WAYS", most)  # 1: every larger group goes the other way
    left, right = drawn_pairs(seed, pairs=36 if most > 1 else 60)
    weights = np.random.default_rng(seed).normal(1, 3, len(left))
    ways = ways_of(left, right, (40, 40))
    assert len(ways.large) > 0 or most > 1
    best = ways.best(weights)
    worth = np.zeros((40, 40))
    worth[left, right] = np.maximum(weights, 0)
    assert weights[best].sum() == pytest.approx(worth[linear_sum_assignment(-worth)].sum())
    assert weights[best].min() > 0
    assert len(set(left[best])) == len(best) == len(set(right[best]))


def test_of_ties_a_group_takes_the_same_way_wherever_it_stands():
    left, right = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    one = ways_of(left, right, (2, 2)).best(np.ones(4)).tolist()
    assert one in ([0, 3], [1, 2])
    twice = ways_of(np.r_[left + 2, left], np.r_[right + 2, right], (4, 4))
    assert twice.best(np.ones(8)).tolist() == [*one, *(at + 4 for at in one)]


def exact(left: np.ndarray, right: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """The chance of each pair by its odds, over all ways."""
    every = matchings(left, right)
    weight = np.array([np.exp(odds[list(one)].sum()) for one in every])
    return (
        np.array(
            [
                sum(w for w, one in zip(weight, every, strict=True) if at in one)
                for at in range(len(odds))
            ]
        )
        / weight.sum()
    )


@pytest.mark.parametrize("most", [assignment.MOST_WAYS, 1])
def test_pairs_are_drawn_as_often_as_their_odds_say(most, monkeypatch):
    monkeypatch.setattr(assignment, "MOST_WAYS", most)
    left, right = np.array([0, 0, 1, 1, 2, 3]), np.array([0, 1, 0, 1, 1, 3])
    bits = np.array([1.0, 0.5, 0.0, 2.0, -1.0, 1.5])
    want = exact(left, right, bits * np.log(2))
    ways, rng = ways_of(left, right, (4, 4)), np.random.default_rng(1)
    draws = 1_500 if most > 1 else 250
    count = np.zeros(6)
    for _ in range(draws):
        chosen = ways.drawn(bits, rng)
        assert len(set(left[chosen])) == len(chosen) == len(set(right[chosen]))
        count[chosen] += 1
    error = np.sqrt(want * (1 - want) / draws)
    # A chain begins at the best way, and so is allowed a little besides.
    assert np.all(np.abs(count / draws - want) < 4 * error + (0 if most > 1 else 0.03))
    chances = np.mean([ways.chances(bits, rng) for _ in range(1 if most > 1 else 30)], axis=0)
    assert chances == pytest.approx(want, abs=1e-12 if most > 1 else 0.05)


def by_subsets(left: np.ndarray, right: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """The chance of each pair by its odds: sums over the sets of left people who are taken, with
    the right people in turn, from the front and from the back.
    """
    people, sets = int(left.max()) + 1, np.arange(1 << (int(left.max()) + 1))
    front = [np.zeros(len(sets))]
    front[0][0] = 1.0
    turns = [np.flatnonzero(right == other) for other in range(int(right.max()) + 1)]
    moves = [(sets[sets >> one & 1 == 0], 1 << one) for one in range(people)]
    for turn in turns:
        after = front[-1].copy()
        for pair in turn:
            free, bit = moves[left[pair]]
            after[free | bit] += np.exp(odds[pair]) * front[-1][free]
        front.append(after)
    chance, back = np.zeros(len(odds)), np.ones(len(sets))
    for at in reversed(range(len(turns))):
        before = back.copy()
        for pair in turns[at]:
            free, bit = moves[left[pair]]
            weight = np.exp(odds[pair])
            chance[pair] = weight * front[at][free] @ back[free | bit]
            before[free] += weight * back[free | bit]
        back = before
    return chance / front[-1].sum()


def large_group(lefts: int, rights: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One group that is never written out, and its log2 odds: some pairs likely, some hardly."""
    rng = np.random.default_rng(lefts * rights)
    left, right = (x.ravel() for x in np.meshgrid(np.arange(lefts), np.arange(rights)))
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    bits = rng.normal(-1.0, 1.5, len(left)) + 3.0 * (left == right)
    keep = (rng.random(len(left)) < share) | (left == right % lefts)
    return left[keep], right[keep], bits[keep]


@pytest.mark.parametrize("most", [(0, 0, 1), (0, 1, 1), (2, 3, 2)])
def test_sums_over_subsets_are_sums_over_all_ways(most):
    left, right = drawn_pairs(sum(most), people=4, pairs=9)
    odds = np.random.default_rng(7).normal(0, 2, 9)
    assert by_subsets(left, right, odds) == pytest.approx(exact(left, right, odds))


# Twelve with twelve are 144 pairs, of 10 ^ 12 ways; a group of unequal sides lacks some pairs.
LARGE = [(12, 12, 1.0), (8, 14, 0.7), (14, 8, 0.7)]


@pytest.mark.parametrize("shape", LARGE)
def test_a_chain_of_a_large_group_keeps_to_the_chances_that_sums_say(shape, monkeypatch):
    """Runs apart from each other say how far their mean may be off: a longer chain, so that where
    it begins does not matter.
    """
    monkeypatch.setattr(assignment, "STEPS", 1_000)
    monkeypatch.setattr(subsets, "MOST_FEW", 0)
    left, right, bits = large_group(*shape)
    ways = ways_of(left, right, shape[:2])
    assert [len(group) for group in ways.large] == [len(left)]
    want = by_subsets(left, right, bits * np.log(2))
    assert np.max(np.minimum(want, 1 - want)) > 0.2  # some pairs are in doubt
    each = np.array([ways.chances(bits, np.random.default_rng(seed)) for seed in range(20)])
    error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
    assert error.max() < 0.01
    assert np.all(np.abs(each.mean(axis=0) - want) < 5 * error + 5e-4)


@pytest.mark.parametrize("few", [0, 12])
@pytest.mark.parametrize("shape", LARGE)
def test_pairs_of_a_large_group_are_drawn_as_often_as_sums_say(shape, few, monkeypatch):
    monkeypatch.setattr(subsets, "MOST_FEW", few)
    left, right, bits = large_group(*shape)
    ways, draws = ways_of(left, right, shape[:2]), 200
    want = by_subsets(left, right, bits * np.log(2))
    count = np.zeros(len(left))
    for seed in range(draws):
        chosen = ways.drawn(bits, np.random.default_rng(seed))
        assert len(set(left[chosen])) == len(chosen) == len(set(right[chosen]))
        count[chosen] += 1
    error = np.sqrt(want * (1 - want) / draws)
    assert np.all(np.abs(count / draws - want) < 4.5 * error + 1 / draws)


def test_a_large_group_is_drawn_alike_however_many_numbers_are_drawn_at_a_time(monkeypatch):
    """A pair stands for as many steps as there are, the last block of them a short one."""
    monkeypatch.setattr(subsets, "MOST_FEW", 0)
    left, right, _ = large_group(6, 6, 1.0)
    ways = ways_of(left, right, (6, 6))
    for block in (7, 1_000_000):
        monkeypatch.setattr(assignment, "BLOCK", block)
        steps = [step for step, _, _ in assignment.picked(5, 23, np.random.default_rng(1))]
        assert steps == list(range(23))
        sure = ways.chances(np.where(left == right, 60.0, -60.0), np.random.default_rng(1))
        assert sure.tolist() == (left == right).astype(float).tolist()


def test_twins_whom_nothing_tells_apart_are_crossed_half_the_time():
    left, right = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    ways, rng = ways_of(left, right, (2, 2)), np.random.default_rng(2)
    drawn = [tuple(ways.drawn(np.full(4, 12.0), rng).tolist()) for _ in range(400)]
    assert 150 < drawn.count((0, 3)) < 250
    assert drawn.count((0, 3)) + drawn.count((1, 2)) > 395


def test_no_pairs_are_no_links():
    none = np.zeros(0, dtype=np.int64)
    ways = ways_of(none, none, (3, 3))
    assert ways.best(np.zeros(0)).size == 0
    assert ways.drawn(np.zeros(0), np.random.default_rng(1)).size == 0
    assert ways.chances(np.zeros(0), np.random.default_rng(1)).size == 0
