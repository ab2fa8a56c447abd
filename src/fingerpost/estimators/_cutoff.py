"""The effect at a cut-off in one window, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimate import Influence
from fingerpost.estimators._answer import FEW_CLUSTERS, LARGE_SHARE, TOO_FEW_CLUSTERS, factor
from fingerpost.estimators._bandwidth import select
from fingerpost.estimators._columns import numeric, option_column
from fingerpost.estimators._few import few_clusters
from fingerpost.estimators._least_squares import least_squares_weight, response
from fingerpost.estimators._sums import Sums
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.local_linear import Jump, Window, jump, kernel_weights

FEW_EFFECTIVE = 50
SIDES = {"above": ("below", "at or above"), "below": ("above", "at or below")}


@dataclass(frozen=True, slots=True)
class Plan:
    """The study's options."""

    running: str
    cutoff: float
    at: str
    bandwidth: float | None
    bias_bandwidth: float | None
    kernel: str
    order: int


@dataclass(frozen=True, eq=False, slots=True)
class Children:
    """The n children with a running value and weight.

    distance: (n,) from the cut-off, not negative on the side that the cut-off itself belongs to.
    values: (n, 2) outcome, and whether of the second arm. weight: (n,). codes: (n,) clusters or
    None. rows: (n,) in the cohort. missing: children without a running value.
    """

    distance: Array
    values: Array
    weight: Array
    codes: Codes | None
    rows: Codes
    missing: int


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """The effect of the second arm against the first, in one window.

    value: plain; corrected: the bias taken out; influence: (n,) of the corrected one. first_stage:
    the square of the corrected jump of the arm over its standard error; infinite where sharp.
    """

    value: float
    corrected: float
    influence: Array
    jumps: Jump
    first_stage: float


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """How sure: spread of the corrected value (or None), critical value, df, and words.

    inflation: of the variance, over plain sums of squares of the influence.
    """

    @property
    def se(self) -> float | None:
        """The standard error of the corrected value."""
        if self.spread is None:
            return None
        return float(np.sqrt(self.spread.correction * np.sum(self.spread.sums**2)))

    spread: Influence | None
    inflation: float
    critical: float
    df: float
    clusters: int
    words: str

    def covariance(self, influence: Array, codes: Codes | None) -> Array:
        """Return the (d, d) covariance of influence (n, d), with the factor of the spread."""
        sums = influence
        if codes is not None:
            sums = sum_by(codes, influence, n_groups=int(codes.max()) + 1)
        found: Array = self.inflation * sums.T @ sums
        return found


def read_children(task: Task, plan: Plan) -> Children:
    """Return the children who have a running value and weight; raise Unanswerable where the cut-off
    does not part them.
    """
    cohort = task.cohort
    name, column = option_column(task, "rdd", "running")
    running = numeric(name, column, where="rdd: running")
    weight = least_squares_weight(task)
    known = np.isfinite(running)
    rows = np.flatnonzero(known & (weight > 0))
    distance = (running - plan.cutoff)[rows] * (1.0 if plan.at == "above" else -1.0)
    values = np.column_stack([response(task)[rows], (cohort.arm == 1)[rows].astype(np.float64)])
    _two_sides(distance, name, plan)
    units = cohort.cluster_codes(task.analysis.cluster)[rows]
    codes, keys = recode(units)
    grouped = None if len(keys) == len(rows) else codes
    return Children(distance, values, weight[rows], grouped, rows, int(np.sum(~known)))


def _two_sides(distance: Array, name: str, plan: Plan) -> None:
    """Raise Unanswerable where the running variable does not pass the cut-off."""
    if len(distance) == 0:
        raise Unanswerable(f"rdd: no child has a value of {name}.")
    if float(np.ptp(distance)) == 0:
        raise Unanswerable(f"rdd: {name} is the same for all children.")
    for side, words in zip((distance < 0, distance >= 0), SIDES[plan.at], strict=True):
        if not side.any():
            raise Unanswerable(
                f"rdd: no child has a value of {name} {words} the cut-off {plan.cutoff:g}. "
                "Mend: check the cut-off, and the unit it is in."
            )


def window_for(children: Children, plan: Plan, values: Array) -> Window:
    """Return the window: as given, or of the bandwidths of least mean squared error for the jump of
    values (n,).
    """
    h, b = plan.bandwidth, plan.bias_bandwidth
    if h is not None:
        return Window(h, h if b is None else b, plan.order, plan.kernel)
    own_h, own_b = select(
        children.distance,
        values,
        children.weight,
        order=plan.order,
        kernel=plan.kernel,
        codes=children.codes,
    )
    return Window(own_h, own_b if b is None else b, plan.order, plan.kernel)


def near_children(children: Children, window: Window) -> tuple[Codes, Codes]:
    """Return the children with weight within h: below the cut-off, and at or above."""
    near = kernel_weights(children.distance, window.h, kernel=window.kernel) > 0
    below = children.distance < 0
    return np.flatnonzero(near & below), np.flatnonzero(near & ~below)


def effect(children: Children, window: Window) -> Found:
    """Return the jump of the outcome over that of the arm (Calonico et al. 2014, section 4.1)."""
    clustered = children.codes is not None
    jumps = jump(
        children.distance,
        children.values,
        weight=children.weight,
        window=window,
        clustered=clustered,
    )
    outcome, arm = jumps.plain
    noise = children.codes
    moved = jumps.influence[:, 1]
    variance = variance_of(moved, noise)
    if abs(arm) < 1e-8:
        raise Unanswerable(
            "rdd: the share of children who received each arm does not change at the cut-off. "
            "Mend: check `cutoff` and `at`; without a change there is nothing to divide by."
        )
    slopes = np.array([1 / arm, -outcome / arm**2])
    value = float(outcome / arm)
    corrected = value - float(slopes @ (jumps.plain - jumps.corrected))
    influence = jumps.influence @ slopes
    if not variance_of(influence, noise) > 0:
        raise Unanswerable("rdd: the outcome does not vary near the cut-off on either side.")
    strength = float("inf")
    if not followed(children, np.flatnonzero(jumps.weights != 0)):
        strength = float(jumps.corrected[1] ** 2 / max(variance, 1e-12))
    return Found(value, corrected, influence, jumps, strength)


def followed(children: Children, rows: Codes) -> bool:
    """Return whether each side holds one arm, of the children in these rows."""
    arm, above = children.values[rows, 1], children.distance[rows] >= 0
    return all(len(side) == 0 or float(np.ptp(side)) == 0 for side in (arm[above], arm[~above]))


def variance_of(influence: Array, codes: Codes | None) -> float:
    """Return the sum of squares of influence (n,), by cluster where there are codes."""
    sums = influence if codes is None else sum_by(codes, influence, n_groups=int(codes.max()) + 1)
    return float(sums @ sums)


def judge(task: Task, children: Children, found: Found) -> Judged:
    """Return the spread and the critical value that the children, or their clusters, allow."""
    counted = np.flatnonzero(found.jumps.weights != 0)
    weights = np.abs(found.jumps.weights[counted])
    above = children.distance[counted] >= 0
    sides = np.stack([~above, above], axis=1).astype(np.float64)
    held = weights[:, None] * sides / (weights @ sides)
    influence = found.influence[counted]
    level = task.analysis.cluster or "child"
    units = task.cohort.cluster_codes(task.analysis.cluster)[children.rows[counted]]
    if children.codes is not None:
        near = replace(task, cohort=task.cohort.take(children.rows[counted]))
        return _by_cluster(near, influence, held, units=units, above=above)
    effective = 1 / (held**2).sum(axis=0)
    spread = Influence(influence[:, None], units, level)
    words = "robust bias-corrected, {}, nearest-neighbour variance"
    tail = 0.5 + task.analysis.level / 2
    if float(effective.min()) >= FEW_EFFECTIVE:
        return Judged(spread, 1.0, float(ndtri(tail)), np.inf, len(counted), words.format("normal"))
    df = _welch(influence, sides, effective)
    critical = float(stdtrit(df, tail))
    return Judged(spread, 1.0, critical, df, len(counted), words.format("t (Welch)"))


def _by_cluster(
    near: Task, influence: Array, held: Array, *, units: Codes, above: NDArray[np.bool_]
) -> Judged:
    """Return what clusters allow. near: the task of the children that count. held: (n, 2) the share
    of its side's weight that each child holds; `above`: which side.
    """
    analysis = near.analysis
    codes, keys = recode(units)
    g, level = len(keys), analysis.cluster or "child"
    normal = float(ndtri(0.5 + analysis.level / 2))
    if g < TOO_FEW_CLUSTERS:
        words = f"none: {g} clusters in the window are fewer than {TOO_FEW_CLUSTERS}"
        return Judged(None, 1.0, normal, np.inf, g, words)
    correction, note = factor(analysis.cluster, g)
    sums = sum_by(codes, influence[:, None], n_groups=g)
    shares = sum_by(codes, held, n_groups=g)
    if g >= FEW_CLUSTERS and float(shares.max()) <= LARGE_SHARE:
        spread = Influence(sums, keys, level, correction=correction, note=note)
        words = f"robust bias-corrected, normal, by {level}"
        return Judged(spread, correction, normal, np.inf, g, words)
    # Sides stand for arms: it is their limits that the clusters pull towards themselves.
    sides = Sums(codes, keys, above.astype(np.int64), 2, [shares])
    few = few_clusters(near, sides.by_arm(sides.of(influence)), [shares])
    spread = Influence(few.sums, keys, level, note="leverage-corrected")
    inflation = float(np.sum(few.sums**2) / np.sum(sums**2))
    words = f"robust bias-corrected, score wild bootstrap, at least t; by {level}"
    return Judged(spread, inflation, float(few.critical[0]), float(few.df[0]), g, words)


def _welch(influence: Array, sides: Array, effective: Array) -> float:
    """Return Welch's degrees of freedom, from each side's variance and effective children."""
    variance = (influence**2) @ sides
    return float(variance.sum() ** 2 / (variance**2 / np.maximum(effective - 2, 1.0)).sum())


def not_rejected(jumps: Array, noise: Array, critical: float) -> tuple[tuple[float, float], ...]:
    """Return the pieces of {θ: (y − θ a)² ≤ critical² var(y − θ a)} for jumps (y, a) and their
    (2, 2) covariance: one interval, all but an interval, or everything.

    >>> not_rejected(np.array([2.0, 1.0]), np.eye(2) * 0.0, 1.96)
    ((2.0, 2.0),)
    """
    (y, a), k = jumps, critical**2
    square = a * a - k * noise[1, 1]
    cross, free = -a * y + k * noise[0, 1], y * y - k * noise[0, 0]
    below_root = cross * cross - square * free
    if square <= 0 and below_root <= 0:
        return ((-np.inf, np.inf),)
    if square == 0:
        edge = float(-free / (2 * cross))
        return ((-np.inf, edge),) if cross > 0 else ((edge, np.inf),)
    root = np.sqrt(max(float(below_root), 0.0))
    lo, hi = sorted((float((-cross - root) / square), float((-cross + root) / square)))
    return ((lo, hi),) if square > 0 else ((-np.inf, lo), (hi, np.inf))
