"""Whose outcome was not recorded, of children who are answered for all the same.

Where a model of who was seen weighs those seen, or strategies are sustained over time, no child
leaves for want of an outcome: others stand for it. How many that is, in each arm, is told here.
"""

from __future__ import annotations

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table

NAME = "recorded"
COLUMNS = (
    ("outcome", "label"),
    ("arm", "label"),
    ("children", "count"),
    ("without outcome", "count"),
    ("share", "share"),
)


def tables(study: Study, cohort: Cohort) -> tuple[Table, ...]:
    """Return, of each outcome that some lack and each arm, how many children lack it; no table
    where whoever lacks an outcome leaves. Of strategies sustained over time the children are those
    who kept to the arm's strategy to the end.
    """
    course = cohort.course
    if course is None and study.models.censoring is None:
        return ()
    kept = np.ones(cohort.n, dtype=np.bool_) if course is None else course.followed
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for name, outcome in cohort.outcomes.items():
        observed = outcome.observed
        if observed is None or outcome.kind == "time" or not (kept & ~observed).any():
            continue
        seen = observed & ~cohort.imputed[name] if name in cohort.imputed else observed
        for code, arm in enumerate(cohort.arms):
            own = kept & (cohort.arm == code)
            whole, gone = int(own.sum()), int((own & ~seen).sum())
            rows.append((name, arm, whole, gone, gone / whole if whole else None))
            counts.append(min(gone, whole - gone))
    if not rows:
        return ()
    whose = "children of the arm"
    if course is not None:
        whose = "children who kept to the arm's strategy to the end"
    return (
        Table(
            NAME,
            "Whose outcome was not recorded, though they are answered for",
            tuple(name for name, _ in COLUMNS),
            tuple(kind for _, kind in COLUMNS),
            tuple(rows),
            counts=tuple(counts),
            context=f"Of {whose}. Those whose outcome was recorded stand for them, by weights or "
            "by a model, as if alike given what was recorded.",
        ),
    )
