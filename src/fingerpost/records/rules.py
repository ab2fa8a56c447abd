"""The rules that rows must keep, made from the declarations: each a test of every row at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_

import narwhals as nw

from fingerpost.core.calendar import AUTUMN, FIRST_MONTH, TERM_MONTH, academic_year
from fingerpost.core.errors import listed
from fingerpost.records.casts import WHAT
from fingerpost.records.fields import Field, TableSpec

# What the columns of the frame that rules are tested on are called.
BORN = "(birth month)"
OLDEST = 26
MOST_OFF_YEAR = 3
FAULT, NOTICE = "fault", "notice"
# Codes of this many or fewer are all named in what a report says is allowed.
FEW_CODES = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a table: `test` is true of a row that breaks it, missing or false of any other.

    name: the rule's short name. column: the column it is told of. allowed: what would be right.
    weight: `FAULT`, or `NOTICE` for what a reader should know of and can live with.
    """

    name: str
    column: str
    test: nw.Expr
    allowed: str
    weight: str = FAULT


def misfit_name(name: str) -> str:
    """Return what the column is called that says which values of another are not of its kind."""
    return f"{name} (misfit)"


def blank_name(name: str) -> str:
    """Return what the column is called that says which values of another are blank."""
    return f"{name} (blank)"


def rules(spec: TableSpec, present: Mapping[str, nw.dtypes.DType], today: date) -> list[Rule]:
    """Return the rules that can be tested on a table with the columns that are present.

    present: the columns of the typed frame, misfits and blanks included. The rules on ages need the
    column `BORN`.
    """
    found = [
        rule
        for field in spec.fields
        if field.name in present
        for rule in of_column(field, present, today)
    ]
    found += of_pairs(spec, present)
    found += of_known(spec, present)
    if BORN in present:
        found += of_age(spec, present)
    return found


def of_column(field: Field, present: Mapping[str, nw.dtypes.DType], today: date) -> Iterator[Rule]:
    """Yield the rules of one column by itself."""
    column = nw.col(field.name)
    if misfit_name(field.name) in present:
        yield Rule("type", field.name, nw.col(misfit_name(field.name)), WHAT[field.kind])
    if blank_name(field.name) in present:
        yield Rule("blank", field.name, nw.col(blank_name(field.name)), "a value in every row")
    if field.codes:
        allowed = field.allowed
        some = listed(allowed[:FEW_CODES])
        words = some if len(allowed) <= FEW_CODES else f"{some} and {len(allowed) - FEW_CODES} more"
        yield Rule("code", field.name, ~column.is_in(allowed), words)
    if field.eras and "academic_year" in present:
        words = "; ".join(era_words(*era) for era in field.eras)
        yield Rule("era", field.name, out_of_era(field), words, NOTICE)
    if field.low is not None and field.high is not None:
        outside = (column < field.low) | (column > field.high)
        yield Rule("range", field.name, outside, f"{field.low:g} to {field.high:g}")
    if field.kind == "date" and not field.future:
        yield Rule("future", field.name, column > nw.lit(today), "no day after today")
    if field.name == "academic_year":
        latest = academic_year(today)
        yield Rule("future", field.name, column > latest, f"no year after {latest}")


def out_of_era(field: Field) -> nw.Expr:
    """Return whether a row has a code in an academic year in which it was not in use."""
    year, tests = nw.col("academic_year"), []
    for code, first, last in field.eras:
        coded = nw.col(field.name) == code
        tests += [coded & (year < first)] if first is not None else []
        tests += [coded & (year > last)] if last is not None else []
    return reduce(or_, tests)


def era_words(code: str, first: int | None, last: int | None) -> str:
    """Return when a code was in use, in words.

    >>> era_words("A", None, 2015), era_words("K", 2015, None)
    ('A to 2015', 'K from 2015')
    """
    start = f" from {first}" if first is not None else ""
    return f"{code}{start}" + (f" to {last}" if last is not None else "")


def of_pairs(spec: TableSpec, present: Mapping[str, nw.dtypes.DType]) -> Iterator[Rule]:
    """Yield the rules on pairs of dates and of counts."""
    for first, last in spec.checks.order:
        if first in present and last in present:
            test = nw.col(first) > nw.col(last)
            yield Rule("order", last, test, f"not before {first}")
    for part, whole in spec.checks.totals:
        if part in present and whole in present:
            yield Rule("total", part, nw.col(part) > nw.col(whole), f"at most {whole}")


def of_known(spec: TableSpec, present: Mapping[str, nw.dtypes.DType]) -> Iterator[Rule]:
    """Yield the rule that nothing is known before it can have been."""
    known = spec.checks.known
    if known == "" or "known_from" not in present:
        return
    if isinstance(known, str) and known != "term":
        if known in present:
            test = nw.col("known_from") < nw.col(known)
            yield Rule("known", "known_from", test, f"not before {known}")
        return
    needed = ("academic_year", "term") if known == "term" else ("academic_year",)
    if all(name in present for name in needed):
        where = "its term" if known == "term" else "the school year's part that it is about"
        test = month_of(nw.col("known_from")) < earliest_month(known)
        yield Rule("known", "known_from", test, f"not before {where}")


def earliest_month(known: str | int) -> nw.Expr:
    """Return the first month (12 × year + month − 1) in which a row could be known."""
    year = nw.col("academic_year")
    if known == "term":
        month = nw.lit(None, dtype=nw.Int64)
        for name, first in TERM_MONTH.items():
            # Autumn lies in the year before the one that labels the academic year.
            at = first - 1 - (12 if name == AUTUMN else 0)
            month = nw.when(nw.col("term") == name).then(nw.lit(at)).otherwise(month)
        return 12 * year + month
    return 12 * year + (int(known) - 1 - (12 if int(known) >= FIRST_MONTH else 0))


def month_of(column: nw.Expr) -> nw.Expr:
    """Return a date's month as 12 × year + month − 1."""
    return column.dt.year().cast(nw.Int64) * 12 + column.dt.month().cast(nw.Int64) - 1


def of_age(spec: TableSpec, present: Mapping[str, nw.dtypes.DType]) -> Iterator[Rule]:
    """Yield the rules on the child's age when what a row tells happened."""
    born = nw.col(BORN)
    known = spec.checks.known
    event = known if isinstance(known, str) and known != "term" and known in present else ""
    if event:
        age = month_of(nw.col(event)) - born
        yield Rule("age", event, age < 0, "not before the month of birth")
        yield Rule("age", event, age > 12 * OLDEST, f"not after the age of {OLDEST}")
    elif "academic_year" in present:
        age = 12 * nw.col("academic_year") + FIRST_MONTH - 2 - born
        yield Rule("age", "academic_year", age < 0, "not before the month of birth")
        yield Rule("age", "academic_year", age > 12 * OLDEST, f"not after the age of {OLDEST}")
    if "nc_year" in present and "academic_year" in present:
        # A child born in academic year Y is due in Year n in Y + 5 + n.
        ends = 12 * (nw.col("academic_year") - 5 - nw.col("nc_year")) + FIRST_MONTH - 2
        off = 12 * MOST_OFF_YEAR
        test = (born > ends + off) | (born <= ends - 12 - off)
        yield Rule("age", "nc_year", test, f"within {MOST_OFF_YEAR} years of the year for the age")
