"""From an SQL server to Parquet, by cursor: a batch of rows at a time is in memory.

In a secure environment the records lie in an SQL server; any connection of Python's database
interface (PEP 249) will do. Every value is written as text, so that nothing of a code is lost;
`records.convert` and `records.store` read it as what it is declared to be.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from fingerpost.core.errors import FingerpostError, UsageError

BATCH = 100_000


class Cursor(Protocol):
    """What is used of a cursor of Python's database interface."""

    description: Any

    def execute(self, query: str) -> Any:
        """Run a query."""

    def fetchmany(self, size: int) -> Sequence[Sequence[Any]]:
        """Return the next rows; none at the end."""

    def close(self) -> None:
        """Let the cursor go."""


class Connection(Protocol):
    """What is used of a connection of Python's database interface."""

    def cursor(self) -> Cursor:
        """Return a new cursor."""


def to_parquet(
    connection: Connection, queries: Mapping[str, str], folder: Path, *, batch: int = BATCH
) -> dict[str, int]:
    """Write the rows of each query as NAME.parquet in a new folder; return the rows of each.

    queries: name of the file, without ending → SQL. batch: rows fetched at a time. Raises
    UsageError where the folder is not empty, FingerpostError where a query fails; a file that was
    not finished does not stay.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty. Name a folder that is new or empty.")
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: copied(connection, name, query, folder=folder, batch=batch)
        for name, query in queries.items()
    }


def copied(connection: Connection, name: str, query: str, *, folder: Path, batch: int) -> int:
    """Write the rows of one query; return how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cursor = connection.cursor()
    path = folder / f"{name}.parquet"
    beside = folder / f".{path.name}.tmp"
    count = 0
    try:
        run(cursor, name, query)
        columns = [column[0] for column in cursor.description]
        schema = pa.schema([(column, pa.string()) for column in columns])
        with pq.ParquetWriter(beside, schema, compression="zstd", store_schema=False) as writer:
            while rows := cursor.fetchmany(batch):
                values = [[as_text(row[at]) for row in rows] for at in range(len(columns))]
                arrays = [pa.array(column, pa.string()) for column in values]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                count += len(rows)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
        cursor.close()
    return count


def run(cursor: Cursor, name: str, query: str) -> None:
    """Run a query; whatever fails is told by kind, as what a server says may hold a value."""
    try:
        cursor.execute(query)
    except Exception as error:  # noqa: BLE001  each server has errors of its own
        raise FingerpostError(
            f'The query for "{name}" failed ({type(error).__name__}). Try it in the server\'s own '
            "tool."
        ) from None


def as_text(value: object) -> str | None:
    """Return a value as text that means the same: days by ISO 8601, whole numbers without a point.

    >>> from datetime import date
    >>> [as_text(value) for value in (None, True, 3.0, 2.5, date(2010, 1, 2), " K ")]
    [None, '1', '3', '2.5', '2010-01-02', 'K']
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value).strip() or None
