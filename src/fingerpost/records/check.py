"""Whether linked records keep the standard: every fault at once, by position, never by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw

from fingerpost.core.errors import FingerpostError, Malformed, nearest
from fingerpost.engines._shared import ROW, collected, int64, sha256
from fingerpost.records.casts import cast
from fingerpost.records.declarations import TABLES
from fingerpost.records.fields import HOSPITAL_ID, TableSpec, by_hospital
from fingerpost.records.rules import (
    BORN,
    FAULT,
    NOTICE,
    Rule,
    blank_name,
    misfit_name,
    month_of,
    rules,
)
from fingerpost.records.store import SETTLES, Store

FIRST_ROWS = 5
# The column that is 1 where a row's child is in the table of children.
IS_CHILD = "(is a child)"


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that some rows of one table break.

    rule: its short name. column: empty where it is about the whole table. count: rows that break
    it, 0 where it is not about rows. rows: places of the first of them, from 1. said: what was
    found and what is allowed. weight: `fault`, or `notice` for what is passed over in reading.
    """

    table: str
    column: str
    rule: str
    count: int
    rows: tuple[int, ...]
    said: str
    weight: str = FAULT


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. rows: the rows of each table that could be read. unchecked: tables of
    which nothing was checked, as a fault of another table, told there once, keeps all from it.
    """

    path: str
    engine: str
    synthetic: bool
    rows: Mapping[str, int]
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Problem, ...]:
        """The problems that must be mended."""
        return tuple(problem for problem in self.problems if problem.weight == FAULT)

    @property
    def ok(self) -> bool:
        """Whether nothing must be mended."""
        return not self.faults


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """One table ready to be tested: its declaration, its typed frame, what its columns are."""

    spec: TableSpec
    frame: nw.LazyFrame[Any]
    present: Mapping[str, nw.dtypes.DType]


def check(store: Store, *, today: date | None = None) -> Report:
    """Return every problem of every table; nothing of a child's is in it but the rows' places.

    today: the day after which a date is in the future; the machine's own day where None.
    """
    day = today or date.today()
    problems = list(of_folder(store))
    counts: dict[str, int] = {}
    unreadable: dict[str, Problem] = {}
    unchecked: list[str] = []
    # Tables that settle the kind of identifiers come first: of a fault in one of them every other
    # table has a part.
    for name in sorted(store.tables, key=lambda each: each not in SETTLES.values()):
        try:
            rows, found = of_table(store, TABLES[name], day)
        except FingerpostError as fault:
            said = [each.removeprefix("records: ") for each in fault.problems]
            if all(each in unreadable for each in said):
                unchecked.append(name)
            for each in said:
                unreadable.setdefault(each, Problem(name, "", "unreadable", 0, (), each))
            continue
        counts[name] = rows
        problems += found
    problems = [*problems, *unreadable.values()]
    ordered = {name: counts[name] for name in store.tables if name in counts}
    return Report(
        str(store.path),
        store.engine,
        store.synthetic,
        ordered,
        tuple(problems),
        tuple(name for name in store.tables if name in unchecked),
    )


def of_folder(store: Store) -> list[Problem]:
    """Return the problems of the store as a whole: its tables' names, and files that changed."""
    problems = [
        Problem(
            name, "", "table", 0, (), f"is no table of the standard.{nearest(name, TABLES)}", NOTICE
        )
        for name in store.unknown
    ]
    if "child" not in store.files:
        said = "is not there: every child of the other tables must be in it."
        problems.append(Problem("child", "", "table", 0, (), said))
    for table, held in store.manifest.tables.items():
        for name, file in held["files"].items():
            path = store.path / table / name
            if not path.is_file() or sha256(path) != file["sha256"]:
                what = "has changed since it was written" if path.is_file() else "is not there"
                problems.append(Problem(table, "", "digest", 0, (), f"{name} {what}."))
    return problems


def of_table(store: Store, spec: TableSpec, today: date) -> tuple[int, list[Problem]]:
    """Return the rows of one table and its problems."""
    schema = dict(store.raw(spec.name).collect_schema())
    if HOSPITAL_ID in schema and "child_id" not in schema:
        spec = by_hospital(spec)
    problems = of_header(spec, schema)
    looked = look(store, spec, schema)
    tests = rules(spec, looked.present, today)
    tests += orphans(store, looked)
    sums = [int64(rule.test.cast(nw.Int64).sum()).alias(str(at)) for at, rule in enumerate(tests)]
    found = collected(looked.frame.select(int64(nw.len()).alias("rows"), *sums), spec.name).row(
        0, named=True
    )
    broken = [(rule, found[str(at)]) for at, rule in enumerate(tests) if found[str(at)]]
    if broken:
        located = look(store, spec, schema, rows=True).frame
        problems += [
            Problem(
                table=spec.name,
                column=rule.column,
                rule=rule.name,
                count=count,
                rows=first_rows(located, rule),
                said=rule.allowed,
                weight=rule.weight,
            )
            for rule, count in broken
        ]
    problems += duplicates(store, looked, schema)
    if found["rows"] == 0:
        weight = FAULT if spec.name == "child" else NOTICE
        problems.append(Problem(spec.name, "", "empty", 0, (), "has no rows.", weight))
    return found["rows"], problems


def of_header(spec: TableSpec, schema: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of a table's columns: required ones missing, unknown ones there."""
    unknown = [name for name in schema if name not in spec.columns]
    problems = [
        Problem(
            spec.name,
            field.name,
            "column",
            0,
            (),
            f"is missing ({field.words}).{nearest(field.name, unknown)}",
        )
        for field in spec.fields
        if field.required and field.name not in schema
    ]
    lacking = [field.name for field in spec.fields if field.name not in schema]
    problems += [
        Problem(
            spec.name,
            name,
            "column",
            0,
            (),
            f"is not declared and is not read.{nearest(name, lacking)}",
            NOTICE,
        )
        for name in unknown
    ]
    return problems


def look(
    store: Store, spec: TableSpec, schema: Mapping[str, nw.dtypes.DType], *, rows: bool = False
) -> Looked:
    """Return a table typed, with what does not fit and what is blank marked, and births joined.

    rows: with the column `ROW`.
    """
    columns: list[nw.Expr] = [nw.col(ROW)] if rows else []
    for field in spec.fields:
        held = schema.get(field.name)
        if held is None:
            continue
        columns.append(cast(field, held, text_id=store.text_id(field.name)))
        wrong = store.misfit(field, held)
        if wrong is not None:
            columns.append(wrong.alias(misfit_name(field.name)))
        if not field.missing:
            columns.append(nw.col(field.name).is_null().alias(blank_name(field.name)))
    if not columns:  # none of its columns is there, which is told of the columns
        columns.append(nw.lit(0).alias("(nothing)"))
    frame = store.raw(spec.name, rows=rows).select(*columns)
    if spec.of_children and spec.name != "child" and "child_id" in schema:
        frame = with_births(store, frame)
    return Looked(spec, frame, dict(frame.collect_schema()))


def with_births(store: Store, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return a frame with each child's month of birth, as a number, where the children are known.

    A child that is not in the table of children has none.
    """
    if "child" not in store.files:
        return frame
    try:
        raw = store.raw("child")
        schema = dict(raw.collect_schema())
    except Malformed:
        return frame
    if not {"child_id", "birth_month"} <= set(schema):
        return frame
    declared = TABLES["child"]
    births = (
        raw.select(
            cast(declared.field("child_id"), schema["child_id"], text_id=store.text_id("child_id")),
            cast(declared.field("birth_month"), schema["birth_month"]),
        )
        .group_by("child_id")
        .agg(nw.col("birth_month").min())
        .select("child_id", month_of(nw.col("birth_month")).alias(BORN), nw.lit(1).alias(IS_CHILD))
    )
    return frame.join(births, on="child_id", how="left")


def orphans(store: Store, looked: Looked) -> list[Rule]:
    """Return the rule that every row is of a child in the table of children."""
    if IS_CHILD not in looked.present:
        return []
    test = nw.col(IS_CHILD).is_null() & ~nw.col("child_id").is_null()
    return [Rule("orphan", "child_id", test, "a child in the table child")]


def first_rows(frame: nw.LazyFrame[Any], rule: Rule) -> tuple[int, ...]:
    """Return the places of the first rows that break a rule."""
    broken = frame.filter(rule.test).select(ROW).sort(ROW).head(FIRST_ROWS)
    return tuple(collected(broken, "records")[ROW].to_list())


def duplicates(
    store: Store, looked: Looked, schema: Mapping[str, nw.dtypes.DType]
) -> list[Problem]:
    """Return the problem of rows that share their key with an earlier one."""
    spec = looked.spec
    key = [name for name in spec.key if name in looked.present]
    if not key or key != list(spec.key):
        return []
    # A key that is blank, or not of its kind, is told of by rules of its own.
    whole = [~nw.col(name).is_null() for name in key if not spec.field(name).missing]
    groups = (
        looked.frame.filter(*whole).select(*key).group_by(*key).agg(int64(nw.len()).alias("(n)"))
    )
    more = groups.filter(nw.col("(n)") > 1)
    total = collected(more.select(int64((nw.col("(n)") - 1).sum()).alias("n")), spec.name).row(0)[0]
    if not total:
        return []
    located = look(store, spec, schema, rows=True).frame.filter(*whole).select(ROW, *key)
    placed = located.with_columns(nw.col(ROW).rank("ordinal").over(*key).alias("(place)"))
    later = placed.filter(nw.col("(place)") > 1).select(ROW).sort(ROW).head(FIRST_ROWS)
    rows = tuple(collected(later, spec.name)[ROW].to_list())
    said = f"one row for each {' × '.join(key)}"
    return [Problem(spec.name, " × ".join(key), "duplicate", total, rows, said)]
