"""School days as arrays, against the calendar's own single days."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from fingerpost.core import calendar
from fingerpost.england import _days

BIRTHS = [date(2003, 9, 1), date(2004, 8, 31), date(2008, 2, 29), date(2013, 8, 31)]
NUMBERS = np.array([calendar.day_number(day) for day in BIRTHS])


def test_reception_is_that_of_the_calendar():
    assert _days.reception_year(NUMBERS).tolist() == [calendar.reception_year(d) for d in BIRTHS]


def test_months_are_counted_from_september():
    assert _days.month_in_year(NUMBERS).tolist() == [0, 11, 5, 11]


def test_months_start_on_their_first():
    firsts = [calendar.day_of(int(day)) for day in _days.month_start(NUMBERS)]
    assert firsts == [day.replace(day=1) for day in BIRTHS]


@pytest.mark.parametrize(
    ("kind", "day"),
    [
        ("census", calendar.census_day),
        ("first", calendar.term_first_day),
        ("last", calendar.term_last_day),
    ],
)
@pytest.mark.parametrize("term", [-10, -5, -1, 0, 4, 20])
def test_days_of_terms_are_those_of_the_calendar(kind, day, term):
    reception = _days.reception_year(NUMBERS)
    found = _days.days(kind, reception, np.full(len(BIRTHS), term))
    wanted = [
        calendar.day_number(day(int(year) + term // 3, calendar.TERMS[term % 3]))
        for year in reception
    ]
    assert found.tolist() == wanted


def test_year_1_spring_is_time_zero():
    zero = _days.days("census", np.array([2009]), np.array([_days.ZERO]))
    assert calendar.day_of(int(zero[0])) == date(2010, 1, 21)
