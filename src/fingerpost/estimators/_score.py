"""The score of all arms (multinomial, never pairwise) and the tilting that makes a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes, Cohort
from fingerpost.core.errors import NotFitted
from fingerpost.core.estimand import Target, Term
from fingerpost.estimators._models import exposure_design, exposure_terms
from fingerpost.kernels.design import Design
from fingerpost.kernels.glm import GlmFit, fit_multinomial, probabilities
from fingerpost.kernels.tilting import Tilt

Array = NDArray[np.float64]

FEW_VALUES = 20


@dataclass(frozen=True, eq=False, slots=True)
class Score:
    """P(arm = a | covariates) of every child.

    probability: (n, k). design: (n, p) of the exposure model. fit: coefficients (p, k − 1) and
    bread (p(k − 1), p(k − 1)), arm-major. arm: (n,) codes received. weight: (n,) survey weights of
    the fit, None where there were none.
    """

    probability: Array
    design: Design
    fit: GlmFit
    arm: Codes
    weight: Array | None

    @property
    def residual(self) -> Array:
        """(n, k − 1) weight × (1[A = j] − e_j): the score contribution of a child is its residual
        times its row of the design.
        """
        return self.residual_of(slice(None))

    def residual_of(self, rows: slice) -> Array:
        """Return the residual of some children."""
        indicator = self.arm[rows, None] == np.arange(1, self.probability.shape[1])
        found: Array = indicator - self.probability[rows, 1:]
        return found if self.weight is None else found * self.weight[rows, None]


def score(task: Task) -> Score:
    """Return the score, fitted once a cohort and kept for the other leaves.

    Raises NotFitted, naming the covariates, where covariates tell the arm for certain.
    """
    key = ("score", exposure_terms(task))
    return task.fits.once(key, lambda: _fit(task))


def _fit(task: Task) -> Score:
    cohort, design = task.cohort, exposure_design(task)
    fit = fit_multinomial(
        design,
        cohort.arm,
        levels=cohort.arms,
        weights=cohort.weight,
        firth=task.analysis.models.firth,
    )
    if fit.separated or not fit.converged:
        raise NotFitted(_separation(cohort, design, fit))
    return Score(probabilities(design, fit), design, fit, cohort.arm, cohort.weight)


def _separation(cohort: Cohort, design: Design, fit: GlmFit) -> str:
    """Say which covariates tell the arm for certain, and the mend."""
    telling = [name for name, column in cohort.covariates.items() if _tells(cohort, column.values)]
    if not telling:
        size = np.abs(np.atleast_2d(fit.coefficients.T)).max(axis=0)
        telling = [design.told[int(np.argmax(size[1:])) + 1]]
    return (
        f"exposure model: the arm is told for certain by {', '.join(telling[:5])} (separation), so "
        "children of the other arm cannot be compared. Mend: leave it out of `given`, merge its "
        "rare levels, narrow the population, or set models: {firth: true}."
    )


def _tells(cohort: Cohort, values: NDArray[Any]) -> bool:
    """Return whether some value (of few) or some cut (of many) is found in one arm only."""
    distinct = np.unique(values)
    arms = range(len(cohort.arms))
    if len(distinct) <= FEW_VALUES:
        found = [[np.any(cohort.arm[values == value] == a) for a in arms] for value in distinct]
        return not np.all(found)
    inside = [values[cohort.arm == a] for a in arms]
    return any(
        low.max() < high.min()
        for i, low in enumerate(inside)
        for j, high in enumerate(inside)
        if i != j
    )


def received(term: Term) -> str | None:
    """Return the arm that defines the target of a term, or None where none does."""
    target = term.target
    if target.kind == "received":
        return target.arm
    if target.kind == "att":
        return term.contrast[0][0]
    return term.contrast[-1][0] if target.kind == "atu" else None


def tilt_key(term: Term) -> Target:
    """Return the target with the arm spelt out, so that att and received share their weights."""
    arm = received(term)
    return Target(term.target.kind if arm is None else "received", arm=arm)


def tilt(task: Task, term: Term) -> Tilt:
    """Return the tilting of a term's target, made once.

    ATE: h = 1. Received c: h = e_c, membership 1[A = c]. Overlap: h = 1/Σ_b 1/e_b (Li & Li 2019).
    """
    target = tilt_key(term)
    return task.fits.once(
        ("tilt", exposure_terms(task), target), lambda: make_tilt(task.cohort, score(task), target)
    )


def make_tilt(cohort: Cohort, found: Score, target: Target) -> Tilt:
    """Return membership, weights and their slopes for a target whose arm is spelt out."""
    arm = None if target.kind != "received" else cohort.arms.index(str(target.arm))
    return Tilt(found.probability, cohort.arm, target.kind, arm)
