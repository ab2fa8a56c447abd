"""One DuckDB session of its own, and how each form of file becomes a view in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fingerpost.core.errors import FingerpostError, Malformed, listed, nearest
from fingerpost.engines._csv import csv_form, name, text
from fingerpost.engines._frames import frame
from fingerpost.engines._limits import limits
from fingerpost.engines._parquet import scan
from fingerpost.engines._shared import TableFile, fault_of, processors
from fingerpost.engines._spill import new_folder

if TYPE_CHECKING:
    import duckdb

# The variable that says where DuckDB puts what does not fit in memory.
SPILL = "FINGERPOST_TMP"


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB session in memory that spills to disk and never looks for the network.

    What it spills is removed when the session, and every table read through it, is let go.
    """
    import duckdb

    # An in-memory session does not spill unless it is told where.
    spill = spill_folder()
    allowed = limits()
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": allowed.threads or processors(),
            "memory_limit": allowed.memory,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    # Its own bar would be printed among the lines of a command.
    connection.execute("SET enable_progress_bar = false")
    # A relation keeps its session; without either, or at the end of the process, the folder goes.
    weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
    return connection


def spill_folder() -> str:
    """Return a new folder that only this user can read: in FINGERPOST_TMP where it is set, beside
    the output under --low-memory, else where the machine keeps temporary files. What processes
    that were killed left there is swept away.

    Raises FingerpostError where FINGERPOST_TMP names no folder that can be written to.
    """
    named = os.environ.get(SPILL)
    try:
        return str(new_folder(Path(named or limits().spill or tempfile.gettempdir())))
    except OSError as error:
        where = f"{SPILL} ({named})" if named else "the folder of temporary files"
        raise FingerpostError(
            f"{where} cannot be written to ({error.strerror}). Let {SPILL} name a folder of your "
            "own that exists: what does not fit in memory is put there for the length of a run."
        ) from None


def relation(connection: duckdb.DuckDBPyConnection, file: TableFile) -> duckdb.DuckDBPyRelation:
    """Return the file's table as a relation; nothing is read yet but what types need."""
    import duckdb

    try:
        if file.form == "csv":
            return connection.sql(csv_form(connection, file.path, keep=file.text).select())
        if file.form == "parquet":
            return connection.sql(scan(file))
        if file.form == "duckdb":
            return attached(connection, file)
        held = f"{file.name} as stored {uuid4().hex}"
        own = frame(file) if file.form == "frame" else stata(file)
        connection.register(held, own.to_arrow())
        return connection.table(name(held))
    except duckdb.Error as error:
        raise fault_of(
            file.words, error, mend="Is it whole, and of the form its name says?"
        ) from None


def handle_of(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Return what a session calls a DuckDB file, which is opened for reading where it is not yet.

    A session opens one file once, however many of its tables are read.
    """
    whole = str(path.absolute())
    handle = f"file {hashlib.sha256(whole.encode()).hexdigest()}"
    known = connection.execute(
        "SELECT count(*) FROM duckdb_databases() WHERE database_name = $1", [handle]
    ).fetchone()
    if not (known and known[0]):
        connection.execute(f"ATTACH {text(whole)} AS {name(handle)} (READ_ONLY)")
    return handle


def tables_of(path: Path) -> tuple[str, ...]:
    """Return the names of the tables and views of a DuckDB file; Malformed where it is none."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = 'main' ORDER BY ALL"
            ).fetchall()
    except duckdb.Error as error:
        raise fault_of(path.name, error, mend="Is it whole, and a DuckDB file?") from None
    return tuple(found for (found,) in rows)


def attached(connection: duckdb.DuckDBPyConnection, file: TableFile) -> duckdb.DuckDBPyRelation:
    """Return one table of a DuckDB file, opened for reading only."""
    handle = handle_of(connection, file.path)
    rows = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1 "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = $1 AND NOT internal ORDER BY ALL",
        [handle],
    ).fetchall()
    tables = {
        table if schema == "main" else f"{schema}.{table}": (schema, table)
        for schema, table in rows
    }
    wanted = file.table or (next(iter(tables)) if len(tables) == 1 else "")
    if wanted not in tables:
        asked = f'no table "{wanted}"' if wanted else f"{len(tables)} tables and none was named"
        raise Malformed(
            f'records: "{file.words}" holds {asked}.{nearest(wanted, tables)} There are: '
            f"{listed(sorted(tables)) or 'none'}. Write records: {{table: FILE, name: TABLE}}."
        )
    schema, table = tables[wanted]
    return connection.sql(f"SELECT * FROM {name(handle)}.{name(schema)}.{name(table)}")


def stata(file: TableFile) -> Any:
    """Return a Stata file as a Polars frame, without pandas; coded values stay codes."""
    import pyreadstat

    try:
        frame, _ = pyreadstat.read_dta(str(file.path), output_format="polars")
    except (pyreadstat.ReadstatError, UnicodeDecodeError, ValueError) as error:
        raise fault_of(
            file.words, error, mend="Save it as Stata 8 to 15, or as CSV UTF-8."
        ) from None
    return frame
