"""Whether the first line of a CSV names columns, or is a child: told by place, never by content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fingerpost.core.errors import Malformed

# Numbers and dates that have letters: powers of ten, and moments in ISO's way.
WITH_LETTERS = re.compile(r"[+-]?[0-9.,]+[eE][+-]?[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")
MEND = "Give the file a header line; the name of a column is not a number."


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file, which may be no header. file: the file's name."""

    file: str
    fields: tuple[str, ...]


def datum(field: str) -> bool:
    """Return whether a field is a number or a date, which names no column: digits, no letters.

    >>> [datum(field) for field in ("7", "-1,5", "1e3", "2009-09-01", "age", "C5R4MSCL", "")]
    [True, True, True, True, False, False, False]
    """
    if not any(letter.isdigit() for letter in field):
        return False
    return not any(letter.isalpha() for letter in field) or bool(WITH_LETTERS.fullmatch(field))


def refuse_numbers(header: Header) -> None:
    """Raise Malformed where a field of the first line is a number or a date."""
    found = sum(datum(field) for field in header.fields)
    if found:
        few = "is a number" if found == 1 else "are numbers"
        raise Malformed(fault(header, f"{found} of {len(header.fields)} fields {few}"))


def refuse_data(header: Header, *, alike: Sequence[bool]) -> None:
    """Raise Malformed where half of the fields, or more, are like the values below them."""
    found = sum(alike)
    if found and 2 * found >= len(header.fields):
        few = "is" if found == 1 else "are"
        raise Malformed(
            fault(header, f"{found} of {len(header.fields)} fields {few} like the values below")
        )


def fault(header: Header, why: str) -> str:
    """Return the fault of a first line that looks like a child's."""
    return (
        f'records: the first line of "{header.file}" looks like a row of data, not names of '
        f"columns ({why}). {MEND}"
    )
