"""Periods of a panel: which come before which, where names tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.values import codes
from fingerpost.core.errors import listed, nearest
from fingerpost.core.moment import NUMBER
from fingerpost.core.rollout import NEVER, Rollout

Ints = NDArray[np.int64]
Place = tuple[str, tuple[float | str, ...]]
# Names of periods whose alphabet is their order: 2016, 2015/16, 2015-16, 2027-03, 2027-03-31.
ORDERED = re.compile(r"\d{4}([-/]\d{2}(-\d{2})?)?")
TERM = re.compile(r"(\d{4}) (spring|summer|autumn)")
YEARS = re.compile(r"(\d{4})([-/])(\d{2})")  # 2015/16, 2015-16; of 2015-03 a month
IN_YEAR = ("spring", "summer", "autumn")
SHOWN = 5
MOST_EMPTY = 120  # periods of which the records hold nothing, that keep their place among others


def place_of(name: str) -> Place | None:
    """Return the kind of a period's name and where it lies among names of its kind; None where a
    name tells nothing of it.

    >>> sorted(["2024 autumn", "2024 spring", "2023 autumn"], key=place_of)
    ['2023 autumn', '2024 spring', '2024 autumn']
    >>> place_of("2028 Spring") is None
    True
    """
    term = TERM.fullmatch(name)
    if term is not None:
        return "term", (int(term[1]), IN_YEAR.index(term[2]))
    if NUMBER.fullmatch(name):
        return "number", (float(name),)
    return ("date", (name,)) if ORDERED.fullmatch(name) else None


def periods_of(
    rollout: Rollout, series: pl.Series, faults: list[str], *, starts: Sequence[str] = ()
) -> tuple[Ints, tuple[str, ...]]:
    """Return (rows,) codes of the period, NEVER for one that the study leaves out, and the periods
    in order. Faults are names that no period of the study has and that do not say where they lie.

    starts: periods in which provision begins somewhere. One after the last of the records is a
    period too, of which there is no row: whoever begins then is not without provision for good.
    """
    code, levels = codes(series)
    if not rollout.periods:
        if not all(NUMBER.fullmatch(one) or ORDERED.fullmatch(one) for one in levels):
            faults.append(
                f'rollout.periods: the column "{series.name}" holds words whose order nothing '
                "tells. Name the periods in order: periods: [2027 autumn, 2028 spring, …]."
            )
        axis = with_gaps((*levels, *after(levels, starts)))
        onto = np.array([*(axis.index(one) for one in levels), NEVER], dtype=np.int64)
        return onto[code], axis
    place = {name: at for at, name in enumerate(rollout.periods)}
    kinds = {kind for kind, _ in filter(None, map(place_of, rollout.periods))}
    if not set(levels) & set(place):
        faults.append(
            f"rollout.periods: none of {listed(rollout.periods[:SHOWN])} is in column "
            f'"{series.name}".'
        )
    else:
        for at, level in enumerate(levels):
            known = place_of(level)
            if level not in place and (known is None or known[0] not in kinds):
                rows = int(np.count_nonzero(code == at))
                faults.append(
                    f'rollout.periods: {rows} rows are of "{level}", which is no period of the '
                    f"study.{nearest(level, rollout.periods)} Name it, or leave its rows out."
                )
    onto = np.array([place.get(level, NEVER) for level in levels] + [NEVER], dtype=np.int64)
    return onto[code], (*rollout.periods, *after(rollout.periods, starts))


def after(periods: Sequence[str], starts: Sequence[str]) -> tuple[str, ...]:
    """Return those starts that lie after the last period, in order, each once.

    >>> after(("2017", "2018"), ("2018", "2021", "2019", "0", "2021"))
    ('2019', '2021')
    """
    known = [place_of(one) for one in periods]
    last, kinds = known[-1] if known else None, {one[0] for one in known if one is not None}
    if last is None or None in known or len(kinds) > 1:
        return ()
    later = {
        own: name
        for name in starts
        if (own := place_of(name)) is not None and own[0] == last[0] and own > last
    }
    if last[0] == "number" and all(map(whole_number, known)):
        later = {own: name for own, name in later.items() if whole_number(own)}
    return tuple(later[own] for own in sorted(later))


def with_gaps(levels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the periods of records in order, with those between them of which there is no row:
    years, school years or months at one step, so that time since a start is counted by the
    calendar. Where names tell no step that most keep, the periods as they are.

    >>> with_gaps(("2018", "2019", "2021", "2022"))
    ('2018', '2019', '2020', '2021', '2022')
    >>> with_gaps(("2018/19", "2019/20", "2021/22"))[2]
    '2020/21'
    >>> with_gaps(("2004", "2006", "2008", "2013"))
    ('2004', '2006', '2008', '2013')
    """
    told = numbered(levels)
    if told is None:
        return levels
    numbers, named = told
    steps = np.diff(numbers)
    step = math.gcd(*(int(one) for one in steps))
    empty = (numbers[-1] - numbers[0]) // max(step, 1) + 1 - len(levels)
    if steps.min(initial=1) < 1 or 2 * np.count_nonzero(steps == step) < len(steps):
        return levels
    if not 0 < empty <= MOST_EMPTY:
        return levels
    return tuple(named(at) for at in range(numbers[0], numbers[-1] + 1, step))


def numbered(levels: Sequence[str]) -> tuple[list[int], Callable[[int], str]] | None:
    """Return whole numbers of years or months that periods' names tell, and what a number is
    called; None where they tell none.
    """
    if len(levels) < 2:
        return None
    if all(one.isascii() and one.isdigit() and one == str(int(one)) for one in levels):
        return [int(one) for one in levels], str
    parts = [YEARS.fullmatch(one) for one in levels]
    found = [(int(one[1]), one[2], int(one[3])) for one in parts if one is not None]
    if len(found) < len(levels) or len({sign for _, sign, _ in found}) > 1:
        return None
    sign = found[0][1]
    if all(second == (first + 1) % 100 for first, _, second in found):
        return [first for first, _, _ in found], lambda at: f"{at}{sign}{(at + 1) % 100:02}"
    if all(1 <= second <= 12 for _, _, second in found):
        numbers = [12 * first + second - 1 for first, _, second in found]
        return numbers, lambda at: f"{at // 12}{sign}{at % 12 + 1:02}"
    return None


def uneven(periods: Sequence[str]) -> bool:
    """Return whether periods lie, by their names, at unlike distances.

    >>> uneven(("2004", "2006", "2008", "2013")), uneven(("2004", "2006")), uneven(("a", "b", "c"))
    (True, False, False)
    """
    told = numbered(periods)
    return told is not None and len(set(np.diff(told[0]).tolist())) > 1


def start_of(level: str, place: Mapping[str, int], never: tuple[str, ...]) -> int | None:
    """Return where a start lies among the periods; None where nothing tells.

    A start before the first period is a start before the panel begins, one after the last a start
    that the panel does not see; one between two periods is seen from the later one on. Where all
    periods are whole numbers, a start of 2007.5 is none.
    """
    if level in never:
        return NEVER
    if level in place:
        return place[level]
    own, known = place_of(level), [place_of(one) for one in place]
    if own is None or any(one is None or one[0] != own[0] for one in known):
        return None
    if own[0] == "number" and not whole_number(own) and all(map(whole_number, known)):
        return None
    if own < known[0]:  # type: ignore[operator]
        return 0
    return next((at for at, one in enumerate(known) if one is not None and one >= own), NEVER)


def whole_number(place: Place | None) -> bool:
    """Return whether where a period lies is a whole number."""
    return place is not None and float(place[1][0]).is_integer()
