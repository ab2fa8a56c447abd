"""How long each child is followed: to the planned end, or to death, opt-out or leaving.

What schools record is followed to the day a child left state schools. What hospitals or registers
record of any child goes on: only death and an opt-out end it (`open_day`).
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from fingerpost.cohorts.linked._known import (
    CENSUSES,
    YEARS,
    ZERO,
    Frame,
    Hold,
    mapped,
    term_of_date,
)
from fingerpost.core.calendar import TERMS, day_number, last_day, term_last_day
from fingerpost.core.linked import Linked
from fingerpost.engines._shared import day_number as days
from fingerpost.outcomes._query import CHILD, WINDOW, term_of

SPRING_AT = 1
A_YEAR = 366
ENDS = {
    3 * year + at: day_number(term_last_day(year, name))
    for year in YEARS
    for at, name in enumerate(TERMS)
}
LAST_DAYS = {year: day_number(last_day(year)) for year in YEARS}


def window(linked: Linked, store: Any, *, zero: Frame, hold: Hold) -> Frame:
    """Return `child_id` and the `WINDOW` columns of the outcomes room, one row a child; computed
    once.

    zero: `child_id`, `zero_day`, `zero_year`. A child who is in no census from the spring of the
    last year on left state schools, and is followed to the end of the last term it was seen in.
    """
    length = linked.until - linked.zero.year
    place = TERMS.index(CENSUSES[linked.zero.census])
    frame = zero.select(
        CHILD,
        ZERO,
        "zero_year",
        (nw.col("zero_year") * len(TERMS) + place).alias("zero_term"),
        (nw.col("zero_year") + length).alias("last_year"),
    )
    frame = frame.join(seen(store, frame), on=CHILD, how="left")
    for table, column in (("death", "death_date"), ("opt_out", "opted_out_date")):
        frame = frame.join(event(store, zero, table=table, column=column), on=CHILD, how="left")
    final = nw.col("last_year") * len(TERMS) + SPRING_AT
    last = nw.max_horizontal(nw.col("last_seen"), nw.col("zero_term"))
    frame = frame.with_columns(
        last.alias("last_seen"),
        nw.when(last < final).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64).alias("gone"),
    )
    gone = nw.col("gone") == 1
    frame = frame.with_columns(
        nw.when(gone).then(mapped("last_seen", ENDS)).alias("left_day"),
        nw.when(gone).then(nw.col("last_seen")).alias("left_term"),
        mapped("last_year", LAST_DAYS).alias("planned_day"),
        (final + 1).alias("planned_term"),
    )
    ways = ("planned", "left", "death", "opt_out")
    # A child who died was last in a census within the year before: it did not leave.
    alive = nw.col("death_day").is_null() | (nw.col("death_day") > nw.col("left_day") + A_YEAR)
    out = ~nw.col("opt_out_day").is_null() & (nw.col("opt_out_day") < nw.col("planned_day"))
    lost, hidden = (
        nw.when(test).then(nw.lit(1)).otherwise(nw.lit(0)) for test in ((gone & alive) | out, out)
    )
    everywhere = [nw.col(f"{way}_day") for way in ways if way != "left"]
    return hold(
        frame.with_columns(
            nw.min_horizontal(*[nw.col(f"{way}_day") for way in ways]).alias("exit_day"),
            nw.min_horizontal(*[nw.col(f"{way}_term") for way in ways]).alias("exit_term"),
            lost.cast(nw.Int64).alias("left_school"),
            nw.min_horizontal(*everywhere).alias("open_day"),
            hidden.cast(nw.Int64).alias("opted_out"),
        ).select(CHILD, *WINDOW)
    )


def seen(store: Any, frame: Frame) -> Frame:
    """Return the last term of follow-up in which each child was in the census."""
    census = store.frame("school_census").select(CHILD, "academic_year", "term")
    beside = census.join(frame.select(CHILD, "zero_year", "last_year"), on=CHILD, how="inner")
    year = nw.col("academic_year")
    inside = beside.filter((year >= nw.col("zero_year")) & (year <= nw.col("last_year")))
    return inside.group_by(CHILD).agg(
        term_of("academic_year", "term").max().cast(nw.Int64).alias("last_seen")
    )


def event(store: Any, zero: Frame, *, table: str, column: str) -> Frame:
    """Return the day and the term of an event that ends follow-up, after time zero."""
    if not store.has(table):
        nothing = nw.lit(None, dtype=nw.Int64)
        empty = zero.select(CHILD, nothing.alias(f"{table}_day"), nothing.alias(f"{table}_term"))
        return empty
    rows = store.frame(table).join(zero.select(CHILD, ZERO), on=CHILD, how="inner")
    after = rows.filter(days(nw.col(column)) > nw.col(ZERO))
    return after.group_by(CHILD).agg(
        days(nw.col(column)).min().alias(f"{table}_day"),
        term_of_date(column).min().cast(nw.Int64).alias(f"{table}_term"),
    )
