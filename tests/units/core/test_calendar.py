from __future__ import annotations

from datetime import date, timedelta

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from fingerpost.core import calendar
from fingerpost.engines._shared import day_number
from units.records.frames import ENGINES, on

# Census days as the Department for Education published them for these years.
PUBLISHED = {
    ("AUT", 2015): date(2014, 10, 2),
    ("SPR", 2015): date(2015, 1, 15),
    ("SUM", 2015): date(2015, 5, 21),
    ("AUT", 2020): date(2019, 10, 3),
    ("SPR", 2020): date(2020, 1, 16),
    ("SPR", 2024): date(2024, 1, 18),
    ("SUM", 2024): date(2024, 5, 16),
    ("AUT", 2024): date(2023, 10, 5),
}


@pytest.mark.parametrize(("key", "day"), PUBLISHED.items())
def test_census_days_are_the_published_ones(key, day):
    term, year = key
    assert calendar.census_day(year, term) == day


def test_terms_tile_the_academic_year_without_gap():
    for year in (2004, 2005, 2024):
        day = calendar.first_day(year)
        for name in calendar.TERMS:
            assert calendar.term_first_day(year, name) == day
            last = calendar.term_last_day(year, name)
            assert calendar.term(last) == name == calendar.term(day)
            assert calendar.academic_year(last) == year
            day = last + timedelta(days=1)
        assert day == calendar.first_day(year + 1)
        assert calendar.last_day(year) == day - timedelta(days=1)


def test_every_census_day_lies_in_its_term_on_a_thursday():
    for year in range(1996, 2031):
        for name in calendar.TERMS:
            day = calendar.census_day(year, name)
            assert day.strftime("%A") == "Thursday"
            assert (calendar.term(day), calendar.academic_year(day)) == (name, year)


def test_a_child_is_five_in_reception_and_eleven_in_year_six():
    # A child turns 5 during Reception and 11 during Year 6 (born 1 September to 31 August).
    for birth in (date(2003, 9, 1), date(2004, 2, 29), date(2004, 8, 31)):
        for nc_year, age in ((0, 5), (1, 6), (6, 11)):
            year = calendar.year_of(birth, nc_year)
            turned = date(birth.year + age, birth.month, min(birth.day, 28))
            assert calendar.academic_year(turned) == year
            assert calendar.nc_year(birth, year) == nc_year


def test_terms_are_numbered_one_after_the_other():
    numbers = [calendar.term_number(y, t) for y in (2009, 2010) for t in calendar.TERMS]
    assert np.diff(numbers).tolist() == [1] * 5


@pytest.mark.parametrize("engine", ENGINES)
def test_day_numbers_are_those_of_numpy_on_every_engine(engine):
    days = np.arange(np.datetime64("1890-01-01"), np.datetime64("2110-01-01"), 17)
    frame = on(engine, pl.DataFrame({"day": days, "n": days.astype("int64")}))
    found = frame.select(day_number(nw.col("day")).alias("found"), "n").sort("n")
    table = found.collect("polars").to_native()
    assert table["found"].to_list() == table["n"].to_list()
    assert found.collect_schema()["found"] == nw.Int64
    assert [calendar.day_number(day) for day in days.tolist()] == days.astype("int64").tolist()
    assert calendar.day_of(int(days[5].astype("int64"))) == days[5].item()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_day_has_no_number(engine):
    frame = on(engine, pl.DataFrame({"day": [None, date(1970, 1, 2)]}, schema={"day": pl.Date}))
    found = frame.select(day_number(nw.col("day")).alias("n")).sort("n", nulls_last=True)
    assert found.collect("polars")["n"].to_list() == [1, None]
