"""How a CSV is written: its marks, its header, and the type of each column over the whole file."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import Malformed
from fingerpost.engines._header import Header, refuse_data, refuse_numbers

if TYPE_CHECKING:
    import duckdb

# What stands for "missing" in a CSV: nothing, R's NA, Python's nan, Stata's and SAS's dot.
MISSING_MARKS = ("", "NA", "NaN", "nan", ".")
DELIMITERS = (",", ";", "\t", "|")
# In place of columns' names: every column stays text.
EVERY = "*"
# Whole numbers are exact in float64 up to here; longer digits are identifiers and stay text.
EXACT = 2**53
# Else a folder `column=value` on the path of a file would put that value into every row.
OWN_COLUMNS = "hive_partitioning = false"


@dataclass(frozen=True, slots=True)
class CsvForm:
    """The marks, names and types of one CSV; types are DOUBLE, BIGINT or VARCHAR."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    types: tuple[str, ...] = ()

    def scan(self, types: Sequence[str]) -> str:
        """Return the SQL that reads the file with the given types; nothing is guessed."""
        columns = ", ".join(
            f"{text(name)}: {text(kind)}" for name, kind in zip(self.names, types, strict=True)
        )
        marks = ", ".join(text(mark) for mark in MISSING_MARKS)
        return (
            f"read_csv({pattern(self.path)}, auto_detect = false, header = true, "
            f"delim = {text(self.delimiter)}, quote = '\"', escape = '\"', nullstr = [{marks}], "
            f"columns = {{{columns}}}, {OWN_COLUMNS})"
        )

    def select(self) -> str:
        """Return the SQL of the typed table."""
        # Whole numbers are read as DOUBLE, then cast, so that 1.0 and 1e3 are whole too.
        read = ["VARCHAR" if kind == "VARCHAR" else "DOUBLE" for kind in self.types]
        columns = [
            f"CAST({name(column)} AS BIGINT) AS {name(column)}"
            if kind == "BIGINT"
            else name(column)
            for column, kind in zip(self.names, self.types, strict=True)
        ]
        return f"SELECT {', '.join(columns)} FROM {self.scan(read)}"


def text(value: str) -> str:
    """Return a string as SQL text.

    >>> text("St John's")
    "'St John''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """Return a path as SQL text in which no letter stands for others.

    >>> pattern(Path("pupils[1].csv"))
    "'pupils[[]1].csv'"
    """
    return text(re.sub(r"([\[*?])", r"[\1]", str(path)))


def name(value: str) -> str:
    """Return a string as an SQL name.

    >>> name("age")
    '"age"'
    """
    return '"' + value.replace('"', '""') + '"'


def csv_form(connection: duckdb.DuckDBPyConnection, path: Path, *, keep: Sequence[str]) -> CsvForm:
    """Return how a CSV is written, having looked at every line of it.

    keep: columns that stay text, or EVERY. Raises Malformed where the file is not UTF-8, has no
    header, names a column twice, or has lines with more or fewer fields than the header. No fault
    repeats a field of the first line, which is a child's where the header was forgotten.
    """
    refuse_other_encodings(path)
    first = header_line(path)
    delimiter = max(DELIMITERS, key=first.count)
    header = header_fields(path, delimiter)
    refuse_numbers(header)
    names = header_names(header)
    form = CsvForm(path, delimiter, names)
    refuse_data(header, alike=fields_alike(connection, form, header))
    return CsvForm(path, delimiter, names, column_types(connection, form, keep=keep))


def refuse_other_encodings(path: Path) -> None:
    """Raise Malformed where the file is not UTF-8, naming the line."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line = lines + block[: error.start].count(b"\n")
                raise Malformed(
                    f'records: "{path.name}" is not UTF-8 (line {line}). Save it as CSV UTF-8.'
                ) from None
            lines += block.count(b"\n")


def header_line(path: Path) -> str:
    """Return the first line; Malformed where it is blank."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        first = handle.readline().strip("\r\n")
    if not first.strip():
        raise Malformed(
            f'records: "{path.name}" has no header: its first line is empty. '
            "Put the names of the columns in the first line."
        )
    return first


def header_fields(path: Path, delimiter: str) -> Header:
    """Return the fields of the first line, without the blanks around them."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        fields = next(csv.reader(handle, delimiter=delimiter))
    return Header(path.name, tuple(field.strip() for field in fields))


def header_names(header: Header) -> tuple[str, ...]:
    """Return the columns' names; one without a name is called by its place.

    SQL takes no notice of capitals: a name that differs from an earlier one only in these has its
    place added, so that both columns can be named.
    """
    raw = header.fields
    first = {item: place for place, item in reversed(list(enumerate(raw, start=1)))}
    twice = [
        f"columns {first[item]} and {place}"
        for place, item in enumerate(raw, start=1)
        if item and first[item] != place
    ]
    if twice:
        raise Malformed(
            f'records: "{header.file}" gives one name to {"; to ".join(twice)}. '
            "Give each column a name of its own."
        )
    names: list[str] = []
    for place, item in enumerate(raw, start=1):
        taken = item.casefold() in {earlier.casefold() for earlier in names}
        names.append(f"{item} (column {place})" if taken else item or f"column {place}")
    return tuple(names)


def fields_alike(
    connection: duckdb.DuckDBPyConnection, form: CsvForm, header: Header
) -> tuple[bool, ...]:
    """Return for each field of the header whether it is like the values below it.

    It is so where the same text stands below it, where half of the values or more are that text
    with other digits, and where it is empty though there are values, save in the first column:
    tables of statistics packages leave the rows' numbers without a name.
    """
    parts = []
    for place, (column, field) in enumerate(zip(form.names, header.fields, strict=True)):
        value = name(column)
        if not field:
            parts.append("false" if place == 0 else f"count({value}) > 0")
            continue
        tests = [f"coalesce(bool_or({value} = {text(field)}), false)"]
        if re.search("[0-9]", field):
            other = "[0-9]+".join(re.escape(part) for part in re.split("[0-9]+", field))
            like = f"count(*) FILTER (regexp_full_match({value}, {text(other)}))"
            tests.append(f"count({value}) > 0 AND 2 * {like} >= count({value})")
        parts.append(" OR ".join(tests))
    return tuple(bool(found) for found in looked_at(connection, form, parts))


def looked_at(
    connection: duckdb.DuckDBPyConnection, form: CsvForm, parts: Sequence[str]
) -> Sequence[Any]:
    """Return aggregates over every line, all columns being read as text."""
    import duckdb

    source = form.scan(["VARCHAR"] * len(form.names))
    try:
        return connection.execute(f"SELECT {', '.join(parts)} FROM {source}").fetchall()[0]
    except duckdb.Error as error:
        # What DuckDB says quotes the line: it is read for its number, and not passed on.
        raise Malformed(line_fault(form, str(error))) from None


def column_types(
    connection: duckdb.DuckDBPyConnection, form: CsvForm, *, keep: Sequence[str]
) -> tuple[str, ...]:
    """Return the type of each column, judged over the whole file.

    A column is text unless every recorded value is a number; leading zeros and more than 15 digits
    make an identifier, which is text too.
    """
    parts: list[str] = []
    judged = [] if EVERY in keep else [name for name in form.names if name not in keep]
    if not judged:
        return ("VARCHAR",) * len(form.names)
    for column in judged:
        value, number = name(column), f"TRY_CAST({name(column)} AS DOUBLE)"
        parts.append(f"count({value}) > 0 AND count({value}) = count({number})")
        parts.append(f"coalesce(bool_and({number} = floor({number})), false)")
        parts.append(f"coalesce(max(abs({number})) FILTER (isfinite({number})), 0)")
        parts.append(f"coalesce(bool_or(regexp_matches({value}, '^\\s*[+-]?0[0-9]|_')), false)")
        parts.append(f"coalesce(bool_or(isinf({number})), false)")
    row = looked_at(connection, form, parts)
    kinds = {
        column: column_type(row[place : place + 5])
        for column, place in zip(judged, range(0, len(row), 5), strict=True)
    }
    return tuple(kinds.get(column, "VARCHAR") for column in form.names)


def column_type(found: Sequence[Any]) -> str:
    """Return the type of one column from what its values have in common.

    found: whether all are numbers, whether all are whole, the largest, whether any is written as
    a code, whether any is infinite.
    """
    numbers, whole, largest, coded, infinite = found
    if not numbers or coded:
        return "VARCHAR"
    if not whole or infinite:
        return "DOUBLE"
    return "BIGINT" if largest < EXACT else "VARCHAR"


def line_fault(form: CsvForm, said: str) -> str:
    """Return DuckDB's fault as one line without the line's content, which may be a child's."""
    line = re.search(r"Line: (\d+)", said)
    found = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
    where = f" at line {line[1]}" if line else ""
    mixed = None if found else mixed_ends(form.path)
    if found:
        what = f"{found[2]} fields where the header has {found[1]}"
    elif mixed is not None:
        where, what = f" at line {mixed[0]}", mixed[1]
    elif "quote" in said.lower():
        what = "a quotation mark that is not closed"
    else:
        what = "a line that is not CSV"
    mend = "Save the file with one kind of line ends" if mixed else "Correct that line"
    return f'records: "{form.path.name}" has{where} {what}. {mend}.'


def mixed_ends(path: Path) -> tuple[int, str] | None:
    """Return the first line that ends otherwise than the first, and how both end; None where all
    end alike.
    """
    ends = {b"\r\n": "CR LF (Windows)", b"\n": "LF (Unix)"}
    first = b""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            own = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            if not line.endswith(b"\n"):
                continue
            first = first or own
            if own != first:
                return number, f"an end of line {ends[own]}, where the first has {ends[first]}"
    return None
