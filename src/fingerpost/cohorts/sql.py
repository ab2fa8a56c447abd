"""The steps of a study as SQL that DuckDB runs, for those who check who is studied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import narwhals as nw

from fingerpost.cohorts.conditions import MEMBERSHIP, compared, words
from fingerpost.cohorts.reading import SOURCE, Part, TableRecords, in_common
from fingerpost.cohorts.steps import check_columns, covariate_of, steps
from fingerpost.core.reasons import without_covariate
from fingerpost.core.study import Condition, Scalar, Study
from fingerpost.engines._csv import name, text
from fingerpost.engines._shared import ROW, distinct

# What SQL calls the table once sources have been chosen from and stacked.
TABLE = "the records"
SIGNS = {"at_least": ">=", "at_most": "<=", "below": "<", "above": ">"}
# A decimal of more digits than this is not the number that was meant unless written as a DOUBLE.
EXACT_DIGITS = 15

Schema = dict[str, nw.dtypes.DType]


def steps_sql(study: Study, records: TableRecords) -> list[tuple[str, str]]:
    """Return each step as (what it does, the SQL of those who stay after it).

    The SQL is DuckDB's, whichever engine reads the records. Each source is called by its file's
    name without the ending. Raises Malformed as `build` does for what the study names.
    """
    check_columns(study, records)
    told = []
    for part, called in sources(records):
        chosen = [clause(one, part.schema(), place="records.where") for one in part.source.where]
        told.append((f"read {part.source.words()}", selected(called)))
        for place, condition in enumerate(part.source.where, start=1):
            reason = f"{part.words}: leave out where {words(condition)}"
            told.append((reason, selected(called, chosen[:place])))
    (_, table), *_ = sources(records)
    if records.made:
        told.append(("make one table", f"CREATE VIEW {name(TABLE)} AS\n{made(records)}"))
        table = TABLE
    schema = records.schema()
    kept: list[str] = []
    for reason, condition in conditions(study, records):
        kept.append(clause(condition, schema, place="population"))
        told.append((f"leave out where {reason}", selected(table, kept)))
    return told


def sources(records: TableRecords) -> Iterator[tuple[Part, str]]:
    """Yield each source and what SQL calls it."""
    stems = [Path(part.words).stem for part in records.parts]
    yield from zip(records.parts, distinct(stems), strict=True)


def conditions(study: Study, records: TableRecords) -> Iterator[tuple[str, Condition]]:
    """Yield why children leave and the condition that those who stay meet, in order."""
    for step in steps(study, records):
        yield step.reason, step.condition
    for covariate in study.given:
        if covariate_of(study, covariate).missing == "complete":
            yield without_covariate(covariate), Condition(covariate, "recorded")


def selected(table: str, clauses: Sequence[str] = ()) -> str:
    """Return the SQL of a table's rows that meet every clause, one a line.

    >>> print(selected("pupils", ['"age" >= 5', '"need" IS NULL']))
    SELECT *
    FROM "pupils"
    WHERE "age" >= 5
      AND "need" IS NULL
    """
    return f"SELECT *\nFROM {name(table)}{where(clauses)}"


def where(clauses: Sequence[str]) -> str:
    """Return the clauses as SQL, one a line; nothing where there are none."""
    starts = ("WHERE", *["  AND"] * (len(clauses) - 1))
    return "".join(f"\n{start} {one}" for start, one in zip(starts, clauses, strict=False))


def clause(condition: Condition, schema: Schema, *, place: str) -> str:
    """Return a condition on one column as SQL.

    >>> clause(Condition("need", "is_in", ("sight", "it's")), {"need": nw.String()}, place="")
    '"need" IN (\\'it\\'\\'s\\', \\'sight\\')'
    """
    dtype = schema[condition.column]
    column = name(condition.column)
    bounds = compared(condition, dtype, place=place)
    if not bounds:
        return f"{column} IS {'NULL' if condition.test == 'missing' else 'NOT NULL'}"
    if dtype == nw.Datetime:
        column = f"CAST({column} AS DATE)"
    values = [literal(bound) for bound in bounds]
    if condition.test in MEMBERSHIP:
        return f"{column} = {values[0]}" if len(values) == 1 else f"{column} IN ({listing(values)})"
    return f"{column} {SIGNS[condition.test]} {values[0]}"


def listing(items: Sequence[str]) -> str:
    """Return items as SQL lists them."""
    return ", ".join(items)


def literal(value: Scalar | date) -> str:
    """Return a value as SQL writes it, so that it is read as the same value.

    >>> literal("it's"), literal(5), literal(0.1 + 0.2), literal(date(2002, 9, 1))
    ("'it''s'", '5', '0.30000000000000004e0', "DATE '2002-09-01'")
    """
    if isinstance(value, str):
        return text(value)
    if isinstance(value, date):
        return f"DATE {text(value.isoformat())}"
    if not isinstance(value, float):
        return str(int(value))
    if not math.isfinite(value):
        return f"CAST({text(str(value))} AS DOUBLE)"
    written = repr(value)
    plain = "e" in written or sum(letter.isdigit() for letter in written) <= EXACT_DIGITS
    return written if plain else f"{written}e0"


def made(records: TableRecords) -> str:
    """Return the SQL that makes the one table: each source chosen from, then stacked."""
    schemas = [prepared_schema(part) for part in records.parts]
    single = len(records.parts) == 1
    computed = {one[0] for one in (*records.records.sums, *records.records.counts)}
    queries = []
    for place, (part, called) in enumerate(sources(records)):
        rest = [clause(one, part.schema(), place="records.where") for one in part.source.where]
        if single:
            columns = constants(part)
        else:
            parts = [
                column_of(part, column, dtypes=[schema[column] for schema in schemas])
                for column in (ROW, *records.columns)
                if column not in computed
            ]
            columns = listing([*parts, f"CAST({place} AS BIGINT) AS {name(SOURCE)}"])
        queries.append(f"SELECT {columns}\nFROM {name(called)}{where(rest)}")
    whole = "\nUNION ALL\n".join(queries)
    if not computed:
        return whole
    added = [f"{summed(parts)} AS {name(column)}" for column, parts in records.records.sums]
    added += [
        f"{tallied(parts, value)} AS {name(column)}"
        for column, parts, value in records.records.counts
    ]
    return f"SELECT *, {listing(added)}\nFROM (\n{whole}\n)"


def summed(parts: tuple[str, ...]) -> str:
    """Return the sum of columns, missing where one of them is.

    >>> summed(("read", "maths"))
    'CAST("read" AS DOUBLE) + CAST("maths" AS DOUBLE)'
    """
    return " + ".join(f"CAST({name(part)} AS DOUBLE)" for part in parts)


def tallied(parts: tuple[str, ...], value: Scalar) -> str:
    """Return how many columns hold a value.

    >>> print(tallied(("a",), "small"))
    (CASE WHEN "a" = 'small' THEN 1 ELSE 0 END)
    """
    return " + ".join(
        f"(CASE WHEN {name(part)} = {literal(value)} THEN 1 ELSE 0 END)" for part in parts
    )


def prepared_schema(part: Part) -> Schema:
    """Return the type of each column of a source once its constants are set."""
    kinds = {str: nw.String(), float: nw.Float64()}
    return part.schema() | {
        column: kinds.get(type(value), nw.Int64()) for column, value in part.source.set
    }


def constants(part: Part) -> str:
    """Return every column of one source, those given a constant in its place."""
    held = part.schema()
    old = [f"{constant(v)} AS {name(c)}" for c, v in part.source.set if c in held]
    new = [f"{constant(v)} AS {name(c)}" for c, v in part.source.set if c not in held]
    return listing([f"* REPLACE ({listing(old)})" if old else "*", *new])


def constant(value: Scalar) -> str:
    """Return a constant in the type that reading gives it."""
    if isinstance(value, str):
        return literal(value)
    return f"CAST({literal(value)} AS {'DOUBLE' if isinstance(value, float) else 'BIGINT'})"


def column_of(part: Part, column: str, *, dtypes: Sequence[nw.dtypes.DType]) -> str:
    """Return one column of a source in the type that holds it in every source."""
    values = dict(part.source.set)
    own = constant(values[column]) if column in values else name(column)
    held = in_common(dtypes)
    if held is not None:
        own = f"CAST({own} AS {'DOUBLE' if held == nw.Float64 else 'VARCHAR'})"
    return own if own == name(column) else f"{own} AS {name(column)}"
