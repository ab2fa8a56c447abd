"""The same small table as a lazy frame on each engine, and rows back as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import narwhals as nw
import polars as pl

from fingerpost.records.declarations import TABLES

DTYPES = {
    "int": pl.Int64,
    "float": pl.Float64,
    "date": pl.Date,
    "code": pl.String,
    "text": pl.String,
    "id": pl.Int64,
}
Rows = Sequence[Mapping[str, Any]]
ENGINES = ("duckdb", "polars")


def frame(engine: str, table: str, rows: Rows, *, text_id: bool = False) -> nw.LazyFrame[Any]:
    """Return rows of a declared table, every column of it, as a lazy frame on an engine."""
    spec = TABLES[table]
    schema = {
        field.name: pl.String if text_id and field.kind == "id" else DTYPES[field.kind]
        for field in spec.fields
    }
    filled = [{name: row.get(name) for name in schema} for row in rows]
    return on(engine, pl.DataFrame(filled, schema=schema))


def on(engine: str, table: pl.DataFrame) -> nw.LazyFrame[Any]:
    """Return a table in memory as a lazy frame on an engine."""
    if engine == "polars":
        return nw.from_native(table.lazy())
    connection = duckdb.connect()
    connection.register("given", table.to_arrow())
    connection.execute("CREATE TABLE held AS SELECT * FROM given")
    return nw.from_native(connection.table("held"))


def rows(found: nw.LazyFrame[Any], *order: str) -> list[dict[str, Any]]:
    """Return a lazy frame's rows as plain Python, in order of some columns."""
    return found.sort(*order).collect("polars").to_native().rows(named=True)


def day(number: int) -> date:
    """Return a day of 2010 by its number in the year, from 1."""
    return date.fromordinal(date(2009, 12, 31).toordinal() + number)


Make = Callable[..., nw.LazyFrame[Any]]
