"""Columns as arrays."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.values import Places, codes, groups, moments, numbers


@pytest.mark.parametrize(
    ("series", "meant"),
    [
        (pl.Series([1, None, 3]), [1.0, np.nan, 3.0]),
        (pl.Series([" 1 ", None, "2.5e1"]), [1.0, np.nan, 25.0]),
        (pl.Series(["TRUE", "false", None]), [1.0, 0.0, np.nan]),
        (pl.Series([date(1970, 1, 2), None]), [1.0, np.nan]),
        (pl.Series([datetime(1970, 1, 2, 12), None]), [1.5, np.nan]),
        (pl.Series([None, None], dtype=pl.String), [np.nan, np.nan]),
    ],
)
def test_numbers(series, meant):
    values, wrong = numbers(series)
    assert wrong is None and values.dtype == np.float64 and values.flags.c_contiguous
    np.testing.assert_array_equal(values, meant)


def test_what_is_no_number_is_marked():
    values, wrong = numbers(pl.Series(["1", "two", None, "TRUE"]))
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, np.nan])
    assert wrong is not None and wrong.tolist() == [False, True, False, True]


def test_the_array_is_not_a_view_of_the_records():
    series = pl.Series([1.0, 2.0])
    numbers(series)[0][0] = 9
    assert series.to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("series", "place", "levels"),
    [
        (pl.Series([10, 9, None, 10]), [1, 0, -1, 1], ("9", "10")),
        (pl.Series([1.0, 2.5, 1.0]), [0, 1, 0], ("1", "2.5")),
        (pl.Series(["b", "a", None]), [1, 0, -1], ("a", "b")),
        (pl.Series(["10", "2", "other"]), [1, 0, 2], ("2", "10", "other")),
        (pl.Series(["1", "1.0", " 1"]), [0, 0, 0], ("1",)),
        (pl.Series([date(2010, 1, 1), date(2009, 1, 1)]), [1, 0], ("2009-01-01", "2010-01-01")),
        (pl.Series([None, None], dtype=pl.Int64), [-1, -1], ()),
    ],
)
def test_codes_follow_the_order_of_levels(series, place, levels):
    found, names = codes(series)
    assert found.tolist() == place and names == levels


@pytest.mark.parametrize("seed", range(5))
def test_codes_and_groups_part_children_alike(seed):
    random = np.random.default_rng(seed)
    values = pl.Series([None if value == 0 else f"s{value}" for value in random.integers(0, 9, 50)])
    found, names = codes(values)
    assert [None if code < 0 else names[code] for code in found] == values.to_list()
    same = np.equal.outer(groups(values), groups(values))
    assert np.array_equal(same, np.equal.outer(found, found))


@pytest.mark.parametrize(
    ("series", "meant", "kind"),
    [
        (pl.Series(["1970-01-02", None]), [1.0, np.nan], "date"),
        (pl.Series([date(1970, 1, 2), None]), [1.0, np.nan], "date"),
        (pl.Series([2002, None]), [2002.0, np.nan], "number"),
        (pl.Series(["2002", None]), [2002.0, np.nan], "number"),
    ],
)
def test_moments(series, meant, kind):
    values, found = moments(series)
    assert found == kind
    np.testing.assert_array_equal(values, meant)


def test_words_are_no_moment():
    assert moments(pl.Series(["summer", "2020-01-01"]))[1] == "text"


def test_places_are_rows_of_files():
    places = Places(np.arange(1, 9), np.repeat([0, 1], 4), ("a.csv", "b.csv"))
    mask = np.zeros(8, dtype=bool)
    mask[[2, 5]] = True
    assert places.of(mask) == "rows 3 of a.csv, 6 of b.csv"
    one = Places(places.row, places.source, ("a.csv",))
    assert one.of(np.arange(8) == 1) == "row 2"
    assert one.of(np.ones(8, dtype=bool)) == "rows 1, 2, 3, 4, 5 and 3 more"


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.UInt16, pl.UInt64])
def test_whole_numbers_that_are_looked_up_have_the_codes_of_those_that_are_searched_for(dtype):
    values = np.random.default_rng(1).choice([0, 3, 7, 11, 100], 500)
    low = 0 if dtype in (pl.UInt16, pl.UInt64) else -20
    near = pl.Series("x", values + low).cast(dtype)
    code, levels = codes(near)
    as_text, same = codes(near.cast(pl.String))
    assert levels == same and (code == as_text).all()
    far = pl.Series("x", values * 10**9)
    assert (codes(far)[0] == codes(pl.Series("x", values))[0]).all()
