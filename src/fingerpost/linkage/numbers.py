"""NHS numbers as they are handed over: read as ten digits, and what stands for no number let go.

A number is no child's where it is one digit over and over, fails its check digit, or is borne by
many people of one file. Where most numbers of a file fail the check digit they are no NHS numbers
(pseudonyms, say), and are compared as they are. Source: NHS Data Dictionary, NHS NUMBER (ten
digits, check digit by modulus 11).
"""

from __future__ import annotations

from typing import Any

from fingerpost.linkage.identifiers import Notice
from fingerpost.linkage.nobodys import gone

# Of numbers that several people of one file bear: more than so many, and it is nobody's.
MOST = 5
# At least this share of a file's numbers pass the check digit, or they are no NHS numbers.
NUMBERS = 0.5
DIGITS = 10


def number_sql(column: str, kind: str) -> str:
    """Return SQL for a number in capital letters and digits alone; whole numbers and those with a
    point, as spreadsheets keep them, get back the noughts that they begin with.

    kind: the column's type in DuckDB.
    """
    if kind.startswith(("DOUBLE", "FLOAT", "REAL", "DECIMAL")):
        column = f"CAST({column} AS DECIMAL(38, 0))"
    words = f"regexp_replace(trim(CAST({column} AS VARCHAR)), '\\.0+$', '')"
    code = f"nullif(regexp_replace(upper({words}), '[^A-Z0-9]', '', 'g'), '')"
    if kind.startswith("VARCHAR"):
        return code
    return f"CASE WHEN len({code}) < {DIGITS} THEN lpad({code}, {DIGITS}, '0') ELSE {code} END"


def passes_sql(column: str) -> str:
    """Return SQL for whether a code is ten digits of which the last is the check digit."""
    digits = " + ".join(
        f"CAST({column}[{at}:{at}] AS INTEGER) * {DIGITS + 1 - at}" for at in range(1, DIGITS)
    )
    # The sum with the last digit, which counts once, is a multiple of eleven.
    whole = f"({digits} + CAST({column}[{DIGITS}:{DIGITS}] AS INTEGER)) % 11 = 0"
    return f"CASE WHEN regexp_full_match({column}, '[0-9]{{10}}') THEN {whole} ELSE FALSE END"


def let_go(session: Any, table: str, file: str) -> tuple[Notice, ...]:
    """Read numbers that are nobody's as not known, in a table of rows; return what was noticed."""
    rules = {
        "one digit": (
            "nhs_number IN ("
            + ", ".join(f"'{str(digit) * DIGITS}'" for digit in range(DIGITS))
            + ")",
            "with one digit over and over, and read as not known",
        ),
        "many people": (
            f"nhs_number IN (SELECT nhs_number FROM {table} GROUP BY nhs_number "
            f"HAVING count(DISTINCT id) > {MOST})",
            f"with a number that more than {MOST} people bear, and read as not known",
        ),
    }
    found = []
    for rule, (condition, said) in rules.items():
        found += gone(session, table, condition, Notice(file, "nhs_number", rule, 0, said))
    own = f"SELECT DISTINCT nhs_number FROM {table} WHERE nhs_number IS NOT NULL"
    share, failing = session.execute(
        f"SELECT coalesce(avg(CAST({passes_sql('nhs_number')} AS INTEGER)), 1), "
        f"count(*) FILTER (WHERE NOT {passes_sql('nhs_number')}) FROM ({own})"
    ).fetchone()
    if share >= NUMBERS:
        said = "whose check digit is wrong, and read as not known"
        wrong = f"NOT {passes_sql('nhs_number')}"
        found += gone(session, table, wrong, Notice(file, "nhs_number", "check digit", 0, said))
    else:
        said = "numbers have a wrong check digit: most, so that they are compared as they are"
        found.append(Notice(file, "nhs_number", "no NHS numbers", int(failing), said))
    return tuple(found)
