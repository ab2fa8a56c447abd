"""The server that records are imported from: its address, its cursor, and what can go wrong there.

An address holds a password: it is never printed, written down or quoted from an error.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError, MissingExtra, UsageError, nearest
from fingerpost.core.filenames import nameable
from fingerpost.records.importing_types import POSTGRESQL_OWN

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

EXTRA = "pip install 'fingerpost[sql]'"
# Packages that the extra brings; any other driver is for its user to install.
BROUGHT = ("psycopg", "psycopg_binary")
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]*")
REFUSED = ("password authentication failed", "login failed", "access denied", "no password")
NO_DATABASE = re.compile(r'database ".*" does not exist|unknown database|cannot open database')
LONGEST = 100
LOOK = "Is this a database, and may this user look at it? Or ask by a query (--query FILE)."
ODBC_PLACE = ("server", "address", "addr", "database", "dsn")  # of an ODBC string, no secret


@dataclass(frozen=True, slots=True)
class Asked:
    """What is imported: a table or view of the server (`schema.name` or `name`), or a query.

    name: of the folder that the rows are written to.
    """

    name: str
    table: str | None = None
    query: str | None = None


def asked(table: str | None, query: Path | None) -> Asked:
    """Return what was asked for; UsageError unless it is one table or one query of safe name."""
    if (table is None) == (query is None):
        raise UsageError("Name one table (--table NAME) or one query (--query FILE).")
    text = None if query is None else query_of(query)
    called = query.stem if query else str(table).rpartition(".")[2]
    if not (SAFE.fullmatch(called) and nameable(called) and len(called) <= LONGEST):
        raise UsageError(
            f'The folder of the rows would be called "{called}", which not every system can. Ask '
            "by --query FILE: the folder is called as the file is, with letters, digits, _ and -."
        )
    return Asked(called, table, text)


def query_of(path: Path) -> str:
    """Return the one SELECT of a file, without the semicolon at its end."""
    text = text_of(path).strip().rstrip(";").rstrip()
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL).lstrip(" \t\r\n(")
    if bare[:6].lower() != "select" and bare[:4].lower() != "with":
        raise UsageError(f"{path.name} is no query: it begins with neither SELECT nor WITH.")
    return text


def text_of(path: Path) -> str:
    """Return the text of a file; FingerpostError where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FingerpostError(f"{path.name} is not UTF-8. Save it as UTF-8.") from None


def address(url: str | None, variable: str | None) -> str:
    """Return the server's address from one of two places; UsageError where not just one is given.

    url: as typed, or @FILE, of which the first line is the address. variable: the name of the
    environment variable that holds it.
    """
    if (url is None) == (variable is None):
        raise UsageError(
            "Say where the server is by one of --url-from-env NAME, --url @FILE or --url URL."
        )
    if variable is not None:
        held = os.environ.get(variable, "").strip()
        if not held:
            raise UsageError(f"--url-from-env {variable}: no such variable is set, or it is empty.")
        return held
    given = str(url)
    if not given.startswith("@"):
        return given
    lines = text_of(Path(given[1:])).splitlines()
    held = next((line.strip() for line in lines if line.strip()), "")
    if not held:
        raise UsageError(f"--url {given}: the file is empty.")
    return held


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be asked. source: what may be written down of its address: no user, no
    password, no option.
    """

    engine: Engine
    source: Mapping[str, Any]

    @property
    def dialect(self) -> str:
        """The name of its kind of SQL: postgresql, sqlite, mssql, …"""
        return self.engine.dialect.name


def server(url: str) -> Server:
    """Return the server at an address, not yet spoken to.

    Raises MissingExtra where SQLAlchemy or the server's driver is not installed, UsageError for an
    address that is none.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        whole = spelled(url)
        # What a parameter holds (the last key) is kept out of every error.
        engine = create_engine(whole, hide_parameters=True, pool_size=1)
    except NoSuchModuleError:
        raise UsageError(
            "The address names a kind of server that is not known. It begins with postgresql://, "
            "mssql+pyodbc:// or sqlite://, or with what another SQLAlchemy dialect is called."
        ) from None
    except (ArgumentError, ValueError, TypeError):
        raise UsageError(
            "The address cannot be read. Write KIND://USER:PASSWORD@HOST:PORT/DATABASE; signs "
            "such as @ and / inside a password are written %40 and %2F."
        ) from None
    except ModuleNotFoundError as error:
        package = str(error.name or "?").split(".")[0]
        mend = EXTRA if package in BROUGHT else f"pip install {package}"
        raise MissingExtra(
            f'The driver "{package}" of this kind of server is not installed. Install it with: '
            f"{mend}"
        ) from None
    # What a library logs may quote a row, so it is heard by nobody.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
    logging.getLogger("sqlalchemy").propagate = False
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", only_reading)
    return Server(engine, source_of(whole))


def spelled(url: str) -> URL:
    """Return an address as SQLAlchemy reads it; PostgreSQL is spoken to by psycopg."""
    from sqlalchemy import make_url

    whole = make_url(url)
    if "@" in f"{whole.host or ''}{whole.database or ''}" and whole.get_backend_name() != "sqlite":
        # The rest of a password whose @ was not written %40: it must be neither used nor shown.
        raise ValueError("an @ is left in the address")
    if whole.drivername in ("postgresql", "postgres"):
        whole = whole.set(drivername="postgresql+psycopg")
    if whole.get_backend_name() == "sqlite" and not Path(whole.database or "").is_file():
        # Else SQLite would make an empty file there.
        raise FingerpostError(no_file(whole.database))
    return whole


def no_file(path: str | None) -> str:
    """Return that an address leads to no SQLite file, and how one is written."""
    found = f"there is no file {Path(path).absolute()}" if path else "it names no file"
    return (
        f"The address of a SQLite file: {found}. After sqlite:/// comes the file as seen from here "
        "(sqlite:///school.db); a whole path begins with one stroke more "
        "(sqlite:////data/school.db) or, on Windows, with its drive (sqlite:///C:/data/school.db)."
    )


def only_reading(connection: Any, _: Any) -> None:
    """Tell SQLite that nothing is to be written."""
    connection.execute("PRAGMA query_only = ON")


def source_of(url: URL) -> dict[str, Any]:
    """Return what may be written down of an address, and a digest that tells servers apart whose
    address is an ODBC string: of its server and its database alone.
    """
    database = url.database
    if url.get_backend_name() == "sqlite" and database:
        database = str(Path(database).resolve())
    said = {"kind": url.drivername, "host": url.host, "port": url.port, "database": database}
    odbc = url.query.get("odbc_connect")
    if isinstance(odbc, str):
        parts = sorted(part.strip().lower() for part in odbc.split(";"))
        told = [part for part in parts if part.split("=")[0].strip() in ODBC_PLACE]
        said["digest"] = hashlib.sha256(";".join(told).encode()).hexdigest()[:16]
    return {key: value for key, value in said.items() if value is not None}


@contextmanager
def connected(at: Server) -> Iterator[Connection]:
    """Yield a connection that only reads; faults of connecting are told in one line."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = at.engine.connect()
        if at.dialect == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
    except SQLAlchemyError as error:
        at.engine.dispose()
        raise FingerpostError(refusal(error, at)) from None
    try:
        yield connection
    finally:
        connection.close()
        at.engine.dispose()


def refusal(error: Any, at: Server) -> str:
    """Return why a server could not be spoken to, in words of our own."""
    said = str(getattr(error, "orig", None) or error).lower()
    where = ":".join(str(at.source[key]) for key in ("host", "port") if key in at.source)
    named = f"The server {where}" if where else "The server"
    if any(words in said for words in REFUSED):
        return f"{named} refused the user or the password. Correct them in the address."
    if NO_DATABASE.search(said):
        return f'{named} has no database "{at.source.get("database", "")}". Correct the address.'
    return (
        f"{named} cannot be reached ({kind_of(error)}). Is the address right, is the "
        "server running, and may this machine speak to it?"
    )


@contextmanager
def asking(what: str, mend: str) -> Iterator[None]:
    """A block in which a server is asked something; whatever fails is told by kind, as what a
    server says may hold a value.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        kind = kind_of(error)
        words = f"The server did not take {what} ({kind}). {mend}"
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            words = f"The server broke off ({kind}). Run the same command again."
        raise FingerpostError(words) from None


def kind_of(error: BaseException) -> str:
    """Return what kind of error a driver met, in its own word and nothing else of it."""
    return type(getattr(error, "orig", None) or error).__name__


def looked_up(connection: Connection, table: str) -> Mapping[str, Any]:
    """Return column → type of a table or view; UsageError where there is none of that name."""
    from sqlalchemy import inspect

    schema, _, name = table.rpartition(".")
    with asking("the question what tables it has", LOOK):
        looking = inspect(connection)
        known = [
            *looking.get_table_names(schema=schema or None),
            *looking.get_view_names(schema=schema or None),
        ]
    if name not in known:
        place = f'the schema "{schema}"' if schema else "the server's usual schema"
        longer = ", of another database DATABASE.SCHEMA.NAME"
        raise UsageError(
            f'There is no table or view "{name}" in {place}.{nearest(name, known)} A table of '
            f"another schema is written SCHEMA.NAME"
            f"{longer if connection.dialect.name == 'mssql' else ''}."
        )
    with asking("the question what columns the table has", LOOK):
        columns = looking.get_columns(name, schema=schema or None)
    return {column["name"]: column["type"] for column in columns}


def worded(connection: Connection, description: Any) -> dict[int, str]:
    """Return number → name of PostgreSQL's user-made types whose values are words."""
    from sqlalchemy import text

    codes = [getattr(entry, "type_code", 0) for entry in description]
    own = sorted({code for code in codes if isinstance(code, int) and code >= POSTGRESQL_OWN})
    if connection.dialect.name != "postgresql" or not own:
        return {}
    question = text("SELECT oid, typname FROM pg_type WHERE oid = ANY(:own) AND typtype = 'e'")
    with asking("the question what its types are", LOOK):
        rows = connection.execute(question, {"own": own}).all()
    return {int(code): str(name) for code, name in rows}
