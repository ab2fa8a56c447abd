from __future__ import annotations

import math
import sqlite3
from datetime import date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.records.cursor import as_text, to_parquet
from fingerpost.records.store import open_store
from units.records.frames import rows
from units.records.tables import ABSENCE, CHILD, write

CHILD_SQL = "SELECT * FROM child ORDER BY child_id"


@pytest.fixture
def server():
    connection = sqlite3.connect(":memory:")
    for name, text in (("child", CHILD), ("absence", ABSENCE)):
        header, *lines = [line.split(",") for line in text.splitlines()]
        connection.execute(f"CREATE TABLE {name} ({', '.join(header)})")
        marks = ", ".join("?" * len(header))
        values = [[cell or None for cell in line] for line in lines]
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", values)
    yield connection
    connection.close()


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_server_s_tables_are_those_of_the_files(server, tmp_path, batch):
    queries = {"child": CHILD_SQL, "absence": "SELECT * FROM absence"}
    counts = to_parquet(server, queries, tmp_path / "out", batch=batch)
    assert counts == {"child": 3, "absence": 4}
    stored, files = (
        open_store(place)
        for place in (tmp_path / "out", write(tmp_path / "csv", child=CHILD, absence=ABSENCE))
    )
    for name, key in (("child", ["child_id"]), ("absence", ["child_id", "term"])):
        assert rows(stored.frame(name), *key) == rows(files.frame(name), *key)


def test_a_query_that_fails_leaves_nothing_and_says_no_value(server, tmp_path):
    with pytest.raises(FingerpostError, match='query for "child" failed') as caught:
        to_parquet(server, {"child": "SELECT secret FROM nowhere"}, tmp_path / "out")
    assert "secret" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_cursor_that_breaks_half_way_leaves_nothing(tmp_path):
    class Breaks:
        description = (("child_id",),)

        def __init__(self):
            self.calls = 0

        def cursor(self):
            return self

        def execute(self, query):
            return None

        def fetchmany(self, size):
            self.calls += 1
            if self.calls > 1:
                raise ConnectionResetError
            return [(1,)]

        def close(self):
            self.closed = True

    server = Breaks()
    with pytest.raises(ConnectionResetError):
        to_parquet(server, {"child": "SELECT 1"}, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [] and server.closed


def test_no_folder_is_written_over(server, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        to_parquet(server, {"child": CHILD_SQL}, tmp_path)


def test_an_empty_table_keeps_its_columns(server, tmp_path):
    to_parquet(server, {"child": "SELECT * FROM child WHERE 0"}, tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "child.parquet").column_names[0] == "child_id"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("3.00"), "3"),
        (Decimal("3.25"), "3.25"),
        (2**53 + 1, "9007199254740993"),
        (datetime(2010, 1, 2), "2010-01-02"),
        (datetime(2010, 1, 2, 3, 4), "2010-01-02 03:04:00"),
        (date(2010, 1, 2), "2010-01-02"),
        (b"", "b''"),
        ("  ", None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_values_as_text(value, text):
    assert as_text(value) == text
