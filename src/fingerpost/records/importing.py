"""Rows of an SQL server into Parquet: by its own cursor, part by part, with a manifest.

    made = import_rows(server(url), asked("school_census", None), out=Path("extracts"), key="pupil")

Rows flow through memory a batch at a time. With a key, whose order the server keeps, an import that
was stopped goes on after its last whole part.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.core.words import counted
from fingerpost.records.importing_parts import (
    Import,
    Recipe,
    Writer,
    begin,
    cut,
    finished,
    key_column,
    last_value,
    refuse_damaged,
    running,
)
from fingerpost.records.importing_server import (
    Asked,
    Server,
    asking,
    connected,
    kind_of,
    looked_up,
    worded,
)
from fingerpost.records.importing_types import ORDERED, Column, columns_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

Rows = Generator[Sequence[Sequence[Any]], None, None]
BATCH = 10_000
PART = 1_000_000
LAST = "fingerpost_last"
ANEW = "Run the same command again; with --key COLUMN it would go on where it was."
ON = "Run the same command again: it goes on after the last whole part."
# Of errors that a server or its driver gives, those that the same question would meet again.
LASTING = ("DataError", "ProgrammingError", "NotSupportedError", "IntegrityError")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made. kept: rows that an earlier run had left there. there: whether all was
    there already, so that the server was not asked. started, finished: when it was asked for what
    was there, as the manifest has it.
    """

    folder: Path
    rows: int
    parts: int
    columns: int
    kept: int = 0
    there: bool = False
    started: str = ""
    finished: str = ""

    @property
    def when(self) -> str:
        """When the server was asked, in words; empty where the manifest does not say.

        >>> made = Imported(Path("pupil"), 1, 1, 1, started="2026-01-02T09:00:00+00:00",
        ...                 finished="2026-01-02T09:05:30+00:00")
        >>> made.when
        'from 2026-01-02 09:00:00 UTC to 2026-01-02 09:05:30 UTC'
        """
        ends = (moment(said) for said in (self.started, self.finished))
        return " ".join(
            f"{word} {end}" for word, end in zip(("from", "to"), ends, strict=True) if end
        )


def moment(said: str) -> str:
    """Return a moment of a manifest in words; empty where there is none.

    >>> moment("2026-01-02T09:00:00+00:00")
    '2026-01-02 09:00:00 UTC'
    """
    return said.replace("T", " ").replace("+00:00", " UTC")


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
    the rows already read have changed; Malformed for columns or values that Parquet cannot hold;
    FingerpostError where a finished import is not as it was written, another is under way there, or
    the server fails.
    """
    home, place = out / what.name, out / f".{what.name}.importing"
    digest = digest_of(what)
    done = finished(home)
    if done is not None:
        if (done["source"], done["query_sha256"]) == (dict(at.source), digest):
            say(f"{what.name}: looking at what is there")
            refuse_damaged(home, done)
            counts = (done["rows"], len(done["parts"]), len(done["columns"]))
            asked_then = [str(done.get(name) or "") for name in ("started", "finished")]
            return Imported(home, *counts, 0, True, *asked_then)
        raise UsageError(
            f"{home} holds the rows of another table, query or server. Name another folder."
        )
    with connected(at) as connection:
        said = looked_up(connection, what.table) if what.table else {}
        question = Asking(connection, what, key, said)
        columns, result = begun(question, batch=batch)
        # A cursor is closed before its connection is, also where nothing was read of it.
        with closing(result) if result is not None else nullcontext(), running(out, what.name):
            if home.exists():
                raise FingerpostError(f"{home} has come meanwhile. Run the same command again.")
            going = begin(place, home, Recipe(at.source, digest, key), columns)
            try:
                kept = filled(question, going, result, part_rows=part_rows, batch=batch, say=say)
            except BaseException as error:
                going.leave(error)
                raise
    return Imported(home, going.rows, len(going.parts), len(columns), kept)


def filled(
    question: Asking,
    going: Import,
    result: CursorResult[Any] | None,
    *,
    part_rows: int,
    batch: int,
    say: Callable[[str], None],
) -> int:
    """Write the rows that an import lacks and finish it; return how many it had already.

    result: of a question without a key, which has been asked already.
    """
    kept = going.rows
    if kept:
        say(f"{going.home.name}: {kept:,} rows are there already")
    if result is None:
        result = following(question, going, batch=batch)
    key = question.key
    index = None if key is None else key_column(going.columns, key, ORDERED)
    with closing(partitions(result, batch)) as rows:
        write(going, cut(rows, index, part_rows), key=key, say=say)
    going.finish()
    return kept


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


def begun(question: Asking, *, batch: int) -> tuple[tuple[Column, ...], CursorResult[Any] | None]:
    """Return what the columns become, and without a key the result, which is then under way."""
    if question.key is None:
        result = run(question.connection, statement(question), yield_per=batch)
        try:
            return question.columns(result), result
        except BaseException:
            result.close()
            raise
    # No row is read for it.
    empty = run(question.connection, statement(question, more=" WHERE 1 = 0"))
    columns = question.columns(empty)
    empty.close()
    key_column(columns, question.key, ORDERED)
    refuse_missing(question)
    return columns, None


def following(question: Asking, going: Import, *, batch: int) -> CursorResult[Any]:
    """Return the result of the rows after those that are there, in the order of the key."""
    order = f" ORDER BY {question.column}"
    if not going.parts:
        whole = statement(question, order=order)
        return run(question.connection, whole, yield_per=batch)
    last = {LAST: last_value(going, str(question.key))}
    refuse_moved(question, going, last)
    after = statement(question, more=f" WHERE {question.column} > :{LAST}", order=order)
    return run(question.connection, after, last, yield_per=batch)


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
                    say(f"{name}: {going.rows:,} rows in {counted(len(going.parts), 'part')}")
                else:
                    writer.add(rows)
        except BrokenOff as error:
            raise broken(error, name, going.rows + writer.rows, on=key is not None) from None
        # A table of no rows keeps its columns.
        if writer.rows or not going.parts:
            writer.end()


class BrokenOff(Exception):
    """A server gave no more rows; of the error only its kind is known here, and whether the same
    question would meet it again.
    """

    def __init__(self, kind: str, *, lasting: bool = False) -> None:
        super().__init__(kind)
        self.lasting = lasting


def broken(error: BrokenOff, name: str, rows: int, *, on: bool) -> FingerpostError:
    """Return what is told where a server gave no more rows. on: a next run would go on."""
    if error.lasting:
        where = f", after its first {counted(rows, 'row')}," if rows else ""
        return Malformed(
            f"records: a value of {name}{where} is one that the server or its driver cannot give "
            f"({error}). Find it in the server's own tool; leave such rows out in a query, or turn "
            "the column into text: CAST(COLUMN AS ...)."
        )
    return FingerpostError(
        f"The server broke off after {rows:,} rows of {name} ({error}). {ON if on else ANEW}"
    )


def partitions(result: CursorResult[Any], batch: int) -> Rows:
    """Yield the rows of a result, a batch at a time; BrokenOff where the server fails."""
    try:
        yield from result.partitions(batch)
    except Exception as error:  # noqa: BLE001  each driver has errors of its own
        raise BrokenOff(kind_of(error), lasting=lasts(error)) from None
    finally:
        result.close()


def lasts(error: BaseException) -> bool:
    """Return whether the same question would meet an error again: it is of a value, not of the way.

    >>> lasts(UnicodeDecodeError("utf-8", b"", 0, 1, "")), lasts(ConnectionResetError())
    (True, False)
    """
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError):
        return isinstance(error, ValueError | TypeError | ArithmeticError)
    if error.connection_invalidated:
        return False
    # Of a value that is no text Python's own SQLite says so without a code of SQLite's.
    own = isinstance(error.orig, sqlite3.OperationalError)
    uncoded = own and getattr(error.orig, "sqlite_errorcode", None) is None
    return uncoded or type(error).__name__ in LASTING


def statement(question: Asking, select: str = "*", *, more: str = "", order: str = "") -> str:
    """Return a question about the rows of a table or query as one statement."""
    what = question.what
    preparer = question.connection.dialect.identifier_preparer
    if what.table is not None:
        schema, _, name = what.table.rpartition(".")
        # SQL Server's DATABASE.SCHEMA are two names, which its own dialect takes apart.
        source = f"{preparer.quote_schema(schema)}." if schema else ""
        source += preparer.quote(name)
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

    options: dict[str, Any] = {} if yield_per is None else {"yield_per": yield_per}
    with asking("the query", "Try it in the server's own tool."):
        if not values:
            # To the letter: no sign in it stands for a parameter.
            options["no_parameters"] = True
            return connection.exec_driver_sql(question, execution_options=options)
        ours = question.replace(":", r"\:").replace(rf"\:{LAST}", f":{LAST}")
        return connection.execute(text(ours), dict(values), execution_options=options)


def counted_rows(question: Asking, more: str, values: Mapping[str, Any] | None = None) -> int:
    """Return how many rows there are of which something holds."""
    asked_so = statement(question, "count(*)", more=more)
    with asking("the query", "Try it in the server's own tool."):
        return int(run(question.connection, asked_so, values).scalar_one())


def refuse_missing(question: Asking) -> None:
    """Raise UsageError where the key is missing in any row: such rows have no place in an order."""
    count = counted_rows(question, f" WHERE {question.column} IS NULL")
    if count:
        raise UsageError(
            f"--key {question.key}: it is missing in {counted(count, 'row')}. Choose a column that "
            "every row has, or leave those rows out in a query."
        )


def refuse_moved(question: Asking, going: Import, last: Mapping[str, Any]) -> None:
    """Raise UsageError unless the server has as many rows up to the last one here as are here."""
    count = counted_rows(question, f" WHERE {question.column} <= :{LAST}", last)
    if count != going.rows:
        raise UsageError(
            f"{going.place} holds {counted(going.rows, 'row')} up to where it stopped; the server "
            f"has {count:,} there now. Rows have changed since, or the server orders "
            f"{question.key} unlike it compares it. Remove that folder to begin anew."
        )


def digest_of(what: Asked) -> str:
    """Return the SHA-256 of what is asked: the query's text, or the table's name."""
    said = f"table {what.table}" if what.query is None else f"query {what.query}"
    return hashlib.sha256(said.encode()).hexdigest()
