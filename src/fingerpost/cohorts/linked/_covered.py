"""How far each table of the records reaches: a window that they do not hold holds no events.

A table's first and last day are those of its rows: the day of the event, or the last day of the
term or school year that a row is of. They are asked for the children who enter in each school year,
as a table may go on and hold them no longer. A table that ends where nothing was to be expected
anyway is not short: it is short of a day if, had it gone on as in its last year, ten rows or more
would lie between its last day and that one. By chance alone none would then be there once in 22,000
times. Months that hold less than a hundredth of the median month are wrongly dated rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import narwhals as nw

from fingerpost.cohorts.linked._known import CENSUSES, YEARS, Frame
from fingerpost.core.calendar import (
    RECEPTION_AFTER,
    TERMS,
    census_day,
    day_number,
    day_of,
    first_day,
    last_day,
    term_first_day,
    term_last_day,
)
from fingerpost.core.leaves import RecordsMeasure
from fingerpost.core.linked import Linked
from fingerpost.engines._shared import collected, int64
from fingerpost.engines._shared import day_number as days
from fingerpost.outcomes._query import AT_SCHOOL, CHILD, term_of
from fingerpost.records.declarations import TABLES

EXPECTED = 10.0  # rows that would have been there: none by chance once in 22,000 times
STRAY = 0.01  # of the median month
A_YEAR, MONTHS = 365, 12
EARLIEST = day_number(first_day(YEARS[0]))
SPELL = ("valid_from", "valid_to", "known_from")
WHEN = "when"
CENSUS = "school_census"
STARTS = {
    len(TERMS) * year + at: day_number(term_first_day(year, name))
    for year in YEARS
    for at, name in enumerate(TERMS)
}
ENDS = {
    len(TERMS) * year + at: day_number(term_last_day(year, name))
    for year in YEARS
    for at, name in enumerate(TERMS)
}
YEAR_STARTS = {year: day_number(first_day(year)) for year in YEARS}
YEAR_ENDS = {year: day_number(last_day(year)) for year in YEARS}
# First and last days of what dates a table, by its number.
SPANS = {"term": (STARTS, ENDS), "academic_year": (YEAR_STARTS, YEAR_ENDS)}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a table reaches, of all children or of those who enter in one year. first, last: days
    since 1970. opening, closing: rows in its first and in its last year. years: academic year →
    rows, of a table of school years; else empty.
    """

    table: str
    first: int
    last: int
    opening: int
    closing: int
    years: Mapping[int, int] = field(default_factory=dict)

    def short_of(self, day: int) -> bool:
        """Return whether rows would be expected between the table's last day and a later one.

        >>> Reach("hes_apc", 0, 1000, 365, 365).short_of(1009)
        False
        >>> Reach("hes_apc", 0, 1000, 365, 365).short_of(1010)
        True
        """
        return self.closing * (day - self.last) / A_YEAR >= EXPECTED

    def later_than(self, day: int) -> bool:
        """Return whether rows would be expected between a day and the table's first."""
        return self.opening * (self.first - day) / A_YEAR >= EXPECTED

    def lacks(self, year: int) -> bool:
        """Return whether a table of school years holds nothing of one, though it would be expected
        to.
        """
        held = len(self.years)
        return year not in self.years and sum(self.years.values()) >= EXPECTED * max(held, 1)

    def seen_from(self) -> int | None:
        """Return the earliest day of birth from which a life is wholly held; None for any.

        Children of the records come one by one, so that before the first day rows rise from
        nothing: with g days from a birth to the first day, g² / ((g + 365)² − g²) of the rows of
        the first year would lie before it.

        >>> day_of(Reach("hes_apc", 12000, 20000, 5000, 5000).seen_from())
        datetime.date(2002, 10, 22)
        """
        if self.opening < EXPECTED:
            return None
        share = EXPECTED / self.opening
        return self.first - math.ceil(A_YEAR * (share + math.sqrt(share * share + share)))


@dataclass(eq=False, slots=True)
class Reaches:
    """How far tables reach, each asked once. store: the records; a table that is not there, or is
    empty, has no reach.
    """

    store: Any
    whole: dict[str, Reach | None] = field(default_factory=dict)

    def of(self, table: str) -> Reach | None:
        """Return how far a table reaches."""
        if table not in self.whole:
            rows = self.store.frame(table) if self.store.has(table) else None
            found = {} if rows is None else _reaches(rows, table, by=None)
            self.whole[table] = found.get(0)
        return self.whole[table]

    def by_entry(self, table: str, entered: Frame) -> dict[int, Reach]:
        """Return how far a table reaches for the children who enter in each academic year.

        entered: `child_id` and `zero_year`.
        """
        if not self.store.has(table):
            return {}
        rows = self.store.frame(table).join(entered, on=CHILD, how="inner")
        return _reaches(rows, table, by="zero_year")


def _reaches(rows: Frame, table: str, *, by: str | None) -> dict[int, Reach]:
    """Return how far rows reach, for each value of a column; 0 where there is none.

    Rows of terms and school years are counted by those, and their days told afterwards, of the few
    that there are.
    """
    key = nw.lit(0).cast(nw.Int64) if by is None else nw.col(by).cast(nw.Int64)
    parts = _timed(rows, table).with_columns(key.alias("key")).group_by("key", WHEN)
    n, spans = int64(nw.len()).alias("n"), SPANS.get(_by(table))
    if spans is not None:
        counted = collected(parts.agg(n).select("key", WHEN, "n"), table).iter_rows()
        starts, ends = spans
        found = [
            (int(at), when, starts[when], ends[when], held)
            for at, when, held in counted
            if when in ends and ends[when] >= EARLIEST
        ]
    else:
        asked = parts.agg(nw.col("day").min().alias("begins"), nw.col("day").max(), n)
        told = collected(asked.select("key", WHEN, "begins", "day", "n"), table).iter_rows()
        found = [(int(at), *row) for at, *row in told]
    groups: dict[int, list[tuple[int, int, int, int]]] = {}
    for at, *row in sorted(found):
        groups.setdefault(at, []).append((row[0], row[1], row[2], row[3]))
    return {at: _reach(table, held) for at, held in groups.items()}


def _reach(table: str, found: list[tuple[int, int, int, int]]) -> Reach:
    """Return how far (time, first day, last day, rows) in order of time reach."""
    enough = STRAY * median(n for *_, n in found)
    held = [row for row in found if row[3] >= enough]
    first, last = held[0][1], held[-1][2]
    return Reach(
        table,
        first,
        last,
        sum(n for _, begins, _, n in held if begins < first + A_YEAR),
        sum(n for _, _, day, n in held if day > last - A_YEAR),
        {when: n for when, *_, n in held} if _by(table) == "academic_year" else {},
    )


def _by(table: str) -> str:
    """Return the column that dates a table's rows: its term, its school year or its first date."""
    spec = TABLES[table]
    for name in ("term", "academic_year"):
        if name in spec.columns:
            return name
    own = (one.name for one in spec.fields if one.kind == "date" and one.name not in SPELL)
    return next(own, "known_from")


def _timed(rows: Frame, table: str) -> Frame:
    """Return rows with a number that sorts their time; those dated by a day with it, and only from
    the first academic year on.
    """
    by = _by(table)
    if by == "term":
        return rows.with_columns(term_of("academic_year", "term").alias(WHEN))
    if by == "academic_year":
        return rows.with_columns(nw.col(by).cast(nw.Int64).alias(WHEN))
    when = nw.col(by).dt.year().cast(nw.Int64) * MONTHS + nw.col(by).dt.month().cast(nw.Int64)
    dated = rows.with_columns(when.alias(WHEN), days(nw.col(by)).alias("day"))
    return dated.filter(~nw.col("day").is_null() & (nw.col("day") >= EARLIEST))


# ------------------------------------------------------------------------- windows
@dataclass(frozen=True, slots=True)
class Short:
    """A table that does not hold the window of the children who enter in one year.

    how: `ends` before the window does, `begins` after it did, or `lacks` a school year (`year`).
    """

    held: Reach
    how: str
    year: int = 0

    @property
    def day(self) -> int:
        """The table's last day, or its first where it begins too late."""
        return self.held.first if self.how == "begins" else self.held.last


def spoken(day: int) -> str:
    """Return a day in words.

    >>> spoken(16678)
    '31 August 2015'
    """
    date = day_of(day)
    return f"{date.day} {date:%B %Y}"


def short(
    linked: Linked, measures: Mapping[str, RecordsMeasure], entered: Frame, *, tables: Reaches
) -> tuple[tuple[int, ...], dict[int, tuple[Short, ...]]]:
    """Return the academic years in which children enter, and, for each whose window the records do
    not wholly hold, what is short.

    entered: `child_id` and `zero_year` of every child at time zero. measures: those asked.
    """
    unique = collected(entered.select("zero_year").unique(), "linked records").iter_rows()
    years = tuple(sorted(int(year) for (year,) in unique))
    found: dict[int, list[Short]] = {year: [] for year in years}
    for measure in measures.values():
        if measure.year is not None:
            _assessed(linked, measure, found, held=tables.of(measure.tables[0]))
    windows = dict(_windows(linked, measures))
    for table, (terms, until) in windows.items():
        reached = tables.by_entry(table, entered)
        for year in years:
            held = reached.get(year) or tables.of(table)
            if held is not None:
                found[year] += _beyond(linked, held, year, terms=terms, until=until)
    return years, {year: tuple(each) for year, each in found.items() if each}


def _assessed(
    linked: Linked, measure: RecordsMeasure, found: dict[int, list[Short]], *, held: Reach | None
) -> None:
    """Note the years of entry whose assessment lies in a school year that its table lacks."""
    for zero, noted in found.items():
        year = zero + (measure.year or 0) - linked.zero.year
        if held is not None and held.lacks(year):
            noted.append(Short(held, "lacks", year))


def _windows(
    linked: Linked, measures: Mapping[str, RecordsMeasure]
) -> Iterator[tuple[str, tuple[bool, int]]]:
    """Yield each table that must hold a window: whether from the term after time zero on, and to
    the end of which school year. Later ones of a table reach as far or further.
    """
    if linked.through is not None:
        yield CENSUS, (True, linked.through)
    for measure in measures.values():
        if measure.year is None:
            for table in (*measure.tables, *measure.also):
                yield table, (measure.rows != "events", linked.until)
        counts = measure.rows in ("terms", "events") or measure.absent == "zero"
        if measure.seen == AT_SCHOOL and counts:
            yield CENSUS, (True, linked.until)


def _beyond(linked: Linked, held: Reach, zero: int, *, terms: bool, until: int) -> Iterator[Short]:
    """Yield how a table falls short of the window of those who enter in an academic year."""
    if held.short_of(YEAR_ENDS[zero + until - linked.zero.year]):
        yield Short(held, "ends")
    # Rows of terms begin with the next term; of school years, with the next.
    by_year = _by(held.table) == "academic_year"
    begin = day_number(census_day(zero, CENSUSES[linked.zero.census]))
    if terms:
        place = len(TERMS) * zero + TERMS.index(CENSUSES[linked.zero.census]) + 1
        begin = YEAR_STARTS[zero + 1] if by_year else STARTS[place]
    if held.later_than(begin):
        yield Short(held, "begins")


def told(lacking: Iterable[Short]) -> str:
    """Return what is short, in words, table by table.

    >>> told([Short(Reach("hes_apc", 12000, 16678, 5000, 5000), "ends")])
    'hes_apc ends on 31 August 2015'
    """
    groups: dict[tuple[str, str], list[Short]] = {}
    for one in lacking:
        groups.setdefault((one.held.table, one.how), []).append(one)
    said = []
    for (table, how), found in groups.items():
        if how == "lacks":
            years = sorted({one.year for one in found})
            said.append(f"{table} lacks {', '.join(f'{y - 1}/{y % 100:02d}' for y in years)}")
            continue
        first, last = min(one.day for one in found), max(one.day for one in found)
        span = spoken(first) if first == last else f"{spoken(first)} to {spoken(last)}, by year"
        said.append(f"{table} {how} on {span}")
    return "; ".join(said)


def nobody(linked: Linked, gaps: Mapping[int, tuple[Short, ...]], *, tables: Reaches) -> str:
    """Return the fault of a study none of whose children has its whole window in the records."""
    end, first = f"the end of Year {linked.until}", min(gaps)
    asked = YEAR_ENDS[first + linked.until - linked.zero.year]
    every = [one for lacking in gaps.values() for one in lacking]
    mend = [*_other_births(linked, first, every, tables=tables), *_sooner(linked, gaps)]
    said = ", or ".join(mend) or "ask of other births, or leave the outcome of that table out"
    return (
        f"follow_up: no child studied has its whole follow-up, from {linked.zero.words()} to {end} "
        f"({spoken(asked)} for those who enter first), in the records: {told(every)}. "
        f"{said[:1].upper()}{said[1:]}."
    )


def _other_births(
    linked: Linked, first: int, every: Iterable[Short], *, tables: Reaches
) -> Iterator[str]:
    """Yield the births of which the tables may hold the whole window, where they lie before those
    that were asked.
    """
    reached = [tables.of(one.held.table) for one in every if one.how == "ends"]
    ends = [held for held in reached if held is not None]
    whole = [y for y, day in YEAR_ENDS.items() if not any(held.short_of(day) for held in ends)]
    entry = max(whole) - linked.until + linked.zero.year if ends and whole else first
    if entry < first:
        born = entry - linked.zero.year - RECEPTION_AFTER
        yield f"ask of births up to {born}-08, whom the tables reach (population.born)"


def _sooner(linked: Linked, gaps: Mapping[int, tuple[Short, ...]]) -> Iterator[str]:
    """Yield the latest school year to whose end everybody's window is whole, where there is one."""
    if any(one.how != "ends" for lacking in gaps.values() for one in lacking):
        return
    for year in range(linked.until - 1, linked.zero.years[-1] - 1, -1):
        ends = ((each, YEAR_ENDS[zero + year - linked.zero.year]) for zero, each in gaps.items())
        if not any(one.held.short_of(day) for each, day in ends for one in each):
            yield f"end follow-up with year {year} (follow_up: {{to: end of year {year}}})"
            return


def reason(linked: Linked, gaps: Mapping[int, tuple[Short, ...]]) -> str:
    """Return why children leave whose window the records do not wholly hold."""
    every = [one for lacking in gaps.values() for one in lacking]
    return f"follow-up to the end of Year {linked.until} not whole in the records: {told(every)}"


__all__ = ["Reach", "Reaches", "Short", "nobody", "reason", "short", "told"]
