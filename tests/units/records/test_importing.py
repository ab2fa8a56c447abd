"""Rows of an SQL server as Parquet: on SQLite, which is always there."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.records import importing
from fingerpost.records.importing import import_rows
from fingerpost.records.importing_parts import MANIFEST, cut, running
from fingerpost.records.importing_server import Asked, address, asked, server, source_of
from fingerpost.records.importing_types import TEXT, Column, array, as_text, columns_of
from fingerpost.records.store import open_store
from units.records.frames import rows as frame_rows
from units.records.tables import CHILD, write

ROWS = 1000
SECRET = "zqS3cret"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "school.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE pupil (id INTEGER, care VARCHAR(9), absent REAL, born DATE)"
        )
        connection.execute("CREATE VIEW seen AS SELECT id, care FROM pupil WHERE id < 10")
        connection.executemany("INSERT INTO pupil VALUES (?, ?, ?, ?)", [row(at) for at in order()])
        connection.commit()
    return path


def row(at: int) -> tuple[int, str | None, float | None, str]:
    """Return the row of one child of the made-up register."""
    care = None if at % 5 == 0 else f"zq{at % 7}  "
    return (at, care, None if at % 3 == 0 else at / 4, f"2010-01-{at % 28 + 1:02}")


def order() -> list[int]:
    """Return the identifiers in an order that is not theirs."""
    return [at * 7 % ROWS for at in range(ROWS)]


def at(file: Path):
    return server(f"sqlite:///{file}")


def read(folder: Path) -> list[tuple]:
    """Return the rows of an import, as one table that any reader of Parquet takes it for."""
    return [tuple(one.values()) for one in pq.read_table(folder).to_pylist()]


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


def run(*words: object):
    return CliRunner().invoke(app, ["records", "import", *map(str, words)])


# ----------------------------------------------------------------------------- whole imports
@pytest.mark.parametrize(("size", "batch", "files"), [(300, 7, 4), (300, 1000, 4), (5000, 64, 1)])
def test_rows_come_whole_and_in_order(file, tmp_path, size, batch, files):
    made = import_rows(
        at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=size, batch=batch
    )
    assert (made.rows, made.parts, made.columns) == (ROWS, files, 4)
    # Spaces at the end of text are a server's padding; all else is as it was.
    wanted = [
        (key, care and care.rstrip(), absent, born)
        for key, care, absent, born in map(row, range(ROWS))
    ]
    assert read(made.folder) == wanted


def test_a_query_without_a_key_comes_as_it_was_asked(file, tmp_path):
    query = tmp_path / "some.sql"
    query.write_text(
        "-- a colon: is none of ours\nSELECT id, ':x' AS colon, '5%' AS share, care || '::' AS c "
        "FROM pupil WHERE id < 3 ORDER BY id DESC;\n",
        encoding="utf-8",
    )
    made = import_rows(at(file), asked(None, query), out=tmp_path / "x")
    assert made.folder.name == "some"
    assert [one[:3] for one in read(made.folder)] == [(str(k), ":x", "5%") for k in (2, 1, 0)]


def test_a_table_of_no_rows_keeps_its_columns(file, tmp_path):
    change(file, "DELETE FROM pupil")
    made = import_rows(at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id")
    assert (made.rows, made.parts) == (0, 1)
    assert pq.read_table(made.folder).column_names == ["id", "care", "absent", "born"]


def test_the_manifest_tells_what_is_there_and_of_no_child(file, tmp_path):
    made = import_rows(
        at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=400
    )
    text = (made.folder / MANIFEST).read_text(encoding="utf-8")
    said = json.loads(text)
    assert said["rows"] == ROWS and [part["rows"] for part in said["parts"]] == [400, 400, 200]
    assert said["source"] == {"kind": "sqlite", "database": str(file)}
    assert [column["parquet"] for column in said["columns"]] == [
        "int64",
        "string",
        "double",
        "string",
    ]
    assert datetime.fromisoformat(said["started"]) <= datetime.fromisoformat(said["finished"])
    for part in said["parts"]:
        held = (made.folder / part["file"]).read_bytes()
        assert (hashlib.sha256(held).hexdigest(), len(held)) == (part["sha256"], part["size"])
    # No value of a child: not even the key at which a part ends.
    assert "zq" not in text and "399" not in text and "2010-01" not in text


def test_what_was_imported_is_a_table_of_linked_records(file, tmp_path):
    header, *lines = [line.split(",") for line in CHILD.splitlines()]
    change(file, f"CREATE TABLE child ({', '.join(f'{name} TEXT' for name in header)})")
    for line in lines:
        cells = ", ".join(f"'{cell}'" if cell else "NULL" for cell in line)
        change(file, f"INSERT INTO child VALUES ({cells})")
    import_rows(at(file), Asked("child", "child"), out=tmp_path / "x")
    stored = open_store(tmp_path / "x").frame("child")
    files = open_store(write(tmp_path / "csv", child=CHILD)).frame("child")
    assert frame_rows(stored, "child_id") == frame_rows(files, "child_id")


# ----------------------------------------------------------------------------- stopped and resumed
class Stop(Exception):
    """A power cut."""


def stopped(file: Path, out: Path, *, parts: int, key: str | None = "id") -> Path:
    """Import until some parts are whole, then stop amid the next; return the hidden folder."""

    def say(words: str) -> None:
        if f" in {parts} parts" in words:
            raise Stop

    with pytest.raises(Stop):
        import_rows(
            at(file), Asked("pupil", "pupil"), out=out, key=key, part_rows=200, batch=50, say=say
        )
    return out / ".pupil.importing"


def test_a_stopped_import_goes_on_after_its_last_whole_part(file, tmp_path):
    out = tmp_path / "x"
    place = stopped(file, out, parts=2)
    # No command takes what is not finished for a table, and nothing is half-written.
    assert sorted(path.name for path in place.iterdir()) == [
        MANIFEST,
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    assert [path.name for path in out.iterdir()] == [".pupil.importing"]
    kept = (place / "part-00001.parquet").stat().st_mtime_ns
    made = import_rows(at(file), Asked("pupil", "pupil"), out=out, key="id", part_rows=200)
    assert (made.kept, made.rows) == (400, ROWS)
    assert (made.folder / "part-00001.parquet").stat().st_mtime_ns == kept
    assert [one[0] for one in read(made.folder)] == list(range(ROWS))


def test_a_damaged_part_and_all_after_it_are_read_again(file, tmp_path):
    place = stopped(file, tmp_path / "x", parts=3)
    damaged = place / "part-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"123456789")
    made = import_rows(
        at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=200
    )
    assert made.kept == 200
    assert [one[0] for one in read(made.folder)] == list(range(ROWS))


def test_without_a_key_a_stopped_import_begins_anew(file, tmp_path):
    # Nothing can be gone on with, so nothing is left.
    assert not stopped(file, tmp_path / "x", parts=2, key=None).parent.exists()
    made = import_rows(at(file), Asked("pupil", "pupil"), out=tmp_path / "x", part_rows=200)
    assert made.kept == 0 and sorted(one[0] for one in read(made.folder)) == list(range(ROWS))


CHANGES = {
    "another table": ("ALTER TABLE pupil ADD COLUMN note TEXT", "other columns"),
    "a type": (
        "CREATE TABLE new AS SELECT CAST(id AS TEXT) AS id, care, absent, born FROM pupil",
        "other columns",
    ),
    "a row more before": ("INSERT INTO pupil VALUES (-1, 'zq', 0, '')", "Rows have changed"),
    "a row less before": ("DELETE FROM pupil WHERE id = 17", "Rows have changed"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_has_changed_is_not_gone_on_with(file, tmp_path, case):
    out = tmp_path / "x"
    place = stopped(file, out, parts=2)
    statement, words = CHANGES[case]
    change(file, statement)
    if "CREATE" in statement:
        change(file, "DROP VIEW seen")
        change(file, "DROP TABLE pupil")
        change(file, "ALTER TABLE new RENAME TO pupil")
    with pytest.raises(UsageError, match=words):
        import_rows(at(file), Asked("pupil", "pupil"), out=out, key="id", part_rows=200)
    assert (place / "part-00001.parquet").is_file()


def test_another_query_or_key_is_not_gone_on_with(file, tmp_path):
    out = tmp_path / "x"
    stopped(file, out, parts=2)
    with pytest.raises(UsageError, match="begun with another table or query"):
        import_rows(at(file), Asked("pupil", None, "SELECT * FROM pupil"), out=out, key="id")
    with pytest.raises(UsageError, match="begun with another --key"):
        import_rows(at(file), Asked("pupil", "pupil"), out=out, key="born")


def test_what_is_there_is_not_asked_for_again_and_not_written_over(file, tmp_path):
    out = tmp_path / "x"
    import_rows(at(file), Asked("pupil", "pupil"), out=out, key="id")
    change(file, "DELETE FROM pupil")
    again = import_rows(at(file), Asked("pupil", "pupil"), out=out, key="id")
    assert again.there and again.rows == ROWS
    with pytest.raises(UsageError, match="another table, query or server"):
        import_rows(at(file), Asked("pupil", None, "SELECT 1 AS one"), out=out)
    (out / "mine").mkdir()
    with pytest.raises(UsageError, match="no import of ours"):
        import_rows(at(file), Asked("mine", "pupil"), out=out)


DAMAGES = {
    "changed": lambda home: (home / "part-00001.parquet").write_bytes(b"PAR1"),
    "cut": lambda home: (home / "part-00001.parquet").write_bytes(
        (home / "part-00001.parquet").read_bytes()[:-1]
    ),
    "gone": lambda home: (home / "part-00001.parquet").unlink(),
    "more": lambda home: (home / "part-00001.parquet").rename(home / "mine.parquet"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_finished_import_is_looked_at_again_by_its_digests(file, tmp_path, case):
    words = ("--url", f"sqlite:///{file}", "--table", "pupil", "--key", "id", "--rows", 400)
    assert run(*words, "--out", tmp_path / "x").exit_code == 0
    again = run(*words, "--out", tmp_path / "x")
    assert again.exit_code == 0 and again.stdout.startswith("Had")
    said = " ".join(again.stdout.split())
    manifest = json.loads((tmp_path / "x" / "pupil" / "_import.json").read_text("utf-8"))
    start, end = (manifest[name][:19].replace("T", " ") for name in ("started", "finished"))
    assert f"was not asked again: what is there was read from {start} UTC to {end} UTC" in said
    assert "To ask it anew, name another folder (--out), or remove that one" in said
    DAMAGES[case](tmp_path / "x" / "pupil")
    damaged = run(*words, "--out", tmp_path / "x")
    assert damaged.exit_code == 1 and "Remove that folder" in damaged.output
    assert "part-00001.parquet: not there, or not as the import wrote it" in damaged.output
    assert ("mine.parquet: not of this import" in damaged.output) is (case == "more")
    assert "part-00000" not in damaged.output


def test_two_imports_never_write_at_once(file, tmp_path):
    what, out = Asked("pupil", "pupil"), tmp_path / "x"
    # Another process holds it, as a second window would; its end lets go, however it ends.
    code = (
        "import sys; from pathlib import Path; from fingerpost.records.importing_parts import *\n"
        "with running(Path(sys.argv[1]), 'pupil'): print('on', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline().strip() == b"on"
        with pytest.raises(FingerpostError, match="being written by another import"):
            import_rows(at(file), what, out=out, key="id")
        other.kill()
    assert (out / ".pupil.lock").exists() and not (out / "pupil").exists()
    assert import_rows(at(file), what, out=out, key="id").rows == ROWS
    assert [path.name for path in out.iterdir()] == ["pupil"]


def test_a_folder_that_got_nothing_is_not_left(tmp_path):
    with pytest.raises(Stop), running(tmp_path / "x", "pupil"):
        raise Stop
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("case", ["case", "spaces"])
def test_no_part_ends_between_keys_that_a_server_may_take_for_one(case):
    twins = {"case": ("b", "B"), "spaces": ("b", "b ")}[case]
    rows = [("a",), *((key,) for key in twins), ("c",)]
    found = list(cut([[one] for one in rows], 0, 2))
    assert found == [[("a",)], [("b",)], [(twins[1],)], None, [("c",)]]


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_cutting_loses_no_row_and_splits_no_key(batch, size):
    keys = [(k,) for k in (1, 1, 1, 2, 3, 3, 4, 5, 5, 5, 5, 6)]
    pieces = list(cut([keys[n : n + batch] for n in range(0, len(keys), batch)], 0, size))
    parts: list[list] = [[]]
    for piece in pieces:
        parts.append([]) if piece is None else parts[-1].extend(piece)
    assert [row for part in parts for row in part] == keys
    assert all(len(part) >= size for part in parts[:-1])
    for one, other in pairwise(parts):
        assert one[-1] != other[0]


# ----------------------------------------------------------------------------- faults
def test_a_key_must_be_there_ordered_and_never_missing(file, tmp_path):
    for key, words in (
        ("pupil", "no such column. There are: id, care, absent, born"),
        ("absent", "is a number"),
        ("care", "missing in 200 rows"),
    ):
        with pytest.raises(UsageError, match=words):
            import_rows(at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key=key)
    change(file, "UPDATE pupil SET id = NULL WHERE id = 0")
    with pytest.raises(UsageError, match=r"missing in 1 row\. Choose"):
        import_rows(at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id")
    assert not (tmp_path / "x").exists()


def test_a_query_that_fails_is_told_by_kind(file, tmp_path):
    what = Asked("q", None, "SELECT id FROM pupil WHERE care = 'zqvalue' AND nothing = 1")
    with pytest.raises(
        FingerpostError, match=r"did not take the query \(OperationalError\)"
    ) as told:
        import_rows(at(file), what, out=tmp_path / "x")
    assert "zqvalue" not in str(told.value)


def test_a_value_that_is_not_of_its_type_is_told_by_column(file, tmp_path):
    change(file, "UPDATE pupil SET absent = 'zqmany' WHERE id = 500")
    with pytest.raises(Malformed, match='"absent" holds a value that is no number') as told:
        import_rows(at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=200)
    # The mend is another query, which could not go on with what was read by this one.
    assert "zqmany" not in str(told.value) and not (tmp_path / "x").exists()


def test_an_error_that_lasts_is_not_answered_by_asking_again(file, tmp_path):
    change(file, "UPDATE pupil SET care = CAST(x'ff' AS TEXT) WHERE id = 500")
    with pytest.raises(Malformed, match="value of pupil, after its first 500 rows, is one") as told:
        import_rows(
            at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=200, batch=50
        )
    assert "same command" not in str(told.value) and not (tmp_path / "x").exists()


def test_a_server_that_cannot_be_looked_at_is_told_in_a_line(tmp_path):
    (tmp_path / "note.db").write_text("no database at all, but a letter\n" * 99, "utf-8")
    done = run("--url", f"sqlite:///{tmp_path}/note.db", "--table", "a", "--out", tmp_path / "x")
    assert done.exit_code == 1 and "(DatabaseError)" in done.output
    assert len(done.output.strip().splitlines()) == 1 and not (tmp_path / "x").exists()


@pytest.mark.parametrize("url", ["sqlite:///nowhere.db", "sqlite://", "sqlite:///."])
def test_a_file_that_is_not_there_is_told_by_its_path_and_how_one_is_written(tmp_path, url):
    done = run("--url", url, "--table", "a", "--out", tmp_path / "x")
    assert done.exit_code == 1 and "sqlite:////data/school.db" in done.output
    assert (str(Path("nowhere.db").absolute()) in done.output) is ("nowhere" in url)


def test_an_address_file_that_is_not_utf_8_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes("sqlite:///å.db".encode("utf-16"))
    done = run("--url", f"@{tmp_path / 'a.txt'}", "--table", "a", "--out", tmp_path / "x")
    assert done.exit_code == 1 and "a.txt is not UTF-8" in done.output


def test_a_server_that_breaks_off_keeps_its_whole_parts(file, tmp_path, monkeypatch):
    real = importing.partitions

    def breaks(result, batch):
        for count, rows in enumerate(real(result, batch)):
            if count == 9:
                raise importing.BrokenOff("OperationalError")
            yield rows

    monkeypatch.setattr(importing, "partitions", breaks)
    with pytest.raises(
        FingerpostError, match=r"after 450 rows of pupil \(OperationalError\).*goes on"
    ):
        import_rows(
            at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=200, batch=50
        )
    monkeypatch.undo()
    made = import_rows(
        at(file), Asked("pupil", "pupil"), out=tmp_path / "x", key="id", part_rows=200
    )
    assert made.kept == 400 and [one[0] for one in read(made.folder)] == list(range(ROWS))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"{SECRET}@host/x", "cannot be read"),
        (f"zzz://u:{SECRET}@host/x", "kind of server that is not known"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/x", "127.0.0.1:1 cannot be reached"),
        (f"mssql+pyodbc://u:{SECRET}@host/x", "pip install pyodbc"),
        (f"postgresql+psycopg2://u:{SECRET}@host/x", 'driver "psycopg2"'),
    ],
)
def test_no_fault_tells_the_password(tmp_path, url, words, monkeypatch):
    monkeypatch.setenv("NPD", url)
    done = run("--url-from-env", "NPD", "--table", "pupil", "--out", tmp_path / "x")
    assert done.exit_code in (1, 2) and words in done.output
    assert SECRET not in done.output and not (tmp_path / "x").exists()


def test_without_the_driver_of_postgresql_the_extra_is_named(tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def absent(name, *rest, **more):
        if name.split(".")[0] == "psycopg":
            raise ModuleNotFoundError(name="psycopg")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    place = "postgresql+psycopg://reader@localhost/records"
    done = run("--url", place, "--table", "pupil", "--out", tmp_path / "x")
    assert done.exit_code == 1 and "pip install 'fingerpost[sql]'" in done.output


def test_an_address_comes_from_one_place(tmp_path, monkeypatch):
    (tmp_path / "address.txt").write_text("\n  sqlite:///x.db  \n", encoding="utf-8")
    monkeypatch.setenv("NPD", "sqlite:///y.db")
    assert address(f"@{tmp_path / 'address.txt'}", None) == "sqlite:///x.db"
    assert address(None, "NPD") == "sqlite:///y.db"
    for url, variable in ((None, None), ("sqlite:///x.db", "NPD"), (None, "NO_SUCH_ADDRESS")):
        with pytest.raises(UsageError):
            address(url, variable)


@pytest.mark.parametrize("table", ["dbo.a:b", "a/b", "..", "con", "LPT1", "a*", "x" * 101, ""])
def test_no_folder_is_made_that_windows_cannot(table):
    with pytest.raises(UsageError):
        asked(table, None)


@pytest.mark.parametrize("text", ["DELETE FROM pupil", "DROP TABLE pupil; SELECT 1", ""])
def test_only_a_query_is_a_query(file, tmp_path, text):
    query = tmp_path / "q.sql"
    query.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="neither SELECT nor WITH"):
        asked(None, query)


def test_a_query_that_writes_is_refused_by_the_server(file, tmp_path):
    what = Asked("q", None, "WITH one AS (SELECT 1) DELETE FROM pupil RETURNING id")
    with pytest.raises(FingerpostError, match="did not take the query"):
        import_rows(at(file), what, out=tmp_path / "x")


def test_the_command_tells_what_it_wrote_and_goes_on(file, tmp_path):
    words = (
        "--url",
        f"sqlite:///{file}",
        "--table",
        "seen",
        "--key",
        "id",
        "--out",
        tmp_path / "x",
    )
    first, second = run(*words), run(*words, "--quiet")
    assert first.exit_code == 0 and "10 rows, 2 columns, 1 file\n" in first.output
    assert "Note" not in first.output
    assert second.exit_code == 0 and second.output.startswith("Had")
    assert "records convert" in first.output
    assert run(*words[2:]).exit_code == 2
    assert re.search('Did you mean "seen"', run(*words[:3], "sen", *words[4:]).output)


def test_a_table_of_no_rows_is_told_of(file, tmp_path):
    change(file, "DELETE FROM pupil")
    done = run("--url", f"sqlite:///{file}", "--table", "pupil", "--out", tmp_path / "x")
    assert done.exit_code == 0 and "0 rows, 4 columns, 1 file\n" in done.output
    assert "There is no row in it" in done.output


@pytest.mark.parametrize(
    ("table", "written"),
    [
        ("Absence", "[Absence]"),
        ("dbo.Absence", "dbo.[Absence]"),
        ("npd.dbo.Absence", "npd.dbo.[Absence]"),
        ("NPD 2015.dbo.Absence 3", "[NPD 2015].dbo.[Absence 3]"),
    ],
)
def test_sql_server_s_names_of_three_parts_stay_three(table, written):
    from types import SimpleNamespace

    from sqlalchemy.dialects.mssql.base import MSDialect

    # Any connection of this dialect: none is spoken to.
    at_hand = SimpleNamespace(dialect=MSDialect())
    question = importing.Asking(at_hand, asked(table, None), None, {})
    assert importing.statement(question) == f"SELECT * FROM {written}"


# ----------------------------------------------------------------------------- types
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


def entry(name, code, precision=None, scale=None):
    """Return a column as pyodbc describes it."""
    return (name, code, None, None, precision, scale, True)


def test_what_sql_server_would_say_of_its_columns():
    # pyodbc's documented description: Python's own types, precision and scale. Never run on one.
    found = columns_of(
        [
            entry("a", int, 10, 0),
            entry("b", str, 50, 0),
            entry("c", Decimal, 10, 2),
            entry("d", Decimal, 38, 0),
            entry("e", datetime, 27, 7),
            entry("f", date, 10, 0),
            entry("g", bool, 1, 0),
            entry("h", float, 53, 0),
            entry("i", bytearray, 8, 0),
            entry("j", time, 16, 7),
        ],
        "mssql",
        said={},
        own={},
    )
    assert [str(column.arrow()) for column in found] == [
        "int64",
        "string",
        "decimal128(10, 2)",
        "decimal128(38, 0)",
        "timestamp[us]",
        "date32[day]",
        "bool",
        "double",
        "binary",
        "time64[us]",
    ]


def test_all_columns_that_cannot_be_held_are_told_at_once():
    with pytest.raises(Malformed) as told:
        columns_of(
            [entry("a", dict), entry("b", int), entry("B", int), entry("", int)],
            "mssql",
            said={},
            own={},
        )
    assert len(told.value.problems) == 4
    assert 'column "a" is of the type dict, which Parquet cannot hold' in str(told.value)


@pytest.mark.parametrize(
    ("kind", "given", "held"),
    [
        (TEXT, ["a  ", "", None, 3.0, Decimal("2.50")], ["a", "", None, "3", "2.50"]),
        ("whole number", [1, Decimal("3"), None, True], [1, 3, None, 1]),
        ("number", [1.5, float("nan"), Decimal("2"), None], [1.5, None, 2.0, None]),
        (
            "decimal(6,2)",
            [Decimal("1.5"), Decimal("NaN"), 2.25],
            [Decimal("1.50"), None, Decimal("2.25")],
        ),
        ("yes or no", [True, 0, None], [True, False, None]),
        ("bytes", [b"a", bytearray(b"b")], [b"a", b"b"]),
    ],
)
def test_values_are_held_as_their_column_says(kind, given, held):
    assert array(Column("x", kind), given).to_pylist() == held


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("whole number", 2**63),
        ("whole number", Decimal("1.5")),
        ("whole number", "zq"),
        ("decimal(4,2)", Decimal("123.45")),
        ("decimal(4,2)", Decimal("1.234")),
        ("day", "zq"),
        ("number", "zq"),
    ],
)
def test_a_value_that_does_not_fit_is_told_without_it(kind, value):
    with pytest.raises(Malformed, match='column "x"') as told:
        array(Column("x", kind), [value])
    assert str(value) not in str(told.value)


def test_a_key_of_text_is_kept_to_the_letter():
    assert array(Column("x", TEXT), ["a "], exact=True) == pa.array(["a "])


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@zz9@host/npd", "postgresql://u:secret@host/npd@other"]
)
def test_the_rest_of_a_password_is_neither_used_nor_shown(url):
    pytest.importorskip("sqlalchemy")
    with pytest.raises(UsageError) as told:
        server(url)
    assert "%40" in str(told.value)
    assert "zz9" not in str(told.value) and "secret" not in str(told.value)


def test_servers_of_odbc_strings_are_told_apart_without_their_password():
    pytest.importorskip("sqlalchemy")
    from sqlalchemy import make_url

    def said(text: str) -> dict[str, object]:
        return source_of(make_url(f"mssql+pyodbc:///?odbc_connect={text}"))

    first = said("DRIVER=x;SERVER=a;DATABASE=npd;UID=u;PWD=one")
    assert first == said("DRIVER=x;SERVER=a;DATABASE=npd;UID=v;PWD=two")
    assert first != said("DRIVER=x;SERVER=b;DATABASE=npd;UID=u;PWD=one")
