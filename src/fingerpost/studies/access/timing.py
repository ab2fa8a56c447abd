"""Time to first provision: the share provided for as time goes on, death and leaving competing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.access import ORIGINS
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.kernels.competing_risks import CumulativeIncidence, cumulative_incidence
from fingerpost.studies.access.cohort import (
    CAUSES,
    PROVIDED,
    UNSEEN,
    AccessCohort,
    Array,
    Grouping,
    Mask,
)
from fingerpost.studies.access.gaps import OBSERVED, PROVISION, Setting, task_of

FIRST = "first_provision"
EVERYONE = "all children"
LEAST = 20  # children of a group whose curve is drawn
MOST_TIMES = 24
STEP = 0.5  # years


@dataclass(frozen=True, eq=False, slots=True)
class Curves:
    """What was found of the time to first provision."""

    answers: tuple[Answer, ...]
    tables: tuple[Table, ...]


def timing(study: Study, cohort: AccessCohort) -> Curves:
    """Return the curves of all children and of each group, and the gaps at the last time."""
    counted = np.isfinite(cohort.time)
    cohort = cohort if counted.all() else cohort.take(counted)
    times = grid(cohort) if cohort.n else np.empty(0)
    if not len(times):
        return Curves((), ())
    every = np.ones(cohort.n, dtype=np.bool_)
    rows, behind = curve_rows(study, cohort, every, times, ("", EVERYONE))
    ends: list[Answer] = []
    for grouping in cohort.groupings:
        found = {}
        for code, label in enumerate(grouping.labels):
            own = grouping.codes == code
            if int(own.sum()) < LEAST or longest(cohort, own) < times[-1]:
                continue
            more, counts = curve_rows(study, cohort, own, times, (grouping.title, label))
            rows, behind = rows + more, behind + counts
            found[label] = curve(cohort, own, times[-1:])
        ends += end_gaps(study, cohort, grouping, found, float(times[-1]))
    return Curves(tuple(ends), (curve_table(study, rows, behind), causes_table(cohort)))


def grid(cohort: AccessCohort) -> Array:
    """Return the times at which curves are told: each half year up to the end of follow-up."""
    last = longest(cohort, np.ones(cohort.n, dtype=np.bool_))
    times: Array = np.arange(STEP, last + 1e-9, STEP)
    first = float(cohort.time[cohort.cause == PROVIDED].min(initial=last))
    times = times[times >= first]
    keep = max(1, -(-len(times) // MOST_TIMES))
    return times[::-1][::keep][::-1]


def longest(cohort: AccessCohort, rows: Mask) -> float:
    """Return the last time up to which some of the children are under observation."""
    return float(cohort.time[rows].max(initial=0.0))


def curve(cohort: AccessCohort, rows: Mask, times: Array) -> CumulativeIncidence:
    """Return the cumulative incidence of first provision among chosen children."""
    return cumulative_incidence(cohort.time[rows], cohort.cause[rows], at=times, of=PROVIDED)


def curve_rows(
    study: Study, cohort: AccessCohort, rows: Mask, times: Array, named: tuple[str, str]
) -> tuple[list[tuple[Cell, ...]], list[int]]:
    """Return the rows of one group's curve, and the children behind each."""
    found = curve(cohort, rows, times)
    errors = clustered(study, cohort, rows, found.influence)
    told: list[tuple[Cell, ...]] = []
    behind = []
    for at, time in enumerate(times):
        error = None if errors is None else float(errors[at])
        events, left = int(found.events[at]), int(found.at_risk[at])
        told.append((*named, float(time), float(found.incidence[at]), error, events, left))
        behind.append(events)
    return told, behind


def clustered(study: Study, cohort: AccessCohort, rows: Mask, influence: Array) -> Array | None:
    """Return the standard errors of a curve, by the clusters of the study."""
    whole = np.where(rows, 0, UNSEEN)
    only = Grouping("one", "one", (EVERYONE,), whole)
    task = task_of(study, Setting(cohort, only, PROVISION, rows), ())
    terms = tuple(
        Term(PROVISION, ((EVERYONE, 1.0),), OBSERVED, "risk", "level")
        for _ in range(influence.shape[1])
    )
    found = Uncertain(np.zeros(influence.shape[1]), influence, weighted=False)
    return standard_errors(estimate(replace(task, terms=terms), found))


def end_gaps(
    study: Study,
    cohort: AccessCohort,
    grouping: Grouping,
    found: dict[str, CumulativeIncidence],
    horizon: float,
) -> list[Answer]:
    """Return the gaps in the share provided for by the last time, of one characteristic."""
    first, *others = grouping.labels
    labels = [label for label in others if label in found]
    if first not in found or not labels:
        return []
    kept = np.isin(grouping.codes, [grouping.labels.index(each) for each in (first, *labels)])
    place = np.full(len(grouping.labels) + 1, UNSEEN)
    for at, label in enumerate((first, *labels)):
        place[grouping.labels.index(label)] = at
    own = replace(grouping, labels=(first, *labels), codes=place[grouping.codes])
    task = task_of(study, Setting(cohort, own, PROVISION, kept), ())
    rows = np.flatnonzero(kept)
    outcome = Outcome("time", cohort.time[rows], event=cohort.cause[rows] == PROVIDED)
    task = replace(task, cohort=replace(task.cohort, outcomes={FIRST: outcome}))
    values, columns, terms = [], [], []
    for label in labels:
        terms.append(Term(FIRST, pair(label, first), OBSERVED, "risk", horizon=horizon))
        values.append(float(found[label].incidence[0] - found[first].incidence[0]))
        influence = np.zeros(cohort.n)
        influence[grouping.codes == grouping.labels.index(label)] = found[label].influence[:, 0]
        influence[grouping.codes == grouping.labels.index(first)] = -found[first].influence[:, 0]
        columns.append(influence[rows])
    uncertain = Uncertain(np.array(values), np.stack(columns, axis=1), weighted=False)
    try:
        whole = estimate(replace(task, terms=tuple(terms)), uncertain)
    except Unanswerable:
        return []
    return [Answer("observed", whole)]


def curve_table(study: Study, rows: list[tuple[Cell, ...]], behind: list[int]) -> Table:
    """Return the share provided for as time goes on."""
    origin = ORIGINS[study.access.origin] if study.access else "the origin"
    return Table(
        "access_incidence",
        f"Provided for by the years since {origin}",
        ("characteristic", "arm", "time", "incidence", "se", "events", "at_risk"),
        ("label", "label", "number", "number", "number", "count", "count"),
        tuple(rows),
        tells=Tells(
            keys=("time",),
            units=(("incidence", "share of 1"), ("se", "share of 1"), ("events", "children")),
        ),
        counts=tuple(behind),
        context="Cumulative incidence (Aalen & Johansen 1978): who died or left state schools is "
        "not provided for any more, and is not counted as if still waiting.",
    )


def causes_table(cohort: AccessCohort) -> Table:
    """Return how follow-up ended."""
    found = [(words, int((cohort.cause == cause).sum())) for cause, words in CAUSES.items()]
    found.append(("followed to the end without provision", int((cohort.cause == 0).sum())))
    return Table(
        "access_ends",
        "How follow-up ended",
        ("end", "children", "share"),
        ("label", "count", "share"),
        tuple((words, count, count / max(cohort.n, 1)) for words, count in found),
        counts=tuple(count for _, count in found),
    )
