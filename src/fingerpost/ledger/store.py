"""Where streams are kept: an SQLite file, or a PostgreSQL database by its address.

Writers wait for one another (BEGIN IMMEDIATE, or an advisory lock held to the end of the
transaction), so that a stream never forks; an entry is acknowledged once it is on the disk.
"""

from __future__ import annotations

import datetime
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError, Malformed, MissingExtra
from fingerpost.ledger.chain import faults, hash_of, head, sealed
from fingerpost.ledger.events import Entry, Event, Fault, Head

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Decide = Callable[[Sequence[Entry]], Event]
COLUMNS = ("stream", "number", "kind", "body", "time", "key", "previous", "hash", "digests")
WAIT = 60  # seconds that a writer waits for the others
LONGEST = 200
TABLE = """CREATE TABLE IF NOT EXISTS ledger (
    stream VARCHAR(200) NOT NULL, number INTEGER NOT NULL, kind VARCHAR(200) NOT NULL,
    body TEXT NOT NULL, time VARCHAR(40) NOT NULL, key VARCHAR(200) NOT NULL,
    previous CHAR(64) NOT NULL, hash CHAR(64) NOT NULL, digests TEXT NOT NULL,
    PRIMARY KEY (stream, number), UNIQUE (stream, key))"""


def utc_now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Ledger:
    """Streams of events that are only ever added to.

    address: the path of an SQLite file, or a URL (postgresql+psycopg://…). read_only: for a file
    that must not be touched, as when a draw is verified. clock: gives the time of new entries.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        read_only: bool = False,
        clock: Callable[[], str] = utc_now,
    ) -> None:
        self.clock = clock
        self.path = None if "://" in str(address) else Path(address)
        if read_only and self.path is not None and not self.path.is_file():
            raise Malformed(f"{self.path}: there is no ledger.")
        self.engine = _engine(self.path or str(address), read_only=read_only)
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
        with self._asking(), self._writing(stream) as connection:
            entries = _read(connection, stream)
            again = [entry for entry in entries if entry.key == key]
            if again:
                return again[0]
            if entries and hash_of(entries[-1]) != entries[-1].hash:
                raise Malformed(
                    f"the ledger's entry {entries[-1].number} of {stream} was changed; nothing is "
                    "added to it. Restore it from a copy."
                )
            event = decide(entries)
            entry = sealed(stream, event, before=head(entries), time=self.clock(), key=key)
            _check_lengths(entry)
            connection.exec_driver_sql(_insert(self.engine), tuple(_row(entry)))
        return entry

    def entries(self, stream: str) -> tuple[Entry, ...]:
        """Return the entries of a stream, in order."""
        with self._asking(), self.engine.connect() as connection:
            return tuple(_read(connection, stream))

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams."""
        with self._asking(), self.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT DISTINCT stream FROM ledger ORDER BY 1")
            return tuple(str(row[0]) for row in found)

    def head(self, stream: str) -> Head:
        """Return the number and hash of the last entry, to be published."""
        return head(self.entries(stream))

    def check(self, *, published: dict[str, Head] | None = None) -> list[Fault]:
        """Return what is not as it was written, in any stream. published: heads made public."""
        heads = dict(published or {})
        found: list[Fault] = []
        for stream in dict.fromkeys((*self.streams(), *heads)):
            found += faults(self.entries(stream), published=heads.get(stream))
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
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_lock(stream)})")
                yield connection

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Tell a fault of the database in a reader's words; never its address or password."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
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


def _engine(address: Path | str, *, read_only: bool) -> Engine:
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
    uri = f"{address.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # Python's own transactions are switched off: ours begin as the listener below says.
        found = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None)
        # A flipped bit may leave bytes that are no text: they are to be read all the same.
        found.text_factory = lambda held: held.decode("utf-8", "surrogateescape")
        found.execute("PRAGMA synchronous = FULL")
        return found

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


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


def _read(connection: Connection, stream: str) -> list[Entry]:
    """Return the entries of a stream, in order."""
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    found = connection.exec_driver_sql(
        f"SELECT {', '.join(COLUMNS)} FROM ledger WHERE stream = {sign} ORDER BY number", (stream,)
    )
    return [Entry(*row) for row in found]


def _check_lengths(entry: Entry) -> None:
    """Raise where a name is longer than a column holds, or empty."""
    for field in ("stream", "kind", "key"):
        if not 0 < len(getattr(entry, field)) <= LONGEST:
            raise FingerpostError(f"the {field} of a ledger's entry has 1 to {LONGEST} signs.")
