"""Chances of a draw: levelled where counting alone parts them, kept where units truly differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.drawn import UNDRAWN, Drawn

R = np.random.default_rng(7)
UNITS = tuple(f"u{at:02}" for at in range(60))


def counted(chance: np.ndarray, draws: int = 4000, **more: object) -> Drawn:
    """Return a draw whose chances of two arms were counted over draws, `chance` being true."""
    seen = R.binomial(draws, chance) / draws
    probability = np.stack([seen, 1 - seen], axis=1)
    code = np.arange(60) % 2
    return Drawn(Allocation(UNITS, ("a", "b"), code, probability, draws=draws, **more))


def test_chances_that_differ_by_counting_alone_are_the_same():
    drawn = counted(np.full(60, 0.4))
    assert not drawn.unequal and np.ptp(drawn.chances[:, 0]) == 0
    assert drawn.chances[0, 0] == pytest.approx(0.4, abs=0.005)


def test_chances_of_strata_are_told_apart_and_level_within_them():
    london = np.arange(60) < 20
    strata = tuple(np.where(london, "London", "else"))
    drawn = counted(np.where(london, 0.33, 0.58), strata=strata)
    assert drawn.unequal
    assert np.ptp(drawn.chances[london, 0]) == 0 and np.ptp(drawn.chances[~london, 0]) == 0
    plain = counted(np.where(london, 0.33, 0.58))
    assert plain.unequal and np.ptp(plain.chances[london, 0]) > 0
    exact = Drawn(Allocation(UNITS[:2], ("a", "b"), np.array([0, 1]), np.array([[0.5, 0.5]] * 2)))
    assert not exact.unequal and exact.chance.tolist() == [0.5, 0.5]


def test_units_allocated_before_keep_their_own_chance_and_level_nobody():
    fixed = np.arange(60) < 10
    drawn = counted(np.where(fixed, 1.0, 0.5), fixed=fixed)
    assert not drawn.unequal
    assert drawn.chances[0].tolist() == [1, 0] and np.ptp(drawn.chances[10:, 0]) == 0


def test_draws_are_looked_up_by_name():
    codes = np.array([[0, 1, 2], [2, 1, 0]])
    own = Allocation(("x", "y", "z"), ("a", "b", "c"), codes[0])
    drawn = Drawn(own, Permutations(own.units, own.arms, codes))
    place = drawn.places(["z", "q", "x"])
    assert place.tolist() == [2, UNDRAWN, 0]
    assert drawn.draws(place[[0, 2]]).tolist() == [[2, 0], [0, 2]]
    assert Drawn(own).draws(place) is None
    assert drawn.chances.tolist() == [[1 / 3] * 3] * 3


def test_strata_of_other_shares_are_told_apart_by_few_draws():
    """Ninety draws cannot tell units' chances apart, but that a stratum has 1 of 9, and not 2."""
    stratum = np.repeat([0, 1], [9, 51])
    codes = np.ones((90, 60), dtype=int)
    for row in codes:
        row[R.permutation(9)[:1]] = 0
        row[9 + R.permutation(51)[:12]] = 0
    probability = np.stack([(codes == at).mean(axis=0) for at in range(2)], axis=1)
    own = Allocation(UNITS, ("a", "b"), codes[0], probability, draws=90)
    assert not Drawn(own).unequal
    told = Drawn(replace(own, strata=tuple(map(str, stratum))))
    assert told.unequal and told.chances[[0, 59], 0] == pytest.approx([1 / 9, 12 / 51])


def test_what_earlier_draws_did_is_multiplied_in_and_undoes_them():
    # Two draws one after the other, of unlike chances: one over both chances gives all units back.
    r = np.random.default_rng(2)
    first = np.where(np.arange(60) < 20, 0.2, 0.5)
    level = np.where(np.arange(60) < 20, 5.0, 1.0)
    sums, plain = np.zeros((400, 3)), np.zeros((400, 3))
    for world in range(400):
        issued = r.random(60) < first
        second = (r.random(60) < np.where(level > 1, 0.3, 0.6)) & ~issued
        code = np.where(issued, 0, np.where(second, 1, 2))
        last = np.where(level > 1, 0.3, 0.6)
        chances = np.stack([np.zeros(60), last, 1 - last], axis=1)
        chances[issued] = [1, 0, 0]
        own = Allocation(UNITS, ("a", "b", "c"), code, chances, fixed=issued)
        drawn = Drawn(replace(own, before=np.where(issued, first, 1 - first)))
        assert drawn.unequal
        sums[world] = np.bincount(code, level / drawn.chance, minlength=3)
        plain[world] = np.bincount(code, level / Drawn(own).chance, minlength=3)
    error = sums.std(axis=0) / 20
    assert (np.abs(sums.mean(axis=0) - level.sum()) < 3.5 * error).all()
    assert (np.abs(plain.mean(axis=0) - level.sum()) > 5 * plain.std(axis=0) / 20).all()


def test_issued_units_of_unlike_chance_make_a_draw_unequal():
    fixed = np.arange(60) < 10
    chances = np.tile([0.0, 0.5, 0.5], (60, 1))
    chances[fixed] = [1, 0, 0]
    code = np.where(fixed, 0, 1 + np.arange(60) % 2)
    own = Allocation(UNITS, ("a", "b", "c"), code, chances, fixed=fixed)
    even = np.where(fixed, 0.2, 0.8)
    assert not Drawn(replace(own, before=even)).unequal
    assert Drawn(replace(own, before=np.where(np.arange(60) < 5, 0.1, even))).unequal
