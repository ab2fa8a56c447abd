"""Who is studied in one table, as T-SQL: the conditions of the study, its arms and its columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import narwhals as nw

from fingerpost.cohorts.conditions import MEMBERSHIP, compared
from fingerpost.cohorts.reading import TableRecords
from fingerpost.cohorts.sql import SIGNS, conditions
from fingerpost.cohorts.steps import check_columns
from fingerpost.core.study import Condition, Study
from fingerpost.studies.export import tsql


def faults(records: TableRecords) -> list[str]:
    """Return what of the records cannot be written as T-SQL, in words."""
    if len(records.parts) > 1:
        return ["tables stacked into one are not written as T-SQL. Stack them on the server first"]
    if records.parts[0].source.set:
        return ["columns that are set on reading are not written as T-SQL"]
    if records.records.sums or records.records.counts:
        return ["sums and counts of columns are not written as T-SQL. Add them on the server first"]
    return []


def table_of(records: TableRecords) -> str:
    """Return what the query calls the table: the file's name without its ending."""
    return Path(records.parts[0].words).stem


def query(study: Study, records: TableRecords) -> str:
    """Return the query of a study whose covariates have been resolved.

    Children without a covariate that must be complete leave; a covariate that is filled, and an
    outcome, is as recorded, missing where it is missing. Raises what `cohorts.table.build` raises
    for what the study names.
    """
    check_columns(study, records)
    schema = records.schema()
    tests = [
        ("on reading", clause(one, schema, place="records.where"))
        for one in records.parts[0].source.where
    ]
    for reason, condition in conditions(study, records):
        tests.append((reason, clause(condition, schema, place="population")))
    starts = ("WHERE", *["  AND"] * (len(tests) - 1))
    where = [
        f"{start} {test}  -- {' '.join(reason.split())}"
        for start, (reason, test) in zip(starts, tests, strict=False)
    ]
    columns = ",\n".join(f"  {one}" for one in _columns(study, schema))
    table = tsql.name(table_of(records))
    # The end has a line of its own: after a comment it would be part of it.
    return "\n".join([f"SELECT\n{columns}", f"FROM {table}", *where, ";", ""])


def _columns(study: Study, schema: dict[str, nw.dtypes.DType]) -> Iterator[str]:
    """Yield the columns of the cohort: the child, clusters, arm, outcomes and covariates."""
    records = study.records
    held = [records.unit, *(column for _, column in records.clusters), records.weight]
    for spec in study.outcomes:
        held += [spec.column, spec.exposure, spec.entry, spec.event]
    held += study.given
    column = study.arms.column or ""
    cases = " ".join(
        f"WHEN {clause(Condition(column, 'equals', value), schema, place='arms.levels')} "
        f"THEN {tsql.text(arm)}"
        for value, arm in study.arms.levels
    )
    first = tsql.name(records.unit) if records.unit else None
    if first is not None:
        yield first
    yield f"CASE {cases} END AS {tsql.name('study arm')}"
    named = [one for one in held if one is not None and one != records.unit]
    yield from (tsql.name(one) for one in dict.fromkeys(named))


def clause(condition: Condition, schema: dict[str, nw.dtypes.DType], *, place: str) -> str:
    """Return a condition on one column as T-SQL.

    >>> clause(Condition("need", "is_in", ("sight", "it's")), {"need": nw.String()}, place="")
    "[need] IN ('it''s', 'sight')"
    """
    dtype, column = schema[condition.column], tsql.name(condition.column)
    bounds = compared(condition, dtype, place=place)
    if not bounds:
        return f"{column} IS {'NULL' if condition.test == 'missing' else 'NOT NULL'}"
    if dtype == nw.Datetime:
        column = f"CAST({column} AS DATE)"
    values = [tsql.literal(bound) for bound in bounds]
    if condition.test in MEMBERSHIP:
        return (
            f"{column} = {values[0]}" if len(values) == 1 else f"{column} IN ({', '.join(values)})"
        )
    return f"{column} {SIGNS[condition.test]} {values[0]}"
