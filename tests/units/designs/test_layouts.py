"""Layouts: waves as declared, units spread, and what each design refuses."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Layout, Rollout, Wave

TERMS = ("t0", "t1", "t2", "t3", "t4", "t5")


def laid(name: str, *waves: Wave, units: int = 12, periods: tuple[str, ...] = TERMS) -> Layout:
    return load("designs", name, kind=Design).layout(Rollout(periods, waves), units)


def faults(name: str, *waves: Wave, units: int = 12, periods: tuple[str, ...] = TERMS) -> str:
    with pytest.raises(Malformed) as caught:
        laid(name, *waves, units=units, periods=periods)
    return "\n".join(caught.value.problems)


def test_waves_without_a_number_share_what_others_leave():
    layout = laid("staggered", Wave("a", "t1", 6), Wave("b", "t3"), Wave("late"), units=13)
    assert layout.units.tolist() == [6, 4, 3]
    assert layout.begins.tolist() == [1, 3, -1]


def test_two_waves_may_begin_in_one_period():
    layout = laid("stepped_wedge", Wave("a", "t1", 4), Wave("b", "t1", 4), Wave("c", "t2", 4))
    assert layout.begins.tolist() == [1, 1, 2]


def test_fewer_units_than_periods_begin_as_evenly_as_can_be():
    layout = laid("stepped_wedge", units=3, periods=tuple(f"t{at}" for at in range(10)))
    assert layout.begins.tolist() == [1, 4, 7]
    assert laid("staggered", units=3).begins.tolist() == [1, 3, -1]


def test_each_design_refuses_what_is_another():
    late = (Wave("a", "t1", 4), Wave("b", "t2", 4), Wave("late", "", 4))
    all_begin = (Wave("a", "t1", 6), Wave("b", "t3", 6))
    at_once = (Wave("a", "t1", 6), Wave("late", "", 6))
    assert "name the design staggered" in faults("stepped_wedge", *late)
    assert "name the design staggered" in faults("parallel", *late)
    assert "staggered" in faults("waiting_list", *late)
    assert "name the design stepped_wedge" in faults("staggered", *all_begin)
    assert "parallel" in faults("staggered", *at_once)
    assert laid("waiting_list", *all_begin).begins.tolist() == [1, 3]
    assert laid("parallel", *at_once).begins.tolist() == [1, -1]


def test_units_that_do_not_add_up_are_refused_with_the_numbers():
    waves = (Wave("a", "t1", 10), Wave("b", "t2", 10), Wave("late", "", 10))
    assert "they hold 30 units, and there are 12" in faults("staggered", *waves)
    open_waves = (Wave("a", "t1", 11), Wave("b", "t2"), Wave("late"))
    assert "b and late would share 1 unit" in faults("staggered", *open_waves)


def test_no_periods_or_no_units_are_faults_not_bugs():
    assert "two periods or more" in faults("parallel", periods=())
    assert "two periods or more" in faults("stepped_wedge", periods=("t0",))
    assert "1 unit: a draw needs two" in faults("waiting_list", units=1)
    assert "t1 is named twice" in faults("staggered", periods=("t0", "t1", "t1"))
