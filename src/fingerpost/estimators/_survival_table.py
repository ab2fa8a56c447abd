"""The curve of each arm in each target, as a table of times that are nobody's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Target, Term
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import TOO_FEW_CLUSTERS, factor, spelt_out
from fingerpost.estimators._survival import PATHS, Follow
from fingerpost.estimators._survival_paths import columns, weighted_columns
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.weighted_survival import Ask

Array = NDArray[np.float64]
TIMES, STEPS = 20, 10  # times with a standard error; steps of the curve to each of them
MOST_WHOLE = 25
AT_ONCE = 4_000_000  # numbers of influence held together


def curve_table(task: Task, found: Follow, leaf: str) -> Table:
    """Return the risk by evenly spaced times up to the latest horizon answered.

    The times are never children's own: so many that a curve drawn by them shows its steps, with a
    standard error at one in ten. counts: children still under observation.
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
        tells=Tells(
            role="curve of time",
            keys=("time",),
            units=(("risk", "share of 1"), ("se", "share of 1")),
        ),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context="The share of the target that would have had the event by each time under each "
        "arm, by estimator; at_risk counts children of the arm under observation at that time.",
    )


def grid_times(found: Follow, arm: int) -> list[float]:
    """Return evenly spaced times up to an arm's horizon, at most 200: whole where all times are
    (school terms); of a curve by hazards, which has few steps, as many as have a standard error.
    """
    limit, time = found.limit[arm], found.spells.time
    whole = limit == np.floor(limit) and bool((time == np.floor(time)).all())
    if whole and limit <= MOST_WHOLE:
        return [float(each) for each in range(1, int(limit) + 1)]
    count = TIMES * STEPS if found.by == PATHS[0] else TIMES
    return [float(each) for each in limit * np.arange(1, count + 1) / count]


def with_error(times: list[float]) -> slice:
    """Return which times have a standard error: all, or where there are many one in ten."""
    step = STEPS if len(times) > max(TIMES, MOST_WHOLE) else 1
    return slice(step - 1, None, step)


def _risks(
    task: Task, found: Follow, term: Term, arm: int, times: list[float]
) -> tuple[list[float], list[float | None]]:
    """Return risks and standard errors; none of these where clusters are too few, nor at times
    between.
    """
    sure = with_error(times)
    asks: list[Ask] = [("risk", time) for time in times[sure]]
    width = max(1, AT_ONCE // task.cohort.n)
    if found.by == PATHS[0]:
        # One walk over the curve for all times: it is dear, and its own part is of one arm's rows.
        part = weighted_columns(task, found, term, arm, asks)
        starts = range(0, len(asks), width)
        values = [part.curve.value(("risk", time)) for time in times]
        influences = (part.influence(slice(lo, lo + width)) for lo in starts)
        sums = [_sums(task, influence) for influence in influences]
    else:
        parts = [
            columns(task, found, term, arm, asks[lo : lo + width])
            for lo in range(0, len(asks), width)
        ]
        values = [float(value) for part in parts for value in part.value]
        sums = [_sums(task, part.influence) for part in parts]
    squares = np.concatenate([(own**2).sum(axis=0) for own in sums])
    count = len(sums[0])
    errors = np.sqrt(factor(task.analysis.cluster, count)[0] * squares)
    told: list[float | None] = [None] * len(times)
    if count >= TOO_FEW_CLUSTERS:
        told[sure] = [float(error) for error in errors]
    return values, told


def _sums(task: Task, influence: Array) -> Array:
    """Return (g, q) sums of influence by cluster."""
    codes, units = recode(task.cohort.cluster_codes(task.analysis.cluster))
    return sum_by(codes, influence, n_groups=len(units))
