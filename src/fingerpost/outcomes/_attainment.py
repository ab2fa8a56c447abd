"""What measures of attainment share: scores set beside those of all children of the same year."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw

from fingerpost.outcomes._query import CHILD, Reading

DOMAIN = "attainment"
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
