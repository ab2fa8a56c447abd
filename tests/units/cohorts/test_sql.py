"""A condition as SQL finds the rows that its expression finds."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerpost.cohorts.conditions import expression
from fingerpost.cohorts.sql import clause, literal, selected
from fingerpost.core.study import Condition

FRAME = pl.DataFrame(
    {
        "row": range(5),
        "age": [4, 5, 6, None, 7],
        "score": [0.1, 0.30000000000000004, 2.0, None, -3.5],
        'a "need"': ["sight", "it's", "x] AND (y", None, "1"],
        "text_date": ["2002-08-31", "2002-09-01", "2002-09-30", None, "2003-01-01"],
        "day": [date(2002, 8, 31), date(2002, 9, 1), date(2002, 9, 30), None, date(2003, 1, 1)],
        "moment": [datetime(2002, 9, day, 23) for day in (1, 2, 3, 4)] + [None],
    }
)
SCHEMA = dict(nw.from_native(FRAME).schema)
CONDITIONS = [
    Condition("age", "at_least", 5),
    Condition("age", "below", "6.5"),
    Condition("age", "equals", True),
    Condition("age", "is_in", (4, 7.0, "05")),
    Condition("age", "recorded"),
    Condition("age", "missing"),
    Condition("score", "equals", 0.30000000000000004),
    Condition("score", "above", 0.1),
    Condition("score", "at_most", 2),
    Condition('a "need"', "equals", "it's"),
    Condition('a "need"', "is_in", ("x] AND (y", "it's", 1)),
    Condition('a "need"', "missing"),
    Condition("text_date", "at_least", "2002-09-01"),
    Condition("day", "at_most", "2002-09-01"),
    Condition("day", "at_least", "2002-09"),
    Condition("day", "at_most", "2002-09"),
    Condition("day", "below", "2002-09"),
    Condition("day", "above", "2002-09"),
    Condition("day", "above", "2002"),
    Condition("moment", "equals", "2002-09-02"),
    Condition("moment", "at_most", "2002-09-02"),
]


def frame_of(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    return pl.from_arrow(connection.sql(query).to_arrow_reader().read_all())


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_sql_and_expression_find_the_same_rows(condition):
    expected = nw.from_native(FRAME).filter(
        expression(condition, SCHEMA[condition.column], place="population")
    )
    query = selected("a table", [clause(condition, SCHEMA, place="population")])
    with duckdb.connect() as connection:
        connection.register("a table", FRAME.to_arrow())
        found = frame_of(connection, query)
    assert found["row"].to_list() == expected["row"].to_list()


@pytest.mark.parametrize(
    ("test", "days"),
    [
        ("at_least", [1, 2, 4]),
        ("above", [4]),
        ("at_most", [0, 1, 2]),
        ("below", [0]),
    ],
)
def test_a_month_bounds_with_all_its_days(test, days):
    condition = Condition("day", test, "2002-09")
    found = nw.from_native(FRAME).filter(expression(condition, SCHEMA["day"], place=""))
    assert found["row"].to_list() == days


@given(value=st.one_of(st.floats(allow_nan=False), st.text(), st.dates(), st.integers(-9, 2**62)))
def test_a_literal_is_read_as_the_value_it_stands_for(value):
    if isinstance(value, str) and "\0" in value:
        return
    kind = {float: "DOUBLE", str: "VARCHAR", int: "BIGINT"}.get(type(value), "DATE")
    with duckdb.connect() as connection:
        ((same,),) = connection.execute(
            f"SELECT {literal(value)} = CAST($1 AS {kind})", [value]
        ).fetchall()
    assert same


def test_every_clause_stands_on_its_line():
    assert selected("the records", ["a", "b"]) == ('SELECT *\nFROM "the records"\nWHERE a\n  AND b')
    assert selected('x"y') == 'SELECT *\nFROM "x""y"'
