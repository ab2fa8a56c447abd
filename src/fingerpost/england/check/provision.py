"""Who has special educational needs recorded, at what level, when, and where they are taught."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fingerpost.england.check.children import ANOMALY, REFORMED, Children, Mask
from fingerpost.england.check.measured import Measured, Part, less, over, share, times

SUPPORT, PLAN = 1, 2
Measure = Callable[[Children, Mask], Measured]


def percent(flag: Callable[[Children], Mask]) -> Measure:
    """Return a measure: the share of a group, in per cent, for whom a flag holds."""
    return lambda of, who: times(share(flag(of), of.school, of=who).measured, 100)


def among(flag: Callable[[Children], Mask], within: Callable[[Children], Mask]) -> Measure:
    """Return a measure: the share for whom a flag holds of those in a group and within another."""
    return lambda of, who: times(share(flag(of), of.school, of=who & within(of)).measured, 100)


def at(name: str, level: int) -> Callable[[Children], Mask]:
    """Return which children had exactly a level."""
    return lambda of: of[name] == level


def seen(name: str) -> Callable[[Children], Mask]:
    """Return which children have a value at all."""
    return lambda of: ~np.isnan(of[name])


def later(level: int, year: int, least: int) -> Measure:
    """Return a measure: share at a level in a year less that in Year 1, in points."""

    def measure(of: Children, who: Mask) -> Measured:
        stayed = who & seen(f"level_{year}")(of)
        top = np.inf if least else level
        shares = [
            share((of[name] >= level) & (of[name] <= top), of.school, of=stayed)
            for name in (f"level_{year}", "level_1_spring")
        ]
        return times(less(*shares), 100)

    return measure


def reform_change(of: Children, who: Mask) -> Measured:
    """Return the change of any provision in Year 1 with the reform, in points."""
    flag, after = of.level("level_1_spring"), of["reception"] >= REFORMED
    shares = [share(flag, of.school, of=who & period) for period in (after, ~after)]
    return times(less(*shares), 100)


def anomaly_ratio(of: Children, who: Mask) -> Measured:
    """Return the ratio of any provision in Years 1 to 6, with a congenital anomaly over without."""
    flag, has = of.ever(1), of.has(ANOMALY)
    with_one: Part = share(flag, of.school, of=who & has)
    return over(with_one, share(flag, of.school, of=who & ~has))


def mainstream(year: int) -> Measure:
    """Return a measure: the share of those in school in a year who are in a mainstream school."""
    name = f"special_{year}"
    return among(lambda of: of[name] == 0, seen(name))


def boys(of: Children) -> Mask:
    """Return which children are boys."""
    return np.equal(of["boy"], 1)


def meals(of: Children) -> Mask:
    """Return which children have free school meals in Year 1."""
    return np.equal(of["fsm"], 1)


FIRST = "level_1_spring"
MEASURES: Mapping[str, Measure] = {
    "support_in_year_1": percent(at(FIRST, SUPPORT)),
    "plan_in_year_1": percent(at(FIRST, PLAN)),
    "support_of_two": among(at(FIRST, SUPPORT), lambda of: of[FIRST] < PLAN),
    "any_in_reception": among(lambda of: of.level("level_0"), seen("level_0")),
    "ever_by_11": percent(lambda of: of.ever(0)),
    "ever_in_primary": percent(lambda of: of.ever(1)),
    "never_in_primary": percent(lambda of: ~of.ever(1)),
    "plan_by_11": percent(lambda of: of.ever(0, PLAN)),
    "support_gain_to_year_2": later(SUPPORT, 2, 0),
    "plan_gain_to_year_6": later(PLAN, 6, 1),
    "reform_change": reform_change,
    "anomaly_ratio": anomaly_ratio,
    "mainstream_in_reception": mainstream(0),
    "mainstream_in_year_2": mainstream(2),
    "mainstream_in_year_6": mainstream(6),
    "boys_of_support": among(boys, at(FIRST, SUPPORT)),
    "boys_of_plan": among(boys, at(FIRST, PLAN)),
    "fsm_of_support": among(meals, at(FIRST, SUPPORT)),
    "fsm_of_plan": among(meals, at(FIRST, PLAN)),
    "fsm_of_none": among(meals, at(FIRST, 0)),
}
