"""Controlled rounding: margins exact, every chance what it should be, golden numbers."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.designs._constrained import Space, draw_candidates
from fingerpost.designs._rounding import roundings

SEED = b"0123456789abcdef0123456789abcdef"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_strata_and_waves_add_up_and_no_cell_without_a_share_gets_one_more(data):
    sizes = np.array(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=7)))
    total = int(sizes.sum())
    many = data.draw(st.integers(1, min(5, total)))
    cuts = sorted(data.draw(st.permutations(range(1, total)))[: many - 1]) if many > 1 else []
    waves = np.diff([0, *cuts, total])
    found = roundings(sizes, waves, seed=SEED, numbers=np.arange(30))
    whole = sizes[:, None] * waves // total
    assert (found.sum(axis=1) == (sizes - whole.sum(axis=1))[:, None]).all()
    assert (found.sum(axis=0) == (waves - whole.sum(axis=0))[:, None]).all()
    assert not found[sizes[:, None] * waves % total == 0].any()


@pytest.mark.parametrize(
    ("sizes", "waves"),
    [([5, 3, 4] * 3, [15, 12, 9]), ([3] * 8, [12, 12]), ([33, 12, 11, 9, 16], [20, 20, 20, 21])],
)
def test_units_of_all_strata_are_as_likely_in_every_wave(sizes, waves):
    sizes, waves = np.array(sizes), np.array(waves)
    owed = sizes[:, None] * waves / sizes.sum() % 1
    found = roundings(sizes, waves, seed=SEED, numbers=np.arange(8_192)).mean(axis=2)
    spread = np.sqrt(owed * (1 - owed) / 8_192)
    # Mean 0 and variance 1 were rounding fair; the greatest of some dozens below 4.5.
    apart = (found - owed)[spread > 0] / spread[spread > 0]
    assert np.abs(apart).max() < 4.5 and (apart**2).mean() < 2
    strata = np.repeat(np.arange(len(sizes)), sizes)
    space = Space(strata, waves, np.zeros((0, len(strata)), dtype=np.int64))
    codes = draw_candidates(space, range(8_192), seed=SEED)
    for wave, units in enumerate(waves):
        share = units / sizes.sum()
        own = (codes == wave).mean(axis=0)
        assert np.abs(own - share).max() < 5 * sqrt(share * (1 - share) / 8_192)


def test_strata_alike_are_rounded_in_many_ways():
    found = roundings(np.array([3] * 8), np.array([12, 12]), seed=SEED, numbers=np.arange(2_000))
    ways = np.unique(found[:, 0].T, axis=0)
    assert len(ways) == 70  # every choice of four strata of eight
    together = (found[0, 0] == found[1, 0]).mean()
    assert together == pytest.approx(3 / 7, abs=0.06)


def test_the_golden_rounding_of_the_manual():
    found = roundings(
        np.array([5, 3, 4]), np.array([5, 4, 3]), seed=bytes(32), numbers=np.arange(1)
    )
    assert found[:, :, 0].astype(int).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
