"""What a table of linked records is, as data: its grain, its key, and each of its columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fingerpost.core.calendar import TERMS
from fingerpost.core.errors import FingerpostError, listed

# kind of column: what it is on disk. id: whole numbers or text, one kind throughout the records.
KINDS = ("id", "int", "float", "code", "text", "date")
# The column that names a child in tables of hospitals which no spine has linked yet.
HOSPITAL_ID = "hospital_id"
SOURCES = (
    "education",
    "health",
    "births and deaths",
    "social care",
    "local authority",
    "need and provision",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table.

    kind: id, int, float, code, text or date. words: what it means. codes: (code, words) of each
    allowed code, empty where any is allowed. low, high: the smallest and largest number allowed,
    both included. unit: of a number. required: whether a table must have the column; one that is
    absent is read as all missing. missing: whether a row may leave it blank. future: whether a date
    may lie after today. eras: (code, first, last) academic year of codes not always in use.
    """

    name: str
    kind: str
    words: str
    codes: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    required: bool = True
    missing: bool = False
    future: bool = False
    eras: tuple[tuple[str, int | None, int | None], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a kind that nobody knows."""
        if self.kind not in KINDS:
            raise FingerpostError(f'{self.name}: no kind "{self.kind}". Allowed: {listed(KINDS)}.')

    @property
    def allowed(self) -> tuple[str, ...]:
        """The allowed codes without their words."""
        return tuple(value for value, _ in self.codes)


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold between the columns of a row, besides what each column's declaration says.

    order: pairs of date columns of which the first may not be later. totals: (part, whole) numbers
    of which the part may not be larger. known: the earliest a row could have been known: not before
    the date in the column of that name; `term`, not before the first month of its term; a number,
    not before that month of its academic year; empty, any time.
    """

    order: tuple[tuple[str, str], ...] = ()
    totals: tuple[tuple[str, str], ...] = ()
    known: str | int = ""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of linked records.

    grain: what one row is. key: columns whose values together name a row at most once; empty for
    events, which may repeat. fields: its own columns, then those every table has. source: one of
    `SOURCES`. years: (first, last) year its source has held it, for the dictionary; a last year of
    None is now. checks: what must hold between its columns.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    words: str
    source: str
    years: tuple[int, int | None]
    checks: Checks = Checks()

    def __post_init__(self) -> None:
        """Refuse a table that names a column it does not declare."""
        pairs = (*self.checks.order, *self.checks.totals)
        named = {*self.key, *(name for pair in pairs for name in pair)}
        if isinstance(self.checks.known, str):
            named |= {self.checks.known} - {"", "term"}
        if unknown := sorted(named - set(self.columns)):
            raise FingerpostError(f"{self.name} declares no column {listed(unknown)}.")
        if self.source not in SOURCES:
            raise FingerpostError(f'{self.name}: no source "{self.source}".')

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def of_children(self) -> bool:
        """Whether its rows are about children."""
        return any(field.name == "child_id" for field in self.fields)

    def field(self, name: str) -> Field:
        """Return a column by name; KeyError where the table declares none."""
        found = next((field for field in self.fields if field.name == name), None)
        if found is None:
            raise KeyError(f"{self.name} declares no column {name}")
        return found


def flag(name: str, words: str, *, required: bool = True, missing: bool = False) -> Field:
    """Return a column that is 1 (yes) or 0 (no)."""
    return Field(name, "int", words, low=0, high=1, required=required, missing=missing)


def coded(
    name: str,
    words: str,
    codes: tuple[tuple[str, str], ...],
    *,
    required: bool = True,
    missing: bool = False,
) -> Field:
    """Return a column of codes, each with its words."""
    return Field(name, "code", words, codes=codes, required=required, missing=missing)


def plain(*names: str) -> tuple[tuple[str, str], ...]:
    """Return codes that are their own words.

    >>> plain("home", "health_visitor")
    (('home', 'home'), ('health_visitor', 'health visitor'))
    """
    return tuple((name, name.replace("_", " ")) for name in names)


CHILD = Field("child_id", "id", "the child's pseudonym, one and the same in every table")
YEAR = Field(
    "academic_year",
    "int",
    "academic year, labelled by the year it ends (2015 is 2014/15)",
    low=1990,
    high=2100,
)
TERM = coded(
    "term",
    "term of the school year",
    tuple(zip(TERMS, ("autumn", "spring", "summer"), strict=True)),
)
URN = Field("urn", "id", "the school's unique reference number", missing=True)
LA = Field("la", "id", "local authority's code", missing=True)
SPELL = (
    Field("valid_from", "date", "first day for which the row holds", missing=True, future=True),
    Field(
        "valid_to",
        "date",
        "last day for which the row holds; blank while it still does",
        required=False,
        missing=True,
        future=True,
    ),
    Field("known_from", "date", "first day on which the source could have known the row"),
)


def table(
    name: str,
    grain: str,
    *fields: Field,
    key: tuple[str, ...],
    words: str,
    source: str,
    years: tuple[int, int | None],
    checks: Checks = Checks(),
) -> TableSpec:
    """Return a table with the columns that every table has, and the order of their dates."""
    ordered = replace(checks, order=(("valid_from", "valid_to"), *checks.order))
    return TableSpec(name, grain, key, (*fields, *SPELL), words, source, years, ordered)


def by_hospital(spec: TableSpec) -> TableSpec:
    """Return a table of children as hospitals key it: by `hospital_id` in the place of `child_id`,
    until a spine says which child each is.
    """
    own = Field(HOSPITAL_ID, "id", "the child, by a pseudonym of hospitals alone")
    fields = tuple(own if field.name == "child_id" else field for field in spec.fields)
    key = tuple(HOSPITAL_ID if name == "child_id" else name for name in spec.key)
    return replace(spec, fields=fields, key=key)
