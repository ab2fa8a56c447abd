"""Proportional selection: what a coefficient's movement says of causes that were not recorded.

Oster (2019), Journal of Business & Economic Statistics 37(2), 187-204, Proposition 2. All is said
in the seven moments of `Moved`; the bias is a root of a cubic, exactly, whatever delta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.kernels.arrays import block_rows, one_thread, spans
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.sensitivity._regression import further_arms, outcome_terms, products
from fingerpost.sensitivity._task import SensitivityTask

Array = NDArray[np.floating[Any]]
REAL = 1e-7  # imaginary part, relative, below which a root is real
LEAST_TOLD = 1e-12  # of the outcome's variance, below which covariates tell nothing of it


@dataclass(frozen=True, slots=True)
class Moved:
    """A coefficient without and with the covariates, and the variances left in both regressions.

    short, controlled: the arm's coefficient without and with them. outcome, arm: variance of the
    outcome, and of the arm given what is in both regressions. short_left, controlled_left: variance
    of the outcome left by the two regressions; arm_left: of the arm by the covariates.
    """

    short: float
    controlled: float
    outcome: float
    short_left: float
    controlled_left: float
    arm: float
    arm_left: float

    @property
    def r2_short(self) -> float:
        """R² of the regression without the covariates."""
        return 1.0 - self.short_left / self.outcome

    @property
    def r2(self) -> float:
        """R² of the regression with them."""
        return 1.0 - self.controlled_left / self.outcome


def usual_r_max(moved: Moved) -> float:
    """Return the R² that Oster (2019, 5.2) proposes for all causes: 1.3 times R², at most 1."""
    return min(1.0, 1.3 * moved.r2)


def cubic(moved: Moved, delta: float, r_max: float) -> tuple[float, float, float, float]:
    """Return the coefficients, highest power first, of the cubic whose root is the bias."""
    step = moved.short - moved.controlled
    told = moved.short_left - moved.controlled_left
    untold = (r_max - moved.r2) * moved.outcome
    x, left = moved.arm, moved.arm_left
    return (
        (delta - 1) * (left * x - left**2),
        (delta - 2) * left * step * x,
        delta * untold * (x - left) - told * left - x * left * step**2,
        delta * untold * step * x,
    )


def biases(moved: Moved, delta: float, r_max: float) -> Array:
    """Return every bias (controlled less true coefficient) that solves the cubic, nearest first."""
    roots = np.roots(np.trim_zeros(np.array(cubic(moved, delta, r_max)), "f"))
    real = roots.real[np.abs(roots.imag) <= REAL * (1 + np.abs(roots.real))]
    found: Array = real[np.argsort(np.abs(real), kind="stable")]
    return found


def adjusted(moved: Moved, delta: float, r_max: float) -> float:
    """Return the coefficient without the bias of causes selected delta times as strongly.

    Of several roots the nearest is taken that takes the coefficient further the way it moved when
    the covariates entered (Assumption 3; the other way for a negative delta); the nearest of all
    where none does. NaN where there is no root.
    """
    if abs(delta * (r_max - moved.r2)) < LEAST_TOLD:
        return moved.controlled
    found = biases(moved, delta, r_max)
    if not len(found):
        return math.nan
    way = math.copysign(1.0, delta) * np.sign(moved.short - moved.controlled)
    onward = found[np.sign(found) == way]
    return float(moved.controlled - (onward[0] if len(onward) else found[0]))


def delta_for(moved: Moved, beta: float, r_max: float) -> float:
    """Return the delta at which the coefficient would be `beta` (Proposition 2, corollary).

    NaN where no finite delta does it.
    """
    step, away = moved.short - moved.controlled, moved.controlled - beta
    told = moved.short_left - moved.controlled_left
    untold = (r_max - moved.r2) * moved.outcome
    x, left = moved.arm, moved.arm_left
    cube, square = away**3 * (left * x - left**2), away**2 * left * step * x
    above = away * told * left + away * x * left * step**2 + 2 * square + cube
    below = untold * step * x + away * untold * (x - left) + square + cube
    return above / below if abs(below) > 1e-14 * (abs(above) + 1e-300) else math.nan


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """The moments in standard units of outcome and arm, and how sure they are.

    unit: of a coefficient, in the units of the records. covariance: (7, 7) of the moments, None
    where clusters are too few. clusters: their number, None where children are the unit.
    """

    moved: Moved
    unit: float
    covariance: Array | None
    clusters: int | None


def fit(
    task: SensitivityTask,
    outcome: str,
    *,
    first: str,
    second: str,
    unrelated: Sequence[str],
    fewest: int,
) -> Fit:
    """Return the two regressions of an outcome on the first arm against the second.

    Further arms and covariates named `unrelated` are in both. fewest: clusters below which no
    covariance is justified. Raises NotFitted naming columns that others determine, TooFew,
    Unanswerable where covariates tell nothing of the outcome.
    """
    design, found, gram = products(task, outcome, "oster", first=first, second=second, least=3)
    others = len(further_arms(task, first, second))
    with one_thread():
        shared = in_both(task, unrelated, others=others)
        moved, maps = moved_of(gram, shared)
        if moved.short_left - moved.controlled_left < LEAST_TOLD:
            raise Unanswerable(
                f"oster: the covariates tell nothing of {outcome} beyond what is in both "
                "regressions, so their selection says nothing of others'. Give covariates."
            )
        sums = moment_sums(task, design, shift=found.mean, scale=found.deviation, maps=maps)
    groups = len(sums)
    named = task.study.cluster is not None
    covariance = groups / (groups - 1) * sums.T @ sums if groups >= max(fewest, 2) else None
    unit = float(found.deviation[-1] / found.deviation[-2])
    return Fit(moved, unit, covariance, groups if named else None)


def in_both(task: SensitivityTask, unrelated: Sequence[str], *, others: int) -> list[int]:
    """Return the places of the columns in both regressions: terms of unrelated covariates alone,
    and further arms, which come after the covariates.
    """
    places: list[int] = []
    at = 0
    for term in outcome_terms(task):
        width = Terms(task.cohort.covariates, (term,), intercept=False).p
        if set(term.names) <= set(unrelated):
            places.extend(range(at, at + width))
        at += width
    return [*places, *range(at, at + others)]


def moved_of(gram: Array, shared: list[int]) -> tuple[Moved, Array]:
    """Return the moments, in standard units, and the (q, 4) maps from columns to residuals.

    gram: (q, q) mean cross-products, arm and outcome last. Residuals: of the outcome without and
    with the covariates, of the arm given what is in both and given all.
    """
    q = len(gram)
    arm, outcome = q - 2, q - 1
    every = list(range(arm))
    maps = np.zeros((q, 4))
    for at, (column, given) in enumerate(
        ((outcome, [*shared, arm]), (outcome, [*every, arm]), (arm, shared), (arm, every))
    ):
        maps[column, at] = 1.0
        if given:
            maps[given, at] = -np.linalg.solve(gram[np.ix_(given, given)], gram[given, column])
    left = np.einsum("ia,ij,ja->a", maps, gram, maps)
    if not left[1] > 0:
        raise TooFew("oster: the covariates explain the outcome entirely; give fewer.")
    moved = Moved(
        short=float(-maps[arm, 0]),
        controlled=float(-maps[arm, 1]),
        outcome=float(gram[outcome, outcome]),
        short_left=float(left[0]),
        controlled_left=float(left[1]),
        arm=float(left[2]),
        arm_left=float(left[3]),
    )
    return moved, maps


def moment_sums(
    task: SensitivityTask, design: Terms, *, shift: Array, scale: Array, maps: Array
) -> Array:
    """Return (G, 7) influence on the moments of `Moved`, in its order, summed by cluster.

    Residual variances take no influence from the coefficients that minimise them.
    """
    codes, keys = recode(task.cohort.cluster_codes(task.study.cluster))
    weight = task.cohort.weight
    total = float(design.n if weight is None else np.sum(weight))
    rows, squares = np.empty((design.n, 7)), np.zeros(2)
    for lo, hi in spans(design.n, block_rows(design.p)):
        away = (design.block(lo, hi)[:, 1:] - shift[1:]) / scale[1:]
        short, controlled, arm, arm_left = (away @ maps).T
        w = np.ones(hi - lo) if weight is None else np.asarray(weight[lo:hi], dtype=float)
        squares += [np.sum(w * arm**2), np.sum(w * arm_left**2)]
        products = (
            *(arm * short, arm_left * controlled, away[:, -1] ** 2),
            *(short**2, controlled**2, arm**2, arm_left**2),
        )
        rows[lo:hi] = np.column_stack(products) * w[:, None]
    sums = sum_by(codes, rows, n_groups=len(keys))
    sizes = np.bincount(codes, weights=weight, minlength=len(keys)) / total
    sums[:, :2] /= squares
    sums[:, 2:] /= total
    means = sums[:, 2:].sum(axis=0)
    sums[:, 2:] -= sizes[:, None] * means
    return sums


def standard_error(found: Fit, value: Callable[[Moved], float]) -> float | None:
    """Return the standard error, in standard units, of a smooth function of the moments.

    The delta method with central differences; None where no covariance is justified or the
    function is not finite near the moments.
    """
    if found.covariance is None:
        return None
    gradient = []
    for each in fields(Moved):
        at = float(getattr(found.moved, each.name))
        step = 1e-5 * max(abs(at), 0.01)
        up = value(replace(found.moved, **{each.name: at + step}))
        down = value(replace(found.moved, **{each.name: at - step}))
        gradient.append((up - down) / (2 * step))
    g = np.array(gradient)
    variance = float(g @ found.covariance @ g)
    return math.sqrt(variance) if math.isfinite(variance) and variance >= 0 else None
