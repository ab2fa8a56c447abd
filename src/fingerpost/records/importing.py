"""Rows of an SQL server into Parquet: by its own cursor, part by part, with a manifest.

    made = import_rows(server(url), asked("school_census", None), out=Path("extracts"), key="pupil")

Rows flow through memory a batch at a time. With a key, whose order the server keeps, an import that
was stopped goes on after its last whole part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.records.importing_parts import (
    Import,
    Recipe,
    Writer,
    begin,
    cut,
    finished,
    key_column,
    last_value,
)
from fingerpost.records.importing_server import Asked, Server, connected, looked_up, worded
from fingerpost.records.importing_types import ORDERED, Column, columns_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

Rows = Generator[Sequence[Sequence[Any]], None, None]
BATCH = 10_000
PART = 1_000_000
LAST = "fingerpost_last"
ANEW = "Run the same command again; with --key COLUMN it would go on where it was."
ON = "Run the same command again: it goes on after the last whole part."


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made. kept: rows that an earlier run had left there. there: whether all was
    there already, so that the server was not asked.
    """

    folder: Path
    rows: int
    parts: int
    columns: int
    kept: int = 0
    there: bool = False


def import_rows(
    at: Server,
    what: Asked,
    *,
    out: Path,
    key: str | None = None,
    part_rows: int = PART,
    batch: int = BATCH,
    say: Callable[[str], None] = lambda words: None,
) -> Imported:
    """Write the rows of a table or query to out/NAME/part-….parquet; return what was made.

    key: a column by which the server orders the rows and a stopped import goes on; never missing.
    part_rows: of a file, at least; one key is never split. batch: rows fetched at a time. say: is
    told of each part. Raises UsageError where other things are there or the query, its columns or
    the rows already read have changed; Malformed for columns that Parquet cannot hold.
    """
    home, place = out / what.name, out / f".{what.name}.importing"
    digest = digest_of(what)
    done = finished(home)
    if done is not None:
        if (done["source"], done["query_sha256"]) == (dict(at.source), digest):
            counts = (done["rows"], len(done["parts"]), len(done["columns"]))
            return Imported(home, *counts, there=True)
        raise UsageError(
            f"{home} holds the rows of another table, query or server. Name another folder."
        )
    with connected(at) as connection:
        said = looked_up(connection, what.table) if what.table else {}
        asking = Asking(connection, what, key, said)
        going, rows = begun(asking, place, home, Recipe(at.source, digest, key), batch=batch)
        kept = going.rows
        if kept:
            say(f"{what.name}: {kept:,} rows are there already")
        columns = going.columns
        index = None if key is None else key_column(columns, key, ORDERED)
        # A cursor is closed before its connection is, also where writing fails.
        with closing(rows):
            write(going, cut(rows, index, part_rows), key=key, say=say)
    going.finish()
    return Imported(home, going.rows, len(going.parts), len(columns), kept)


@dataclass(frozen=True, slots=True)
class Asking:
    """A connection and what is asked of it. said: column → type, of a table that was looked up."""

    connection: Connection
    what: Asked
    key: str | None
    said: Mapping[str, Any]

    @property
    def column(self) -> str:
        """The key as this server writes it."""
        return str(self.connection.dialect.identifier_preparer.quote(str(self.key)))

    def columns(self, result: CursorResult[Any]) -> tuple[Column, ...]:
        """Return what the columns of a result become."""
        description = result.cursor.description if result.cursor is not None else ()
        own = worded(self.connection, description)
        return columns_of(description, self.connection.dialect.name, said=self.said, own=own)


def begun(
    asking: Asking, place: Path, home: Path, recipe: Recipe, *, batch: int
) -> tuple[Import, Rows]:
    """Return the import to go on with, and the rows that it lacks."""
    if asking.key is None:
        result = run(asking.connection, statement(asking), yield_per=batch)
        going = begin(place, home, recipe, asking.columns(result))
        return going, partitions(result, batch)
    # No row is read for it.
    empty = run(asking.connection, statement(asking, more=" WHERE 1 = 0"))
    columns = asking.columns(empty)
    empty.close()
    key_column(columns, asking.key, ORDERED)
    refuse_missing(asking)
    going = begin(place, home, recipe, columns)
    order = f" ORDER BY {asking.column}"
    if not going.parts:
        result = run(asking.connection, statement(asking, order=order), yield_per=batch)
        return going, partitions(result, batch)
    last = {LAST: last_value(going, asking.key)}
    refuse_moved(asking, going, last)
    question = statement(asking, more=f" WHERE {asking.column} > :{LAST}", order=order)
    return going, partitions(run(asking.connection, question, last, yield_per=batch), batch)


def write(
    going: Import,
    pieces: Iterator[Sequence[Sequence[Any]] | None],
    *,
    key: str | None,
    say: Callable[[str], None],
) -> None:
    """Write rows to parts as they come; a server that breaks off is told of by kind."""
    name = going.home.name
    with Writer(going, key=key) as writer:
        try:
            for rows in pieces:
                if rows is None:
                    writer.end()
                    say(f"{name}: {going.rows:,} rows in {len(going.parts)} parts")
                else:
                    writer.add(rows)
        except BrokenOff as error:
            raise FingerpostError(
                f"The server broke off after {going.rows + writer.rows:,} rows of {name} "
                f"({error}). {ANEW if key is None else ON}"
            ) from None
        # A table of no rows keeps its columns.
        if writer.rows or not going.parts:
            writer.end()


class BrokenOff(Exception):
    """A server gave no more rows; of the error only its kind is known here."""


def partitions(result: CursorResult[Any], batch: int) -> Rows:
    """Yield the rows of a result, a batch at a time; BrokenOff where the server fails."""
    try:
        yield from result.partitions(batch)
    except Exception as error:  # noqa: BLE001  each driver has errors of its own
        raise BrokenOff(kind_of(error)) from None
    finally:
        result.close()


def statement(asking: Asking, select: str = "*", *, more: str = "", order: str = "") -> str:
    """Return a question about the rows of a table or query as one statement."""
    what = asking.what
    quote = asking.connection.dialect.identifier_preparer.quote
    if what.table is not None:
        schema, _, name = what.table.rpartition(".")
        source = f"{quote(schema)}.{quote(name)}" if schema else quote(name)
    elif (select, more, order) == ("*", "", ""):
        # As it was written: what stands in brackets may not order its rows on every server.
        return str(what.query)
    else:
        source = f"(\n{what.query}\n) AS fingerpost_rows"
    return f"SELECT {select} FROM {source}{more}{order}"


def run(
    connection: Connection,
    question: str,
    values: Mapping[str, Any] | None = None,
    *,
    yield_per: int | None = None,
) -> CursorResult[Any]:
    """Run a statement; whatever fails is told by kind, as what a server says may hold a value.

    yield_per: fetch so many rows at a time by a cursor that stays on the server.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    options: dict[str, Any] = {} if yield_per is None else {"yield_per": yield_per}
    try:
        if not values:
            # To the letter: no sign in it stands for a parameter.
            options["no_parameters"] = True
            return connection.exec_driver_sql(question, execution_options=options)
        ours = question.replace(":", r"\:").replace(rf"\:{LAST}", f":{LAST}")
        return connection.execute(text(ours), dict(values), execution_options=options)
    except SQLAlchemyError as error:
        raise FingerpostError(
            f"The server did not take the query ({kind_of(error)}). Try it in the server's own "
            "tool."
        ) from None


def kind_of(error: BaseException) -> str:
    """Return what kind of error a driver met, in its own word and nothing else of it."""
    return type(getattr(error, "orig", None) or error).__name__


def refuse_missing(asking: Asking) -> None:
    """Raise UsageError where the key is missing in any row: such rows have no place in an order."""
    question = statement(asking, "count(*)", more=f" WHERE {asking.column} IS NULL")
    count = run(asking.connection, question).scalar_one()
    if count:
        raise UsageError(
            f"--key {asking.key}: it is missing in {count:,} rows. Choose a column that every row "
            "has, or leave those rows out in a query."
        )


def refuse_moved(asking: Asking, going: Import, last: Mapping[str, Any]) -> None:
    """Raise UsageError unless the server has as many rows up to the last one here as are here."""
    question = statement(asking, "count(*)", more=f" WHERE {asking.column} <= :{LAST}")
    count = run(asking.connection, question, last).scalar_one()
    if count != going.rows:
        raise UsageError(
            f"{going.place} holds {going.rows:,} rows up to where it stopped; the server has "
            f"{count:,} there now. Rows have changed since, or the server orders {asking.key} "
            "unlike it compares it. Remove that folder to begin anew."
        )


def digest_of(what: Asked) -> str:
    """Return the SHA-256 of what is asked: the query's text, or the table's name."""
    said = f"table {what.table}" if what.query is None else f"query {what.query}"
    return hashlib.sha256(said.encode()).hexdigest()
