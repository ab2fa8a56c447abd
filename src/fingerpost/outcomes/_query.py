"""Measures as one query: rows of a table are read once for all the measures that count them.

A measure's rows lie within a child's follow-up: after time zero, and not after the day on which
follow-up ends, by plan, death or opt-out; and, for what only schools would see, by leaving state
schools. Which of them a measure is, its descriptor says (`seen`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import narwhals as nw

from fingerpost.core.calendar import AUTUMN, SPRING, TERMS
from fingerpost.core.leaves import RecordsMeasure
from fingerpost.engines._shared import day_number

CHILD = "child_id"
DAYS_A_YEAR = 365.25
EXPOSURE = "{} exposure"
# What a window holds of each child, besides the identifier; all whole numbers.
WINDOW = (
    "zero_day",
    "zero_term",
    "zero_year",
    "last_year",
    "exit_day",
    "exit_term",
    "left_school",
    "open_day",
    "opted_out",
)
AT_SCHOOL = "school records"
Frame = nw.LazyFrame[Any]


class Records(Protocol):
    """The tables of linked records, by name."""

    def has(self, name: str) -> bool:
        """Return whether a table is there."""
        ...

    def frame(self, name: str) -> Any:
        """Return a table as a lazy frame."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What a measure is read from: the records, and (one row a child) the follow-up of each."""

    store: Records
    window: Frame

    def rows(self, table: str) -> Frame:
        """Return the rows of the studied children."""
        children = self.window.select(CHILD)
        rows: Frame = self.store.frame(table).join(children, on=CHILD, how="semi")
        return rows

    def whole(self, table: str) -> Frame:
        """Return the rows of every child."""
        rows: Frame = self.store.frame(table)
        return rows


def term_of(year: str, term: str) -> nw.Expr:
    """Return a term as a number that rises by one a term, from two columns."""
    code = nw.col(term)
    place = (
        nw.when(code == AUTUMN)
        .then(nw.lit(0))
        .otherwise(nw.when(code == SPRING).then(nw.lit(1)).otherwise(nw.lit(2)))
    )
    return nw.col(year).cast(nw.Int64) * len(TERMS) + place.cast(nw.Int64)


def measured(
    store: Records, window: Frame, *, measures: Mapping[str, RecordsMeasure]
) -> list[Frame]:
    """Return frames that together hold every measure, each one row a child with rows.

    window: `child_id` and `WINDOW`, all Int64. Each frame has `child_id`, and for each of its
    measures a column by its name, and `NAME exposure` where it is a count over an exposure that
    its table holds. Measures that count the same rows share a frame.
    """
    reading = Reading(store, window)
    groups: dict[object, dict[str, RecordsMeasure]] = {}
    for name, one in measures.items():
        key = (one.tables, one.rows, one.dated, one.prepare, one.seen == AT_SCHOOL)
        groups.setdefault(key, {})[name] = one
    return [_group(reading, group) for group in groups.values()]


def _group(reading: Reading, group: Mapping[str, RecordsMeasure]) -> Frame:
    """Return the measures of one kind of rows."""
    first = next(iter(group.values()))
    rows = first.prepare(reading) if first.prepare else reading.rows(first.tables[0])
    bounds = reading.window.select(CHILD, *WINDOW)
    inside = rows.join(bounds, on=CHILD, how="inner").filter(_counts(first))
    parts = []
    for name, one in group.items():
        parts.append(one.value().alias(name))
        if one.exposure is not None:
            parts.append(one.exposure().alias(EXPOSURE.format(name)))
    return inside.group_by(CHILD).agg(*parts)


def _counts(measure: RecordsMeasure) -> nw.Expr:
    """Return which rows lie within follow-up."""
    year = nw.col("academic_year")
    if measure.rows == "events":
        day = day_number(nw.col(measure.dated))
        return (day > nw.col("zero_day")) & (day <= nw.col(last_day_of(measure)))
    if measure.rows == "terms":
        term = term_of("academic_year", "term")
        return (term > nw.col("zero_term")) & (term <= nw.col("exit_term"))
    if measure.rows == "years":
        return (year > nw.col("zero_year")) & (year <= nw.col("last_year"))
    return (year >= nw.col("zero_year")) & (year <= nw.col("last_year"))


def last_day_of(measure: RecordsMeasure) -> str:
    """Return the column of the window that holds the last day on which a measure would be seen."""
    return "exit_day" if measure.seen == AT_SCHOOL else "open_day"


def lost_to(measure: RecordsMeasure) -> str:
    """Return the column of the window that is 1 for children whom a measure lost sight of."""
    return "left_school" if measure.seen == AT_SCHOOL else "opted_out"


def finished(measures: Mapping[str, RecordsMeasure]) -> list[nw.Expr]:
    """Return each measure, and its exposure, over the window with the frames of `measured` joined.

    A child without rows has 0 or nothing, as the measure says; where 0 stands for "it did not
    happen", a child whom its source lost sight of has nothing, as nobody would have seen it happen.
    A death is registered wherever the child went to school: only an opt-out hides it.
    """
    found = []
    for name, one in measures.items():
        value, exposure = nw.col(name), EXPOSURE.format(name)
        if one.finish is not None:
            held = nw.col(exposure) if one.exposure is not None else None
            value = one.finish(value, held)
        if one.absent == "zero":
            # What was recorded stands, whatever it is: to drop it by its value would choose by it.
            none = value.is_null()
            value = nw.when(none).then(nw.lit(0.0)).otherwise(value.cast(nw.Float64))
            if not one.person_years:
                value = nw.when(~((nw.col(lost_to(one)) == 1) & none)).then(value)
        found.append(value.cast(nw.Float64).alias(name))
        if one.person_years:
            end = nw.col(last_day_of(one))
            years = (end - nw.col("zero_day")).cast(nw.Float64) / DAYS_A_YEAR
            found.append(nw.when(years > 0).then(years).alias(exposure))
        elif one.exposure is not None and one.kind == "count":
            seen = nw.col(exposure)
            found.append(nw.when(seen > 0).then(seen).cast(nw.Float64).alias(exposure))
    return found


def exposure_of(name: str, measure: RecordsMeasure) -> str | None:
    """Return the column of a measure's exposure, None where it has none."""
    counted = measure.person_years or (measure.exposure is not None and measure.kind == "count")
    return EXPOSURE.format(name) if counted else None
