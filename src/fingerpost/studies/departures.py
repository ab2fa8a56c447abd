"""How many followed sustained strategies, and how many departed from them, term by term."""

from __future__ import annotations

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.course import STAGES
from fingerpost.core.table import Cell, Table

COLUMNS = (
    ("arm", "label"),
    ("decision", "label"),
    ("kind", "label"),
    ("followed before", "count"),
    ("departed", "count"),
    ("follow on", "count"),
)


def tables(cohort: Cohort) -> tuple[Table, ...]:
    """Return the copies of each arm that faced each decision, departed at it and went on; no table
    where strategies are not sustained over time.

    A copy departs where the records show other provision than its strategy's, or show the child in
    no census; all counts, so that who weighs what is not told here.
    """
    course = cohort.course
    if course is None:
        return ()
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    before = course.at_risk
    for arm, name in enumerate(cohort.arms):
        own = cohort.arm == arm
        for at in range(course.stays.shape[1]):
            faced = before[:, at] & own
            stays = int((course.stays[:, at] & own).sum())
            kinds = np.unique(course.stage[faced, at])
            kind = STAGES[int(kinds[0])] if len(kinds) == 1 else "mixed"
            label = course.labels[at] if course.labels else f"decision {at + 1}"
            total = int(faced.sum())
            rows.append((name, label, kind, total, total - stays, stays))
            counts.append(min(total - stays, stays))
    return (
        Table(
            "departures",
            "Departures from the strategies, term by term (copies of children)",
            tuple(name for name, _ in COLUMNS),
            tuple(kind for _, kind in COLUMNS),
            tuple(rows),
            counts=tuple(counts),
            context="Copies of children, one under each arm. A copy departs at the first census "
            "whose record is not in keeping with its strategy, or in which the child is not.",
        ),
    )
