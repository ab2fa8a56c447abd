"""The effect as a straight function of few covariates: its best linear projection.

Noisy effects of children are regressed on the covariates; what comes out is the straight line
nearest to how the effect truly varies, whether or not it is straight (Semenova & Chernozhukov 2021,
The Econometrics Journal 24:264-289). Nothing is ranked or chosen, so that all children are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fingerpost.core.model import linear
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import TOO_FEW_CLUSTERS, factor
from fingerpost.estimators._benefit import Scores, about, fewest, line
from fingerpost.estimators._outcome import Array
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.targeting import Told

TINY = 1e-10
JOINT = "all together"


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """names: of the p columns; value: (p,) slopes; influence: (n, p)."""

    names: tuple[str, ...]
    value: Array
    influence: Array


def project(effect: Array, weight: Array, design: Array, names: tuple[str, ...]) -> Projection:
    """Return the weighted least squares of effects on columns (n, p), with influence.

    Columns that earlier ones determine are left out.
    """
    kept: list[int] = []
    root = np.sqrt(weight)[:, None]
    basis = np.empty((len(effect), 0))
    for at in range(design.shape[1]):
        column = root[:, 0] * design[:, at]
        left = column - basis @ (basis.T @ column)
        size = float(np.linalg.norm(left))
        if size > 1e-7 * max(float(np.linalg.norm(column)), TINY):
            kept.append(at)
            basis = np.column_stack([basis, left / size])
    x = design[:, kept]
    bread = np.linalg.inv(x.T @ (weight[:, None] * x))
    value = bread @ (x.T @ (weight * effect))
    influence = ((weight * (effect - x @ value))[:, None] * x) @ bread
    return Projection(tuple(names[at] for at in kept), value, influence)


def projection(scores: Scores, covariates: tuple[str, ...]) -> Projection:
    """Return the effect on covariates about their means: of a number, by one standard deviation."""
    terms = Terms(scores.task.cohort.covariates, linear(covariates), intercept=False)
    x = terms.block(0, terms.n).astype(np.float64)
    share = scores.weight / scores.weight.sum()
    x = x - share @ x
    names = []
    for at, name in enumerate(terms.names):
        if " = " in name or set(np.unique(np.round(x[:, at] - x[:, at].min(), 9))) <= {0.0, 1.0}:
            names.append(name)
            continue
        spread = float(np.sqrt(share @ x[:, at] ** 2))
        x[:, at] /= spread if spread > TINY else 1.0
        names.append(f"{name}, by one standard deviation")
    design = np.column_stack([np.ones(len(x)), x])
    return project(scores.effect, share, design, ("intercept", *names))


def joint(scores: Scores, found: Projection) -> float | None:
    """Return p that no slope differs from nought (Hotelling); None of too few clusters."""
    own = found.influence[:, 1:]
    q, g = own.shape[1], int(scores.units.max()) + 1
    if q == 0 or g < TOO_FEW_CLUSTERS or g <= q + 1:
        return None
    sums = sum_by(scores.units, own, n_groups=g)
    by, _ = factor(scores.task.analysis.cluster, g)
    wald = float(found.value[1:] @ np.linalg.solve(by * (sums.T @ sums), found.value[1:]))
    return float(stats.f(q, g - q).sf(wald * (g - q) / (q * max(g - 1, 1))))


def projection_table(every: Sequence[Scores], covariates: tuple[str, ...]) -> Table:
    """Return the slopes of every term, and the test of all together."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for scores in every:
        found = projection(scores, covariates)
        least = fewest(scores, [scores.weight > 0])
        told = [
            (name, *line(scores, Told(float(found.value[at]), found.influence[:, at])))
            for at, name in enumerate(found.names)
            if at
        ]
        rows += [(*about(scores), *one) for one in told]
        rows.append((*about(scores), JOINT, None, None, None, joint(scores, found)))
        counts += [least] * (len(told) + 1)
    return Table(
        "benefit_projection",
        "By what the effect differs, in a straight line",
        ("contrast", "target", "covariate", "estimate", "lo", "hi", "p"),
        (*("label",) * 3, *("number",) * 4),
        tuple(rows),
        tells=Tells("benefit by covariate", outcomes=("estimate", "lo", "hi")),
        counts=tuple(counts),
        tags=(("outcome", every[0].term.outcome),),
        context="By how much the effect differs between children who differ in one covariate, the "
        "others alike: between a level and the first, or by one standard deviation of a number "
        f"(best linear projection). {JOINT}: whether any of them matters.",
        note="Each slope is tested by itself: of twenty, one passes by chance. Read the test of "
        "all together first.",
    )
