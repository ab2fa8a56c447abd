"""What a section is made of: words, lists, tables and pictures; the templates only lay them out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from fingerpost.core.table import Cell, Table
from fingerpost.plots.numbers import ABSENT, decimals, number, percent, plain, whole
from fingerpost.plots.picture import Picture

MOST_ROWS = 60
LONG_LABEL = 24
WIDE = 8  # columns from which every label that is the same in all rows is said beneath
MOST_UNLIKE, MOST_PLACES = 2, 4
LEAST_P = 1e-4
P_LIKE = ("p_small_sample", "p_shuffled", "p", "p_holm", "holm", "q", "q_any_dependence")


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


MOST_OPEN = 16  # rows; a longer table that holds no answer is folded


# Widths of screens (rem) that the style sheet tells apart, and those of columns there.
SCREENS = tuple(range(20, 81, 5))
LETTER, PADDING, NUMBERS, WORDS, LONG = 0.5, 0.75, 4.0, 7.5, 11.0
LONG_TEXT = 60


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as it is shown; the first column names the row. csv: the file it is also in."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    csv: str = ""
    note: str = ""
    kind: ClassVar[str] = "grid"

    @property
    def folded(self) -> bool:
        """Whether the table is long and holds no answer, so that a reader opens it at will."""
        answers = any(entry.attributes for row in self.rows for entry in row)
        return len(self.rows) > MOST_OPEN and not answers

    @property
    def slides(self) -> int:
        """The width of a screen, in rem and about, below which the table is wider than it: one of
        `SCREENS`; 0 for a table that fits the narrowest.
        """
        least = 2.0 + sum(column_width(at, self) for at in range(len(self.columns)))
        return max((screen for screen in SCREENS if screen <= least), default=0)

    @property
    def stacks(self) -> bool:
        """Whether it is sentences and no numbers, so that on the narrowest screens its cells stand
        one below the other: slid sideways, one long cell leaves screens of nothing beside it.
        """
        cells = [entry for row in self.rows for entry in row]
        long = any(len(entry.text) > LONG_TEXT for entry in cells)
        return long and not any(entry.numeric for entry in cells)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture; its source is the file it was drawn from. folded: opened at will."""

    picture: Picture
    note: str = ""
    folded: bool = False
    kind: ClassVar[str] = "figure"


Part = Words | Bullets | Heading | Grid | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report."""

    identifier: str
    title: str
    parts: tuple[Part, ...] = field(default=())


# Names of columns that are no words of their own.
HEADINGS: dict[str, str] = {
    "r2_exposure": "R² of exposure",
    "r2_outcome": "R² of outcome",
    "partial_r2": "Partial R²",
    "rv": "Robustness value",
    "rv_alpha": "Robustness value, interval",
    "repeated_lo": "Repeated, from",
    "repeated_hi": "Repeated, to",
    "se": "SE",
    "df": "df",
    **{name: name for name in ("t", "h", "b", "p", "q", "F", "delta", "gamma")},
    "f": "F",
    "effective_f": "Effective F",
    "p_holm": "p, Holm",
    "p_small_sample": "p, F",
    "p_shuffled": "p, waves shuffled",
    "r_max": "R² at most",
    "r2_short": "R² without covariates",
    "r2": "R²",
    "delta_for_null": "delta for nothing",
    "second_arm": "In the second arm",
    "sd": "SD",
    "icc": "ICC",
    "cac": "Cluster autocorrelation",
    "iac": "Individual autocorrelation",
    "power_z": "Power, z",
    "power_t": "Power, t",
    "mdes": "Smallest effect, z",
    "smallest": "Smallest effect, t",
    "smallest_z": "Smallest effect, z",
    "mdes80": "Smallest effect",
    "size_cv": "Variation of sizes",
    "mcse": "Monte Carlo error",
    "se_over_sd": "Mean SE / SD",
    "mdes_t": "Smallest effect, t",
    **{
        f"{name}_{end}": f"{words} {far}"
        for name, words in (("sd", "SD"), ("icc", "ICC"))
        for end, far in (("lo", "from"), ("hi", "to"))
    },
    "lo": "From",
    "hi": "To",
    "of": "Probability of",
    "beside": "Children seen for",
    "se_kind": "Kind of SE",
    "adjusted_se": "Adjusted SE",
    "e_value": "E-value",
    "e_value_limit": "E-value of the limit",
    "outside_share": "Outside support",
    "effective_first": "Effective size, first arm",
    "effective_second": "Effective size, second arm",
    "largest": "Largest weight",
    "largest_share": "Largest share of a child",
    "largest_cluster_share": "Largest share of a cluster",
}


def heading_of(column: str) -> str:
    """Return a column's name as a heading.

    >>> heading_of("smd_before"), heading_of("r2_exposure")
    ('SMD before', 'R² of exposure')
    """
    if column in HEADINGS:
        return HEADINGS[column]
    words = column.replace("_", " ")
    for short, long in (("smd", "SMD"), ("vr ", "Variance ratio "), ("ks ", "KS ")):
        if words.startswith(short):
            return long + words[len(short) :]
    return words[:1].upper() + words[1:]


def is_p(column: str) -> bool:
    """Return whether a column holds p-values, or what is read as one.

    >>> is_p("p"), is_p("calibrated_p"), is_p("p_holm"), is_p("q"), is_p("pairs")
    (True, True, True, True, False)
    """
    return column in P_LIKE or column.endswith("_p")


def p_entry(p: float, places: int | None = None) -> Entry:
    """Return a p-value as it is shown: never as 0, which no p-value is.

    >>> p_entry(0.0).text, p_entry(5.2e-7).text, p_entry(0.0123).text
    ('below 0.0001', 'below 0.0001', '0.0123')
    """
    if p < LEAST_P:
        return Entry(f"below {LEAST_P:.4f}", numeric=True)
    return Entry(plain(p) if places is None else number(p, places), numeric=True)


def entry(cell: Cell, kind: str, places: int | None = None) -> Entry:
    """Return a cell of a table as it is shown; `places` are the decimals of its column."""
    if cell is None:
        return Entry(ABSENT, numeric=kind in ("count", "number", "share"))
    if isinstance(cell, bool):
        return Entry("yes" if cell else "no")
    if isinstance(cell, str):
        return Entry(readable(cell))
    if kind == "share":
        return Entry(percent(float(cell)), numeric=True)
    if kind == "count" or isinstance(cell, int):
        return Entry(whole(cell), numeric=True)
    return Entry(plain(cell) if places is None else number(cell, places), numeric=True)


def readable(text: str) -> str:
    """Return words with a weighted contrast as people write one.

    >>> readable("0.5 × help + 0.5 × plan + -1 × none")
    '0.5 × help + 0.5 × plan − 1 × none'
    """
    return text.replace("+ -", "− ") if " × " in text else text


def places_of_column(cells: Iterable[Cell]) -> int | None:
    """Return the decimals at which a column is shown alike; None where its numbers differ too much
    in size for that.
    """
    values = [cell for cell in cells if isinstance(cell, float) and math.isfinite(cell)]
    needed = [decimals(value) for value in values if value != 0]
    if not needed or max(needed) - min(needed) > MOST_UNLIKE or max(needed) > MOST_PLACES:
        return None
    places = max(needed)
    while places and all(round(value, places) == round(value, places - 1) for value in values):
        places -= 1
    return places


def column_width(at: int, shown: Grid) -> float:
    """Return about how narrow a column can be, in rem: numbers are not broken, words are."""
    cells = [row[at] for row in shown.rows if at < len(row)]
    widest = max((len(cell.text) for cell in cells if cell.numeric), default=0)
    if cells and cells[0].numeric:
        heading = max((len(word) for word in shown.columns[at].split()), default=0)
        return max(NUMBERS, PADDING + LETTER * max(widest, heading))
    return LONG if any(len(cell.text) > LONG_TEXT for cell in cells) else WORDS


def grid(table: Table, *, caption: str = "", csv: str = "", most: int = MOST_ROWS) -> Grid:
    """Return a table as it is shown; rows beyond `most` are in the file alone, and it says so.

    A long label that is the same in every row is said once, beneath.
    """
    said = repeated(table)
    kept = [at for at, name in enumerate(table.columns) if name not in said]
    ps = {at for at in kept if table.kinds[at] == "number" and is_p(table.columns[at])}
    places = {
        at: places_of_column(row[at] for row in table.rows if at not in ps or told_p(row[at]))
        for at in kept
    }
    rows = tuple(
        tuple(
            p_entry(float(cell), places[at])
            if at in ps and isinstance(cell := row[at], int | float)
            else entry(row[at], table.kinds[at], places[at])
            for at in kept
        )
        for row in table.rows[:most]
    )
    notes = [in_headings(text, table.columns) for text in (table.context, table.note)]
    notes += [f"{heading_of(name)}: {text}." for name, text in said.items()]
    if len(table.rows) > most:
        notes.append(f"The first {most} of {len(table.rows):,} rows; all are in the file.")
    return Grid(
        caption or captioned(table),
        tuple(heading_of(table.columns[at]) for at in kept),
        rows,
        csv or table.name,
        " ".join(note for note in notes if note),
    )


def in_headings(text: str, columns: Sequence[str]) -> str:
    """Return what stands beneath a table with its columns named as their headings name them.

    >>> in_headings("rv_alpha: of the interval; `times` as strong.", ("rv_alpha", "times"))
    '“Robustness value, interval”: of the interval; “Times” as strong.'
    """
    if not columns:
        return text
    named = "|".join(re.escape(name) for name in sorted(columns, key=len, reverse=True))
    one = re.compile(rf"(?<![\w“])`?({named})`?(?![\w”])")

    def quoted(match: re.Match[str]) -> str:
        name = match.group(1)
        # In a list before a colon, in backticks, or with an underscore: no plain word.
        plainly = match.group(0) == name and "_" not in name and match.re is one
        return match.group(0) if plainly else f"“{heading_of(name)}”"

    def listed(match: re.Match[str]) -> str:
        return re.sub(rf"`?({named})`?(?!\w)", quoted, match.group(0))

    lists = rf"(?:(?<=[.;)] )|^)`?(?:{named})`?(?:, `?(?:{named})`?)*(?=:)"
    return one.sub(quoted, re.sub(lists, listed, text))


def told_p(cell: Cell) -> bool:
    """Return whether a p-value is shown by its digits."""
    return isinstance(cell, int | float) and cell >= LEAST_P


def repeated(table: Table) -> dict[str, str]:
    """Return every column of labels that says one long thing in every row; in a wide table, every
    one that says one thing.
    """
    found = {}
    for name, kind in zip(table.columns, table.kinds, strict=True):
        cells = set(table.column(name))
        only = next(iter(cells)) if len(cells) == 1 and len(table.rows) > 1 else None
        beneath = isinstance(only, str) and (len(only) > LONG_LABEL or len(table.columns) >= WIDE)
        if kind == "label" and isinstance(only, str) and beneath:
            found[name] = only
    return found


def captioned(table: Table) -> str:
    """Return a table's title with what its tags say."""
    tags = ", ".join(readable(str(value)) for _, value in table.tags if value is not None)
    return f"{table.title}: {tags}" if tags else table.title


def stacked(tables: Sequence[Table]) -> Table:
    """Return tables of one name as one: tags on which they differ become columns of labels."""
    first = tables[0]
    names = list(dict.fromkeys(name for table in tables for name, _ in table.tags))
    vary = [
        name
        for name in names
        if name not in first.columns and len({table.tag(name) for table in tables}) > 1
    ]
    return replace(
        first,
        columns=(*vary, *first.columns),
        kinds=(*("label",) * len(vary), *first.kinds),
        rows=tuple(
            (*(table.tag(name) for name in vary), *row) for table in tables for row in table.rows
        ),
        counts=(),
        clusters=(),
        shares=(),
        tags=tuple((name, value) for name, value in first.tags if name not in vary),
    )


def grids(tables: Iterable[Table]) -> list[Grid]:
    """Return tables as they are shown, those of one name and columns stacked into one, no row said
    twice.
    """
    grouped: dict[tuple[str, tuple[str, ...]], list[Table]] = {}
    for table in tables:
        if table.rows:
            grouped.setdefault((table.name, table.columns), []).append(table)
    whole = (stacked(found) for found in grouped.values())
    return [grid(replace(table, rows=tuple(dict.fromkeys(table.rows)))) for table in whole]
