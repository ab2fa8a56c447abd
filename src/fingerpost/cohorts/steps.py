"""The steps from records to the children studied, and how many leave at each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw

from fingerpost.cohorts.conditions import expression, words
from fingerpost.cohorts.reading import TableRecords, expressions, unknown
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.flow import Flow
from fingerpost.core.headers import refuse_strange
from fingerpost.core.study import Condition, Covariate, Study
from fingerpost.engines._shared import collected, int64


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """Why children leave, the condition that those who stay meet, and that as an expression.

    always: whether the flow shows the step even where nobody leaves.
    """

    reason: str
    condition: Condition
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
    if study.arms.then is not None:
        yield study.arms.then.column, "arms.then.column"
        yield study.arms.then.among[0], "arms.then.among"
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
    """Yield the columns that only subgroups and the options of leaves need."""
    for name in study.subgroups:
        yield name, "subgroups"
    for name in study.estimand.subgroups:
        yield name, "estimand.subgroups"
    for name in study.roles:
        yield name, "an option of an estimator or a sensitivity analysis"


def check_columns(study: Study, records: TableRecords) -> None:
    """Raise Malformed for every column that the study names and the records do not have."""
    refuse_strange([column for column, _ in wanted(study)], records.columns)
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
    taken = [
        Step(words(condition), condition, keep)
        for condition, keep in zip(study.population, keeps, strict=True)
    ]
    column = study.arms.column
    if column is None or column not in schema:
        return tuple(taken)
    values = tuple(value for value, _ in study.arms.levels)
    recorded, among = Condition(column, "recorded"), Condition(column, "is_in", values)
    unlisted = f"exposure {column} is none of the levels {listed(str(value) for value in values)}"
    ends = ((f"exposure {column} is not recorded", recorded), (unlisted, among))
    return (
        *taken,
        *(
            Step(reason, one, expression(one, schema[column], place="arms.levels"), always=False)
            for reason, one in ends
        ),
    )


def covariate_of(study: Study, name: str) -> Covariate:
    """Return how a covariate is read: as declared, or by the study's defaults."""
    declared = {covariate.name: covariate for covariate in study.covariates}
    return declared.get(name, Covariate(name, missing=study.missing))


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
