"""What holds of every design: each leaf is enrolled by existing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design, load, menu
from fingerpost.core.rollout import NEVER, Correlation, Layout, Power, Rollout, Wave
from fingerpost.designs._power import Reach, grounds, reach

LEAVES = tuple(
    name for name, design in menu("designs", Design).items() if design.layout is not None
)
TERMS = tuple(f"term {at}" for at in range(9))
POWER = Power(effect=0.1, sd=1.0, children=150)
NESTED = Correlation("nested", 0.05, 0.8)
CORRELATIONS = (NESTED, Correlation("decay", 0.05, 0.8), Correlation("cohort", 0.05, 0.8, 0.5, 0.3))
TARGETS = (
    *("constant", "simple", "exposure_average", "group_average", "calendar_average"),
    "long_term",
)


@cache
def leaf(name: str) -> Design:
    return load("designs", name, kind=Design)


@cache
def laid(name: str, units: int = 60, terms: int = 9) -> Layout:
    return leaf(name).lay(Rollout(TERMS[:terms]), units)


def found(layout: Layout, power: Power = POWER, correlation: Correlation = NESTED) -> Reach:
    return reach(grounds(layout, power), power, correlation=correlation)


pytestmark = pytest.mark.parametrize("name", LEAVES)


def test_the_descriptor_says_what_a_reader_needs(name):
    design = leaf(name)
    assert design.title and design.summary.endswith(".") and design.denies.endswith(".")
    assert "(" in design.reference  # a year
    assert {each.name for each in design.assumes} >= {"no anticipation", "no spilling over"}
    assert design.analysis.isidentifier()


@pytest.mark.parametrize("units", [7, 32, 60, 152])
@pytest.mark.parametrize("terms", [4, 9])
def test_its_own_layout_adds_up(name, units, terms):
    layout = laid(name, units, terms)
    assert layout.units.sum() == units
    assert layout.units.min() >= 1
    assert layout.units.max() - layout.units.min() <= 1
    assert len(set(layout.waves)) == len(layout.waves) == len(layout.begins)
    begun = layout.begins[layout.begins != NEVER]
    assert begun.min() == 1 and begun.max() < terms  # one period passes before
    assert (np.diff(begun) >= 0).all()
    assert (layout.begins == NEVER).any() == leaf(name).concurrent
    assert (len(set(begun.tolist())) > 1) == leaf(name).staggered


def test_provision_once_begun_goes_on(name):
    layout = laid(name)
    exposed = layout.exposed
    assert (np.diff(exposed.astype(int), axis=1) >= 0).all()
    assert (layout.exposure[exposed] >= 0).all() and (layout.exposure[~exposed] == NEVER).all()
    assert not exposed[:, 0].any()


def test_a_layout_begins_where_it_is_told_to(name):
    layout = leaf(name).lay(Rollout(TERMS, (Wave("first", TERMS[4]),)), 20)
    assert layout.begins[layout.begins != NEVER].min() == 4


def test_declared_waves_are_kept_in_the_order_in_which_they_begin(name):
    own = laid(name)
    waves = tuple(
        Wave(each, TERMS[at] if at != NEVER else "", int(count) if each != own.waves[0] else None)
        for each, at, count in zip(own.waves, own.begins, own.units, strict=True)
    )
    layout = leaf(name).lay(Rollout(TERMS, waves[::-1]), 60)
    assert layout.begins.tolist() == own.begins.tolist()
    assert layout.units.tolist() == own.units.tolist()


@pytest.mark.parametrize("correlation", CORRELATIONS, ids=lambda one: one.structure)
def test_more_between_units_finds_less(name, correlation):
    powers = [
        found(laid(name), correlation=replace(correlation, icc=icc)).power_z
        for icc in (0.01, 0.05, 0.2)
    ]
    assert powers[0] > powers[1] > powers[2]


@pytest.mark.parametrize("target", TARGETS)
def test_more_units_or_children_find_more(name, target):
    power = replace(POWER, target=target)
    few = found(laid(name, 60), power)
    many = found(laid(name, 120), power)
    assert many.variance < few.variance
    assert many.variance == pytest.approx(few.variance / 2, rel=0.15)
    assert found(laid(name), replace(power, children=300)).variance < few.variance


def test_twice_the_units_of_every_wave_halve_the_variance(name):
    own = laid(name)
    twice = replace(own, units=2 * own.units)
    assert found(twice).variance == pytest.approx(found(own).variance / 2, rel=1e-12)


def test_one_effect_at_every_exposure_is_found_best(name):
    held = [found(laid(name), replace(POWER, target=target)).variance for target in TARGETS]
    assert min(held) >= held[0] * (1 - 1e-12)


def test_a_smallest_effect_is_found_with_the_power_asked_for(name):
    answer = found(laid(name))
    again = found(laid(name), replace(POWER, effect=answer.mdes))
    assert again.power_z == pytest.approx(0.80, abs=1e-10)
    by_t = found(laid(name), replace(POWER, effect=answer.mdes_t))
    assert by_t.power_t == pytest.approx(0.80, abs=3e-4)
    assert answer.mdes_t > answer.mdes and answer.power_t < answer.power_z


def test_the_unit_of_the_outcome_does_not_matter(name):
    answer = found(laid(name))
    tenfold = found(laid(name), replace(POWER, effect=1.0, sd=10.0))
    assert tenfold.power_z == pytest.approx(answer.power_z, rel=1e-12)
    assert tenfold.mdes == pytest.approx(10 * answer.mdes, rel=1e-12)


def test_unequal_units_tell_less(name):
    equal = found(laid(name), correlation=replace(NESTED, icc=0.01))
    unequal = found(laid(name), replace(POWER, size_cv=0.6), replace(NESTED, icc=0.01))
    assert equal.variance < unequal.variance < 1.4 * equal.variance


def test_effects_that_differ_between_units_are_found_less_well(name):
    own = found(laid(name))
    varied = found(laid(name), correlation=replace(NESTED, effect_sd=0.3))
    assert varied.variance > own.variance


def test_children_who_are_followed_tell_no_less(name):
    fresh = Correlation("cohort", 0.02, 0.9, iac=0.6, churn=1.0)
    held = [
        found(laid(name), correlation=replace(fresh, churn=churn)).variance
        for churn in (0.0, 0.5, 1.0)
    ]
    assert held[0] < held[1] < held[2]
    nested = found(laid(name), correlation=Correlation("nested", 0.02, 0.9)).variance
    assert held[2] == pytest.approx(nested, rel=1e-12)


def test_periods_of_anticipation_tell_nothing(name):
    own = found(laid(name))
    layout = laid(name)
    ground = grounds(layout, POWER, anticipation=1)
    assert not ground.observed[layout.begins > 0, layout.begins[layout.begins > 0] - 1].any()
    assert ground.observed[layout.begins == NEVER].all()
    if layout.begins.max() > 1:
        assert reach(ground, POWER, correlation=NESTED).variance > own.variance


def test_faults_are_told_all_at_once(name):
    waves = (Wave("one", "term 88", 0), Wave("two", TERMS[2], 4))
    with pytest.raises(Malformed) as caught:
        leaf(name).lay(Rollout(TERMS, waves), 60)
    told = "\n".join(caught.value.problems)
    assert "term 88, which is no period" in told
    assert "one: it holds no unit" in told
    assert "they hold 4 units, and there are 60" in told
