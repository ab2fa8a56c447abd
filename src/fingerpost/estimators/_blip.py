"""The parameters of a structural nested mean model of one time, by g-estimation.

The effect of a dose s on a child with modifiers v is s · (v ψ), a difference, or its exponential, a
ratio. At the true ψ the outcome with its effect taken out has nothing to do with the dose, given
the covariates (Robins 1994): Σ w (S − E[S | L]) v (y − t S v ψ) = 0, or, for ratios,
Σ w (S − E[S | L]) v y exp(−S v ψ) = 0. A rate's person-time t is taken as known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.estimators._censoring import censoring, through_censoring
from fingerpost.estimators._models import outcome_design
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._score import Score, score
from fingerpost.estimators._standardise import through_score
from fingerpost.kernels.design import Design
from fingerpost.kernels.products import cross, gram, times

Array = NDArray[np.float64]
STEPS = 100
HALVINGS = 30
SINGULAR = 1e-10  # least singular value, of the largest, of a system in standard units


@dataclass(frozen=True, eq=False, slots=True)
class Setting:
    """What the equations are made of.

    modifiers: (n, m), the first column ones. dose: (n,) S; surprise: (n,) S − E[S | L]; bend:
    (n, k − 1) the derivative of E[S | L] in the linear predictors of the score. weight: (n,) survey
    weight × weight of those seen. value, time: (n,) outcome and person-time.
    """

    modifiers: Array
    dose: Array
    surprise: Array
    bend: Array
    found: Score
    weight: Array
    value: Array
    time: Array


@dataclass(frozen=True, eq=False, slots=True)
class Blip:
    """Parameters (m,), and influence (n, m) whose sum is their error."""

    value: Array
    influence: Array


def setting(task: Task, modifiers: Array) -> Setting:
    """Return what the equations are made of. Where outcomes were not seen for all, the score is
    fitted to those seen, weighted to stand for all, so that both lie in one set of equations.
    """
    cohort, outcome, censored = task.cohort, outcome_of(task), censoring(task)
    weight = survey_weight(task) if censored is None else survey_weight(task) * censored.weight
    found = score(task) if censored is None else _score_of_seen(task, weight)
    levels = np.arange(len(cohort.arms), dtype=np.float64)
    expected = found.probability @ levels
    return Setting(
        modifiers,
        levels[cohort.arm],
        levels[cohort.arm] - expected,
        found.probability[:, 1:] * (levels[1:] - expected[:, None]),
        found,
        weight,
        outcome.value,
        person_time(outcome),
    )


def _score_of_seen(task: Task, weight: Array) -> Score:
    """Return the score fitted to the children seen; raise Unanswerable where it cannot be."""
    own = replace(task, cohort=replace(task.cohort, weight=weight), fits=Fits())
    key = ("score of those seen", task.terms[0].outcome, task.analysis.models)
    try:
        return task.fits.once(key, lambda: score(own))
    except NotFitted as fault:
        raise Unanswerable(
            f"g_estimation: among children whose outcome was seen: {fault}"
        ) from None


def difference(task: Task, told: Setting, *, outcome_model: bool) -> Blip:
    """Return the parameters of a linear blip, in closed form.

    outcome_model: whether a linear predictor of the outcome without its effect (the terms of the
    study's outcome model) is estimated beside and taken off: right if it or the exposure model is
    right (Robins, Mark & Newey 1992, Biometrics 48:479-495).
    """
    v, m = told.modifiers, told.modifiers.shape[1]
    lead = told.weight * told.surprise
    flow = told.time * told.dose
    matrix, wanted = v.T @ ((lead * flow)[:, None] * v), v.T @ (lead * told.value)
    design = outcome_design(task) if outcome_model else None
    if design is not None:
        own = told.weight * told.time
        upper = cross(design, (lead * told.time)[:, None] * v).T
        lower = cross(design, (told.weight * flow)[:, None] * v)
        matrix = np.block([[matrix, upper], [lower, gram(design, own)]])
        wanted = np.concatenate([wanted, cross(design, told.weight * told.value)])
    bread = inverse(matrix)
    theta = bread @ wanted
    fitted = flow * (v @ theta[:m])
    if design is not None:
        fitted = fitted + told.time * times(design, theta[m:])
    residual = told.weight * (told.value - fitted)
    return Blip(theta[:m], _influence(task, told, bread[:m], residual=residual, design=design))


def ratio(task: Task, told: Setting) -> Blip:
    """Return the parameters of a log-linear blip, by Newton's method.

    Raises Unanswerable where the outcome is ever negative or the equations have no solution.
    """
    if float(told.value.min()) < 0:
        raise Unanswerable(
            "g_estimation: a ratio needs an outcome that is never negative; this one has negative "
            "values. Mend: estimand: {scale: difference}."
        )
    v = told.modifiers
    lead = told.weight * told.surprise * told.value
    psi = np.zeros(v.shape[1])
    left, bread, effect = _ratio_equations(v, told.dose, lead, psi)
    for _ in range(STEPS):
        step = bread @ left
        if float(np.abs(step).max()) <= 1e-12 * (1 + float(np.abs(psi).max())):
            break
        size = float(np.abs(left).max())
        for _ in range(HALVINGS):
            after, own, own_effect = _ratio_equations(v, told.dose, lead, psi + step)
            if float(np.abs(after).max()) < size:
                break
            step = step / 2
        else:
            break
        psi, left, bread, effect = psi + step, after, own, own_effect
    scale = np.abs(v).T @ np.abs(lead * effect)
    if not (np.abs(left) <= 1e-8 * scale).all():
        raise _unsettled()
    residual = told.weight * told.value * effect
    return Blip(psi, _influence(task, told, bread, residual=residual, design=None))


def _ratio_equations(v: Array, dose: Array, lead: Array, psi: Array) -> tuple[Array, Array, Array]:
    """Return the sums that are to be nought (m,), minus their inverse slope, and exp(−S v ψ)."""
    with np.errstate(over="ignore", invalid="ignore"):
        effect = np.exp(-dose * (v @ psi))
        own = lead * effect
        left, slope = v.T @ own, v.T @ ((own * dose)[:, None] * v)
    return left, inverse(slope), effect


def _influence(
    task: Task, told: Setting, bread: Array, *, residual: Array, design: Design | None
) -> Array:
    """Return (n, m) influence of the parameters: bread (m, m + p) times each child's own part of
    the equations, and what comes by way of the score and of who was seen.
    """
    m = told.modifiers.shape[1]
    lean = told.modifiers @ bread[:, :m].T
    found = lean * (told.surprise * residual)[:, None]
    if design is not None:
        found += times(design, np.ascontiguousarray(bread[:, m:].T)) * residual[:, None]
    for place in range(m):
        in_score = -(lean[:, place] * residual)[:, None] * told.bend
        found[:, place] += through_score(told.found, in_score)
    censored = censoring(task)
    if censored is not None:
        # Each child's part of every equation, the score's too, is in proportion to its weight.
        for place in range(m):
            found[:, place] += through_censoring(censored, found[:, place] * censored.slope)
    return found


def inverse(matrix: Array) -> Array:
    """Return the inverse of a system of equations; raise Unanswerable where it has none."""
    if not np.isfinite(matrix).all():
        raise _unsettled()
    rows = np.abs(matrix).max(axis=1)
    columns = np.abs(matrix / np.where(rows > 0, rows, 1.0)[:, None]).max(axis=0)
    if not (rows > 0).all() or not (columns > 0).all():
        raise _unsettled()
    scaled = matrix / rows[:, None] / columns
    sizes = np.linalg.svd(scaled, compute_uv=False)
    if sizes[-1] < SINGULAR * sizes[0]:
        raise _unsettled()
    found: Array = np.linalg.inv(scaled) / columns[:, None] / rows
    return found


def _unsettled() -> Unanswerable:
    return Unanswerable(
        "g_estimation: the equations have no single solution: a modifier is constant or repeats "
        "another, the covariates leave nothing of the arm to chance, or events are too few. "
        "Mend: fewer modifiers, or leave out `outcome_model`."
    )
