"""One DuckDB session of its own, and how each form of file becomes a view in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fingerpost.core.errors import Malformed, listed, nearest
from fingerpost.engines._csv import csv_form, name, pattern, text
from fingerpost.engines._shared import TableFile, fault_of, processors

if TYPE_CHECKING:
    import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB session in memory that spills to disk and never looks for the network."""
    import duckdb

    # An in-memory session does not spill unless it is told where.
    spill = Path(tempfile.gettempdir()) / f"fingerpost-{uuid4().hex}"
    return duckdb.connect(
        ":memory:",
        config={
            "threads": processors(),
            "memory_limit": "60%",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )


def relation(connection: duckdb.DuckDBPyConnection, file: TableFile) -> duckdb.DuckDBPyRelation:
    """Return the file's table as a relation; nothing is read yet but what types need."""
    import duckdb

    try:
        if file.form == "csv":
            return connection.sql(csv_form(connection, file.path, keep=file.text).select())
        if file.form == "parquet":
            files = ", ".join(pattern(path) for path in file.files)
            return connection.sql(f"SELECT * FROM read_parquet([{files}], union_by_name = true)")
        if file.form == "duckdb":
            return attached(connection, file)
        held = f"{file.name} as stored {uuid4().hex}"
        connection.register(held, stata(file).to_arrow())
        return connection.table(name(held))
    except duckdb.Error as error:
        raise fault_of(
            file.words, error, mend="Is it whole, and of the form its name says?"
        ) from error


def attached(connection: duckdb.DuckDBPyConnection, file: TableFile) -> duckdb.DuckDBPyRelation:
    """Return one table of a DuckDB file, opened for reading only."""
    handle = f"file {uuid4().hex}"
    connection.execute(f"ATTACH {text(str(file.path))} AS {name(handle)} (READ_ONLY)")
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
        ) from error
    return frame
