"""DuckDB, embedded: the default.

It reads only the columns and rows that a query needs, and spills to disk what does not fit in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import narwhals as nw

from fingerpost.core.leaves import Engine
from fingerpost.engines._csv import name
from fingerpost.engines._limits import LITTLE, limits
from fingerpost.engines._session import connect, relation
from fingerpost.engines._shared import ROW, TableFile, distinct, widened


def read(
    files: Sequence[TableFile], *, session: Any = None, rows: bool = True, wide: bool = True
) -> tuple[nw.LazyFrame, ...]:
    """Return each file as a lazy frame, all in one session so that they can be stacked and joined.

    session: from `ENGINE.session()`, where more files are to join them later; their names must
    differ. rows: whether every frame has the column `ROW`, the row's place in its file, from 1.
    wide: whether types are widened to those all engines share; a table that we wrote is in them.
    """
    connection = session or connect()
    frames = []
    for file, called in zip(files, distinct([file.name for file in files]), strict=True):
        raw = relation(connection, file)
        types = widened(nw.from_native(raw), file.words).to_native() if wide else raw
        if not rows:
            types.create_view(called)
            frames.append(nw.from_native(connection.table(name(called))))
            continue
        held = f"{called} as read"
        types.create_view(held)
        connection.execute(
            f"CREATE VIEW {name(called)} AS "
            f"SELECT CAST(row_number() OVER () AS BIGINT) AS {name(ROW)}, * FROM {name(held)}"
        )
        frames.append(nw.from_native(connection.table(name(called))))
    return tuple(frames)


def hold(frame: nw.LazyFrame, *, session: Any) -> nw.LazyFrame:
    """Return a frame computed once, as a table of its session, which it can still be joined in."""
    called = f"held {uuid4().hex}"
    frame.to_native().create(called)
    return nw.from_native(session.table(name(called)))


def rest(session: Any) -> None:
    """Put held tables on disk, and let go of the memory: as a session does that may take little."""
    import duckdb

    try:
        session.execute(f"SET memory_limit = '{LITTLE}'")
    except duckdb.Error:
        return  # what is in use cannot go: the limit stays
    session.execute(f"SET memory_limit = '{limits().memory}'")


ENGINE = Engine(
    title="DuckDB",
    summary="Embedded, out of core: the default.",
    reference="Raasveldt and Mühleisen 2019, DuckDB: an embeddable analytical database.",
    read=read,
    session=connect,
    hold=hold,
    rest=rest,
    needs="duckdb",
)
