"""Where streams are kept: an SQLite file, or a PostgreSQL database by its address.

Writers wait for one another (BEGIN IMMEDIATE, or an advisory lock held to the end of the
transaction), so that a stream never forks; an entry is acknowledged once it is on the disk.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fingerpost.core.errors import FingerpostError, Malformed, MissingExtra
from fingerpost.ledger.chain import faults, hash_of, head, sealed
from fingerpost.ledger.events import Entry, Event, Fault, Head

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Decide = Callable[[Sequence[Entry]], Event]
DecideOnTail = Callable[["Tail"], Event]
COLUMNS = ("stream", "number", "kind", "body", "time", "key", "previous", "hash", "digests")
LAST = "number = (SELECT max(number) FROM ledger WHERE stream = {sign})"
WAIT, SILENT = 30, 2  # seconds that a writer waits for the others; those after which it says so
NO_LOCK = "55P03"  # what a PostgreSQL server calls a lock that did not come in time
WAITING = "{where}: another program holds the ledger. Waiting up to {wait} seconds for it."
LONGEST = 200
TABLE = """CREATE TABLE IF NOT EXISTS ledger (
    stream VARCHAR(200) NOT NULL, number INTEGER NOT NULL, kind VARCHAR(200) NOT NULL,
    body TEXT NOT NULL, time VARCHAR(40) NOT NULL, key VARCHAR(200) NOT NULL,
    previous CHAR(64) NOT NULL, hash CHAR(64) NOT NULL, digests TEXT NOT NULL,
    PRIMARY KEY (stream, number), UNIQUE (stream, key))"""


SQLITE = "sqlite:///"  # a file by its URL is that file


def utc_now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Theirs(Exception):
    """An error of the caller's own, on its way through what tells of the ledger's."""

    def __init__(self, error: UnicodeError) -> None:
        super().__init__()
        self.error = error


class Tail:
    """A stream inside a transaction: its head, and as much of it as is asked for.

    Whoever holds what they read before, up to some number, asks only for what came after.
    """

    def __init__(self, connection: Connection, stream: str, *, before: Head) -> None:
        """Take the connection of the transaction."""
        self._connection, self._stream = connection, stream
        self.head = before

    def after(self, number: int) -> list[Entry]:
        """Return the entries after a number, in order; after 0, all of them."""
        if number >= self.head.number:
            return []
        return _read(self._connection, self._stream, after=number)


class Ledger:
    """Streams of events that are only ever added to.

    address: the path of an SQLite file, or a URL (postgresql+psycopg://…). read_only: for a file
    that must not be touched, as when a draw is verified. clock: gives the time of new entries.
    often: for a file that is written to again and again: SQLite's journal is emptied after each
    entry and not taken away, which spares the disk the folder's own list; an empty file
    `…-journal` then stays beside it. What is acknowledged is on the disk either way.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        read_only: bool = False,
        clock: Callable[[], str] = utc_now,
        often: bool = False,
    ) -> None:
        self.clock = clock
        plain = str(address).removeprefix(SQLITE)
        self.path = None if "://" in plain else Path(plain)
        if read_only and self.path is not None and not self.path.is_file():
            raise Malformed(f"{self.path}: there is no ledger.")
        self.engine = _engine(self.path or str(address), read_only=read_only, often=often)
        if not read_only:
            with self._asking(), self._writing("") as connection:
                connection.exec_driver_sql(TABLE)

    def append(self, stream: str, decide: Decide, *, key: str) -> Entry:
        """Add what `decide(entries)` says to a stream, and return it once it is kept.

        decide runs inside the transaction: between what it reads and what it says nobody else
        writes to the stream. It may raise; nothing is then added. key: a name of this request, of
        at most 200 signs; where the stream holds it already, that entry is returned and decide is
        not asked, so that a request may be repeated after a crash.
        Raises Malformed where the last entry was changed: nothing is built on it.
        """
        return self.extend(stream, lambda tail: decide(tail.after(0)), key=key)

    def extend(self, stream: str, decide: DecideOnTail, *, key: str) -> Entry:
        """Add what `decide(tail)` says, as `append` does, without reading the whole stream.

        Whoever has read the stream up to some entry, and checked it, reads on from there
        (`tail.after(number)`) and holds what it reads against the hash that it knows; so the chain
        is looked at whole, each entry once.
        """
        with self._asking(), self._writing(stream) as connection:
            again = _find(connection, stream, "key = {sign}", key)
            if again:
                return again[0]
            last = _find(connection, stream, LAST, stream)
            if last and hash_of(last[0]) != last[0].hash:
                raise Malformed(
                    f"the ledger's entry {last[0].number} of {stream} was changed; nothing is "
                    "added to it. Restore it from a copy."
                )
            try:
                event = decide(Tail(connection, stream, before=head(last)))
            except UnicodeError as error:
                # What a caller cannot read is not the ledger's to speak of.
                raise _Theirs(error) from None
            entry = sealed(stream, event, before=head(last), time=self.clock(), key=key)
            _check_lengths(entry)
            connection.exec_driver_sql(_insert(self.engine), tuple(_row(entry)))
        return entry

    @contextmanager
    def still(self, stream: str) -> Iterator[tuple[Head, bytes]]:
        """Hold a stream still: nobody writes to it until the end. Yields its head and, of a file,
        the file's bytes.

        The bytes come through the connection: whoever opens and closes the file beside it loses,
        on POSIX systems, every lock that this process holds on it.
        """
        with self._asking(), self._writing(stream) as connection:
            last = _find(connection, stream, LAST, stream)
            held: Any = connection.connection.driver_connection
            yield head(last), held.serialize() if self.path is not None else b""

    def entries(self, stream: str, *, after: int = 0) -> tuple[Entry, ...]:
        """Return the entries of a stream, in order; those after a number alone, if one is named."""
        with self._asking(), self.engine.connect() as connection:
            return tuple(_read(connection, stream, after=after))

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams."""
        with self._asking(), self.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT DISTINCT stream FROM ledger ORDER BY 1")
            return tuple(str(row[0]) for row in found)

    def head(self, stream: str) -> Head:
        """Return the number and hash of the last entry, to be published."""
        return head(self.entries(stream))

    def check(
        self,
        *,
        streams: Sequence[str] | None = None,
        published: dict[str, Head] | None = None,
    ) -> list[Fault]:
        """Return what is not as it was written, in some streams or all; words name the stream.

        published: heads made public.
        """
        heads = dict(published or {})
        found: list[Fault] = []
        for stream in dict.fromkeys((*(self.streams() if streams is None else streams), *heads)):
            found += [
                replace(fault, words=f"{stream}: {fault.words}")
                for fault in faults(self.entries(stream), published=heads.get(stream))
            ]
        return found

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self, stream: str) -> Iterator[Connection]:
        """Return a connection on which no one else writes to the stream until its end."""
        with self.engine.connect() as bare:
            connection = bare.execution_options(writes=True)
            with connection.begin():
                if self.path is None:
                    _lock_server(connection, _lock(stream))
                yield connection

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Tell a fault of the database in a reader's words; never its address or password."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except _Theirs as passed:
            raise passed.error from None
        except UnicodeError:
            raise Malformed(f"{self.path}: the file is damaged. Restore it from a copy.") from None
        except SQLAlchemyError as error:
            where = f"{self.path}" if self.path is not None else "the ledger's server"
            cause = str(getattr(error, "orig", "") or type(error).__name__).split("\n")[0]
            if "malformed" in cause or "not a database" in cause or "no such table" in cause:
                raise Malformed(
                    f"{where}: the file is damaged or is no ledger ({cause}). Restore it from a "
                    "copy."
                ) from None
            raise FingerpostError(
                f"{where}: the ledger cannot be read or written ({cause}). Look whether it may be "
                "written to, whether its server runs, and whether another program holds it."
            ) from None


def _engine(address: Path | str, *, read_only: bool, often: bool = False) -> Engine:
    """Return SQLAlchemy's engine for a file or a server."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    if isinstance(address, str):
        try:
            return create_engine(address, poolclass=NullPool)
        except ModuleNotFoundError:
            raise MissingExtra(
                "A ledger on a PostgreSQL server needs its driver. Install it: pip install "
                "'fingerpost[sql]'"
            ) from None
    mode = "ro" if read_only else "rwc"
    uri = f"file:{_quoted(address.absolute())}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # Python's own transactions are switched off: ours begin as the listener below says.
        found = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None)
        # A flipped bit may leave bytes that are no text: they are to be read all the same.
        found.text_factory = lambda held: held.decode("utf-8", "surrogateescape")
        emptied = ["PRAGMA journal_mode = TRUNCATE"] if often and not read_only else []
        try:
            _patiently(found, str(address), "PRAGMA synchronous = FULL", *emptied)
        except sqlite3.OperationalError:
            found.close()
            raise
        return found

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        held: Any = connection.connection.driver_connection
        writes = connection.get_execution_options().get("writes")
        # A reader's lock is taken by its first look.
        reads = ("BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1")
        _patiently(held, str(address), *(("BEGIN IMMEDIATE",) if writes else reads))

    return engine


def _patiently(held: sqlite3.Connection, where: str, *statements: str) -> None:
    """Run statements that another program may keep waiting, saying so where one does.

    Raises sqlite3.OperationalError where that lasts.
    """
    for seconds in (SILENT, WAIT - SILENT):
        held.execute(f"PRAGMA busy_timeout = {1000 * seconds:.0f}")
        try:
            for statement in statements:
                held.execute(statement).fetchall()
            break
        except sqlite3.OperationalError as error:
            if held.in_transaction:
                held.execute("ROLLBACK")
            if "locked" not in str(error) or seconds != SILENT:
                raise
            waits(where)
    held.execute(f"PRAGMA busy_timeout = {1000 * WAIT:.0f}")


def _lock_server(connection: Connection, number: int) -> None:
    """Take a stream's lock on a server, saying so where another program keeps it waiting. Held by
    the transaction; waited for as long as for a file's.
    """
    got = connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({number})").scalar()
    if got:
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * SILENT:.0f}")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")
    except Exception as error:
        # By its code: a server tells its words in its own language.
        cause = getattr(error, "orig", None)
        if NO_LOCK not in (getattr(cause, "sqlstate", ""), getattr(cause, "pgcode", "")):
            raise
        waits("the ledger's server")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * (WAIT - SILENT):.0f}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


def waits(where: str) -> None:
    """Say on the error stream that another program holds a ledger."""
    logging.getLogger(__name__).warning(WAITING.format(where=where, wait=WAIT))


def _quoted(path: Path) -> str:
    """Return a path as SQLite reads it in an address: `/C:/…` of a drive, four slashes before a
    server's name.
    """
    text = path.as_posix()
    before = "//" if text.startswith("//") else "" if text.startswith("/") else "/"
    return before + quote(text)


def _lock(stream: str) -> int:
    """Return the number under which PostgreSQL knows the lock of a stream."""
    found = hashlib.sha256(f"fingerpost ledger {stream}".encode()).digest()[:8]
    return int.from_bytes(found, "big", signed=True)


def _insert(engine: Engine) -> str:
    """Return the statement that adds a row, with the signs of the driver for its values."""
    sign = "?" if engine.dialect.name == "sqlite" else "%s"
    signs = ", ".join([sign] * len(COLUMNS))
    return f"INSERT INTO ledger ({', '.join(COLUMNS)}) VALUES ({signs})"


def _row(entry: Entry) -> Iterator[Any]:
    """Yield an entry's fields in the order of the columns."""
    for column in COLUMNS:
        yield getattr(entry, "text" if column == "body" else column)


def _read(connection: Connection, stream: str, *, after: int = 0) -> list[Entry]:
    """Return the entries of a stream, in order; those after a number alone, if one is named."""
    if not after:
        return _find(connection, stream, "", None)
    return _find(connection, stream, "number > {sign}", after)


def _find(connection: Connection, stream: str, which: str, value: Any) -> list[Entry]:
    """Return the entries of a stream that a condition on one value selects, in order."""
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    where = f"stream = {sign}" + (f" AND {which.format(sign=sign)}" if which else "")
    found = connection.exec_driver_sql(
        f"SELECT {', '.join(COLUMNS)} FROM ledger WHERE {where} ORDER BY number",
        (stream, value) if which else (stream,),
    )
    return [Entry(*row) for row in found]


def _check_lengths(entry: Entry) -> None:
    """Raise where a name is longer than a column holds, or empty."""
    for field in ("stream", "kind", "key"):
        if not 0 < len(getattr(entry, field)) <= LONGEST:
            raise FingerpostError(f"the {field} of a ledger's entry has 1 to {LONGEST} signs.")
