"""Whom is linked with whom: two tables of identifiers, cleaned, one row a person, in one session.

Names lose case, accents, spaces and hyphens; a postcode loses its space. A person has many dated
rows: the latest known name, sex and birth date count, every postcode does. Postcodes become whole
numbers and lists of them, so that "the same postcode in the same year" is two lists that meet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, listed
from fingerpost.engines._session import connect
from fingerpost.engines._shared import sha256
from fingerpost.linkage import nobodys, numbers
from fingerpost.linkage.identifiers import (
    FOLDER,
    SIDES,
    Notice,
    identifier_files,
    known_birth,
    raw_rows,
)
from fingerpost.records.writing import MANIFEST

# What a pair may be compared on, and what passes may ask for.
KNOWN = ("forename", "surname", "sex", "birth_date", "nhs_number", "postcodes")
# Years that a list of postcode and year may tell apart.
SPAN = 4096
SOUNDS = (
    "translate({0}, 'BFPVCGJKQSXZDTLMNRAEIOUYHW', '11112222222233455600000099')"  # American Soundex
)


@dataclass(frozen=True, slots=True)
class People:
    """Two sides in one DuckDB session, as tables `l` and `r`; a table with itself where `dedupe`.

    count: people of each side, whose number `n` runs from 0 in the order of their identifiers.
    known: columns that some person has on both sides. digests: side → SHA-256 of its file. notices:
    of rules that some rows break.
    """

    session: Any
    count: tuple[int, int]
    known: frozenset[str]
    digests: tuple[tuple[str, str], ...] = ()
    dedupe: bool = False
    notices: tuple[Notice, ...] = ()

    @property
    def pairs(self) -> float:
        """How many pairs of two people there are."""
        left, right = self.count
        return float(left) * (right - 1) / 2 if self.dedupe else float(left) * right

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        found: list[tuple[Any, ...]] = self.session.execute(query).fetchall()
        return found

    def arrays(self, query: str) -> dict[str, Any]:
        """Return the columns of a query as numpy arrays."""
        found: dict[str, Any] = self.session.execute(query).fetchnumpy()
        return found

    def names(self, side: int) -> Any:
        """Return the identifiers of one side (0 or 1) as an Arrow array, by `n`."""
        table = self.session.sql(f"SELECT id FROM {'lr'[side]} ORDER BY n").to_arrow_table()
        return table.column("id").combine_chunks()


def read_people(records: Path) -> People:
    """Return the people of a folder of records: hospital on the left, education on the right.

    Raises Malformed where a file is not there, lacks a column, or has a row without a person.
    """
    files = identifier_files(records)
    refuse_changed(records / FOLDER)
    session = connect()
    # One day for both files and for every rule, should midnight come between.
    today = date.today()
    noticed = [
        read_side(session, path, f"{side}_rows", today=today)
        for side, path in zip(("l", "r"), files, strict=True)
    ]
    number_postcodes(session, ("l_rows", "r_rows"))
    counts = [one_a_person(session, f"{side}_rows", side) for side in ("l", "r")]
    digests = tuple((side, sha256(path)) for side, path in zip(SIDES, files, strict=True))
    known = known_columns(session)
    told = tuple(each for side in noticed for each in side)
    return People(session, (counts[0], counts[1]), known, digests, notices=told)


def refuse_changed(folder: Path) -> None:
    """Raise Malformed where files differ from what their manifest says, where there is one."""
    path = folder / MANIFEST
    if not path.is_file():
        return
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        said = {name: held["sha256"] for name, held in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed(f"link: {FOLDER}/{MANIFEST} cannot be read. Write it again.") from None
    wrong = [
        name
        for name, digest in said.items()
        if not (folder / name).is_file() or sha256(folder / name) != digest
    ]
    if wrong:
        raise Malformed(
            f"link: {listed(wrong)} in {FOLDER} is not what its {MANIFEST} says: a write that was "
            "cut short, or a change since. Write the identifiers again."
        )


def read_side(session: Any, path: Path, called: str, *, today: date) -> tuple[Notice, ...]:
    """Read one file of identifiers into a table of cleaned rows; return what was noticed.

    today: the day after which a birth is in the future.
    """
    found = raw_rows(session, path, called, today=today)
    shape = session.execute(f"DESCRIBE SELECT nhs_number FROM {called}_raw").fetchone()
    session.execute(
        f"CREATE TABLE {called} AS SELECT CAST(person AS VARCHAR) AS id, "
        f"{clean_name('forename')} AS forename, {clean_name('surname')} AS surname, "
        "CASE WHEN upper(CAST(sex AS VARCHAR)[1:1]) IN ('F', 'M') "
        "THEN upper(CAST(sex AS VARCHAR)[1:1]) END AS sex, "
        f"{known_birth(today)} AS birth_date, "
        f"{numbers.number_sql('nhs_number', shape[1])} AS nhs_number, "
        f"{clean_code('postcode')} AS postcode, "
        "CAST(from_date AS DATE) AS from_date, CAST(to_date AS DATE) AS to_date "
        f"FROM {called}_raw"
    )
    session.execute(f"DROP TABLE {called}_raw")
    for rules in (numbers, nobodys):
        found += rules.let_go(session, called, path.name)
    return found


def clean_name(column: str) -> str:
    """Return SQL for a name in capital letters alone."""
    letters = f"regexp_replace(upper(strip_accents(CAST({column} AS VARCHAR))), '[^A-Z]', '', 'g')"
    return f"nullif({letters}, '')"


def clean_code(column: str) -> str:
    """Return SQL for a code in capital letters and digits alone."""
    return f"nullif(regexp_replace(upper(CAST({column} AS VARCHAR)), '[^A-Z0-9]', '', 'g'), '')"


def number_postcodes(session: Any, tables: tuple[str, ...]) -> None:
    """Make `places`: each postcode's number and that of its district (all but the last three); and
    `until`, the last year that matters. Malformed for a beginning in no year of a calendar.
    """
    every = " UNION ".join(f"SELECT postcode FROM {table}" for table in tables)
    session.execute(
        "CREATE TABLE places AS SELECT postcode, "
        "CAST(row_number() OVER (ORDER BY postcode) AS INTEGER) AS place, "
        "CAST(dense_rank() OVER (ORDER BY postcode[:-4]) AS INTEGER) AS district "
        f"FROM ({every}) WHERE postcode IS NOT NULL"
    )
    # Two stays that overlap share the year in which the later one begins, so that no year after the
    # last beginning of all is needed: an end left open is often written as 9999.
    last = " UNION ALL ".join(f"SELECT max(from_date) AS day FROM {table}" for table in tables)
    session.execute(f"CREATE TABLE until AS SELECT coalesce(year(max(day)), 2100) y FROM ({last})")
    (year,) = session.execute("SELECT y FROM until").fetchall()[0]
    if year >= SPAN:
        raise Malformed(
            f"link: a row's from_date is of the year {year}; a stay begins before {SPAN}. Leave a "
            "date that is not known empty."
        )


def one_a_person(session: Any, rows: str, called: str) -> int:
    """Make a table of one row a person from its dated rows; return how many there are."""
    latest = ", ".join(
        f"last({name} ORDER BY from_date NULLS FIRST, {name}) "
        f"FILTER (WHERE {name} IS NOT NULL) AS {name}"
        for name in ("forename", "surname", "sex", "birth_date", "nhs_number")
    )
    # A row without dates tells of a place, not of when.
    years = (
        "flatten(list(list_transform(range(year(from_date), 1 + greatest(year(from_date), "
        "least(year(to_date), (SELECT y FROM until)))), "
        f"lambda y: CAST(place AS BIGINT) * {SPAN} + y)) "
        "FILTER (WHERE place IS NOT NULL AND from_date IS NOT NULL))"
    )
    session.execute(
        f"CREATE TABLE {called} AS SELECT CAST(row_number() OVER (ORDER BY id) - 1 AS INTEGER) "
        "AS n, *, " + birth_parts() + " FROM ("
        f"SELECT id, {latest}, "
        "list_sort(list(DISTINCT place) FILTER (WHERE place IS NOT NULL)) AS postcodes, "
        "list_sort(list(DISTINCT district) FILTER (WHERE place IS NOT NULL)) AS districts, "
        f"list_sort(list_distinct({years})) AS postcode_years "
        f"FROM {rows} LEFT JOIN places USING (postcode) GROUP BY id)"
    )
    session.execute(f"DROP TABLE {rows}")
    return int(session.execute(f"SELECT count(*) FROM {called}").fetchall()[0][0])


def birth_parts() -> str:
    """Return SQL for the parts of a birth date, and for what names are blocked by."""
    return (
        "CAST(day(birth_date) AS TINYINT) AS birth_day, "
        "CAST(month(birth_date) AS TINYINT) AS birth_month, "
        "CAST(year(birth_date) AS SMALLINT) AS birth_year"
    )


def known_columns(session: Any) -> frozenset[str]:
    """Return the columns that some person has, on both sides."""
    counted = ", ".join(f"count({name})" for name in KNOWN)
    sides = [session.execute(f"SELECT {counted} FROM {side}").fetchall()[0] for side in ("l", "r")]
    return frozenset(name for at, name in enumerate(KNOWN) if sides[0][at] > 0 and sides[1][at] > 0)


def not_compared(people: People) -> dict[str, list[str]]:
    """Return column → the sides of which nobody has it, for columns that cannot be compared."""
    found = {}
    for name in KNOWN:
        if name not in people.known:
            counts = [people.rows(f"SELECT count({name}) FROM {side}")[0][0] for side in "lr"]
            found[name] = [side for side, n in zip(SIDES, counts, strict=True) if not n]
    return found


def soundex(column: str) -> str:
    """Return SQL for the American Soundex code of a name in capital letters.

    The first letter, and up to three digits of the sounds after it; H and W part no two letters of
    one sound, vowels do. Source: US National Archives, The Soundex Indexing System.
    """
    coded = SOUNDS.format(f"{column}[1:1]") + " || replace("
    coded += SOUNDS.format(f"{column}[2:]") + ", '9', '')"
    for digit in "0123456":
        coded = f"regexp_replace({coded}, '{digit}+', '{digit}', 'g')"
    return f"{column}[1:1] || rpad(replace(({coded})[2:], '0', '')[1:3], 3, '0')"
