"""What a picture of a cut-off shows: means of bins of children, and the lines drawn near it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._cutoff import SIDES, Children, Plan
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.local_linear import Window, kernel_weights

MOST_BINS = 20
LEAST_IN_BIN = 10
REACH = 2.0  # windows from the cut-off
STEPS = 10


def bins_table(children: Children, plan: Plan, window: Window, *, outcome: str) -> Table:
    """Return the mean outcome of bins of equally many children, within twice the window."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    sign = _sign(plan)
    for side, mine in _sides(children, plan, window.h * REACH):
        for bin_ in _bins(children.distance[mine]):
            own = np.flatnonzero(mine)[bin_]
            weight = children.weight[own]
            middle = float(np.average(children.distance[own], weights=weight))
            mean, share = (
                float(np.average(children.values[own, at], weights=weight)) for at in (0, 1)
            )
            rows.append((side, plan.cutoff + sign * middle, mean, share, len(own)))
            counts.append(len(own))
    return Table(
        "rdd_bins",
        "Mean outcomes near the cut-off",
        ("side", "running", "mean", "second_arm", "children"),
        ("label", "number", "number", "share", "count"),
        tuple(rows),
        tells=Tells(role="cut-off points", keys=("running",), outcomes=("mean",)),
        counts=tuple(counts),
        tags=(("outcome", outcome),),
        context=(
            f"Children within {REACH:g} windows of {plan.running} = {plan.cutoff:g}, in bins of "
            f"equally many on each side: the mean of {plan.running} and of the outcome, and the "
            "share who received the second arm."
        ),
    )


def lines_table(children: Children, plan: Plan, window: Window, *, outcome: str) -> Table:
    """Return the curve fitted on each side, from the cut-off to the end of the window."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    sign = _sign(plan)
    for side, mine in _sides(children, plan, window.h):
        x, y = children.distance[mine], children.values[mine, 0]
        kernel = kernel_weights(x, window.h, kernel=window.kernel)
        powers = np.vander(x / window.h, window.order + 1, increasing=True)
        root = np.sqrt(kernel * children.weight[mine])
        slopes = np.linalg.lstsq(powers * root[:, None], y * root, rcond=None)[0]
        to = np.linspace(0.0, 1.0 if x.mean() > 0 else -1.0, 2 if window.order == 1 else STEPS + 1)
        for at, value in zip(
            to, np.vander(to, window.order + 1, increasing=True) @ slopes, strict=True
        ):
            rows.append((side, plan.cutoff + sign * float(at) * window.h, float(value)))
            counts.append(int(np.sum(kernel > 0)))
    return Table(
        "rdd_lines",
        "The lines drawn on each side of the cut-off",
        ("side", "running", "fitted"),
        ("label", "number", "number"),
        tuple(rows),
        tells=Tells(role="cut-off lines", keys=("running",), outcomes=("fitted",)),
        counts=tuple(counts),
        tags=(("outcome", outcome),),
        context="The answer is the gap between the lines where they meet the cut-off; where the "
        "rule is not always followed, over the gap in the share who received the arm.",
    )


def _sign(plan: Plan) -> float:
    """Return 1 where distances rise with the running variable, else -1."""
    return 1.0 if plan.at == "above" else -1.0


def _sides(
    children: Children, plan: Plan, reach: float
) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    """Return each side's words with (n,) whether a child lies there within reach."""
    near = np.abs(children.distance) <= reach
    left, right = SIDES[plan.at]
    return (left, near & (children.distance < 0)), (right, near & (children.distance >= 0))


def _bins(distance: Array) -> list[NDArray[np.intp]]:
    """Return the places of children in bins, as even as may be, of ten children or more each."""
    order = np.argsort(distance, kind="stable")
    bins = max(1, min(MOST_BINS, len(distance) // LEAST_IN_BIN))
    return [part for part in np.array_split(order, bins) if len(part)]
