"""Imputed outcomes shifted, the estimators asked again on every copy, and the answers pooled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence, Matrix
from fingerpost.core.inference import complete_df, pool, standard_errors
from fingerpost.core.model import linear
from fingerpost.core.seeds import stream
from fingerpost.kernels.design import Terms
from fingerpost.kernels.glm import fit, mean
from fingerpost.sensitivity._task import SensitivityTask

Array = NDArray[np.float64]
ROWS = "(rows)"
CLOSE = 1e-7  # of a standard error: how near to a plane counts as on it


def shifted(
    task: SensitivityTask, copy: Cohort, outcome: str, shifts: Mapping[str, float]
) -> Cohort:
    """Return a copy with the imputed outcomes of arms shifted. shifts: by arm.

    A number moves by the shift; a count is multiplied by its exponential; of a yes or no the odds
    are multiplied by its exponential.
    """
    own = copy.outcomes[outcome]
    value = own.value.copy()
    for arm, by in shifts.items():
        if by == 0:
            continue
        rows = np.flatnonzero(copy.imputed[outcome] & (copy.arm == copy.arms.index(arm)))
        if own.kind == "binary":
            value[rows] = turned(task, copy, outcome, rows=rows, by=by)
        elif own.kind == "count":
            value[rows] *= math.exp(by)
        else:
            value[rows] += by
    return replace(copy, outcomes={**copy.outcomes, outcome: replace(own, value=value)})


def turned(
    task: SensitivityTask, copy: Cohort, outcome: str, *, rows: NDArray[np.intp], by: float
) -> Array:
    """Return imputed yes-or-noes of one arm, as many turned as multiply the odds by exp(by).

    A child's probability is that of the imputed values of children alike in the covariates (a
    logit; the arm's own share where none can be fitted). The same children turn, and more of them,
    as the shift grows.
    """
    value = copy.outcomes[outcome].value[rows]
    chance = chance_of(task, copy, value, rows=rows)
    moved = chance * math.exp(by) / (1 - chance + chance * math.exp(by))
    draw = stream(
        task.study.name, f"delta adjusted {outcome} {copy.replicate}", seed=task.study.seed
    ).random(copy.n)[rows]
    with np.errstate(all="ignore"):
        up = np.where(value == 0, (moved - chance) / (1 - chance), 0.0)
        down = np.where(value == 1, (chance - moved) / chance, 0.0)
    return np.where(draw < (up if by > 0 else down), 1 - value, value)


def chance_of(
    task: SensitivityTask, copy: Cohort, value: Array, *, rows: NDArray[np.intp]
) -> Array:
    """Return the probability of a yes of each imputed child, from the imputed values."""
    share = float(value.mean()) if len(value) else 0.5
    plain = np.full(len(value), min(max(share, 1e-6), 1 - 1e-6))
    if not 0 < share < 1:
        return plain
    columns = {name: column.take(rows) for name, column in copy.covariates.items()}
    design = Terms({**columns, ROWS: Column(np.zeros(len(rows)))}, linear(task.study.given))
    if len(rows) < 10 * design.p:
        return plain
    try:
        fitted = fit(design, value, family="logit", ridge=1.0)
    except Unanswerable:
        return plain
    return plain if fitted.separated or not fitted.converged else mean(design, fitted)


@dataclass(eq=False, slots=True)
class Asking:
    """The pooled answers of one estimator at any pair of shifts of the two arms.

    Where each copy's answer is linear in the shifts (differences of means by linear models are),
    three fits a copy tell all of it; else every pair is fitted, once.
    """

    task: SensitivityTask
    outcome: str
    leaf: str
    terms: tuple[Term, ...]
    arms: tuple[str, str]
    unit: float
    kept: dict[tuple[float, float], tuple[Estimate, ...]] = field(default_factory=dict)
    planes: tuple[Plane, ...] | None = None

    def fitted(self, first: float, second: float) -> tuple[Estimate, ...]:
        """Return each copy's estimate at a pair of shifts, fitted."""
        if (first, second) not in self.kept:
            shifts = {self.arms[0]: first, self.arms[1]: second}
            self.kept[first, second] = tuple(self._one(copy, shifts) for copy in self.task.copies)
        return self.kept[first, second]

    def _one(self, copy: Cohort, shifts: Mapping[str, float]) -> Estimate:
        moved = shifted(self.task, copy, self.outcome, shifts)
        for answer in self.task.refit(moved, self.task.study.given, self.terms, (self.leaf,)):
            found = answer.estimate if answer.leaf == self.leaf else None
            if found is not None and found.terms == self.terms and found.spread is not None:
                return found
        raise Unanswerable(
            f"delta_adjusted: {self.leaf} gives no answer with an error on copy {copy.replicate} "
            "once its imputed outcomes are shifted. See the refusals."
        )

    @property
    def linear(self) -> bool:
        """Whether answers are linear in the shifts, as the first copy shows at a fourth pair."""
        if self.planes is None:
            self.planes = self._planes()
        return bool(self.planes)

    def _planes(self) -> tuple[Plane, ...]:
        """Return each copy's plane; none where answers are not linear."""
        kind = self.task.cohort.outcomes[self.outcome].kind
        if kind in ("binary", "count") or any(term.scale != "difference" for term in self.terms):
            return ()
        unit = self.unit
        corners = [self.fitted(*pair) for pair in ((0.0, 0.0), (unit, 0.0), (0.0, unit))]
        found = [plane(*each) for each in zip(*corners, strict=True)]
        planes = tuple(one for one in found if one is not None)
        if len(planes) < len(found):
            return ()
        shifts = {self.arms[0]: unit, self.arms[1]: unit}
        there = self._one(self.task.copies[0], shifts)
        told, error = planes[0].at(1.0, 1.0), standard_errors(there)
        own = standard_errors(told)
        if error is None or own is None:
            return ()
        near = np.abs(there.value - told.value) <= CLOSE * error
        alike = np.abs(own - error) <= CLOSE * error
        return planes if bool((near & alike).all()) else ()

    def at(self, first: float, second: float) -> Estimate:
        """Return the pooled estimate at a pair of shifts, by the rules of every pooled answer."""
        if self.linear and self.planes is not None:
            copies = tuple(one.at(first / self.unit, second / self.unit) for one in self.planes)
        else:
            copies = self.fitted(first, second)
        return pool(copies, complete_df(copies), level=self.task.level)


@dataclass(frozen=True, eq=False, slots=True)
class Plane:
    """One copy's estimates at no shift and at a unit of either: whatever is linear in the shifts.

    origin: at no shift. value: (3, q). product: (q, 3, 3) covariances of the three.
    """

    origin: Estimate
    value: Array
    product: Array

    def at(self, first: float, second: float) -> Estimate:
        """Return the estimate at so many units of shift of either arm."""
        steps = np.array([1.0 - first - second, first, second])
        variance = np.einsum("i,qij,j->q", steps, self.product, steps)
        return replace(self.origin, value=steps @ self.value, spread=Matrix(np.diag(variance)))


def plane(origin: Estimate, first: Estimate, second: Estimate) -> Plane | None:
    """Return the plane through three estimates; None where their influence is not known, or an
    interval is not made of value and standard error alone.
    """
    three, sums = (origin, first, second), []
    for one in three:
        spread = one.spread
        if not isinstance(spread, Influence) or spread.strata is not None:
            return None
        if one.bounds is not None or one.critical is not None:
            return None
        sums.append(math.sqrt(spread.correction) * spread.sums)
    joint = np.stack(sums)
    product = np.einsum("igq,jgq->qij", joint, joint)
    return Plane(origin, np.stack([one.value for one in three]), product)
