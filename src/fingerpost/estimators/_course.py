"""Designs over the decisions of a course: what was known before each, of those still following."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.course import Course
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.kernels.design import Terms, check

DECISION = "(decision)"


def history(
    course: Course,
    columns: Mapping[str, Column],
    terms: tuple[ModelTerm, ...],
    *,
    rows: NDArray[np.intp],
    at: NDArray[np.intp],
    kept: tuple[ModelTerm, ...] | None = None,
) -> Terms:
    """Return the design of m rows at m decisions: baseline terms, each covariate over time as known
    before the decision and before the one that went before it, and the decision.

    columns: of the cohort, by name; terms: of them. rows, at: (m,) places in the course. A
    covariate over time that the others tell already among these rows, as its value at time zero
    does of the first reading after it, is left out. kept: the terms of a design made before, where
    this is to have the same.
    """
    own = {name: column.take(rows) for name, column in columns.items()}
    before = np.maximum(at - 1, 0)
    more = {f"{name} now": Column(values[rows, at]) for name, values in course.covariates.items()}
    more |= {
        f"{name} before": Column(values[rows, before]) for name, values in course.covariates.items()
    }
    more[DECISION] = Column(at.astype(np.float64))
    everything = {**own, **more}
    if kept is not None:
        return Terms(everything, kept)
    added = {name: ModelTerm((Factor(name),)) for name in more}
    spare = set(check(Terms(everything, (*terms, *added.values()))))
    return Terms(everything, (*terms, *(one for name, one in added.items() if name not in spare)))
