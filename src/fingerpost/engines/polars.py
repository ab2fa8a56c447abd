"""Polars, in memory: for tables that fit.

Parquet is read lazily; every other form is read whole by the reader that DuckDB uses too, so that a
file means one table whatever the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from fingerpost.core.leaves import Engine
from fingerpost.engines._parquet import lazy
from fingerpost.engines._session import connect, relation, stata
from fingerpost.engines._shared import ROW, TableFile, fault_of, widened


def read(
    files: Sequence[TableFile], *, session: Any = None, rows: bool = True, wide: bool = True
) -> tuple[nw.LazyFrame, ...]:
    """Return each file as a lazy frame; with `ROW`, the row's place in its file, from 1, if `rows`.

    session: not needed, since frames in memory can always be joined. wide: whether types are
    widened to those all engines share; a table that we wrote is in them.
    """
    frames = []
    for file in files:
        raw = scan(file)
        types = widened(nw.from_native(raw), file.words).to_native() if wide else raw
        if not rows:
            frames.append(nw.from_native(types))
            continue
        counted = types.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
        frames.append(nw.from_native(counted))
    return tuple(frames)


def scan(file: TableFile) -> pl.LazyFrame:
    """Return one file as a Polars lazy frame."""
    if file.form == "stata":
        frame: pl.DataFrame = stata(file)
        return frame.lazy()
    if file.form == "parquet":
        try:
            table = lazy(file)
            table.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise fault_of(file.words, error, mend="Is it whole, and truly Parquet?") from None
        return table
    with connect() as connection:
        whole = nw.from_native(relation(connection, file)).collect("polars").to_native()
    return whole.lazy()


def hold(frame: nw.LazyFrame, *, session: Any) -> nw.LazyFrame:
    """Return a frame computed once, in memory; a session is not needed."""
    return frame.collect().lazy()


ENGINE = Engine(
    title="Polars",
    summary="In memory, for tables that fit.",
    reference="Polars developers, https://pola.rs.",
    read=read,
    hold=hold,
    needs="polars",
)
