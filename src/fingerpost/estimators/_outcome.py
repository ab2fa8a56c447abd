"""Outcome models: what each child's outcome would be, by arm, and the scores of the fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
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
from fingerpost.kernels.design import Design
from fingerpost.kernels.glm import GlmFit, fit, mean

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class ArmModel:
    """The outcome model as it speaks of one arm.

    mean: (n,) expected outcome (per unit of exposure time) under the arm. slope: (n,) its
    derivative in the linear predictor. predict: (n, p) design under the arm. design: (n, p) of
    the fit; residual: (n,) weight × (y − fitted), zero for children outside the fit, so that a
    child's score is residual × row of `design`.
    """

    mean: Array
    slope: Array
    predict: Design
    design: Design
    residual: Array
    fit: GlmFit


def person_time(outcome: Outcome) -> Array:
    """Return (n,) exposure time, ones where the outcome has none."""
    return np.ones(len(outcome.value)) if outcome.exposure is None else outcome.exposure


def survey_weight(task: Task) -> Array:
    """Return (n,) survey weights, ones where there are none."""
    weight = task.cohort.weight
    return np.ones(task.cohort.n) if weight is None else weight


def outcome_of(task: Task) -> Outcome:
    """Return the outcome that the task's terms ask about; 0, over one unit of time, where it was
    not seen, so that a weight of nought leaves it out.
    """
    found = task.cohort.outcomes[task.terms[0].outcome]
    if found.observed is None:
        return found
    value = np.where(found.observed, found.value, 0.0)
    if found.exposure is None:
        return replace(found, value=value)
    return replace(found, value=value, exposure=np.where(found.observed, found.exposure, 1.0))


def arm_models(
    task: Task, weights: Array | None = None, *, key: object = None
) -> tuple[ArmModel, ...]:
    """Return one ArmModel an arm, from one fit an arm or one pooled fit, as the study says.

    weights: (n,) further weights of the fit (of a child's own arm); `key` names them, so that the
    fit is made once.
    """
    models = task.analysis.models
    form = (outcome_terms(task), models.by_arm, models.interactions)
    name = ("outcome", task.terms[0].outcome, form, key)
    make = _by_arm if models.by_arm else _pooled
    return task.fits.once(name, lambda: make(task, weights))


def _by_arm(task: Task, weights: Array | None) -> tuple[ArmModel, ...]:
    cohort, outcome = task.cohort, outcome_of(task)
    design, time = outcome_design(task), person_time(outcome)
    weight = survey_weight(task) if weights is None else survey_weight(task) * weights
    here, found = seen(task), []
    for a in range(len(cohort.arms)):
        rows = np.flatnonzero(here & (cohort.arm == a))
        if not len(rows):
            raise TooFew(f"outcome model: the outcome was seen for nobody in arm {cohort.arms[a]}.")
        offset = None if outcome.exposure is None else np.log(time[rows])
        fitted = fit(
            design.take(rows),
            outcome.value[rows],
            family=FAMILIES[outcome.kind],
            weights=weight[rows],
            offset=offset,
        )
        _usable(fitted, f"outcome model of arm {cohort.arms[a]}")
        expected = mean(design, fitted)
        residual = np.zeros(cohort.n)
        residual[rows] = weight[rows] * (outcome.value[rows] - expected[rows] * time[rows])
        slope = _slope(expected, outcome.kind)
        found.append(ArmModel(expected, slope, design, design, residual, fitted))
    return tuple(found)


def _pooled(task: Task, weights: Array | None) -> tuple[ArmModel, ...]:
    cohort, outcome = task.cohort, outcome_of(task)
    design, time = pooled_design(task), person_time(outcome)
    weight = survey_weight(task) if weights is None else survey_weight(task) * weights
    rows = np.flatnonzero(seen(task))
    chosen = design if len(rows) == cohort.n else design.take(rows)
    fitted = fit(
        chosen,
        outcome.value[rows],
        family=FAMILIES[outcome.kind],
        weights=weight[rows],
        offset=None if outcome.exposure is None else np.log(time[rows]),
    )
    unsettled = fitted.separated or not fitted.converged
    if unsettled and outcome.kind == "binary" and task.analysis.models.firth:
        fitted = fit(chosen, outcome.value[rows], family="logit", weights=weight[rows], firth=True)
    _usable(fitted, "outcome model")
    residual = np.zeros(cohort.n)
    expected = mean(design, fitted)[rows]
    residual[rows] = weight[rows] * (outcome.value[rows] - expected * time[rows])
    found = []
    for a in range(len(cohort.arms)):
        predict = under_arm(design, cohort, a)
        expected = mean(predict, fitted)
        slope = _slope(expected, outcome.kind)
        found.append(ArmModel(expected, slope, predict, design, residual, fitted))
    return tuple(found)


def _slope(expected: Array, kind: str) -> Array:
    """Return the derivative of the mean in the linear predictor, for canonical links."""
    if kind == "binary":
        return expected * (1 - expected)
    return expected if kind == "count" else np.ones_like(expected)


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
