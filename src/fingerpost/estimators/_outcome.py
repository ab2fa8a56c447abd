"""Outcome models: what each child's outcome would be, by arm, and the scores of the fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._models import (
    FAMILIES,
    outcome_design,
    outcome_terms,
    pooled_design,
    under_arm,
)
from fingerpost.kernels.carried import carried
from fingerpost.kernels.design import Chosen, Design
from fingerpost.kernels.glm import GlmFit, fit, mean

Array = NDArray[np.float64]
EVERY = slice(None)


@dataclass(frozen=True, eq=False, slots=True)
class ArmModel:
    """The outcome model as it speaks of one arm.

    mean: (n,) expected outcome (per unit of exposure time) under the arm; kind: of the outcome.
    predict: (n, p) design under the arm. design: (n, p) of the fit; left: (n,) weight × (y −
    fitted), zero for children outside every fit, which the arms share; arm, codes: the arm whose
    children alone were fitted and (n,) the arms received, None where one fit was of all arms.
    """

    mean: Array
    kind: str
    predict: Design
    design: Design
    left: Array
    fit: GlmFit
    arm: int
    codes: Codes | None

    @property
    def slope(self) -> Array:
        """(n,) the derivative of the mean in the linear predictor."""
        return slope_of(self.mean, self.kind)

    @property
    def residual(self) -> Array:
        """(n,) weight × (y − fitted), zero for children outside the fit: a child's score is its
        residual × row of `design`.
        """
        return self.residual_of(slice(None))

    def residual_of(self, rows: slice) -> Array:
        """Return the residual of some children."""
        left = self.left[rows]
        return left if self.codes is None else np.where(self.codes[rows] == self.arm, left, 0.0)


def slope_of(mean: Array, kind: str) -> Array:
    """Return the derivative of a mean in its linear predictor, for the canonical link of a kind."""
    if kind == "binary":
        return mean * (1 - mean)
    return mean if kind == "count" else np.ones_like(mean)


def person_time(outcome: Outcome) -> Array:
    """Return (n,) exposure time, ones where the outcome has none."""
    return np.ones(len(outcome.value)) if outcome.exposure is None else outcome.exposure


def survey_weight(task: Task, rows: slice = EVERY) -> Array:
    """Return (n,) survey weights, of some rows where asked; ones where there are none."""
    weight = task.cohort.weight
    return np.ones(len(task.cohort.arm[rows])) if weight is None else weight[rows]


def outcome_of(task: Task, rows: slice = EVERY) -> Outcome:
    """Return the outcome that the task's terms ask about, of some rows where asked; 0, over one
    unit of time, where it was not seen, so that a weight of nought leaves it out.
    """
    found = task.cohort.outcomes[task.terms[0].outcome]
    found = found if rows == EVERY else found.take(rows)
    if found.observed is None:
        return found
    value = np.where(found.observed, found.value, 0.0)
    if found.exposure is None:
        return replace(found, value=value)
    return replace(found, value=value, exposure=np.where(found.observed, found.exposure, 1.0))


def arm_models(
    task: Task, weights: Callable[[], Array] | None = None, *, key: object = None
) -> tuple[ArmModel, ...]:
    """Return one ArmModel an arm, from one fit an arm or one pooled fit, as the study says.

    weights: gives (n,) further weights of the fit (of a child's own arm); `key` names them, so that
    the fit is made once.
    """
    models = task.analysis.models
    form = (outcome_terms(task), models.by_arm, models.interactions)
    name = ("outcome", task.terms[0].outcome, form, key)
    make = _by_arm if models.by_arm else _pooled
    return task.fits.once(name, lambda: make(task, None if weights is None else weights()))


def _by_arm(task: Task, weights: Array | None) -> tuple[ArmModel, ...]:
    cohort, outcome = task.cohort, outcome_of(task)
    design, here = outcome_design(task), seen(task)
    left, found = np.zeros(cohort.n), []
    for a in range(len(cohort.arms)):
        rows = np.flatnonzero(here & (cohort.arm == a))
        if not len(rows):
            raise TooFew(f"outcome model: the outcome was seen for nobody in arm {cohort.arms[a]}.")
        y, weight, time = outcome.value[rows], _fit_weight(task, weights, rows), None
        if outcome.exposure is not None:
            time = outcome.exposure[rows]
        fitted = fit(
            Chosen(design, rows),
            y,
            family=FAMILIES[outcome.kind],
            weights=weight,
            offset=None if time is None else np.log(time),
        )
        _usable(fitted, f"outcome model of arm {cohort.arms[a]}")
        expected = mean(design, fitted)
        left[rows] = _left(y, expected[rows], time=time, weight=weight)
        found.append(ArmModel(expected, outcome.kind, design, design, left, fitted, a, cohort.arm))
    return tuple(found)


def _fit_weight(task: Task, weights: Array | None, rows: Codes | slice) -> Array | None:
    """Return what children count for in a fit: their survey weights and the further ones."""
    parts = [each[rows] for each in (task.cohort.weight, weights) if each is not None]
    return reduce(np.multiply, parts) if parts else None


def _left(y: Array, expected: Array, *, time: Array | None, weight: Array | None) -> Array:
    """Return weight × (y − fitted) of the children of a fit."""
    found = y - (expected if time is None else expected * time)
    return found if weight is None else weight * found


def _pooled(task: Task, weights: Array | None) -> tuple[ArmModel, ...]:
    cohort, outcome = task.cohort, outcome_of(task)
    design, here = pooled_design(task), seen(task)
    rows: Codes | slice = EVERY
    chosen: Design = design
    if not here.all():
        rows = np.flatnonzero(here)
        chosen = Chosen(design, rows)
    y, weight = outcome.value[rows], _fit_weight(task, weights, rows)
    time = None if outcome.exposure is None else outcome.exposure[rows]
    fitted = fit(
        chosen,
        y,
        family=FAMILIES[outcome.kind],
        weights=weight,
        offset=None if time is None else np.log(time),
    )
    unsettled = fitted.separated or not fitted.converged
    if unsettled and outcome.kind == "binary" and task.analysis.models.firth:
        fitted = fit(chosen, y, family="logit", weights=weight, firth=True)
    _usable(fitted, "outcome model")
    left = np.zeros(cohort.n)
    left[rows] = _left(y, mean(chosen, fitted), time=time, weight=weight)
    found = []
    for a in range(len(cohort.arms)):
        predict = under_arm(design, cohort, a)
        expected = mean(predict, fitted)
        found.append(ArmModel(expected, outcome.kind, predict, design, left, fitted, a, None))
    return tuple(found)


def _usable(fitted: GlmFit, what: str) -> None:
    if fitted.separated or not fitted.converged:
        raise Unanswerable(
            f"{what}: the fit did not settle (a covariate tells the outcome for certain, or events "
            "are too few). Mend: use fewer terms in models: {outcome: …}, or merge rare levels."
        )


def through_outcome(model: ArmModel, in_outcome: Array) -> Array:
    """Return the influence that comes by way of the outcome model, shaped as `in_outcome`.

    in_outcome: (n,) derivative of the estimate in each prediction's linear predictor, or (n, q) of
    q estimates.
    """
    moved = carried(model.fit, in_outcome, of=model.predict, to=model.design)
    found: Array = (model.residual * moved.T).T
    return found
