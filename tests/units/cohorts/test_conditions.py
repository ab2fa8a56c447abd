"""Conditions: one meaning whatever the column's type, and one plain line where there is none."""

from __future__ import annotations

from datetime import date, datetime

import narwhals as nw
import polars as pl
import pytest

from fingerpost.cohorts.conditions import canonical, expression, words
from fingerpost.core.errors import Malformed
from fingerpost.core.study import Condition

FRAME = pl.DataFrame(
    {
        "age": [4, 5, None, 11],
        "ses": [0.5, -1.0, 2.0, None],
        "need": ["speech", "1", "1.0", None],
        "plan": ["TRUE", "FALSE", "true", None],
        "born": [date(2009, 9, 1), date(2010, 8, 31), None, date(2010, 9, 1)],
        "seen": [datetime(2020, 1, 1, 12), datetime(2020, 1, 2, 0), None, datetime(2019, 12, 31)],
        "entered": ["2015-09-01", "2016-09-01", None, "2014-09-01"],
    }
)
LAZY = nw.from_native(FRAME.lazy())
SCHEMA = dict(LAZY.collect_schema())


def stays(condition: Condition) -> list[int]:
    keep = expression(condition, SCHEMA[condition.column], place="population")
    chosen = LAZY.with_row_index("row", order_by=None).filter(keep).collect("polars").to_native()
    return chosen["row"].to_list()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (Condition("age", "equals", 5), [1]),
        (Condition("age", "equals", "5"), [1]),
        (Condition("age", "equals", 5.0), [1]),
        (Condition("age", "equals", 5.5), []),
        (Condition("age", "is_in", (4, "11")), [0, 3]),
        (Condition("age", "at_least", 5), [1, 3]),
        (Condition("age", "above", 5), [3]),
        (Condition("age", "at_most", 5), [0, 1]),
        (Condition("age", "below", 5), [0]),
        (Condition("age", "recorded", True), [0, 1, 3]),
        (Condition("age", "missing", True), [2]),
        (Condition("ses", "above", 0), [0, 2]),
        (Condition("ses", "is_in", (0.5, 2)), [0, 2]),
        (Condition("need", "equals", "speech"), [0]),
        (Condition("need", "equals", 1), [1, 2]),
        (Condition("need", "is_in", ("speech", 1)), [0, 1, 2]),
        (Condition("plan", "equals", True), [0, 2]),
        (Condition("plan", "equals", "false"), [1]),
        (Condition("born", "equals", "2010-08-31"), [1]),
        (Condition("born", "at_most", "2010-08-31"), [0, 1]),
        (Condition("seen", "at_most", "2020-01-01"), [0, 3]),
        (Condition("seen", "equals", "2020-01-01"), [0]),
        (Condition("entered", "at_least", "2015-09-01"), [0, 1]),
    ],
)
def test_who_stays(condition, rows):
    assert stays(condition) == rows


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition("age", "equals", "five"), ['"age" holds numbers', '"five"', "number"]),
        (Condition("need", "at_least", 3), ['"need" holds text', "column of numbers"]),
        (Condition("born", "at_least", 2010), ['"born" holds dates', "YYYY-MM-DD"]),
        (Condition("age", "older", 3), ['"older" is no test', "at_least"]),
        (Condition("age", "above"), ["above", "needs a value"]),
    ],
)
def test_what_cannot_be_compared_is_named(condition, says):
    with pytest.raises(Malformed) as caught:
        stays(condition)
    (line,) = caught.value.problems
    assert line.startswith("population: ")
    for word in says:
        assert word in line


def test_why_a_child_leaves_is_said_in_the_study_s_words_if_it_has_any():
    assert words(Condition("age", "at_least", 4, "too young")) == "too young"
    assert words(Condition("need", "is_in", ("a", "b"))) == "need is none of a or b"
    assert words(Condition("need", "recorded", True)) == "need is not recorded"


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1.0, "01"), (0.5, ".5"), (True, "TRUE")])
def test_one_code_has_one_spelling(one, other):
    assert canonical(one) == canonical(other)
