"""What a section is made of: words, lists, tables and pictures; the templates only lay them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fingerpost.core.table import Cell, Table
from fingerpost.plots._theme import Picture
from fingerpost.plots.numbers import ABSENT, number, percent, whole

MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph. tone: empty, `refused`, `warning` or `note`."""

    text: str
    tone: str = ""
    kind: ClassVar[str] = "words"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    ordered: bool = False
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    text: str
    identifier: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a table. attributes: data attributes, full precision; link: an anchor."""

    text: str
    numeric: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as it is shown; the first column names the row. csv: the file it is also in."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    csv: str = ""
    note: str = ""
    kind: ClassVar[str] = "grid"


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture; its source is the file it was drawn from."""

    picture: Picture
    note: str = ""
    kind: ClassVar[str] = "figure"


Part = Words | Bullets | Heading | Grid | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report."""

    identifier: str
    title: str
    parts: tuple[Part, ...] = field(default=())


def heading_of(column: str) -> str:
    """Return a column's name as a heading.

    >>> heading_of("smd_before"), heading_of("r2_exposure")
    ('SMD before', 'R² of exposure')
    """
    special = {
        "r2_exposure": "R² of exposure",
        "r2_outcome": "R² of outcome",
        "partial_r2": "Partial R²",
        "rv": "Robustness value",
        "rv_alpha": "Robustness value, interval",
        "se": "SE",
        "df": "df",
        "t": "t",
        "sd": "SD",
        "lo": "From",
        "hi": "To",
        "of": "Probability of",
    }
    if column in special:
        return special[column]
    words = column.replace("_", " ")
    for short, long in (("smd", "SMD"), ("vr ", "Variance ratio "), ("ks ", "KS ")):
        if words.startswith(short):
            return long + words[len(short) :]
    return words[:1].upper() + words[1:]


def entry(cell: Cell, kind: str) -> Entry:
    """Return a cell of a table as it is shown."""
    if cell is None:
        return Entry(ABSENT, numeric=kind in ("count", "number", "share"))
    if isinstance(cell, bool):
        return Entry("yes" if cell else "no")
    if isinstance(cell, str):
        return Entry(cell)
    if kind == "share":
        return Entry(percent(float(cell)), numeric=True)
    if kind == "count" or isinstance(cell, int):
        return Entry(whole(cell), numeric=True)
    return Entry(number(cell), numeric=True)


def grid(table: Table, *, caption: str = "", csv: str = "", most: int = MOST_ROWS) -> Grid:
    """Return a table as it is shown; rows beyond `most` are in the file alone, and it says so."""
    rows = tuple(
        tuple(entry(cell, kind) for cell, kind in zip(row, table.kinds, strict=True))
        for row in table.rows[:most]
    )
    note = table.note
    if len(table.rows) > most:
        note = f"{note} The first {most} of {len(table.rows):,} rows; all are in the file.".strip()
    return Grid(
        caption or captioned(table),
        tuple(heading_of(name) for name in table.columns),
        rows,
        csv or table.name,
        note,
    )


def captioned(table: Table) -> str:
    """Return a table's title with what its tags say."""
    tags = ", ".join(str(value) for _, value in table.tags if value is not None)
    return f"{table.title}: {tags}" if tags else table.title
