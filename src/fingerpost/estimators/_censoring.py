"""Children whose outcome was not seen: those who were stand for them, by inverse probability.

The probability of being seen is one logit on the arm and the terms that the study declares; its
estimation is part of every influence. Without such a model nothing here applies, and children who
were not seen are left out before a leaf is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.estimators._models import ARM
from fingerpost.kernels.design import Design, Terms
from fingerpost.kernels.glm import fit, mean
from fingerpost.kernels.products import cross, times

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Censoring:
    """Who was seen, and what each who was counts for.

    seen: (n,). weight: (n,) seen / P(seen | arm, covariates). slope: (n,) derivative of the log
    weight in the linear predictor. design (n, p), residual (n,), bread (p, p): of the fit.
    """

    seen: NDArray[np.bool_]
    weight: Array
    slope: Array
    design: Design
    residual: Array
    bread: Array


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
    name = task.terms[0].outcome
    terms = task.analysis.models.censoring
    if terms is None or task.cohort.outcomes[name].observed is None:
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
    return Censoring(here, here / probability, -(1 - probability), design, residual, fitted.bread)


def through_censoring(found: Censoring, slope: Array) -> Array:
    """Return (n,) the influence that comes by way of the estimated probability of being seen.

    slope: (n,) of what is estimated in each child's linear predictor.
    """
    lean = found.bread.T @ cross(found.design, slope)
    carried: Array = found.residual * times(found.design, lean)
    return carried
