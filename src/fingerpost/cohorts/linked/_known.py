"""What was known by time zero: the one place where the future is kept out.

Every table from which eligibility, arms or covariates are read passes through here. A row counts
if its source could have known it (`known_from`) on or before the child's time zero; a row that does
not say when it could be known never counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from fingerpost.core.calendar import AUTUMN, SPRING, SUMMER, TERMS, census_day, day_number
from fingerpost.engines._shared import day_number as days
from fingerpost.outcomes._query import CHILD, Reading

Frame = nw.LazyFrame[Any]
CENSUSES = {"autumn": AUTUMN, "spring": SPRING, "summer": SUMMER}
# Academic years that any linked records hold.
YEARS = range(1990, 2061)
TERM_MONTHS = (4, 9)
ZERO = "zero_day"


def known_by(frame: Frame, zero: Frame) -> Frame:
    """Return the rows of the children in `zero` that were known by their time zero.

    zero: `child_id`, `zero_day` (days since 1970) and whatever else the rows should carry.
    """
    beside = frame.join(zero, on=CHILD, how="inner")
    return beside.filter(days(nw.col("known_from")) <= nw.col(ZERO))


def known_at_census(frame: Frame, census: str) -> Frame:
    """Return rows of a census that were known on its day, with that day as `zero_day`."""
    dated = frame.with_columns(on_census("academic_year", census).alias(ZERO))
    return dated.filter(days(nw.col("known_from")) <= nw.col(ZERO))


def on_census(year: str, census: str) -> nw.Expr:
    """Return the day of a term's census in the academic year that a column holds."""
    return mapped(year, {each: day_number(census_day(each, CENSUSES[census])) for each in YEARS})


def census_date(year: str, census: str) -> nw.Expr:
    """Return the date of a term's census in the academic year that a column holds."""
    dates = [census_day(each, CENSUSES[census]) for each in YEARS]
    return nw.col(year).replace_strict(list(YEARS), dates, default=None, return_dtype=nw.Date)


def mapped(column: str, numbers: dict[int, int]) -> nw.Expr:
    """Return whole numbers looked up by a column of whole numbers; null where there is none."""
    return nw.col(column).replace_strict(
        list(numbers), list(numbers.values()), default=None, return_dtype=nw.Int64
    )


def term_of_date(column: str) -> nw.Expr:
    """Return the term of a date as a number that rises by one a term."""
    year, month = nw.col(column).dt.year().cast(nw.Int64), nw.col(column).dt.month()
    summer, autumn = TERM_MONTHS
    terms = len(TERMS)
    spring_or_summer = nw.when(month < summer).then(terms * year + 1).otherwise(terms * year + 2)
    return nw.when(month >= autumn).then(terms * (year + 1)).otherwise(spring_or_summer)


@dataclass(frozen=True, eq=False, slots=True)
class KnownReading(Reading):
    """A reading whose rows were known by time zero: `window` holds `zero_day` of each child."""

    def rows(self, table: str) -> Frame:
        """Return the rows of the studied children that were known by time zero."""
        zero = self.window.select(CHILD, ZERO)
        return known_by(self.store.frame(table), zero)


def joined(frame: Frame, others: Iterable[Frame]) -> Frame:
    """Return a frame of children with the columns of others beside it."""
    for other in others:
        frame = frame.join(other, on=CHILD, how="left")
    return frame


Hold = Callable[[Frame], Frame]
