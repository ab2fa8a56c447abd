"""Regression: the coefficient of the arm, given the covariates.

One model of the outcome for all arms, with the arm's indicators and the covariates as main effects.
Its coefficient is an average over children weighted by how uncertain their arm was, for no group
that anybody asked about; it is labelled `conditional` and never pooled with effects for a target.
Differences are by least squares (rates: of the rate, weighted by person-time), ratios by a Poisson
model (Zou 2004), so that risk and rate ratios, not odds ratios, are reported.
"""

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._assumptions import CAUSAL, KINDS, OUTCOME_MODEL
from fingerpost.estimators._least_squares import (
    Array,
    dense,
    least_squares_spread,
    least_squares_weight,
    ordinary_table,
    response,
)
from fingerpost.estimators._models import pooled_design
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.kernels.glm import fit, mean
from fingerpost.kernels.products import times


def run(task: Task) -> Answer:
    """Return the contrasts of the arms' coefficients."""
    design = pooled_design(task, interactions=False)
    weights = np.stack([_weights(task, term.contrast, design.p) for term in task.terms], axis=1)
    outcome, linear = outcome_of(task), task.terms[0].scale == "difference"
    if linear:
        y, weight = response(task), least_squares_weight(task)
        fitted = fit(design, y, family="linear", weights=weight)
        residual = weight * (y - mean(design, fitted))
    else:
        y, weight, time = never_negative(outcome.value), survey_weight(task), person_time(outcome)
        fitted = fit(design, y, family="poisson", weights=weight, offset=np.log(time))
        residual = weight * (y - mean(design, fitted) * time)
    if fitted.separated or not fitted.converged:
        raise Unanswerable("regression: the outcome model did not settle; use fewer terms.")
    influence = residual[:, None] * times(design, fitted.bread.T @ weights)
    value = weights.T @ fitted.coefficients.ravel()
    answer = Answer(
        "regression", estimate=estimate(task, Uncertain(value, influence, weighted=False))
    )
    if not linear:
        return answer
    x = dense(design)
    return ordinary_table(task, least_squares_spread(task, answer, x, weights), x, weights)


def never_negative(values: Array) -> Array:
    """Return the values; raise Unanswerable where a ratio has no meaning for them."""
    if len(values) and float(values.min()) < 0:
        raise Unanswerable(
            "regression: a ratio needs an outcome that is never negative; "
            "this one has negative values. Mend: estimand: {scale: difference}."
        )
    return values


def _weights(task: Task, contrast: tuple[tuple[str, float], ...], p: int) -> Array:
    """Return (p,) weights of the coefficients that make a contrast; the first arm is the reference,
    and the arms' indicators follow the intercept.
    """
    found = np.zeros(p)
    for name, weight in contrast:
        at = task.cohort.arms.index(name)
        if at:
            found[at] += weight
    return found


REGRESSION = Estimator(
    title="Regression",
    summary="The arm's coefficient in one model of the outcome, given the covariates.",
    reference="Zou (2004), American Journal of Epidemiology 159:702-706, for ratios; what the "
    "coefficient averages: Angrist (1998), Econometrica 66:249-288",
    targets=("conditional",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, OUTCOME_MODEL),
    run=run,
    spread="influence; CR2 with Satterthwaite df below 50 clusters",
    guard="exempt",
)
