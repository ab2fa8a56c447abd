"""Moments: one meaning for a study's words, whoever reads them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerpost.core.moment import EPOCH, moment

days = st.dates(date(1000, 1, 1), date(9998, 12, 31))


@given(day=days)
def test_a_day_lies_in_its_month_and_its_year(day):
    one, month, year = (moment(day.isoformat()[:length]) for length in (10, 7, 4))
    assert one.first == one.last == (day - EPOCH).days
    assert year.first <= month.first <= one.first <= month.last <= year.last
    assert (EPOCH + timedelta(month.first)).day == 1
    assert (EPOCH + timedelta(month.last + 1)).day == 1
    assert (EPOCH + timedelta(year.last + 1)).isoformat()[4:] == "-01-01"


@given(first=days, second=days)
def test_days_are_ordered_as_dates_are(first, second):
    assert moment(first.isoformat()).before(moment(second.isoformat())) == (first < second)
    assert moment(first.isoformat()[:7]).before(moment(second.isoformat()[:7])) == (
        (first.year, first.month) < (second.year, second.month)
    )


@pytest.mark.parametrize("value", [3, 3.0, "3", " 3.0"])
def test_a_number_is_a_number_however_written(value):
    found = moment(value)
    assert (found.first, found.last, found.kind) == (3.0, 3.0, "number")


@pytest.mark.parametrize(
    "value", [None, True, "", "spring", "2002-13", "2002-02-30", "0000", "2002-9", "2002-09-01-02"]
)
def test_what_is_no_moment(value):
    assert moment(value) is None
