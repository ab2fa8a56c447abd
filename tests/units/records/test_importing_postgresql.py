"""Rows of a PostgreSQL server that the test starts; skipped loudly where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.records.importing import import_rows
from fingerpost.records.importing_server import Asked, server

PASSWORD = "zqS3cret@/1"
QUOTED = "zqS3cret%40%2F1"
ROWS = 20_000


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).resolve().parent if named else None


def as_its_user() -> list[str]:
    """Return the words that start a program as one who may run a server: never the superuser."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def port():
    at = programs()
    if at is None:
        pytest.skip("POSTGRESQL NOT FOUND: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="fp-pg-"))
    folder.chmod(0o777)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    data = str(folder / "data")

    def run(*words: str) -> None:
        done = subprocess.run(
            [*as_its_user(), *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (folder / "pw").write_text(PASSWORD, encoding="utf-8")
    options = f"-p {number} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(
        f"{at}/initdb", "-D", data, "-U", "reader", f"--pwfile={folder / 'pw'}", "-A",
        "scram-sha-256", "--no-sync", "-E", "UTF8", "--no-instructions",
    )  # fmt: skip
    run(f"{at}/pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        fill(number)
        yield number
    finally:
        run(f"{at}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def fill(number: int) -> None:
    """Make the tables that the tests read."""
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=number, user="reader", password=PASSWORD, dbname="postgres"
    ) as connection:
        connection.execute("CREATE SCHEMA npd")
        connection.execute("CREATE TYPE mood AS ENUM ('zqfine', 'zqnot')")
        connection.execute(
            "CREATE TABLE npd.pupil AS SELECT n AS id, 'zq' || lpad((n * 7 % 20000)::text, 6, '0')"
            f" AS pupil, n % 40 AS absent FROM generate_series(0, {ROWS - 1}) AS n"
        )
        connection.execute(
            "CREATE TABLE kinds (w bigint, s smallint, n numeric(10,2), i numeric(9,0), u numeric,"
            " d double precision, r real, y boolean, day date, m timestamp, z timestamptz, c time,"
            " t text, f char(5), g uuid, b bytea, k mood, big numeric(60,1), money money)"
        )
        connection.execute(
            "INSERT INTO kinds VALUES (9007199254740993, 3, 1.25, 4, 'NaN', 2.5, 0.5, true,"
            " '2010-01-02', '2010-01-02 03:04:05.000006', '2010-06-02 03:04:05+01', '03:04:05',"
            " ' zqå ', 'K', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff', 'zqfine',"
            " 123456789012345678901234567890123456789012345.5, 12.5)"
        )
        connection.execute("INSERT INTO kinds (w) VALUES (NULL)")
        connection.execute("CREATE TABLE odd (a interval, b int[], c jsonb, d int4range, e int)")
        connection.execute("CREATE TABLE late (d date); INSERT INTO late VALUES ('infinity')")
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")


class Stop(Exception):
    """A power cut."""


def stop_at(parts: int):
    """Return what an import tells, which stops it once so many parts are whole."""

    def say(words: str) -> None:
        if f" in {parts} part" in words:
            raise Stop

    return say


def url(number: int, password: str = QUOTED, database: str = "postgres") -> str:
    return f"postgresql://reader:{password}@127.0.0.1:{number}/{database}"


def test_every_type_comes_as_what_it_is(port, tmp_path):
    made = import_rows(server(url(port)), Asked("kinds", "kinds"), out=tmp_path)
    first, second = pq.read_table(made.folder).to_pylist()
    assert first == {
        "w": 9007199254740993,
        "s": 3,
        "n": Decimal("1.25"),
        "i": 4,
        "u": None,
        "d": 2.5,
        "r": 0.5,
        "y": True,
        "day": date(2010, 1, 2),
        "m": datetime(2010, 1, 2, 3, 4, 5, 6),
        "z": datetime(2010, 6, 2, 2, 4, 5, tzinfo=UTC),
        "c": time(3, 4, 5),
        "t": " zqå",
        "f": "K",
        "g": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "b": b"\x00\xff",
        "k": "zqfine",
        "big": "123456789012345678901234567890123456789012345.5",
        "money": "$12.50",
    }
    assert set(second.values()) == {None}
    again = import_rows(
        server(url(port)),
        Asked("q", None, "SELECT w, n, k FROM kinds WHERE w::text <> ''"),
        out=tmp_path,
    )
    assert [str(field.type) for field in pq.read_schema(again.folder / "part-00000.parquet")] == [
        "int64",
        "decimal128(10, 2)",
        "string",
    ]


def test_types_that_cannot_be_held_are_told_at_once(port, tmp_path):
    with pytest.raises(Malformed) as told:
        import_rows(server(url(port)), Asked("odd", "odd"), out=tmp_path)
    assert [words.split('"')[1] for words in told.value.problems] == ["a", "b", "c", "d"]
    assert "interval" in str(told.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["id", "pupil"])
def test_an_import_that_was_stopped_goes_on(port, tmp_path, key):
    what = Asked("pupil", "npd.pupil")
    with pytest.raises(Stop):
        import_rows(
            server(url(port)),
            what,
            out=tmp_path,
            key=key,
            part_rows=3000,
            batch=700,
            say=stop_at(3),
        )
    made = import_rows(server(url(port)), what, out=tmp_path, key=key, part_rows=3000)
    assert (made.kept, made.rows, made.parts) == (9000, ROWS, 7)
    table = pq.read_table(made.folder)
    assert sorted(table["id"].to_pylist()) == list(range(ROWS))
    assert table[key].to_pylist() == sorted(table[key].to_pylist())


def test_a_query_with_a_key_may_begin_with_with(port, tmp_path):
    # Signs that drivers take for parameters are none in a query, be it run whole or gone on with.
    query = "WITH even AS (SELECT id, ':x %s'::text AS t FROM npd.pupil WHERE id % 2 = 0) "
    what = Asked("even", None, query + "SELECT id, t FROM even WHERE t = ':x %s'")
    at = server(url(port))
    with pytest.raises(Stop):
        import_rows(at, what, out=tmp_path, key="id", part_rows=4000, say=stop_at(1))
    made = import_rows(server(url(port)), what, out=tmp_path, key="id", part_rows=4000)
    assert made.kept == 4000
    assert pq.read_table(made.folder)["id"].to_pylist() == list(range(0, ROWS, 2))


FAULTS = {
    "a wrong password": ("zqwrong", "postgres", "npd.pupil", "refused the user or the password"),
    "no such database": (QUOTED, "nowhere", "npd.pupil", 'has no database "nowhere"'),
    "no such table": (QUOTED, "postgres", "npd.pupils", 'Did you mean "pupil"?'),
    "no such schema": (QUOTED, "postgres", "npdd.pupil", "no table or view"),
    "a date beyond all": (QUOTED, "postgres", "late", "(DataError)"),
}


@pytest.mark.parametrize("key", [None, "id"])
def test_a_value_that_cannot_be_had_lasts_and_leaves_nothing(port, tmp_path, key):
    what = Asked("q", None, "SELECT id, 1 / (id - 12000) AS x FROM npd.pupil")
    # Where the server sorts first it meets the value before the first row.
    kind = Malformed if key is None else FingerpostError
    with pytest.raises(kind, match=r"\(DivisionByZero\)") as told:
        import_rows(server(url(port)), what, out=tmp_path / "x", key=key, part_rows=3000, batch=700)
    assert "same command" not in str(told.value) and not (tmp_path / "x").exists()


def test_a_server_that_goes_is_not_of_a_value_and_keeps_what_can_be_gone_on_with(port, tmp_path):
    import psycopg

    def say(words: str) -> None:
        if " in 2 parts" in words:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="reader", password=PASSWORD, dbname="postgres"
            ) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND usename = 'reader'"
                )

    what = Asked("pupil", "npd.pupil")
    with pytest.raises(FingerpostError, match="after the last whole part") as told:
        import_rows(
            server(url(port)), what, out=tmp_path, key="id", part_rows=3000, batch=700, say=say
        )
    assert not isinstance(told.value, Malformed)
    assert import_rows(server(url(port)), what, out=tmp_path, key="id").kept == 6000


def test_a_table_that_this_user_may_not_read_is_told_by_kind(port, tmp_path):
    at = server(url(port).replace("reader", "guest"))
    with pytest.raises(FingerpostError, match=r"did not take the query \(InsufficientPrivilege\)"):
        import_rows(at, Asked("kinds", "kinds"), out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_told_in_a_line_without_the_password(port, tmp_path, case, monkeypatch):
    password, database, table, words = FAULTS[case]
    monkeypatch.setenv("NPD", url(port, password, database))
    done = CliRunner().invoke(
        app,
        ["records", "import", "--url-from-env", "NPD", "--table", table, "--out", str(tmp_path)],
    )
    assert done.exit_code in (1, 2) and words in done.output, done.output
    assert len(done.output.strip().splitlines()) == 1 and not list(tmp_path.iterdir())
    assert "zqS3cret" not in done.output and "zqwrong" not in done.output


def test_nothing_can_be_written_to_the_server(port, tmp_path):
    what = Asked("q", None, "WITH gone AS (DELETE FROM npd.pupil RETURNING id) SELECT * FROM gone")
    with pytest.raises(Exception, match="did not take the query"):
        import_rows(server(url(port)), what, out=tmp_path)
    made = import_rows(
        server(url(port)), Asked("n", None, "SELECT id FROM npd.pupil"), out=tmp_path
    )
    assert made.rows == ROWS


def test_the_password_is_in_no_file(port, tmp_path, monkeypatch):
    monkeypatch.setenv("NPD", url(port))
    done = CliRunner().invoke(
        app,
        [
            "records",
            "import",
            "--url-from-env",
            "NPD",
            "--table",
            "npd.pupil",
            "--out",
            str(tmp_path),
        ],
    )
    assert done.exit_code == 0 and "zqS3cret" not in done.output and "reader" not in done.output
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"zqS3cret" not in path.read_bytes()
