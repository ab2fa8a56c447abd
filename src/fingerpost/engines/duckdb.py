"""DuckDB, embedded: the default.

It reads only the columns and rows that a query needs, and spills to disk what does not fit in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw

from fingerpost.core.leaves import Engine
from fingerpost.engines._csv import name
from fingerpost.engines._session import connect, relation
from fingerpost.engines._shared import ROW, TableFile, distinct, widened


def read(files: Sequence[TableFile]) -> tuple[nw.LazyFrame, ...]:
    """Return each file as a lazy frame, all in one session so that they can be stacked.

    Every frame has the column `ROW`: the row's place in its file, from 1.
    """
    connection = connect()
    frames = []
    for file, called in zip(files, distinct([file.name for file in files]), strict=True):
        raw = relation(connection, file)
        types = widened(nw.from_native(raw), file.words).to_native()
        held = f"{called} as read"
        types.create_view(held)
        connection.execute(
            f"CREATE VIEW {name(called)} AS "
            f"SELECT CAST(row_number() OVER () AS BIGINT) AS {name(ROW)}, * FROM {name(held)}"
        )
        frames.append(nw.from_native(connection.table(name(called))))
    return tuple(frames)


ENGINE = Engine(
    title="DuckDB",
    summary="Embedded, out of core: the default.",
    reference="Raasveldt and Mühleisen 2019, DuckDB: an embeddable analytical database.",
    read=read,
    needs="duckdb",
)
