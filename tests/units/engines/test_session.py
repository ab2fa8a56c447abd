"""The DuckDB session, and DuckDB files."""

from __future__ import annotations

import gc
import stat
import tempfile

import duckdb
import narwhals as nw
import pytest

from engines_here import EMBEDDED
from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._session import connect
from fingerpost.engines._shared import processors, table_file


@pytest.fixture
def file(tmp_path):
    with duckdb.connect(tmp_path / "school.duckdb") as connection:
        connection.execute("CREATE TABLE pupils AS SELECT 5 AS age")
        connection.execute("CREATE SCHEMA health")
        connection.execute("CREATE TABLE health.visits AS SELECT 7 AS n")
        connection.execute("CREATE VIEW older AS SELECT age + 1 AS age FROM pupils")
    return tmp_path


def read(engine: str, table: str | None, base):
    source = TableSource(path="school.duckdb", table=table)
    (frame,) = load("engines", engine, kind=Engine).read([table_file(source, base)])
    return frame


@pytest.mark.parametrize("engine", EMBEDDED)
@pytest.mark.parametrize(
    ("table", "row"), [("pupils", (1, 5)), ("older", (1, 6)), ("health.visits", (1, 7))]
)
def test_tables_and_views_of_any_schema(file, engine, table, row):
    assert read(engine, table, file).collect("polars").row(0) == row


@pytest.mark.parametrize("engine", EMBEDDED)
@pytest.mark.parametrize(
    ("table", "says"),
    [
        (None, ["3 tables and none was named", "health.visits", "name: TABLE"]),
        ("pupil", ['no table "pupil"', 'Did you mean "pupils"']),
    ],
)
def test_a_table_that_is_not_named_or_not_there(file, engine, table, says):
    with pytest.raises(Malformed) as caught:
        read(engine, table, file)
    (line,) = caught.value.problems
    for words in says:
        assert words in line


def test_the_only_table_needs_no_name(tmp_path):
    with duckdb.connect(tmp_path / "school.duckdb") as connection:
        connection.execute("CREATE TABLE pupils AS SELECT 5 AS age")
    assert read("duckdb", None, tmp_path).collect("polars").row(0) == (1, 5)


def test_the_file_is_opened_for_reading_only(file):
    before = (file / "school.duckdb").read_bytes()
    frame = read("duckdb", "pupils", file)
    with duckdb.connect(file / "school.duckdb", read_only=True) as other:
        assert other.execute("SELECT age FROM pupils").fetchall() == [(5,)]
    frame.collect("polars")
    assert (file / "school.duckdb").read_bytes() == before


def test_a_frame_outlives_its_reader(file):
    frame = read("duckdb", "pupils", file)
    gc.collect()
    assert frame.filter(nw.col("age") == 5).collect("polars").shape == (1, 2)


def test_a_session_is_bounded_spills_and_stays_offline():
    with connect() as session:
        asked = "threads", "temp_directory", "autoinstall_known_extensions"
        threads, spill, install = (
            session.execute(f"SELECT current_setting('{name}')").fetchall()[0][0] for name in asked
        )
    assert threads == processors()
    assert spill.startswith(tempfile.gettempdir())
    assert install is False


def spilled(folder):
    return sorted(folder.iterdir())


def test_what_is_spilled_is_private_and_goes_with_the_last_table(file, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("FINGERPOST_TMP", str(folder))
    frame = read("duckdb", "pupils", file).filter(nw.col("age") > 0)
    gc.collect()
    (spill,) = spilled(folder)
    assert stat.S_IMODE(spill.stat().st_mode) == 0o700
    assert frame.collect("polars").shape == (1, 2)
    del frame
    gc.collect()
    assert spilled(folder) == []


def test_a_session_that_spills_writes_there_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FINGERPOST_TMP", str(tmp_path))
    session = connect()
    session.execute("SET memory_limit = '60MB'; SET threads = 1")
    session.execute("CREATE TABLE many AS SELECT random() AS x FROM range(12000000)")
    (spill,) = spilled(tmp_path)
    assert spilled(spill)
    session.close()
    del session
    gc.collect()
    assert spilled(tmp_path) == []


def test_a_folder_that_is_not_there_is_one_plain_line(tmp_path, monkeypatch):
    monkeypatch.setenv("FINGERPOST_TMP", str(tmp_path / "nowhere"))
    with pytest.raises(FingerpostError, match=r"FINGERPOST_TMP .*cannot be written to"):
        connect()
