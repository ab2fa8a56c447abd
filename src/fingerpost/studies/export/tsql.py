"""Small pieces of T-SQL: names, values, dates, common table expressions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date

from fingerpost.core.study import Scalar


def name(words: str) -> str:
    """Return a name in brackets.

    >>> name("F5 [x]")
    '[F5 [x]]]'
    """
    return f"[{words.replace(']', ']]')}]"


def text(words: str) -> str:
    """Return words as a string of any letters.

    >>> text("it's"), text("é")
    ("'it''s'", "N'é'")
    """
    body = words.replace("'", "''")
    return f"'{body}'" if words.isascii() else f"N'{body}'"


def literal(value: Scalar | date) -> str:
    """Return a value.

    >>> literal(5), literal(0.5), literal(date(2002, 9, 1)), literal("a")
    ('5', '0.5E0', "CAST('2002-09-01' AS DATE)", "'a'")
    """
    if isinstance(value, str):
        return text(value)
    if isinstance(value, date):
        return f"CAST({text(value.isoformat())} AS DATE)"
    if not isinstance(value, float):
        return str(int(value))
    if not math.isfinite(value):
        raise ValueError("T-SQL has no infinite numbers")
    written = repr(value)
    return written.replace("e", "E") if "e" in written else f"{written}E0"


def among(column: str, values: Iterable[Scalar]) -> str:
    """Return whether a column holds one of the values.

    >>> among("a", [1, 2])
    'a IN (1, 2)'
    """
    return f"{column} IN ({', '.join(literal(value) for value in values)})"


def all_of(tests: Sequence[str], *, indent: str = "  ") -> str:
    """Return a WHERE of every test, one a line; nothing where there are none."""
    starts = ("WHERE", *["  AND"] * (len(tests) - 1))
    return "".join(f"\n{indent}{start} {one}" for start, one in zip(starts, tests, strict=False))


def with_parts(parts: Sequence[tuple[str, str, str]]) -> str:
    """Return named parts of a query, each under what it is; parts: (name, words, body)."""
    made = [f"-- {words}\n{name} AS (\n{body}\n)" for name, words, body in parts]
    return "WITH\n" + ",\n".join(made)


def term_of(year: str, code: str) -> str:
    """Return a term as a number that rises by one a term, from two columns."""
    return f"3 * {year} + CASE WHEN {code} = 'AUT' THEN 0 WHEN {code} = 'SPR' THEN 1 ELSE 2 END"


def term_of_date(day: str) -> str:
    """Return the term of a date as a number that rises by one a term."""
    return (
        f"CASE WHEN MONTH({day}) >= 9 THEN 3 * (YEAR({day}) + 1) WHEN MONTH({day}) < 4 "
        f"THEN 3 * YEAR({day}) + 1 ELSE 3 * YEAR({day}) + 2 END"
    )


def last_day_of_term(term: str, year: str) -> str:
    """Return the last day of a term; term: its number; year: its academic year."""
    return (
        f"CASE WHEN {term} % 3 = 0 THEN DATEFROMPARTS({year} - 1, 12, 31) "
        f"WHEN {term} % 3 = 1 THEN DATEFROMPARTS({year}, 3, 31) "
        f"ELSE DATEFROMPARTS({year}, 8, 31) END"
    )


def thursday(first: str, which: int) -> str:
    """Return the n-th Thursday on or after a date. 1 January 1900 was a Monday, so that the answer
    depends on no setting of the server.
    """
    wait = f"(10 - DATEDIFF(DAY, CAST('1900-01-01' AS DATE), {first}) % 7) % 7"
    return f"DATEADD(DAY, {7 * (which - 1)} + {wait}, {first})"
