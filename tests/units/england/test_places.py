"""The places of England: how many, how they vary."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.england import places


@pytest.fixture(scope="module")
def england() -> places.Places:
    return places.make(4)


def test_there_are_as_many_places_as_in_england(england):
    assert len(england.la_region) == 152
    assert len(np.unique(england.la_region)) == 9
    assert len(england.school_la) == places.PRIMARIES + places.SPECIALS
    primary = england.school_la[: places.PRIMARIES]
    assert (np.bincount(primary, minlength=152) >= 1).all()
    assert (np.bincount(england.school_la[places.PRIMARIES :], minlength=152) >= 1).all()


def test_habits_vary_as_the_model_says():
    drawn = [places.make(seed) for seed in range(40)]
    support = np.concatenate([each.la_habit for each in drawn])
    schools = drawn[0].school_habit[: places.PRIMARIES]
    assert support.std() == pytest.approx(0.141, rel=0.04)
    assert schools.std() == pytest.approx(0.45, rel=0.03)
    assert not drawn[0].school_habit[places.PRIMARIES :].any()


def test_habits_go_with_neither_deprivation_nor_waits(england):
    habit = england.school_habit[: places.PRIMARIES]
    deprived = england.deprivation[: places.PRIMARIES]
    assert abs(np.corrcoef(habit, deprived)[0, 1]) < 4 / np.sqrt(places.PRIMARIES)


def test_children_meet_regions_in_their_shares(england):
    chance = np.diff(england.primary_edges, prepend=0.0)
    share = np.bincount(england.regions[: places.PRIMARIES], chance)
    wanted = np.array([region[3] for region in places.REGIONS])
    assert share == pytest.approx(wanted / wanted.sum(), abs=1e-9)
    assert england.primary_edges[-1] == pytest.approx(1.0)


def test_deprivation_is_centred_over_children(england):
    chance = np.diff(england.primary_edges, prepend=0.0)
    assert (chance * england.deprivation[: places.PRIMARIES]).sum() == pytest.approx(0, abs=1e-9)


def test_a_seed_is_an_england():
    assert np.array_equal(places.make(1).school_habit, places.make(1).school_habit)
    assert not np.array_equal(places.make(1).school_habit, places.make(2).school_habit)


def test_schools_are_spread_in_proportion():
    la = places.spread(1_000, np.array([1.0, 2.0, 7.0]))
    assert np.bincount(la).tolist() == [101, 200, 699] or abs(np.bincount(la)[2] - 700) <= 2
    assert len(la) == 1_000
