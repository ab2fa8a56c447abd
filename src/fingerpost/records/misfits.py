"""What an extract holds that its declared columns cannot: found before anything is written.

Text in a column of numbers, a day in no calendar, and dates with strokes of which nothing tells
whether day or month comes first. What stands for a missing value is no misfit: the
adapter names it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw

from fingerpost.core.errors import Malformed
from fingerpost.engines._shared import ROW, collected, int64
from fingerpost.records.adapter import ORDERS, Adapter, Rule, matching
from fingerpost.records.casts import WHAT, misfit
from fingerpost.records.declarations import TABLES
from fingerpost.records.mapping import (
    STROKES,
    TEXT,
    Frame,
    Source,
    kind_of,
    plain_text,
    texts_by_name,
)

FIRST_ROWS = 5
DAY_FIRST, MONTH_FIRST = ORDERS
UNTOLD, BOTH = "untold", "both"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values of one column that are not of its kind.

    column: ours. named: the file's own. count: such values. rows: the first of them, from 1, the
    header not counted. kind: what is declared.
    """

    column: str
    named: str
    count: int
    rows: tuple[int, ...]
    kind: str

    @property
    def words(self) -> str:
        """What was found, without any value."""
        few, are = ("value", "is") if self.count == 1 else ("values", "are")
        places = ", ".join(str(row) for row in self.rows)
        more = ", …" if self.count > len(self.rows) else ""
        where = f" ({'row' if self.count == 1 else 'rows'} {places}{more})" if places else ""
        own = f" ({self.named})" if self.named and self.named != self.column else ""
        return f"{self.column}{own}: {self.count:,} {few} {are} not {WHAT[self.kind]}{where}"


@dataclass(frozen=True, slots=True)
class Looked:
    """One file looked through for one table.

    source: the file, with its columns of dates in which the month comes first. rows: how many.
    misfits: what does not fit. orders: what is wrong with dates, in words.
    """

    source: Source
    rows: int
    misfits: tuple[Misfit, ...]
    orders: tuple[str, ...]


def look(
    adapter: Adapter, rule: Rule, source: Source, *, placed: Callable[[], Frame] | None = None
) -> Looked:
    """Return what one file holds that one table's columns cannot.

    placed: gives the same file with its rows' places; called only where something does not fit.
    """
    dates = strokes(rule, source)
    if adapter.dates == MONTH_FIRST:
        source = replace(source, month_first=frozenset(dates))
    counts, tests = counted(rule, source, dates)
    orders = (
        [] if adapter.dates else [order(*(counts[f"{name} {n}"] for n in "012")) for name in dates]
    )
    first = frozenset(n for n, told in zip(dates, orders, strict=False) if told == MONTH_FIRST)
    if first:
        source = replace(source, month_first=first)
        counts, tests = counted(rule, source, dates)
    wrong = [name for name in tests if counts[name]]
    places = where(rule, source, placed(), wrong) if wrong and placed else {}
    found = tuple(
        Misfit(
            ours,
            own_name(rule, source, ours, named=name),
            counts[name],
            places.get(name, ()),
            tests[name].kind,
        )
        for name in wrong
        for ours in [tests[name].ours]
    )
    said = tuple(
        unclear(source, own_name(rule, source, name, named=name), told)
        for name, told in zip(dates, orders, strict=False)
        if told in (UNTOLD, BOTH)
    )
    return Looked(source, counts["(rows)"], found, said)


@dataclass(frozen=True, eq=False, slots=True)
class Tested:
    """One column that may hold what does not fit: ours, its kind, its text, whether that is not of
    the kind. The text bears the name under which the column is tested.
    """

    ours: str
    kind: str
    text: nw.Expr
    wrong: nw.Expr


def tested(rule: Rule, source: Source) -> dict[str, Tested]:
    """Return a file's columns that may hold what does not fit, by name.

    A count that a file has term by term is tested in each of the file's own columns, by their
    names.
    """
    spec = TABLES[rule.table]
    by_term = {o: n for o, n in rule.columns.items() if any("{term}" in each for each in n)}
    plain = replace(rule, columns={o: n for o, n in rule.columns.items() if o not in by_term})
    found = {
        name: (name, kind_of(spec, name), text)
        for name, text in texts_by_name(plain, source).items()
        if name in (*spec.columns, "academic_year")
    }
    for ours, options in by_term.items():
        for term in (each for terms in rule.wide.values() for each in terms):
            own = matching([o.replace("{term}", term) for o in options], source.present)
            if own:
                text = plain_text(own, source.schema[own], rule.missing)
                found[own] = (ours, replace(spec.field(ours), name=own), text)
    return {
        name: Tested(ours, field.kind, text.alias(name), wrong)
        for name, (ours, field, text) in found.items()
        if (wrong := misfit(field, TEXT, text_id=True)) is not None
    }


def counted(
    rule: Rule, source: Source, dates: Sequence[str]
) -> tuple[dict[str, int], dict[str, Tested]]:
    """Return, of one reading of a file, its rows, the misfits of each column, and what its dates
    with strokes tell: `NAME 0` of how many the order matters, `NAME 1` and `NAME 2` in how many
    the first, or the second, number can be no month.
    """
    tests = tested(rule, source)
    raw = [
        plain_text(own, source.schema[own]).alias(f"{name} as written")
        for name in dates
        if (own := matching(rule.columns[name], source.present))
    ]
    sums = {"(rows)": nw.len(), **{name: total(test.wrong) for name, test in tests.items()}}
    for name in dates:
        text = nw.col(f"{name} as written")
        one, other = text.str.slice(0, 2), text.str.slice(3, 2)
        is_one = text.str.contains(STROKES)
        sums[f"{name} 0"] = total(is_one & (one != other))
        sums[f"{name} 1"] = total(is_one & (one > "12"))
        sums[f"{name} 2"] = total(is_one & (other > "12"))
    asked = [int64(expr).alias(name) for name, expr in sums.items()]
    columns = [*(test.text for test in tests.values()), *raw] or [nw.lit(0).alias("(nothing)")]
    looked = source.frame.select(*columns).select(*asked)
    row = collected(looked, source.name).row(0, named=True)
    return {name: row[name] or 0 for name in sums}, tests


def total(test: nw.Expr) -> nw.Expr:
    """Return in how many rows a test holds."""
    return test.cast(nw.Int64).sum()


def strokes(rule: Rule, source: Source) -> list[str]:
    """Return our columns of dates that a file has as text."""
    spec = TABLES[rule.table]
    return [
        name
        for name, names in rule.columns.items()
        if name in spec.columns
        and spec.field(name).kind == "date"
        and (own := matching(names, source.present))
        and source.schema[own] == nw.String
    ]


def order(matter: int, no_month: int, no_month_second: int) -> str:
    """Return which of day and month a column's dates have first; empty where it does not matter.

    matter: dates whose two numbers differ. no_month, no_month_second: dates of which the first, or
    the second, number is above 12.

    >>> order(9, 4, 0), order(9, 0, 4), order(9, 0, 0), order(9, 4, 4), order(0, 0, 0)
    ('day-first', 'month-first', 'untold', 'both', '')
    """
    if not matter:
        return ""
    if no_month and no_month_second:
        return BOTH
    if no_month:
        return DAY_FIRST
    return MONTH_FIRST if no_month_second else UNTOLD


def unclear(source: Source, named: str, told: str) -> str:
    """Return what is wrong with a column's dates, and the mend."""
    start = f'"{source.name}": {named}: dates with strokes'
    if told == BOTH:
        return (
            f"{start} have the day first in some rows and the month first in others. Write them "
            "as year-month-day."
        )
    return (
        f"{start}, of which no row tells whether the day or the month comes first. Say so "
        f"(--dates {DAY_FIRST} or {MONTH_FIRST}), or write them as year-month-day."
    )


def where(
    rule: Rule, source: Source, placed: Frame, wrong: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the places of the first misfits of each column."""
    found = {}
    for name in wrong:
        test = tested(rule, source)[name]
        rows = placed.select(nw.col(ROW), test.text).filter(test.wrong).select(ROW)
        first = collected(rows.sort(ROW).head(FIRST_ROWS), source.name)
        found[name] = tuple(first[ROW].to_list())
    return found


def own_name(rule: Rule, source: Source, ours: str, *, named: str) -> str:
    """Return what a file calls one of our columns; of several that make one, the first."""
    if named in source.schema:
        return named
    parts: Any = rule.birth_parts.values() if ours == "birth_month" else ()
    names = [*rule.columns.get(ours, ()), *(each for part in parts for each in part)]
    return matching(names, source.present) or named


def refuse(found: Sequence[Looked], *, blank: bool) -> None:
    """Raise Malformed where dates are unclear, or where values do not fit and are not to be blank.

    blank: whether values that do not fit become missing.
    """
    orders = [said for each in found for said in each.orders]
    misfits = [
        f'"{each.source.name}": {one.words}.' for each in found for one in each.misfits if not blank
    ]
    if not orders and not misfits:
        return
    lines = list(orders)
    if misfits:
        count = sum(one.count for each in found for one in each.misfits)
        lines += [
            f"records: {count:,} values do not fit their columns, so nothing was written. Mend "
            "them; or name in an adapter of your own what stands for a missing value (`missing`); "
            "or read them all as missing (--blank-misfits). Rows are counted from 1, the header "
            "not counted.",
            *misfits,
        ]
    raise Malformed(lines)
