"""Records of either kind from one path: one table, or linked records."""

from __future__ import annotations

from pathlib import Path

from fingerpost.cohorts.table import TableRecords
from fingerpost.cohorts.table import read_records as read_table
from fingerpost.core.errors import Malformed
from fingerpost.core.study import Records
from fingerpost.records.store import Store, open_store, tables_in

# What linked records cannot be without: every other table leads to it.
CHILDREN = "child"


def read_records(
    source: str | Path | Records, *, engine: str = "duckdb", base: Path = Path(".")
) -> TableRecords | Store:
    """Return linked records where the path holds them, else one lazy table.

    source: a folder of tables or a DuckDB file with a table `child` among them, or one table, or
    where a study says its table is; a relative path starts from `base`. Raises what
    `cohorts.table.read_records` and `records.store.open_store` raise.
    """
    if not isinstance(source, Records):
        path = Path(source).expanduser()
        path = path if path.is_absolute() else base / path
        if linked(path):
            return open_store(path, engine)
    return read_table(source, engine=engine, base=base)


def linked(path: Path) -> bool:
    """Return whether a path holds linked records."""
    try:
        return path.exists() and CHILDREN in tables_in(path)
    except Malformed:
        return False  # one table, or nothing of ours: whoever reads it says what is wrong
