"""One file of a source as rows of one of our tables: expressions made from an adapter's rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from operator import add, or_
from typing import Any

import narwhals as nw

from fingerpost.core import calendar
from fingerpost.core.errors import Malformed, listed
from fingerpost.engines._shared import collected
from fingerpost.records.adapter import Adapter, Rule, matching
from fingerpost.records.casts import INTEGER, cast, dtype
from fingerpost.records.clean import modal
from fingerpost.records.declarations import TABLES
from fingerpost.records.fields import Field, TableSpec

Frame = nw.LazyFrame[Any]
TEXT = nw.String()
# How an academic year may be written besides by the year it ends: 2014/2015, 20142015; 2014/15.
LONG_YEAR = r"^[0-9]{4}[/-]?[0-9]{4}$"
SHORT_YEAR = r"^[0-9]{4}[/-]?[0-9]{2}$"
# A day with strokes, midnight after it at most: which of day and month comes first it does not say.
STROKES = r"^[0-9]{2}/[0-9]{2}/[0-9]{4}(?:[ T]00:00(?::00(?:\.0+)?)?)?$"
BARE_DAY = r"^[0-9]{8}$"
# Kinds of column in which a mark may stand for a missing value.
MARKED = ("int", "float", "date")


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a source, read: its name, its frame, and what its columns' names carry.

    present: plain name in lower case → the column. term, year: of the whole file; empty, None
    where neither columns nor the file's name tell them. month_first: our columns of dates in which
    the month stands before the day.
    """

    name: str
    frame: Frame
    schema: Mapping[str, nw.dtypes.DType]
    present: Mapping[str, str]
    term: str
    year: int | None
    month_first: frozenset[str] = frozenset()


def source_of(adapter: Adapter, name: str, frame: Frame) -> Source:
    """Return a file with what the adapter reads off its columns' names and its own."""
    schema = dict(frame.collect_schema())
    read = {column: adapter.plain_name(column) for column in schema}
    terms = Counter(term for _, term, _ in read.values() if term)
    years = Counter(year for _, _, year in read.values() if year)
    lower = name.lower()
    by_name = next((t for part, t in adapter.file_terms.items() if part in lower), "")
    digits = [part for part in "".join(c if c.isdigit() else " " for c in name).split()]
    by_digits = next((int(part) for part in digits if len(part) == 4), None)
    return Source(
        name,
        frame,
        schema,
        {plain.lower(): column for column, (plain, _, _) in read.items()},
        terms.most_common(1)[0][0] if terms else by_name,
        years.most_common(1)[0][0] if years else by_digits,
    )


def fits(rule: Rule, source: Source) -> bool:
    """Return whether a file is of a rule's kind: by its name, and by the columns that it has."""
    return rule.takes(source.name) and not lacking(rule, source)


def lacking(rule: Rule, source: Source) -> list[str]:
    """Return which of the columns that a rule needs a file does not have."""
    return [
        ours
        for ours in rule.needs
        if not (
            matching(rule.columns.get(ours, ()), source.present)
            or (ours == "birth_month" and birth_columns(rule, source))
        )
    ]


def birth_columns(rule: Rule, source: Source) -> tuple[str, str] | None:
    """Return the columns of the year and the month of birth, or None."""
    year = matching(rule.birth_parts.get("year", ()), source.present)
    month = matching(rule.birth_parts.get("month", ()), source.present)
    return (year, month) if year and month else None


def as_declared(adapter: Adapter, rule: Rule, source: Source) -> Frame:
    """Return a file's rows in our columns and their declared types; what does not fit is missing.

    Raises Malformed where neither the file nor its name tells the academic year or term.
    """
    spec = TABLES[rule.table]
    text = as_text(rule, source)
    columns = text.collect_schema().names()
    typed = text.select(
        *[
            cast(kind_of(spec, name), TEXT, text_id=True)
            for name in columns
            if name in spec.columns or name in ("academic_year", "term")
        ]
    )
    if usable := kept(adapter, rule, spec, columns):
        typed = typed.with_columns(*usable)
    typed = dated(rule, source, typed)
    absent = [
        nw.lit(None, dtype=cast_type(field)).alias(field.name)
        for field in spec.fields
        if field.name not in typed.collect_schema().names()
    ]
    whole = typed.with_columns(*absent) if absent else typed
    return whole.select(*spec.columns)


def kind_of(spec: TableSpec, name: str) -> Field:
    """Return a column's declaration; of the academic year and term also where a table has none."""
    return next((f for f in spec.fields if f.name == name), None) or TABLES["absence"].field(name)


def cast_type(field: Field) -> nw.dtypes.DType:
    """Return the type of a column that a source does not have; identifiers are text."""
    return dtype(field, TEXT, text_id=True)


def as_text(rule: Rule, source: Source) -> Frame:
    """Return a file's rows in our columns, all of them text, recorded codes called as ours are."""
    if not rule.wide:
        return source.frame.select(*text_columns(rule, source))
    terms = []
    for term, names in rule.wide.items():
        columns = {ours: one_term(options, names, source) for ours, options in rule.columns.items()}
        plain = replace(rule, columns={o: n for o, n in rule.columns.items() if columns[o] is None})
        counted = [expr.alias(ours) for ours, expr in columns.items() if expr is not None]
        if not counted:
            continue
        some = reduce(
            or_, [~nw.col(ours).is_null() for ours, e in columns.items() if e is not None]
        )
        others = text_columns(plain, replace(source, term=term))
        terms.append(source.frame.select(*others, *counted).filter(some))
    if not terms:
        raise Malformed(
            f'records: "{source.name}" has none of the columns of {rule.table} in any term.'
        )
    shared = [
        name
        for name in terms[0].collect_schema().names()
        if all(name in term.collect_schema().names() for term in terms)
    ]
    return nw.concat([term.select(*shared) for term in terms], how="vertical")


def one_term(options: Sequence[str], names: Sequence[str], source: Source) -> nw.Expr | None:
    """Return the sum of a count's columns for one term; None where it is no count by term."""
    if not any("{term}" in option for option in options):
        return None
    columns = [
        column
        for name in names
        if (column := matching([o.replace("{term}", name) for o in options], source.present))
    ]
    if not columns:
        return nw.lit(None, dtype=TEXT)
    numbers = [whole_number(plain_text(column, source.schema[column])) for column in columns]
    some = reduce(or_, [~number.is_null() for number in numbers])
    total = reduce(add, [number.fill_null(0) for number in numbers])
    return nw.when(some).then(total).cast(TEXT)


def whole_number(text: nw.Expr) -> nw.Expr:
    """Return text as a whole number; missing where it is none."""
    return nw.when(text.str.contains(INTEGER)).then(text).cast(nw.Float64).cast(nw.Int64)


def text_columns(rule: Rule, source: Source) -> list[nw.Expr]:
    """Return our columns as text."""
    return [expr.alias(ours) for ours, expr in texts_by_name(rule, source).items()]


def texts_by_name(rule: Rule, source: Source) -> dict[str, nw.Expr]:
    """Return our columns as text, by name."""
    spec = TABLES[rule.table]
    made: dict[str, nw.Expr] = {}
    for ours, names in rule.columns.items():
        column = matching(names, source.present)
        if column:
            known = ours in spec.columns or ours == "academic_year"
            marks = marks_of(rule, ours) if known and kind_of(spec, ours).kind in MARKED else ()
            made[ours] = plain_text(column, source.schema[column], marks)
    for stem, numbered in rule.numbered.items():
        for number in range(1, numbered.count + 1):
            column = matching(
                [name.format(n=f"{number:02}") for name in numbered.names], source.present
            )
            if column:
                text = plain_text(column, source.schema[column])
                made[f"{stem}_{number:02}"] = cut(text, rule.blank, numbered.cut)
    if pair := birth_columns(rule, source):
        marks = rule.missing
        made["birth_month"] = month_text(*(plain_text(c, source.schema[c], marks) for c in pair))
    for ours, codes in rule.codes.items():
        if ours in made:
            made[ours] = recoded(made[ours], codes)
    if rule.assessed:  # after codes, some of which say that a child was not
        recorded = [~made[name].is_null() for name in rule.assessed if name in made]
        seen = reduce(or_, recorded) if recorded else nw.lit(False)
        made["assessed"] = nw.when(seen).then(nw.lit("1")).otherwise(nw.lit("0"))
    if "academic_year" in made:
        made["academic_year"] = year_text(made["academic_year"])
    for name in [n for n in made if n in (*spec.columns, "academic_year")]:
        kind = kind_of(spec, name).kind
        if kind == "date":
            made[name] = day_text(made[name], month_first=name in source.month_first)
    carried = {"academic_year": str(source.year) if source.year else "", "term": source.term}
    for ours, value in {**rule.constants, **{k: v for k, v in carried.items() if v}}.items():
        if ours not in made and (ours in spec.columns or ours in carried):
            made[ours] = nw.lit(value, dtype=TEXT)
    return made


def marks_of(rule: Rule, ours: str) -> tuple[str, ...]:
    """Return what stands for a missing value in one column, but for what is a code there."""
    return tuple(mark for mark in rule.missing if mark not in rule.codes.get(ours, {}))


def plain_text(column: str, held: nw.dtypes.DType, marks: Sequence[str] = ()) -> nw.Expr:
    """Return a column of any type as text: whole numbers without a point, days by ISO 8601.

    marks: texts that stand for a missing value, besides the empty one.
    """
    value = nw.col(column)
    if held == nw.String:
        stripped = value.str.strip_chars()
        held_some = ~stripped.is_in(["", *marks]) if marks else stripped != ""
        return nw.when(held_some).then(stripped)
    if held.is_float():
        whole = nw.when(value == value.floor()).then(value).cast(nw.Int64).cast(TEXT)
        return nw.coalesce(whole, value.cast(TEXT))
    return value.cast(nw.Date).cast(TEXT) if held == nw.Datetime else value.cast(TEXT)


def cut(text: nw.Expr, blank: Sequence[str], letters: int) -> nw.Expr:
    """Return a code without dot and suffix; missing where a mark stands for none."""
    bare = text.str.replace_all(".", "", literal=True).str.to_uppercase()
    return nw.when(~text.is_in(blank)).then(bare.str.slice(0, letters))


def month_text(year: nw.Expr, month: nw.Expr) -> nw.Expr:
    """Return a year and a month as the month's first day."""
    two = nw.when(month.str.len_chars() == 1).then(nw.concat_str(nw.lit("0"), month))
    return nw.concat_str(year, nw.coalesce(two, month), nw.lit("01"), separator="-")


def recoded(text: nw.Expr, codes: Mapping[str, str | None]) -> nw.Expr:
    """Return recorded codes as ours; one that is not named stays as it is."""
    made = text
    for code, ours in codes.items():
        value = nw.lit(None, dtype=TEXT) if ours is None else nw.lit(ours)
        made = nw.when(text == code).then(value).otherwise(made)
    return made


def year_text(text: nw.Expr) -> nw.Expr:
    """Return an academic year as the year it ends, however it is written."""
    short = nw.when(text.str.contains(SHORT_YEAR)).then(text.str.slice(0, 4))
    long = nw.when(text.str.contains(LONG_YEAR)).then(text.str.tail(4))
    return nw.coalesce(long, (short.cast(nw.Int64) + 1).cast(TEXT), text)


def day_text(text: nw.Expr, *, month_first: bool = False) -> nw.Expr:
    """Return a day by ISO 8601, also where it has strokes or is eight digits (year, month, day).

    month_first: whether of a day with strokes the month is what comes first.
    """
    one, other = text.str.slice(0, 2), text.str.slice(3, 2)
    day, month = (other, one) if month_first else (one, other)
    strokes = nw.concat_str(text.str.slice(6, 4), month, day, separator="-")
    bare = nw.concat_str(
        text.str.slice(0, 4), text.str.slice(4, 2), text.str.slice(6, 2), separator="-"
    )
    return (
        nw.when(text.str.contains(STROKES))
        .then(strokes)
        .when(text.str.contains(BARE_DAY))
        .then(bare)
        .otherwise(text)
    )


def kept(adapter: Adapter, rule: Rule, spec: TableSpec, columns: Sequence[str]) -> list[nw.Expr]:
    """Return the columns in which values that stand for missing ones become missing."""
    made: list[nw.Expr] = []
    for field in spec.fields:
        column = nw.col(field.name)
        if field.name in rule.keep and field.name in columns:
            low, high = rule.keep[field.name]
            made.append(nw.when((column >= low) & (column <= high)).then(column).alias(field.name))
        if field.kind == "date" and adapter.missing_before and field.name in columns:
            real = column >= nw.lit(adapter.missing_before)
            made.append(nw.when(real).then(column).alias(field.name))
    return made


def dated(rule: Rule, source: Source, frame: Frame) -> Frame:
    """Return a frame with the dates from which its rows hold and could be known."""
    wanted = {"known_from": rule.known, "valid_from": rule.valid}
    by_year = {name: told for name, told in wanted.items() if word_of(told)}
    columns = frame.collect_schema().names()
    by_column = {
        name: nw.coalesce(*[nw.col(one) for one in told if one in columns]).alias(name)
        for name, told in wanted.items()
        if name not in by_year
    }
    made = list(by_column.values())
    if by_year:
        needs_term = any(word_of(told) in ("census", "term") for told in by_year.values())
        keys = ["academic_year", "term"] if needs_term else ["academic_year"]
        if missing := [key for key in keys if key not in columns]:
            raise Malformed(
                f'records: "{source.name}" does not tell its {listed(missing)}, neither in a '
                "column nor in its name."
            )
        held = collected(frame.select(*keys).unique(), source.name).rows()
        for name, told in by_year.items():
            made.append(by_key(keys, held, day_for(word_of(told))).alias(name))
    return frame.with_columns(*made)


def word_of(told: Sequence[str]) -> str:
    """Return what tells a date by the academic year; empty where columns of dates do."""
    word = told[0]
    return word if word in ("census", "term") or word[:1].isdigit() else ""


def day_for(word: str) -> Callable[..., date | None]:
    """Return the function from an academic year, and a term, to a day."""

    def found(year: int | None, term: str | None = "") -> date | None:
        if year is None or not 1900 < year < 2200:
            return None
        if word[:1].isdigit():
            month, day = (int(part) for part in word.split("-"))
            return date(year - (month >= calendar.FIRST_MONTH), month, day)
        if term not in calendar.TERMS:
            return None
        return (calendar.census_day if word == "census" else calendar.term_last_day)(year, term)

    return found


def by_key(
    keys: Sequence[str], held: Sequence[tuple[Any, ...]], day: Callable[..., date | None]
) -> nw.Expr:
    """Return the day of each row by its academic year, and term."""
    made = nw.lit(None, dtype=nw.Date)
    for values in sorted(held, key=str):
        found = day(*values)
        if found is not None:
            same = [nw.col(key) == value for key, value in zip(keys, values, strict=True)]
            test = same[0] if len(same) == 1 else same[0] & same[1]
            made = nw.when(test).then(nw.lit(found)).otherwise(made)
    return made


def one_each(rule: Rule, frames: Sequence[Frame]) -> Frame:
    """Return one row a child from all rows of several files: modal values, first known."""
    spec = TABLES[rule.table]
    rows = nw.concat(list(frames), how="vertical")
    columns = [
        n for n in spec.columns if n not in ("child_id", "valid_from", "valid_to", "known_from")
    ]
    values = modal(rows, columns)
    dates = rows.group_by("child_id").agg(
        nw.col("valid_from").min(), nw.col("valid_to").max(), nw.col("known_from").min()
    )
    return values.join(dates, on="child_id", how="left").select(*spec.columns)
