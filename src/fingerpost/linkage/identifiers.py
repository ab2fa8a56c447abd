"""Identifiers as they are handed over: files found and read as text, held against rules by count.

A rule that leaves nothing to link by is a fault; what is read as not known, or as if it were
otherwise, is a notice with its count. No value is told, as it would be a child's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, listed
from fingerpost.engines._csv import EVERY, csv_form
from fingerpost.engines._parquet import read_parquet
from fingerpost.engines._shared import fault_of

FOLDER = "identifiers"
SIDES = ("hospital", "education")
FORMS = (".parquet", ".csv")
COLUMNS = (
    "person",
    "forename",
    "surname",
    "sex",
    "birth_date",
    "nhs_number",
    "postcode",
    "from_date",
    "to_date",
)
DATES = ("birth_date", "from_date", "to_date")
ISO = r"\d{4}-\d{2}-\d{2}([ T]00:00:00(\.0+)?)?"
FORM = "a date such as 2009-04-30, year, month and day"
EARLIEST = "DATE '1900-01-01'"
# Days that are written where none is known. Whoever was born on one is in no school.
DEFAULTS = ("1900-01-01", "1901-01-01")
# Of the people with several rows, the share who may have several birth dates.
SEVERAL = 0.1


@dataclass(frozen=True, slots=True)
class Notice:
    """One rule that some rows (or people) of a file break and that is lived with."""

    file: str
    column: str
    rule: str
    count: int
    said: str

    def words(self) -> str:
        """Return it as a sentence."""
        return f"{self.file}, {self.column}: {self.count:,} {self.said}."

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def identifier_file(records: Path, side: str) -> Path | None:
    """Return the file of identifiers of one side; None where there is none. Malformed for two."""
    found = [records / FOLDER / f"{side}{form}" for form in FORMS]
    found = [path for path in found if path.is_file()]
    if len(found) > 1:
        raise Malformed(
            f"link: {FOLDER} holds {listed([path.name for path in found])}. Keep one of them."
        )
    return found[0] if found else None


def identifier_files(records: Path) -> tuple[Path, Path]:
    """Return the files of identifiers of a folder of records: hospital, education.

    Raises Malformed where one is not there.
    """
    found = {side: identifier_file(records, side) for side in SIDES}
    lacking = [f"{FOLDER}/{side}.parquet (or .csv)" for side, path in found.items() if path is None]
    if lacking:
        raise Malformed(
            f"link: {records} has no {listed(lacking)}. Linkage reads identifiers from two files, "
            f"Parquet or CSV, with the columns {', '.join(COLUMNS)}. `fingerpost england build "
            "--linkage-error` writes them for a synthetic England."
        )
    hospital, education = found.values()
    assert hospital is not None and education is not None
    return hospital, education


def raw_rows(session: Any, path: Path, called: str, *, today: date) -> tuple[Notice, ...]:
    """Read one file of identifiers into a table, its dates as dates; return what was noticed.

    today: the day after which a birth is in the future. Raises Malformed where it cannot be read,
    lacks a column, or breaks a rule that leaves nothing to link by: all such faults at once.
    """
    import duckdb

    try:
        source = read_parquet([path])
        if path.suffix == ".csv":
            form = csv_form(session, path, keep=(EVERY,))
            source = form.scan(["VARCHAR"] * len(form.names))
        rows = session.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        held = {row[0]: row[1] for row in rows}
        lacking = [name for name in COLUMNS if name not in held]
        if lacking:
            raise Malformed(
                f"link: {path.name} has no column {listed(lacking)}.{misspelt(lacking, held)} A "
                "column of which nothing is known may be empty, but must be there."
            )
        columns = ", ".join(
            f"nullif(trim({name}), '') AS {name}" if held[name] == "VARCHAR" else name
            for name in COLUMNS
        )
        session.execute(f"CREATE TABLE {called}_raw AS SELECT {columns} FROM {source}")
        refuse_dates(session, f"{called}_raw", path.name, held)
        found, faults = held_to_rules(session, f"{called}_raw", path.name, today=today)
    except duckdb.Error as error:
        raise fault_of(
            path.name, error, mend=f"Is it whole, of the columns {', '.join(COLUMNS)}?"
        ) from None
    if faults:
        raise Malformed(faults)
    return found


def misspelt(lacking: Iterable[str], held: Iterable[str]) -> str:
    """Return a sentence on columns that differ from those lacking by case or spaces alone; nothing
    where there are none.

    >>> misspelt(["surname", "sex"], ["SURNAME ", "Gender"])
    ' It has "SURNAME ": names are written in small letters, without spaces.'
    """
    wanted = set(lacking)
    near = [f'"{name}"' for name in held if name.strip().casefold() in wanted]
    if not near:
        return ""
    return f" It has {', '.join(near)}: names are written in small letters, without spaces."


def refuse_dates(session: Any, table: str, file: str, held: dict[str, str]) -> None:
    """Raise Malformed for values that are no dates, by column, with the form that is allowed."""
    faults = []
    for name in DATES:
        if held[name] != "VARCHAR":
            continue
        fits = f"regexp_full_match({name}, '{ISO}') AND TRY_CAST({name} AS DATE) IS NOT NULL"
        (bad,) = session.execute(
            f"SELECT count(*) FROM {table} WHERE {name} IS NOT NULL AND NOT ({fits})"
        ).fetchone()
        if bad:
            faults.append(
                f"link: {file}, {name}: of {bad:,} {rows_of(bad)} the date cannot be read. "
                f"Allowed is {FORM}, or nothing where it is not known."
            )
    if faults:
        raise Malformed(faults)


def known_birth(today: date) -> str:
    """Return SQL for a birth date that may be somebody's; not known where it may not."""
    born = "CAST(birth_date AS DATE)"
    return f"CASE WHEN {born} BETWEEN {EARLIEST} AND DATE '{today}' THEN {born} END"


def held_to_rules(
    session: Any, table: str, file: str, *, today: date
) -> tuple[tuple[Notice, ...], list[str]]:
    """Return the notices and the faults of a table of identifiers.

    today: the day after which a birth is in the future.
    """
    asked = {
        "rows": "count(*)",
        "nameless": "count(*) FILTER (WHERE person IS NULL)",
        "sexes": "count(sex)",
        "odd sexes": "count(*) FILTER (WHERE upper(CAST(sex AS VARCHAR)[1:1]) NOT IN ('F', 'M'))",
        "births": "count(birth_date)",
        "odd births": f"count(birth_date) - count({known_birth(today)})",
        "turned": "count(*) FILTER (WHERE CAST(from_date AS DATE) > CAST(to_date AS DATE))",
    }
    row = session.execute(f"SELECT {', '.join(asked.values())} FROM {table}").fetchone()
    counts = {name: int(count) for name, count in zip(asked, row, strict=True)}
    faults = [] if counts["rows"] else [f"link: {file} holds no row."]
    if nameless := counts["nameless"]:
        faults.append(f"link: {file}, person: {nameless:,} {rows_of(nameless)} without one.")
    several, mixed = of_persons(session, table, file, today=today)
    faults += mixed
    found = []
    years = "before 1900 or in the future"
    told = (
        ("sex", "code", counts["odd sexes"], counts["sexes"], "neither F nor M", "F or M"),
        (
            "birth_date",
            "range",
            counts["odd births"],
            counts["births"],
            years,
            f"a day from 1900 to {today}",
        ),
    )
    for column, rule, count, of, said, allowed in told:
        if count and count == of:
            faults.append(
                f"link: {file}, {column}: none of the {of:,} values is allowed. Allowed is "
                f"{allowed}, or nothing where it is not known."
            )
        elif count:
            words = f"{rows_of(count)}: {said}, read as not known"
            found.append(Notice(file, column, rule, count, words))
    if turned := counts["turned"]:
        said = f"{rows_of(turned)}: before from_date, read as that day"
        found.append(Notice(file, "to_date", "order", turned, said))
    return (*found, *several), faults


def of_persons(
    session: Any, table: str, file: str, *, today: date
) -> tuple[list[Notice], list[str]]:
    """Return what is to be told of people with several birth dates, as notices and faults: a fault
    where they are many, so that `person` names no person; else a notice; nothing where there are
    none. A day that is read as not known is none of them.
    """
    defaults = ", ".join(f"DATE '{day}'" for day in DEFAULTS)
    born = known_birth(today)
    own = (
        f"SELECT count(DISTINCT {born}) FILTER (WHERE {born} NOT IN ({defaults})) AS n "
        f"FROM {table} WHERE person IS NOT NULL GROUP BY person HAVING count(*) > 1"
    )
    of, mixed = session.execute(
        f"SELECT count(*), count(*) FILTER (WHERE n > 1) FROM ({own})"
    ).fetchone()
    if not mixed:
        return [], []
    if mixed <= SEVERAL * of:
        said = "people: several birth dates, the latest row's is read"
        return [Notice(file, "person", "several", int(mixed), said)], []
    fault = (
        f"link: {file}, person: {mixed:,} of the {of:,} people with several rows have several "
        "birth dates. One person may have a row for each postcode; two people may not have one "
        "name in this column."
    )
    return [], [fault]


def rows_of(count: int) -> str:
    """Return `row` or `rows`."""
    return "row" if count == 1 else "rows"
