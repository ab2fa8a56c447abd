"""The curve of each arm in each target, as a table of few times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Target, Term
from fingerpost.core.table import Cell, Table
from fingerpost.estimators._answer import TOO_FEW_CLUSTERS, factor, spelt_out
from fingerpost.estimators._survival import PATHS, Follow
from fingerpost.estimators._survival_paths import columns, weighted_columns
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.weighted_survival import Ask

Array = NDArray[np.float64]
TIMES = 20
AT_ONCE = 4_000_000  # numbers of influence held together


def curve_table(task: Task, found: Follow, leaf: str) -> Table:
    """Return the risk by evenly spaced times up to the latest horizon answered.

    The times are never children's own. counts: children still under observation.
    """
    cohort = task.cohort
    curves: dict[tuple[Target, int], Term] = {}
    for term in task.terms:
        for name, _ in term.contrast:
            curves.setdefault((spelt_out(term), cohort.arms.index(name)), term)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int | None] = []
    for (target, arm), term in curves.items():
        times = grid_times(found, arm)
        risks, errors = _risks(task, found, term, arm, times)
        own = found.spells.take(found.rows[arm])
        for time, risk, error in zip(times, risks, errors, strict=True):
            left = int(np.sum((own.start < time) & (own.time >= time)))
            rows.append((leaf, target.label(), cohort.arms[arm], time, left, risk, error))
            counts.append(left)
    return Table(
        "survival_curve",
        "Risk over time",
        ("estimator", "target", "arm", "time", "at_risk", "risk", "se"),
        ("label", "label", "label", "number", "count", "number", "number"),
        tuple(rows),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context="The share of the target that would have had the event by each time under each "
        "arm, by estimator; at_risk counts children of the arm under observation at that time.",
    )


def grid_times(found: Follow, arm: int) -> list[float]:
    """Return up to 25 times up to an arm's horizon: whole where all times are (school terms)."""
    limit, time = found.limit[arm], found.spells.time
    whole = limit == np.floor(limit) and bool((time == np.floor(time)).all())
    if whole and limit <= 25:
        return [float(each) for each in range(1, int(limit) + 1)]
    return [float(each) for each in limit * np.arange(1, TIMES + 1) / TIMES]


def _risks(
    task: Task, found: Follow, term: Term, arm: int, times: list[float]
) -> tuple[list[float], list[float | None]]:
    """Return risks and standard errors; none of these where clusters are too few."""
    asks: list[Ask] = [("risk", time) for time in times]
    width = max(1, AT_ONCE // task.cohort.n)
    if found.by == PATHS[0]:
        # One walk over the curve for all times: it is dear, and its own part is of one arm's rows.
        part = weighted_columns(task, found, term, arm, asks)
        starts = range(0, len(times), width)
        values, influences = part.value, (part.influence(slice(lo, lo + width)) for lo in starts)
        sums = [_sums(task, influence) for influence in influences]
    else:
        parts = [
            columns(task, found, term, arm, asks[lo : lo + width])
            for lo in range(0, len(times), width)
        ]
        values = np.concatenate([part.value for part in parts])
        sums = [_sums(task, part.influence) for part in parts]
    squares = np.concatenate([(own**2).sum(axis=0) for own in sums])
    count = len(sums[0])
    errors = np.sqrt(factor(task.analysis.cluster, count)[0] * squares)
    few = count < TOO_FEW_CLUSTERS
    return values.tolist(), [None if few else float(error) for error in errors]


def _sums(task: Task, influence: Array) -> Array:
    """Return (g, q) sums of influence by cluster."""
    codes, units = recode(task.cohort.cluster_codes(task.analysis.cluster))
    return sum_by(codes, influence, n_groups=len(units))
