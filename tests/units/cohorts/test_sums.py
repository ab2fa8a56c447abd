"""Columns that are sums of others: on both engines, in SQL, and what is wrong with them."""

from __future__ import annotations

import duckdb
import pytest

from fingerpost.cohorts.sql import made
from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import Malformed
from fingerpost.core.study import Records, TableSource

ROWS = "read,maths,name\n1,2,a\n3,,b\n,5,c\n4.5,1,d\n"


def records(tmp_path, sums, engine="duckdb"):
    (tmp_path / "t.csv").write_text(ROWS, encoding="utf-8")
    return read_records(Records((TableSource("t.csv"),), sums=sums), base=tmp_path, engine=engine)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_sum_is_missing_where_a_part_is(tmp_path, engine):
    found = records(tmp_path, (("score", ("read", "maths")),), engine)
    assert "score" in found.columns
    assert found.frame.collect("polars").to_native()["score"].to_list() == [3.0, None, None, 5.5]


def test_the_sql_of_the_table_makes_the_same_sums(tmp_path):
    found = records(tmp_path, (("score", ("read", "maths")),))
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{tmp_path / 't.csv'}')")
    values = connection.execute(f"SELECT score FROM ({made(found)})").fetchall()
    assert [row[0] for row in values] == [3.0, None, None, 5.5]


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ((("read", ("maths",)),), "already"),
        ((("score", ("read", "math")),), 'Did you mean "maths"'),
        ((("score", ("read", "name")),), "holds no numbers"),
    ],
)
def test_what_is_wrong_with_a_sum_is_said(tmp_path, sums, said):
    with pytest.raises(Malformed, match=said):
        records(tmp_path, sums)
