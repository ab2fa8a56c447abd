"""Sessions missed, by who is provided for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fingerpost.england.check.children import Children, Mask
from fingerpost.england.check.measured import Measured, over, part, share, times

SUPPORT, PLAN = 1, 2
PERSISTENT = 0.10
LEVEL, POSSIBLE = "level_figures", "sessions_possible_figures"
Measure = Callable[[Children, Mask], Measured]


def missed(kind: str, possible: str) -> Measure:
    """Return a measure: sessions missed of those possible, in per cent."""
    return lambda of, who: times(part(of[kind], of[possible], of.school, of=who).measured, 100)


def rates(kind: str, level: int) -> Measure:
    """Return a measure: rate of absence of those at a level over that of those at none."""

    def measure(of: Children, who: Mask) -> Measured:
        one, none = (
            part(of[kind], of[POSSIBLE], of.school, of=who & (of[LEVEL] == at)) for at in (level, 0)
        )
        return over(one, none)

    return measure


def persistent(level: int) -> Measure:
    """Return a measure: share of persistent absentees at a level over that at none."""

    def measure(of: Children, who: Mask) -> Measured:
        flag = of["overall_figures"] >= PERSISTENT * of[POSSIBLE]
        seen = who & (of[POSSIBLE] > 0)
        one, none = (share(flag, of.school, of=seen & (of[LEVEL] == at)) for at in (level, 0))
        return over(one, none)

    return measure


def crude(of: Children, who: Mask) -> Measured:
    """Return the ratio of unauthorised absence in Years 1 to 6, support in Year 1 over none."""
    one, none = (
        part(
            of["unauthorised"],
            of["sessions_possible"],
            of.school,
            of=who & (of["level_1_spring"] == level),
        )
        for level in (SUPPORT, 0)
    )
    return over(one, none)


MEASURES: Mapping[str, Measure] = {
    "sessions_missed": missed("overall", "sessions_possible"),
    "sessions_missed_2019": missed("overall_figures", POSSIBLE),
    "unauthorised_support_ratio": rates("unauthorised_figures", SUPPORT),
    "unauthorised_plan_ratio": rates("unauthorised_figures", PLAN),
    "overall_support_ratio": rates("overall_figures", SUPPORT),
    "overall_plan_ratio": rates("overall_figures", PLAN),
    "persistent_support_ratio": persistent(SUPPORT),
    "persistent_plan_ratio": persistent(PLAN),
    "crude_unauthorised_ratio": crude,
}
