"""The steps from records to the children studied: counted, and told as SQL, from one expression."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw

from fingerpost.cohorts.conditions import membership, words
from fingerpost.cohorts.reading import TableRecords, expressions, read_records, unknown
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.flow import Flow
from fingerpost.core.study import Condition, Covariate, Study
from fingerpost.engines._shared import collected, int64

# What SQL calls the table once sources have been chosen from and stacked.
TABLE = '"the records"'
# What stands in quotation marks is a name or a value, not a word of SQL.
QUOTED = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')""")


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """Why children leave, and the expression that is true for those who stay.

    always: whether the flow shows the step even where nobody leaves.
    """

    reason: str
    keep: nw.Expr
    always: bool = True


def wanted(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each column that the study reads, and where the study names it."""
    records = study.records
    if records.unit:
        yield records.unit, "records.unit"
    for level, column in records.clusters:
        yield column, f"records.clusters.{level}"
    if records.weight:
        yield records.weight, "records.weight"
    if study.arms.column:
        yield study.arms.column, "arms.column"
    if study.arms.date:
        yield study.arms.date, "arms.date"
    for outcome in study.outcomes:
        for key in ("column", "exposure", "entry", "event", "date"):
            column = getattr(outcome, key)
            if column:
                yield column, f"outcomes.{outcome.name}.{key}"
    for name in study.given:
        yield name, "assignment.given"
    for name in getattr(study.assignment, "strata", ()):
        yield name, "assignment.strata"
    yield from extras(study)


def extras(study: Study) -> Iterator[tuple[str, str]]:
    """Yield the columns that only subgroups and sensitivity analyses need."""
    for name in study.subgroups:
        yield name, "subgroups"
    named = {outcome.name for outcome in study.outcomes}
    for spec in study.sensitivity:
        outcome = spec.option("outcome")
        if isinstance(outcome, str) and outcome not in named:
            yield outcome, f"sensitivity.{spec.leaf}.outcome"


def check_columns(study: Study, records: TableRecords) -> None:
    """Raise Malformed for every column that the study names and the records do not have."""
    faults = [
        unknown(column, place, columns=records.columns, words=records.words)
        for column, place in wanted(study)
        if column not in records.columns
    ]
    if not study.arms.column or not study.arms.levels:
        faults.append("arms: no column and levels are named. Write arms: {column: …, levels: {…}}.")
    if not study.outcomes:
        faults.append("outcomes: none is named. Write outcomes: {NAME: {column: …}}.")
    if study.all_but is not None:
        faults.append("assignment.given: all_but has not been resolved against the records.")
    given = study.given
    twice = sorted({name for name in given if given.count(name) > 1})
    faults += [f'assignment.given: "{name}" is named twice. Name it once.' for name in twice]
    try:
        steps(study, records)
    except Malformed as fault:
        faults += fault.problems
    if faults:
        raise Malformed(dict.fromkeys(faults))


def steps(study: Study, records: TableRecords) -> tuple[Step, ...]:
    """Return the steps up to the children whose arm is one of the study's."""
    schema = records.schema()
    keeps = expressions(study.population, schema, place="population", words=records.words)
    reasons = [words(condition) for condition in study.population]
    taken = [Step(reason, keep) for reason, keep in zip(reasons, keeps, strict=True)]
    column = study.arms.column
    if column is None or column not in schema:
        return tuple(taken)
    values = tuple(value for value, _ in study.arms.levels)
    among = Condition(column, "is_in", values)
    return (
        *taken,
        Step(f"exposure {column} is not recorded", ~nw.col(column).is_null(), always=False),
        Step(
            f"exposure {column} is none of the levels {listed(str(value) for value in values)}",
            membership(among, schema[column], place="arms.levels"),
            always=False,
        ),
    )


def covariate_of(study: Study, name: str) -> Covariate:
    """Return how a covariate is read: as declared, or by the study's defaults."""
    declared = {covariate.name: covariate for covariate in study.covariates}
    return declared.get(name, Covariate(name, missing=study.missing))


def complete_reason(name: str) -> str:
    """Return why a child without a covariate leaves."""
    return f"covariate {name} is not recorded"


def complete_steps(study: Study) -> tuple[Step, ...]:
    """Return a step for each covariate without which a child leaves."""
    return tuple(
        Step(complete_reason(name), ~nw.col(name).is_null(), always=False)
        for name in study.given
        if covariate_of(study, name).missing == "complete"
    )


def walked(records: TableRecords, route: Sequence[Step]) -> Flow:
    """Return the flow from the rows read through every step, counted by the engine."""
    entries: list[tuple[str, int]] = []
    start = 0
    for part in records.parts:
        if len(records.parts) == 1 and not part.source.where:
            break
        counted = tally(part.frame, part.conditions(), words=part.words)
        start += counted[0]
        reasons = [f"{part.words}: {words(condition)}" for condition in part.source.where]
        entries += zip(reasons, lost(counted), strict=True)
    if records.dropped:
        entries.append((f"columns not in every source, not read: {listed(records.dropped)}", 0))
    counted = tally(records.frame, [step.keep for step in route], words=records.words)
    flow = Flow(start or counted[0])
    for reason, left in entries:
        flow = flow.then(reason, left)
    for step, left in zip(route, lost(counted), strict=True):
        if left or step.always:
            flow = flow.then(step.reason, left)
    return flow


def tally(frame: nw.LazyFrame[Any], keeps: Sequence[nw.Expr], *, words: str) -> list[int]:
    """Return how many rows there are, and how many stay after each step in turn."""
    counts = [int64(nw.len()).alias("0")]
    kept: nw.Expr | None = None
    for place, keep in enumerate(keeps, start=1):
        kept = keep if kept is None else kept & keep
        counts.append(int64(nw.when(kept).then(nw.lit(1)).count()).alias(str(place)))
    return [int(count) for count in collected(frame.select(*counts), words).row(0)]


def lost(counted: Sequence[int]) -> list[int]:
    """Return how many left at each step."""
    return [before - after for before, after in pairwise(counted)]


def steps_sql(study: Study, records: TableRecords) -> list[tuple[str, str]]:
    """Return each step as (what it does, the SQL of those who stay after it).

    The SQL is DuckDB's own account of the relation that `build` runs, set out to be read; where
    another engine reads the records, the same expressions are put to DuckDB.
    """
    if records.engine != "duckdb":
        records = read_records(records.records, engine="duckdb", base=records.base)
    check_columns(study, records)
    told = []
    for part in records.parts:
        name = laid_out(part.frame)
        told.append((f"read {part.source.words()}", name))
        keeps = part.conditions()
        for place, condition in enumerate(part.source.where, start=1):
            reason = f"{part.words}: leave out where {words(condition)}"
            told.append((reason, name + where(part.frame, keeps[:place])))
    table = laid_out(records.frame)
    if records.made:
        told.append(("make one table", f"CREATE VIEW {TABLE} AS\n{table}"))
        table = f"SELECT *\nFROM {TABLE}"
    kept: list[nw.Expr] = []
    for step in (*steps(study, records), *complete_steps(study)):
        kept.append(step.keep)
        told.append((f"leave out where {step.reason}", table + where(records.frame, kept)))
    return told


def laid_out(frame: nw.LazyFrame[Any]) -> str:
    """Return the SQL of a DuckDB frame, a clause a line."""
    query: str = frame.to_native().sql_query().strip()
    pieces = QUOTED.split(query)
    for place in range(0, len(pieces), 2):
        pieces[place] = re.sub(r"\s(FROM|WHERE|UNION ALL|SELECT)\b", r"\n\1", pieces[place])
    return "".join(pieces)


def where(frame: nw.LazyFrame[Any], keeps: Sequence[nw.Expr]) -> str:
    """Return the conditions in DuckDB's words, one a line."""
    clauses = []
    for keep in keeps:
        query: str = frame.filter(keep).to_native().sql_query()
        # What comes before the last SELECT is how the table itself was made.
        last = query[max(query.rfind("\nSELECT * FROM "), 0) :]
        clauses.append(plain(last.partition(" WHERE ")[2]))
    words = ("WHERE", *["  AND"] * len(clauses))
    return "".join(f"\n{word} {clause}" for word, clause in zip(words, clauses, strict=False))


def plain(clause: str) -> str:
    """Return one condition as people write it: DuckDB puts it in brackets and spells IN otherwise.

    >>> plain('(contains([0, 1], "sen"))'), plain('((NOT ("age" IS NULL)))')
    ('"sen" IN (0, 1)', '"age" IS NOT NULL')
    """
    clause = clause.strip()
    while enclosed(clause):
        clause = clause[1:-1].strip()
    name = r'"(?:[^"]|"")*"'
    literal = r"(?:'(?:[^']|'')*'|[^'\[\]])*"
    clause = re.sub(rf"^contains\(\[({literal})\], ({name})\)$", r"\2 IN (\1)", clause)
    return re.sub(rf"^NOT \(({name}) IS NULL\)$", r"\1 IS NOT NULL", clause)


def enclosed(clause: str) -> bool:
    """Return whether the first bracket closes at the very end."""
    if not clause.startswith("("):
        return False
    depth, quote = 0, ""
    for place, letter in enumerate(clause):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place == len(clause) - 1
    return False
