"""A level of its own for every cluster inside chained equations: children of one school share it.

Without it imputed children would be less alike within schools than recorded ones, and pooled errors
too small (Reiter, Raghunathan & Kinney 2006; Drechsler 2015). The level is drawn with the
coefficients, cycle by cycle, as by a Gibbs sampler: given them the levels are normal, given the
levels their variance is scaled inverse χ² (Schafer & Yucel 2002). For logits the draw of a level is
normal at its maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.families import logistic

PRIOR = 1.0  # degrees of freedom that the prior of the variance is worth
SMALL = 0.01  # of the residual variance: where that prior lies
STEPS = 4


@dataclass(frozen=True, eq=False, slots=True)
class Levels:
    """(g,) levels of the clusters and their variance.

    carried: (g,) levels with which the next cycle begins: the same, but for a shift that the
    regressions' constants take up, drawn so that constants forget where they began.
    part: (g,) which constant a cluster's children share.
    """

    level: Array
    variance: float
    carried: Array
    part: NDArray[np.integer]


def start(residual: Array, codes: NDArray[np.integer], part: NDArray[np.integer]) -> Levels:
    """Return levels of nought, with the variance between clusters by analysis of variance."""
    count = len(part)
    sizes = np.bincount(codes, minlength=count).astype(float)
    n, groups = float(len(codes)), float(np.count_nonzero(sizes))
    means = np.bincount(codes, weights=residual, minlength=count) / np.maximum(sizes, 1.0)
    whole = float(residual.mean()) if len(residual) else 0.0
    within = float(((residual - means[codes]) ** 2).sum()) / max(n - groups, 1.0)
    between = float((sizes * (means - whole) ** 2).sum()) / max(groups - 1.0, 1.0)
    size = (n - float((sizes**2).sum()) / max(n, 1.0)) / max(groups - 1.0, 1.0)
    found = (between - within) / size if size > 0 else 0.0
    nought = np.zeros(count)
    return Levels(nought, max(found, SMALL * max(within, 1e-12)), nought, part)


def drawn(level: Array, before: Levels, small: float, generator: Generator) -> Levels:
    """Return levels with what follows them: their shift, and their variance.

    Levels and constant tell the same children apart only together: moving all levels of a part by
    one amount, and its constant by its opposite, changes no prediction. The amount is drawn from
    what the levels' own distribution makes of it.
    """
    sizes = np.bincount(before.part)
    means = np.bincount(before.part, weights=level) / np.maximum(sizes, 1)
    noise = generator.standard_normal(len(sizes)) * np.sqrt(before.variance / np.maximum(sizes, 1))
    carried = level + (noise - means)[before.part]
    return Levels(level, variance_of(carried, small, generator), carried, before.part)


def variance_of(level: Array, small: float, generator: Generator) -> float:
    """Return a draw of the variance of levels."""
    return float((level @ level + PRIOR * small) / generator.chisquare(len(level) + PRIOR))


def linear_levels(
    residual: Array,
    noise: Array,
    codes: NDArray[np.integer],
    before: Levels,
    generator: Generator,
) -> Levels:
    """Return levels drawn given what the coefficients leave; noise: (n,) residual variance."""
    count, found = len(before.level), before
    precision = np.bincount(codes, weights=1 / noise, minlength=count)
    sums = np.bincount(codes, weights=residual / noise, minlength=count)
    small = SMALL * float(noise.mean())
    for _ in range(2):
        whole = precision + 1 / found.variance
        level = sums / whole + generator.standard_normal(count) / np.sqrt(whole)
        found = drawn(level, found, small, generator)
    return found


def logit_levels(
    predictor: Array,
    response: Array,
    codes: NDArray[np.integer],
    before: Levels,
    generator: Generator,
) -> Levels:
    """Return levels drawn given a logit's linear predictor without them."""
    count, found = len(before.level), before
    for _ in range(2):
        level = found.level
        for _ in range(STEPS):
            share = logistic(predictor + level[codes])
            slope = np.bincount(codes, weights=response - share, minlength=count) - (
                level / found.variance
            )
            curve = np.bincount(codes, weights=share * (1 - share), minlength=count) + (
                1 / found.variance
            )
            level = level + np.clip(slope / curve, -2.0, 2.0)
        level = level + generator.standard_normal(count) / np.sqrt(curve)
        found = drawn(level, found, SMALL * np.pi**2 / 3, generator)
    return found
