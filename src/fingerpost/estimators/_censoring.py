"""Children whose outcome was not seen: those who were stand for them, by inverse probability.

The probability of being seen is one logit on the arm and the terms that the study declares; its
estimation is part of every influence. Without such a model nothing here applies, and children who
were not seen are left out before a leaf is asked.

Where strategies are sustained over time, a copy of a child is seen no longer once the child departs
from its arm's strategy. The probability of following on is then a pooled logit for each arm and
each kind of decision, on what was known before the decision, and the weight is the inverse of their
product (Robins 1993; Hernán, Lanoy, Costagliola & Robins 2006; Cain et al. 2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.course import STAGES, Course
from fingerpost.core.errors import NotFitted
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.estimators._course import history
from fingerpost.estimators._models import ARM
from fingerpost.kernels.carried import carried
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Design, Terms
from fingerpost.kernels.glm import GlmFit, fit, mean

Array = NDArray[np.float64]
RECORDED = "whether the outcome was recorded"


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """One fitted model of going on, over m rows of decisions.

    row: (m,) the cohort's row. design (m, p), residual (m,): of the fit. slope: (m,) derivative of
    the log weight in the linear predictor, over that of `Censoring.slope`.
    """

    row: NDArray[np.intp]
    design: Design
    residual: Array
    fit: GlmFit
    slope: Array


@dataclass(frozen=True, eq=False, slots=True)
class Censoring:
    """Who was seen, and what each who was counts for.

    seen: (n,). weight: (n,) seen / P(seen | arm, covariates). slope: (n,) derivative of the log
    weight in the linear predictor, ones where that is each part's own. parts: the fitted models.
    """

    seen: NDArray[np.bool_]
    weight: Array
    slope: Array
    parts: tuple[Part, ...]


def seen(task: Task) -> NDArray[np.bool_]:
    """Return (n,) whose outcome was seen."""
    observed = task.cohort.outcomes[task.terms[0].outcome].observed
    return np.ones(task.cohort.n, dtype=np.bool_) if observed is None else observed


def censoring(task: Task) -> Censoring | None:
    """Return the weights of those seen, made once an outcome; None where all were seen or the study
    has no model of censoring.

    Assumes that, among children of one arm alike on the terms, being seen tells nothing of the
    outcome. Robins & Rotnitzky (1992). Raises NotFitted where the model cannot be fitted.
    """
    name, course = task.terms[0].outcome, task.cohort.course
    terms = task.analysis.models.censoring
    if task.cohort.outcomes[name].observed is None:
        return None
    if course is not None:
        own = linear(task.analysis.given) if terms is None else terms
        return task.fits.once(("course", name, own), lambda: _over_time(task, course, own))
    if terms is None:
        return None
    return task.fits.once(("censoring", name, terms), lambda: _fit(task, terms))


def _fit(task: Task, terms: tuple[ModelTerm, ...]) -> Censoring:
    cohort, here = task.cohort, seen(task)
    columns = {**cohort.covariates, ARM: Column(cohort.arm, cohort.arms)}
    design = Terms(columns, (ModelTerm((Factor(ARM),)), *terms))
    fitted = fit(design, here.astype(float), family="logit", weights=cohort.weight)
    if fitted.separated or not fitted.converged:
        raise NotFitted(
            "models.censoring: the fit did not settle: a covariate or an arm tells for certain "
            "whose outcome was seen. Mend: use fewer terms in models: {censoring: …}, or leave it "
            "out, which leaves out the children who were not seen."
        )
    probability = mean(design, fitted)
    residual = here - probability
    if cohort.weight is not None:
        residual = residual * cohort.weight
    every = np.arange(cohort.n)
    part = Part(every, design, residual, fitted, np.ones(cohort.n))
    return Censoring(here, here / probability, -(1 - probability), (part,))


def _over_time(task: Task, course: Course, terms: tuple[ModelTerm, ...]) -> Censoring:
    """Return the weights of the copies that followed their strategy and whose outcome was seen."""
    here = seen(task)
    log_weight, parts = np.zeros(task.cohort.n), []
    for rows, at, goes_on, what in _decisions(task, course):
        if goes_on.all():
            continue
        part, probability = _goes_on(
            task, course, terms, rows=rows, at=at, goes_on=goes_on, what=what
        )
        parts.append(part)
        log_weight -= sum_by(rows, np.log(probability), n_groups=task.cohort.n)
    weight = np.where(here, np.exp(np.where(here, log_weight, 0.0)), 0.0)
    return Censoring(here, weight, np.ones(task.cohort.n), tuple(parts))


Decisions = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_], str]


def _decisions(task: Task, course: Course) -> Iterator[Decisions]:
    """Yield, for each arm and kind of decision, (row, decision, whether it goes on, words) of the
    copies that face it; then, for each arm, whether the outcome of those who followed was recorded.
    """
    cohort, at_risk, here = task.cohort, course.at_risk, seen(task)
    last = course.stays.shape[1] - 1
    for arm, name in enumerate(cohort.arms):
        own = cohort.arm == arm
        for stage, words in enumerate(STAGES):
            rows, at = np.nonzero(at_risk & own[:, None] & (course.stage == stage))
            if len(rows):
                yield rows, at, course.stays[rows, at], f"in arm {name}, {words}"
        rows = np.flatnonzero(course.followed & own)
        yield rows, np.full(len(rows), last), here[rows], f"in arm {name}, {RECORDED}"


def _goes_on(
    task: Task,
    course: Course,
    terms: tuple[ModelTerm, ...],
    *,
    rows: NDArray[np.intp],
    at: NDArray[np.intp],
    goes_on: NDArray[np.bool_],
    what: str,
) -> tuple[Part, Array]:
    """Return the model of going on at one kind of decision, and (m,) its probability."""
    if not goes_on.any():
        raise NotFitted(
            f"models.censoring: nobody goes on {what}. Widen the strategy or the grace."
        )
    cohort = task.cohort
    design = history(course, cohort.covariates, terms, rows=rows, at=at)
    weight = None if cohort.weight is None else cohort.weight[rows]
    fitted = _fitted(design, goes_on, weight, firth=task.analysis.models.firth, what=what)
    probability = mean(design, fitted)
    residual = goes_on - probability
    if weight is not None:
        residual = residual * weight
    return Part(rows, design, residual, fitted, -(1 - probability)), probability


def _fitted(
    design: Design, goes_on: NDArray[np.bool_], weight: Array | None, *, firth: bool, what: str
) -> GlmFit:
    """Return the fit; where few depart and a covariate tells who does, that of Firth (1993), which
    is finite.
    """
    seen_on = goes_on.astype(float)
    fitted = fit(design, seen_on, family="logit", weights=weight, firth=firth)
    if (fitted.separated or not fitted.converged) and not firth:
        fitted = fit(design, seen_on, family="logit", weights=weight, firth=True)
    if fitted.separated or not fitted.converged:
        raise NotFitted(
            f"models.censoring: the model of who goes on {what} did not settle: a covariate tells "
            "it for certain. Mend: use fewer terms in models: {censoring: …}."
        )
    return fitted


def through_censoring(found: Censoring, slope: Array) -> Array:
    """Return (n,) the influence that comes by way of the estimated probability of being seen.

    slope: (n,) of what is estimated in each child's linear predictor (its log weight times
    `found.slope`).
    """
    influence = np.zeros(len(found.seen))
    for part in found.parts:
        moved = carried(part.fit, slope[part.row] * part.slope, of=part.design)
        influence += sum_by(part.row, part.residual * moved, n_groups=len(influence))
    return influence
