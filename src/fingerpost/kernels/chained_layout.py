"""Where everything stands in chained equations: variables, predictors, products with the arm.

Within each arm the regressions are that arm's own where every arm holds children enough, so that
what differs by arm in the analysis may differ in the imputation; elsewhere one regression serves
all arms, with the arm and its products with what is crossed among the predictors: the outcomes, and
those covariates by which effects may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array

LINEAR, MATCHING, LOGIT, MULTINOMIAL = "linear", "matching", "logit", "multinomial"
MODELS = (LINEAR, MATCHING, LOGIT, MULTINOMIAL)
AMPLE = 10  # those it needs for each covariate's product with it, where arms share a regression
ENOUGH = 5  # recorded children an arm needs for each column of a regression of its own
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Follows = tuple[tuple[int, int, int], ...]  # column, arm, which of the variable's own columns


@dataclass(frozen=True, eq=False, slots=True)
class Variable:
    """One variable with missing values.

    values: (n,) numbers, or codes from 0 where `levels` is above 0; anything where missing.
    missing: (n,). model: one of MODELS; `logit` for two levels, `multinomial` for more. crossed:
    whether its products with the arm are predictors where arms share a regression.
    """

    name: str
    values: Array
    missing: Mask
    model: str
    levels: int = 0
    crossed: bool = False

    @property
    def width(self) -> int:
        """How many columns it takes as a predictor: its levels but the first."""
        return max(self.levels - 1, 1)


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """What is recorded for all n children: `columns` (n, f) of predictors, which of them are
    crossed with the arm where arms share a regression, (n,) codes of the arm and of the cluster
    (None where clusters play no part).
    """

    columns: Array
    crossed: tuple[int, ...]
    arm: NDArray[np.integer]
    arms: int
    cluster: NDArray[np.integer] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """The children of one arm: their `rows`, and who of them lacks, and has, each variable."""

    rows: Places
    missing: tuple[Places, ...]
    recorded: tuple[Places, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Where everything stands in the matrix of predictors, the same for every copy.

    start: (n, p) matrix, missing values at nought. columns: of each variable; predictors: of each
    variable's regression. products: of each variable (column, arm, part) that follow it, part being
    which of its own columns. scale: (mean, standard deviation) of each variable. common: the most
    common level of each. by_arm: whether each arm has regressions of its own. parts: (g,) which
    constant a cluster's children share.
    """

    variables: tuple[Variable, ...]
    known: Known
    start: Array
    blocks: tuple[Block, ...]
    columns: tuple[Places, ...]
    predictors: tuple[Places, ...]
    products: tuple[Follows, ...]
    scale: tuple[tuple[float, float], ...]
    common: tuple[int, ...]
    by_arm: bool
    parts: Places


def layout(variables: Sequence[Variable], known: Known) -> Layout:
    """Return the layout of the equations, variables in order of how many values are missing."""
    ordered = tuple(sorted(variables, key=lambda one: int(one.missing.sum())))
    width = 1 + known.columns.shape[1] + sum(one.width for one in ordered)
    by_arm = fewest(ordered, known.arm, arms=known.arms) >= ENOUGH * width
    base, columns, scale = _own_columns(ordered, known)
    parts, products = [base], list[Follows]([()] * len(ordered))
    if not by_arm:
        crossed, products = _products_with_arm(ordered, known, base)
        parts += crossed
    start = np.ascontiguousarray(np.hstack(parts))
    predictors = tuple(
        np.setdiff1d(np.arange(start.shape[1]), [*mine, *(place for place, _, _ in own)])
        for mine, own in zip(columns, products, strict=True)
    )
    blocks = tuple(_block(np.flatnonzero(known.arm == a), ordered) for a in range(known.arms))
    common = tuple(_most_common(one) for one in ordered)
    return Layout(
        *(ordered, known, start, blocks, tuple(columns), predictors, tuple(products), tuple(scale)),
        *(common, by_arm, _parts(known)),
    )


def fewest(variables: Sequence[Variable], arm: NDArray[np.integer], *, arms: int) -> int:
    """Return how many children of an arm a variable is recorded for, where they are fewest."""
    return min(int(np.bincount(arm[~one.missing], minlength=arms).min()) for one in variables)


def _products_with_arm(
    variables: tuple[Variable, ...], known: Known, base: Array
) -> tuple[list[Array], list[Follows]]:
    """Return the arm's indicators and its products with what is crossed, to stand after `base`; and
    of each variable the products that follow it, at nought until it is drawn.
    """
    dummies = (known.arm[:, None] == np.arange(1, known.arms)[None, :]).astype(float)
    found = [dummies, *(base[:, [1 + place]] * dummies for place in known.crossed)]
    at = base.shape[1] + sum(part.shape[1] for part in found)
    products: list[Follows] = []
    for one in variables:
        pairs = [(part, arm) for part in range(one.width) for arm in range(1, known.arms)]
        own = pairs if one.crossed else []
        products.append(tuple((at + k, arm, part) for k, (part, arm) in enumerate(own)))
        found.append(np.zeros((len(known.arm), len(own))))
        at += len(own)
    return found, products


def _parts(known: Known) -> Places:
    """Return (g,) which constant the children of a cluster share: where every cluster is of one
    arm, that of the arm; elsewhere one for all.
    """
    if known.cluster is None:
        return np.zeros(0, dtype=np.intp)
    count = int(known.cluster.max()) + 1
    lowest = np.full(count, known.arms, dtype=np.intp)
    highest = np.zeros(count, dtype=np.intp)
    np.minimum.at(lowest, known.cluster, known.arm)
    np.maximum.at(highest, known.cluster, known.arm)
    return lowest if (lowest == highest).all() else np.zeros(count, dtype=np.intp)


def _own_columns(
    variables: tuple[Variable, ...], known: Known
) -> tuple[Array, list[Places], list[tuple[float, float]]]:
    """Return the constant, the known columns and the variables' own, standardised; where each
    variable stands; its mean and standard deviation.
    """
    n, f = known.columns.shape
    mean, spread = known.columns.mean(axis=0), known.columns.std(axis=0)
    parts = [np.ones((n, 1)), (known.columns - mean) / np.where(spread > 0, spread, 1.0)]
    columns, scale, at = [], [], 1 + f
    for one in variables:
        columns.append(np.arange(at, at + one.width))
        parts.append(np.zeros((n, one.width)))
        recorded = one.values[~one.missing]
        middle, sd = float(recorded.mean()), float(recorded.std())
        scale.append((0.0, 1.0) if one.levels else (middle, sd if sd > 0 else 1.0))
        at += one.width
    return np.hstack(parts), columns, scale


def _block(rows: Places, variables: tuple[Variable, ...]) -> Block:
    return Block(
        rows,
        tuple(np.flatnonzero(one.missing[rows]) for one in variables),
        tuple(np.flatnonzero(~one.missing[rows]) for one in variables),
    )


def _most_common(one: Variable) -> int:
    if not one.levels:
        return 0
    codes = one.values[~one.missing].astype(np.intp)
    return int(np.bincount(codes, minlength=one.levels).argmax())
