"""The register of a roll-out as a table of texts: read in one way, whoever reads it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, listed, nearest
from fingerpost.core.rollout import Register
from fingerpost.core.words import listing
from fingerpost.engines._parquet import frame

MOST_NAMED = 3


def read_rows(path: Path, key: str = "register.table") -> list[dict[str, str]]:
    """Return the rows of a table (CSV in UTF-8, or Parquet), every cell a text without spaces
    around it. key: of the study that names it.

    Raises Malformed where it is not there, is no such text, has two columns of one name, or a row
    with more cells than the header: one sign too many, and every cell after it would be another's.
    """
    if not path.is_file():
        raise Malformed(f"{key}: {path} is not there. Its path is seen from the study's file.")
    names, rows = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        raise Malformed(f"{path}: {listed(twice)} heads two columns. Give them names of their own.")
    return [dict(zip(names, row, strict=False)) for row in rows]


def _csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and rows of a CSV; cells that a row lacks are empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"{path}: byte {error.start} is not UTF-8. Save it as such.") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        found = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise Malformed(f"{path}: this is no CSV ({error}). Save it as such.") from None
    if not found:
        return [], []
    header = [cell.strip() for cell in found[0][1]]
    many, rows = len(header), found[1:]
    long = [str(line) for line, row in rows if any(cell.strip() for cell in row[many:])]
    if long:
        raise Malformed(
            f"{path}: line {listing(few(long))}: more cells than the header names ({many}). Put a "
            'text that holds a comma in quotes: "Bristol, City of".'
        )
    return header, [
        [*(cell.strip() for cell in row[:many]), *[""] * (many - len(row))] for _, row in rows
    ]


def _parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the columns' names and the rows of a Parquet file."""
    import polars as pl

    try:
        table = frame(path)
    except (pl.exceptions.PolarsError, OSError):
        raise Malformed(f"{path}: this is no Parquet file.") from None
    rows: list[tuple[Any, ...]] = table.select(pl.all().cast(pl.String)).rows()
    return [name.strip() for name in table.columns], [
        [str(cell or "").strip() for cell in row] for row in rows
    ]


def lacks(path: Path, column: str, key: str, known: tuple[str, ...]) -> str:
    """Return that a table has no such column: which key of the study asks for it, what there is."""
    guess = nearest(column, known) or (f" It has: {listed(known)}." if known else "")
    return f"{key}: {path}: there is no column {column}.{guess}"


def codes(register: Register, base: Path) -> tuple[str, ...]:
    """Return the codes of the register's units in its order. Raises Malformed for a table that
    cannot be read, or a unit twice or without a code.
    """
    path = base / register.table
    rows = read_rows(path)
    if not rows:
        raise Malformed(f"{path}: it holds no unit.")
    if register.unit not in rows[0]:
        raise Malformed(lacks(path, register.unit, "rollout.register.unit", tuple(rows[0])))
    found = tuple(row[register.unit] for row in rows)
    faults = faults_of_codes(path, found, register.unit)
    if faults:
        raise Malformed(faults)
    return found


def faults_of_codes(path: Path, found: tuple[str, ...], unit: str) -> list[str]:
    """Return units without a code or on several rows."""
    faults = [] if all(found) else [f"{path}: a row has no {unit}. Every unit needs its code."]
    twice = sorted(code for code, times in Counter(found).items() if code and times > 1)
    if twice:
        faults.append(
            f"{path}: {listed(few(twice))} {'stands' if len(twice) == 1 else 'stand'} there more "
            "than once. A row a unit."
        )
    return faults


def few(names: list[str], most: int = MOST_NAMED) -> list[str]:
    """Return the first few of many names, and how many more there are.

    >>> few(["a", "b", "c", "d"], 2)
    ['a', 'b', '2 more']
    """
    more = len(names) - most
    return [*names[:most], *([f"{more:,} more"] if more > 0 else [])]
