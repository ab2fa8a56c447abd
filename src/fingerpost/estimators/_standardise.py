"""Means of each arm standardised to a target, with their stacked influence.

Every mean is a sum of ratios N/D of sums over children. Its influence has three parts, all by the
chain rule of stacked estimating equations (Stefanski & Boos 2002): the child's own contribution to
N and D, its score in the outcome model, and its score in the exposure model; where outcomes were
not seen for all, a fourth by way of the model of who was. Only products of
designs with vectors are needed, so no matrix of children by parameters is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Term
from fingerpost.estimators._censoring import censoring, through_censoring
from fingerpost.estimators._outcome import (
    ArmModel,
    arm_models,
    outcome_of,
    person_time,
    survey_weight,
    through_outcome,
)
from fingerpost.estimators._score import Score, score, tilt, tilt_key
from fingerpost.kernels import tilting
from fingerpost.kernels.tilting import Tilt

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which parts a leaf uses.

    outcome: an outcome model. residual: weighted residuals (weighted outcomes where there is no
    model). weighted: the outcome model is fitted with the tilting weights. normalised: residuals
    are divided by the sum of their weights (Hajek), not by the size of the target.
    """

    outcome: bool
    residual: bool
    weighted: bool = False
    normalised: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Mean:
    """The standardised mean of one arm: its value, and influence (n,) whose sum is its error."""

    value: float
    influence: Array


@dataclass(frozen=True, eq=False, slots=True)
class Ratio:
    """One ratio Σ amount / Σ time over children, with its derivatives.

    in_outcome: (n,) of amount in the linear predictor of the outcome model. amount_slope,
    time_slope: (n, k − 1) of amount and time in the linear predictors of the exposure model.
    amount_seen, time_seen: (n,) the parts of amount and time that are weighted for being seen;
    None where nothing is.
    """

    amount: Array
    time: Array
    in_outcome: Array | None = None
    amount_slope: Array | None = None
    time_slope: Array | None = None
    amount_seen: Array | None = None
    time_seen: Array | None = None


def standardised_mean(task: Task, term: Term, arm: int, recipe: Recipe) -> Mean:
    """Return the mean outcome (or rate) under an arm, among the target of a term."""
    needs_score = recipe.residual or recipe.weighted or term.target.kind == "overlap"
    tilted = tilt(task, term) if needs_score else _membership(task, term)
    model = _model(task, term, arm, recipe, tilted) if recipe.outcome else None
    value, influence = 0.0, np.zeros(task.cohort.n)
    in_outcome, in_score, in_seen = np.zeros(task.cohort.n), None, None
    censored = censoring(task)
    for ratio in _ratios(task, tilted, arm, model, recipe):
        total = float(ratio.time.sum())
        part = float(ratio.amount.sum()) / total
        value += part
        influence += (ratio.amount - part * ratio.time) / total
        if ratio.in_outcome is not None:
            in_outcome += ratio.in_outcome / total
        in_score = _plus(in_score, _score_slope(ratio, part, total))
        in_seen = _plus(in_seen, _seen_slope(ratio, part, total))
    if model is not None:
        by_outcome = through_outcome(model, in_outcome)
        influence += by_outcome
        if recipe.weighted:
            in_score = _plus(in_score, _through_weights(task, tilted, by_outcome))
            in_seen = _plus(in_seen, None if censored is None else by_outcome)
    if censored is not None and in_seen is not None:
        influence += through_censoring(censored, in_seen * censored.slope)
    if in_score is not None:
        influence += through_score(score(task), in_score)
    return Mean(value, influence)


def _membership(task: Task, term: Term) -> Tilt:
    """Return a tilting with fixed membership only, where no score is needed."""
    target, cohort = tilt_key(term), task.cohort
    member = np.ones(cohort.n)
    if target.kind == "received":
        member = (cohort.arm == cohort.arms.index(str(target.arm))).astype(float)
    nothing = np.empty((0, 0))
    return Tilt(member, nothing, nothing[None], None)


def _model(task: Task, term: Term, arm: int, recipe: Recipe, tilted: Tilt) -> ArmModel:
    if not recipe.weighted:
        return arm_models(task)[arm]
    own = tilted.weights[np.arange(task.cohort.n), task.cohort.arm]
    censored = censoring(task)
    own = own if censored is None else own * censored.weight
    return arm_models(task, own, key=tilt_key(term))[arm]


def _ratios(
    task: Task, tilted: Tilt, arm: int, model: ArmModel | None, recipe: Recipe
) -> tuple[Ratio, ...]:
    """Return the ratios that a recipe adds up."""
    if model is None:
        return (_weighted(task, tilted, arm, None),)
    base = _standardised(task, tilted, model)
    if not recipe.residual:
        return (base,)
    rest = _weighted(task, tilted, arm, model)
    if recipe.normalised:
        return (base, rest)
    # The plain mean of the efficient influence function (Robins, Rotnitzky & Zhao 1994).
    together = Ratio(
        base.amount + rest.amount,
        base.time,
        _plus(base.in_outcome, rest.in_outcome),
        _plus(base.amount_slope, rest.amount_slope),
        base.time_slope,
        _plus(base.amount_seen, rest.amount_seen),
        base.time_seen,
    )
    return (together,)


def _standardised(task: Task, tilted: Tilt, model: ArmModel) -> Ratio:
    """Return Σ h m t / Σ h t: model means over the target."""
    outcome, censored = outcome_of(task), censoring(task)
    time = survey_weight(task) * tilted.member * person_time(outcome)
    # The time at risk of a child who was not seen is not known: those who were stand for it.
    by_seen = censored is not None and outcome.exposure is not None
    time = time * censored.weight if censored is not None and by_seen else time
    amount, slope = time * model.mean, tilted.member_slope
    return Ratio(
        amount,
        time,
        time * model.slope,
        None if slope is None else amount[:, None] * slope,
        None if slope is None else time[:, None] * slope,
        amount if by_seen else None,
        time if by_seen else None,
    )


def _weighted(task: Task, tilted: Tilt, arm: int, model: ArmModel | None) -> Ratio:
    """Return Σ w (y − m t) / Σ w t over children of the arm; m = 0 without a model (Hajek mean)."""
    outcome, censored = outcome_of(task), censoring(task)
    weight = survey_weight(task) * tilted.weights[:, arm] * (task.cohort.arm == arm)
    weight = weight if censored is None else weight * censored.weight
    time = weight * person_time(outcome)
    amount = weight * outcome.value if model is None else weight * outcome.value - time * model.mean
    in_outcome = None if model is None else -time * model.slope
    slopes = tilted.slopes[:, arm, :]
    return Ratio(
        amount,
        time,
        in_outcome,
        amount[:, None] * slopes,
        time[:, None] * slopes,
        None if censored is None else amount,
        None if censored is None else time,
    )


def _score_slope(ratio: Ratio, value: float, total: float) -> Array | None:
    """Return (n, k − 1) the derivative of a ratio in the linear predictors of the score."""
    if ratio.amount_slope is None:
        return None
    if ratio.time_slope is None:
        return ratio.amount_slope / total
    return (ratio.amount_slope - value * ratio.time_slope) / total


def _seen_slope(ratio: Ratio, value: float, total: float) -> Array | None:
    """Return (n,) the derivative of a ratio in the log weights for being seen."""
    if ratio.amount_seen is None:
        return None
    if ratio.time_seen is None:
        return ratio.amount_seen / total
    return (ratio.amount_seen - value * ratio.time_seen) / total


def _through_weights(task: Task, tilted: Tilt, by_outcome: Array) -> Array:
    """Return (n, k − 1) how the mean moves with the score by way of the weights of the fit.

    by_outcome: (n,) the influence by way of the outcome model so weighted.
    """
    own: Array = tilted.slopes[np.arange(task.cohort.n), task.cohort.arm, :]
    return by_outcome[:, None] * own


def through_score(found: Score, in_score: Array) -> Array:
    """Return (n,) the influence that comes by way of the estimated score."""
    return tilting.through_score(
        found.design, found.fit, residual=found.residual, in_score=in_score
    )


def _plus(first: Array | None, second: Array | None) -> Array | None:
    """Return the sum, where None is nothing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
