"""Means of an arm with something in place of the outcomes that were not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable
from fingerpost.core.model import ModelTerm
from fingerpost.kernels.carried import carried
from fingerpost.kernels.design import Terms, check
from fingerpost.kernels.glm import GlmFit, fit, mean
from fingerpost.kernels.standing import Moving, Standing
from fingerpost.sensitivity._standing import Array

# What stands in place of an unseen outcome: an end of the scale, what children alike had who were
# seen, or so much worse.
LEAST, MOST, ALIKE, WORSE = "least", "most", "alike", "worse"


@dataclass(frozen=True, eq=False, slots=True)
class Children:
    """All children of a question, weighted; seen (n,), value (n,) with 0 where not seen.

    ends: of the scale, None where not known. worse: what is added to what children alike had.
    """

    cohort: Cohort
    outcome: str
    standing: Standing
    seen: NDArray[np.bool_]
    value: Array
    ends: tuple[float, float] | None = None
    worse: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Alike:
    """What children alike who were seen had on average in one arm, told of every child.

    expected: (n,). slope: (n,) its derivative in the linear predictor. design, fit, weighted
    residual (n,): of the regression.
    """

    expected: Array
    slope: Array
    design: Terms
    fit: GlmFit
    residual: Array


def alike(found: Children, arm: int, terms: tuple[ModelTerm, ...]) -> Alike:
    """Return the regression of the outcome among those seen of an arm: a logit for a yes or no,
    least squares for a number. Terms that those seen do not vary in are left out.
    """
    cohort, weight = found.cohort, found.standing.weight
    score = found.standing.design
    assert isinstance(score, Terms)
    rows = np.flatnonzero(found.seen & (cohort.arm == arm))
    design = Terms(score.columns, varying(score.columns, terms, rows=rows))
    family = "logit" if cohort.outcomes[found.outcome].kind == "binary" else "linear"
    fitted = fit(design.take(rows), found.value[rows], family=family, weights=weight[rows])
    if fitted.separated or not fitted.converged:
        raise Unanswerable(
            f"the regression among the assessed of arm {cohort.arms[arm]} did not settle: use "
            "fewer terms in models: {outcome: …}"
        )
    expected = mean(design, fitted)
    residual = np.zeros(cohort.n)
    residual[rows] = weight[rows] * (found.value[rows] - expected[rows])
    slope = expected * (1 - expected) if family == "logit" else np.ones(cohort.n)
    return Alike(expected, slope, design, fitted, residual)


def varying(
    columns: Mapping[str, Column], terms: tuple[ModelTerm, ...], *, rows: NDArray[np.intp]
) -> tuple[ModelTerm, ...]:
    """Return the terms without those that the chosen rows say nothing of: constant there, or
    determined by earlier ones.
    """
    if not check(Terms(columns, terms).take(rows)):
        return terms
    kept: tuple[ModelTerm, ...] = ()
    for term in terms:
        if not check(Terms(columns, (*kept, term)).take(rows)):
            kept = (*kept, term)
    return kept


def filled_mean(found: Children, arm: int, own: Alike | None, *, fill: str) -> Moving:
    """Return an arm's mean with one of the fillings in place of what was not seen.

    own: the arm's regression, which ALIKE and WORSE need. The ends of the scale, where known, hold
    what is filled in.
    """
    if own is None or fill in (LEAST, MOST):
        assert found.ends is not None
        end = found.ends[0 if fill == LEAST else 1]
        return found.standing.mean(np.where(found.seen, found.value, end), arm)
    value = own.expected + (found.worse if fill == WORSE else 0.0)
    moves = own.slope
    if found.ends is not None:
        inside = (value >= found.ends[0]) & (value <= found.ends[1])
        value, moves = np.clip(value, *found.ends), np.where(inside, moves, 0.0)
    filled = found.standing.mean(np.where(found.seen, found.value, value), arm)
    unseen = np.where(found.seen, 0.0, found.standing.shares(arm) * moves)
    moved = carried(own.fit, unseen, of=own.design)
    return Moving(filled.value, filled.influence + own.residual * moved)
