"""What each column of a server's rows becomes in Parquet, told before the first row is read.

PostgreSQL and SQL Server say the type of every column of any query. Other servers do so for a table
alone; what they cannot say of a query is written as text, which `records.convert` and
`records.store` read as what it is declared to be.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import Malformed

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, WHOLE, REAL, YES, DAY, MOMENT, CLOCK, BYTES = (
    "text",
    "whole number",
    "number",
    "yes or no",
    "day",
    "moment",
    "time of day",
    "bytes",
)
MOMENT_UTC = "moment, UTC"
# Digits that a whole number of 64 bits always holds, and that a decimal of Parquet holds.
WHOLE_DIGITS, DECIMAL_DIGITS = 18, 38
# PostgreSQL's numbers of its own types (pg_type.dat, version 15); numeric is looked at apart.
POSTGRESQL = {
    16: YES,
    17: BYTES,
    **dict.fromkeys((20, 21, 23, 26), WHOLE),
    **dict.fromkeys((700, 701), REAL),
    1082: DAY,
    1083: CLOCK,
    1114: MOMENT,
    1184: MOMENT_UTC,
    # "char", name, text, unknown, char(n), varchar, xml, uuid, money, bit strings, addresses
    **dict.fromkeys((18, 19, 25, 705, 1042, 1043, 142, 2950, 790, 1560, 1562, 869, 650), TEXT),
}
POSTGRESQL_NUMERIC = 1700
# From here on PostgreSQL numbers types that its users made.
POSTGRESQL_OWN = 16384
PYTHON: dict[Any, str] = {
    bool: YES,
    int: WHOLE,
    float: REAL,
    str: TEXT,
    uuid.UUID: TEXT,
    date: DAY,
    datetime: MOMENT,
    time: CLOCK,
    bytes: BYTES,
    bytearray: BYTES,
}
# SQLite has numbers, text and bytes; what else a table declares is words of its own.
SQLITE: dict[str | None, str] = {WHOLE: WHOLE, REAL: REAL, YES: WHOLE, BYTES: BYTES}
# What resuming can go by: kinds whose order the server and the question `key > last` share.
ORDERED = (WHOLE, DAY, MOMENT, MOMENT_UTC, TEXT)


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it is written. kind: one of the words above, or `decimal(digits, places)`.

    said: what the server calls its type, if it says.
    """

    name: str
    kind: str
    said: str = ""

    def arrow(self) -> pa.DataType:
        """Return its type in Arrow, and so in Parquet."""
        import pyarrow as pa

        if self.kind.startswith("decimal"):
            digits, places = self.kind[8:-1].split(",")
            return pa.decimal128(int(digits), int(places))
        return {
            TEXT: pa.string(),
            WHOLE: pa.int64(),
            REAL: pa.float64(),
            YES: pa.bool_(),
            DAY: pa.date32(),
            MOMENT: pa.timestamp("us"),
            MOMENT_UTC: pa.timestamp("us", tz="UTC"),
            CLOCK: pa.time64("us"),
            BYTES: pa.binary(),
        }[self.kind]


def as_text(value: object) -> str | None:
    """Return a value as text that means the same: days by ISO 8601, whole numbers without a point.

    >>> from datetime import date
    >>> [as_text(value) for value in (None, True, 3.0, 2.5, date(2010, 1, 2), " K ")]
    [None, '1', '3', '2.5', '2010-01-02', 'K']
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value).strip() or None


def numeric(digits: int | None, places: int | None) -> str:
    """Return the kind of an exact number; text where it has more digits than Parquet holds.

    >>> [numeric(10, 0), numeric(10, 2), numeric(None, None), numeric(60, 2)]
    ['whole number', 'decimal(10,2)', 'text', 'text']
    """
    if digits is None or places is None or not 0 <= places <= digits <= DECIMAL_DIGITS:
        return TEXT
    return WHOLE if places == 0 and digits <= WHOLE_DIGITS else f"decimal({digits},{places})"


def columns_of(
    description: Sequence[Any], dialect: str, *, said: Mapping[str, Any], own: Mapping[int, str]
) -> tuple[Column, ...]:
    """Return what the columns of a query become.

    description: the cursor's. said: column → its type in SQLAlchemy, of a table that was looked up.
    own: number → name of PostgreSQL's user-made types whose values are words. Raises Malformed for
    every column of a type that Parquet cannot hold, or of no name of its own, all at once.
    """
    names = [str(entry[0] or "") for entry in description]
    often = Counter(name.lower() for name in names)
    faults = [
        f'records: the query gives the column "{name}" {often[name.lower()]} times. Name each '
        "column once (AS)."
        for name in dict.fromkeys(names)
        if name and often[name.lower()] > 1
    ]
    if "" in names:
        faults.append("records: the query gives a column without a name. Name it (AS).")
    found = []
    for entry, name in zip(description, names, strict=True):
        kind, words = kind_of(entry, dialect, known=said.get(name), own=own)
        if kind is None:
            faults.append(
                f'records: column "{name}" is of the type {words}, which Parquet cannot hold as '
                f"one value. Leave it out, or turn it into text in a query: CAST({name} AS ...)."
            )
        else:
            found.append(Column(name, kind, words))
    if faults:
        raise Malformed(faults)
    return tuple(found)


def kind_of(
    entry: Any, dialect: str, *, known: Any, own: Mapping[int, str]
) -> tuple[str | None, str]:
    """Return the kind of a column, None where there is none, and what the server calls it."""
    if dialect == "postgresql" and hasattr(entry, "type_display"):
        words = str(entry.type_display)
        if entry.type_code == POSTGRESQL_NUMERIC:
            return numeric(entry.precision, entry.scale), words
        if entry.type_code in own:
            return TEXT, own[entry.type_code]
        return POSTGRESQL.get(entry.type_code), words
    if entry[1] is Decimal:
        return numeric(entry[4], entry[5]), f"decimal({entry[4]},{entry[5]})"
    if isinstance(entry[1], type):
        return PYTHON.get(entry[1]), entry[1].__name__
    if known is None:
        return TEXT, ""
    kind, words = declared(known)
    return (SQLITE.get(kind, TEXT) if dialect == "sqlite" else kind), words


def declared(known: Any) -> tuple[str | None, str]:
    """Return the kind of a column by the type that SQLAlchemy found for it in a table."""
    from sqlalchemy import types

    try:
        words = str(known)
    except Exception:  # noqa: BLE001  a dialect may not be able to write a type of its own
        words = type(known).__name__
    kinds = (
        (types.Boolean, YES),
        (types.Integer, WHOLE),
        (types.Float, REAL),
        (types.Date, DAY),
        (types.DateTime, MOMENT),
        (types.Time, CLOCK),
        (types.LargeBinary, BYTES),
        (types.JSON, None),
        (types.ARRAY, None),
        (types.Interval, None),
        (types.String, TEXT),
        (types.Uuid, TEXT),
    )
    for kind, became in kinds:
        if isinstance(known, kind):
            return became, words
    if isinstance(known, types.Numeric):
        return numeric(known.precision, known.scale), words
    return (TEXT, "") if isinstance(known, types.NullType) else (None, words)


def array(column: Column, values: Sequence[Any], *, exact: bool = False) -> pa.Array:
    """Return values as an Arrow array of their column's type.

    Text loses the spaces at its end, with which servers fill columns of fixed width, unless
    `exact`. A number that is none (NaN) is missing. Raises Malformed, without the value, where one
    does not fit.
    """
    import pyarrow as pa

    try:
        return pa.array([ready(column.kind, value, exact) for value in values], column.arrow())
    except (pa.ArrowException, OverflowError, ValueError, TypeError, ArithmeticError):
        raise Malformed(
            f'records: column "{column.name}" holds a value that is no {column.kind}, though the '
            f"server says it is of the type {column.said or column.kind}. Turn it into text in a "
            f"query: CAST({column.name} AS ...)."
        ) from None


def ready(kind: str, value: Any, exact: bool) -> Any:
    """Return one value as Arrow takes it for its kind."""
    if value is None:
        return None
    if kind == TEXT:
        if not isinstance(value, str):
            return as_text(value)
        return value if exact else value.rstrip(" ")
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return None
    if kind == REAL:
        return float(value)
    if kind == WHOLE:
        whole = int(value)
        if whole != value:
            raise ValueError
        return whole
    if kind == YES:
        return bool(value)
    if kind.startswith("decimal"):
        return Decimal(str(value))
    return bytes(value) if kind == BYTES else value
