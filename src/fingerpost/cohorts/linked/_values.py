"""The covariates of each child, read table by table from what was known by time zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw

from fingerpost.cohorts.linked._covered import Reach
from fingerpost.cohorts.linked._eligible import DRAWN
from fingerpost.cohorts.linked._known import ZERO, Frame, KnownReading
from fingerpost.cohorts.linked.covariates import BASE, FIFTHS, LinkedCovariate
from fingerpost.core.calendar import day_of
from fingerpost.engines._shared import collected
from fingerpost.outcomes._query import CHILD

AREA = "idaci_score"
A_YEAR = 365.25


def frames(store: Any, zero: Frame, asked: Iterable[LinkedCovariate]) -> list[Frame]:
    """Return frames that together hold every covariate that is not of the base.

    zero: `child_id`, `zero_day`, `zero_date`, `birth_day`, `urn`. Covariates of one table and the
    same rows share a frame, one row a child with rows.
    """
    groups: dict[object, list[LinkedCovariate]] = {}
    for one in asked:
        if one.table != BASE:
            groups.setdefault((one.table, one.latest, one.prepare), []).append(one)
    return [_group(KnownReading(store, zero), group) for group in groups.values()]


def _group(reading: KnownReading, group: Sequence[LinkedCovariate]) -> Frame:
    first = group[0]
    rows = first.prepare(reading) if first.prepare else reading.rows(first.table)
    if first.latest:
        last = nw.col(first.latest).max().over(CHILD).alias("last row")
        rows = rows.with_columns(last).filter(nw.col(first.latest) == nw.col("last row"))
    found: Frame = rows.group_by(CHILD).agg(*[one.value().alias(one.name) for one in group])
    return found


def fifths(base: Frame) -> tuple[float, ...]:
    """Return the four bounds of fifths of area deprivation among the children of a frame."""
    parts = [
        nw.col(AREA).quantile(at / FIFTHS, interpolation="linear").alias(str(at))
        for at in range(1, FIFTHS)
    ]
    row = collected(
        base.filter(~nw.col(ZERO).is_null(), nw.col(DRAWN) == 1).select(*parts), "school_census"
    ).row(0)
    return tuple(float(value) for value in row if value is not None)


def fifth(bounds: Sequence[float]) -> nw.Expr:
    """Return the fifth of a child's area as text, "1" the least and "5" the most deprived."""
    score = nw.col(AREA)
    chosen = nw.lit(str(len(bounds) + 1))
    for place in range(len(bounds), 0, -1):
        chosen = nw.when(score <= bounds[place - 1]).then(nw.lit(str(place))).otherwise(chosen)
    return nw.when(~score.is_null()).then(chosen)


def unseen(asked: Iterable[LinkedCovariate], of: Callable[[str], Reach | None]) -> dict[str, int]:
    """Return, for each covariate of which no rows means none happened, the earliest day of birth of
    whom its table holds all that the covariate looks back on.

    of: how far a table reaches.
    """
    found = {}
    for one in asked:
        held = None if one.from_age is None else of(one.table)
        first = None if held is None else held.seen_from()
        if one.from_age is not None and first is not None:
            found[one.name] = first - int(one.from_age * A_YEAR)
    return found


def told(
    asked: Iterable[LinkedCovariate], of: Callable[[str], Reach | None], first: str
) -> Iterator[str]:
    """Yield what covariates cannot say of some births, in words. first: month of the first birth
    that is studied; empty for any.
    """
    asked = tuple(asked)
    for name, day in unseen(asked, of).items():
        table = next(one.table for one in asked if one.name == name)
        born = approximate(day)
        if first < born:
            yield f"{name} is not known of children born before {born}: {table} does not reach back"


def approximate(day: int) -> str:
    """Return the month of a day as a document writes it.

    >>> approximate(0)
    '1970-01'
    """
    return f"{day_of(day):%Y-%m}"


def chosen(
    asked: Iterable[LinkedCovariate],
    bounds: Sequence[float],
    *,
    unseen: Mapping[str, int] | None = None,
) -> list[nw.Expr]:
    """Return each covariate as a column of the joined frame, in a type that models take.

    unseen: covariate → the earliest day of birth of whom it is known; of children born before, that
    there are no rows says nothing, and the covariate is missing.
    """
    return [_typed(one, bounds, (unseen or {}).get(one.name)) for one in asked]


def _typed(one: LinkedCovariate, bounds: Sequence[float], since: int | None) -> nw.Expr:
    if one.fifths:
        return fifth(bounds).alias(one.name)
    value = one.value() if one.table == BASE else nw.col(one.name)
    if one.absent is not None:
        value = nw.when(value.is_null()).then(nw.lit(one.absent)).otherwise(value)
    if since is not None:
        value = nw.when(nw.col("birth_day") >= since).then(value)
    return value.cast(nw.Float64 if one.kind == "numeric" else nw.String).alias(one.name)
