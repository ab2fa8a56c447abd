"""What measures of attainment share: scores set beside those of all children of the same year."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes._query import CHILD, Reading

DOMAIN = "attainment"
REFERENCE = "Standards and Testing Agency, national curriculum assessments"
MISSING = (
    "children who were not assessed have no value, and are likely to differ: see the composite",
)
STANDARD = "standard deviations of all children assessed that year"
WINDOW = "the assessment at the end of Year {}"


def standardised(reading: Reading, *, table: str, score: str) -> nw.LazyFrame[Any]:
    """Return child_id, academic_year and z: the score less the mean of every child assessed in the
    same year, in their standard deviations.
    """
    scored = reading.whole(table).filter(~nw.col(score).is_null())
    year = (
        scored.group_by("academic_year")
        .agg(nw.col(score).mean().alias("middle"), nw.col(score).std().alias("spread"))
        .filter(nw.col("spread") > 0)
    )
    own = reading.rows(table).filter(~nw.col(score).is_null())
    z = (nw.col(score) - nw.col("middle")) / nw.col("spread")
    beside = own.join(year, on="academic_year", how="inner")
    return beside.select(CHILD, "academic_year", z.alias("z"))


def first(column: str) -> Callable[[], nw.Expr]:
    """Return the value of a child's one assessment; of several, the mean."""

    def value() -> nw.Expr:
        return nw.col(column).mean()

    return value


def reached(column: str) -> Callable[[], nw.Expr]:
    """Return whether a child reached a standard in any of its assessments."""

    def value() -> nw.Expr:
        return nw.col(column).max()

    return value


def scores(title: str, *, summary: str, table: str, score: str, year: int) -> RecordsMeasure:
    """Return the measure of one score of the national assessments at the end of a school year."""

    def prepare(reading: Reading) -> nw.LazyFrame[Any]:
        return standardised(reading, table=table, score=score)

    return RecordsMeasure(
        title=title,
        summary=summary,
        reference=REFERENCE,
        domain=DOMAIN,
        kind="continuous",
        measured_in=STANDARD,
        better="higher",
        tables=(table,),
        rows="once",
        year=year,
        window=WINDOW.format(year),
        value=first("z"),
        prepare=prepare,
        scale="difference",
        limits=MISSING,
    )


def expected(
    title: str,
    *,
    summary: str,
    measured_in: str,
    absent: str = "unobserved",
    limits: tuple[str, ...] = MISSING,
) -> RecordsMeasure:
    """Return a measure of whether the expected standard of Key Stage 2 mathematics was reached."""
    return RecordsMeasure(
        title=title,
        summary=summary,
        reference=REFERENCE,
        domain=DOMAIN,
        kind="binary",
        measured_in=measured_in,
        better="higher",
        tables=("ks2",),
        rows="once",
        year=6,
        window=WINDOW.format(6),
        value=reached("maths_expected"),
        absent=absent,
        limits=limits,
    )
