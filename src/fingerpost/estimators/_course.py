"""Designs over the decisions of a course: what was known before each, of those still following."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.course import Course
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.kernels.design import Terms, check

Array = NDArray[np.float64]
DECISION = "(decision)"


def history(
    course: Course,
    columns: Mapping[str, Column],
    terms: tuple[ModelTerm, ...],
    *,
    rows: NDArray[np.intp],
    at: NDArray[np.intp],
) -> Terms:
    """Return the design of m rows at m decisions: baseline terms, what changed, the decision.

    rows, at: (m,) places in the course. A covariate over time that the others tell already among
    these rows, as its value at time zero does of the first reading after it, is left out.
    """
    own = {name: column.take(rows) for name, column in columns.items()}
    more = {f"{name} now": Column(values[rows, at]) for name, values in course.covariates.items()}
    more[DECISION] = Column(at.astype(np.float64))
    everything = {**own, **more}
    whole = Terms(everything, (*terms, *(_plain(name) for name in more)))
    spare = set(check(whole))
    kept = (_plain(name) for name in more if name not in spare)
    return Terms(everything, (*terms, *kept))


def _plain(name: str) -> ModelTerm:
    return ModelTerm((Factor(name),))
