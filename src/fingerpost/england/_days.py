"""School days as arrays of day numbers (days since 1970-01-01), by cohort and term."""

from __future__ import annotations

from functools import cache

import numpy as np

from fingerpost.core import calendar
from fingerpost.england._draws import Ints

# Terms of the primary years, Reception autumn first: three a year, seven years.
YEARS = 7
COUNT = 3 * YEARS
# Year 1 spring, counted from Reception autumn.
ZERO = 4
ALL_TERMS = np.arange(COUNT)
NC_YEAR = ALL_TERMS // 3
TERM = ALL_TERMS % 3


def term_of(start_year: int, count: int) -> list[tuple[int, str]]:
    """Return (academic year, term) of `count` terms from the autumn of one academic year."""
    return [(start_year + at // 3, calendar.TERMS[at % 3]) for at in range(count)]


@cache
def _table(kind: str, first: int, count: int) -> tuple[int, ...]:
    """Return the day numbers of one kind of day, over terms from an academic year."""
    day = {
        "census": calendar.census_day,
        "first": calendar.term_first_day,
        "last": calendar.term_last_day,
    }[kind]
    return tuple(calendar.day_number(day(year, name)) for year, name in term_of(first, count))


def days(kind: str, reception: Ints, terms: Ints) -> Ints:
    """Return the census, first or last day of a term of each child.

    kind: census, first or last. reception: (n,) academic year of Reception. terms: (n,), or (n, m),
    counted from Reception autumn; before it negative, at least −12.
    """
    first = int(reception.min()) - 4 if reception.size else 2000
    span = 3 * ((int(reception.max()) if reception.size else 2000) - first + 12)
    table = np.array(_table(kind, first, span), dtype=np.int64)
    base = 3 * (reception - first)
    return np.asarray(table[(base if terms.ndim == 1 else base[:, None]) + terms])


def reception_year(birth_day: Ints) -> Ints:
    """Return the academic year in which children born on these days are due in Reception."""
    months = birth_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    year, month = months // 12 + 1970, months % 12 + 1
    return year + (month >= calendar.FIRST_MONTH) + calendar.RECEPTION_AFTER


def month_in_year(birth_day: Ints) -> Ints:
    """Return the month of birth counted in the school year: September 0 (oldest) to August 11."""
    months = birth_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (months % 12 + 1 - calendar.FIRST_MONTH) % 12


def month_start(birth_day: Ints) -> Ints:
    """Return the first day of the month of each day."""
    months = birth_day.astype("datetime64[D]").astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
