"""A curve through doses that were drawn: least squares with strata and covariates held alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.errors import NotFitted
from fingerpost.estimators._drawn_units import draw_weight
from fingerpost.estimators._least_squares import dense, response
from fingerpost.estimators._models import pooled_design
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.newton import inverse_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """One fit: the (p,) coefficients of the dose's columns; (n, p) influence; and (n,) how far each
    child's strata and covariates move the mean, which are those of a sample.
    """

    best: Array
    influence: Array
    among: Array

    def at(self, columns: Array) -> tuple[float, Array]:
        """Return the mean at the dose of some (p,) columns, and (n,) influence."""
        return float(columns @ self.best), self.influence @ columns + self.among

    def apart(self, columns: Array) -> tuple[float, Array]:
        """Return a difference of such means, or a slope, and (n,) influence."""
        return float(columns @ self.best), self.influence @ columns


def dose_columns(dose: Array, form: str) -> Array:
    """Return (m, p) columns of doses: one, the dose, and its square if asked.

    >>> dose_columns(np.array([10.0, 20.0]), "line").tolist()
    [[1.0, 10.0], [1.0, 20.0]]
    """
    parts = [np.ones(len(dose)), dose]
    return np.stack([*parts, dose**2] if form == "square" else parts, axis=1)


def held_alike(task: Task) -> Array:
    """Return (n, c) strata of the draw but the first, and covariates, about their means."""
    k, weight = len(task.cohort.arms), draw_weight(task)
    parts = [dense(pooled_design(task, interactions=False))[:, k:]]
    if task.cohort.strata is not None:
        codes, keys = recode(np.asarray(task.cohort.strata))
        parts.append((codes[:, None] == np.arange(1, len(keys))).astype(np.float64))
    rest = np.concatenate(parts, axis=1)
    centred: Array = rest - (weight @ rest) / weight.sum()
    return centred


def curve(task: Task, columns: Array, *, rest: Array | None = None) -> Curve:
    """Return the fit on (n, p) columns of the dose, strata and covariates held at their means; or
    what `rest` (n, c) holds, at nought. Raises NotFitted.
    """
    held = held_alike(task) if rest is None else rest
    # A covariate that others tell, such as a stratum's own, is left out.
    x = np.concatenate([columns, independent(columns, held)], axis=1)
    weight, y, p = draw_weight(task), response(task), columns.shape[1]
    bread = inverse_of(x.T @ (weight[:, None] * x))
    if bread is None:
        raise NotFitted(
            "dose_response: fewer doses than the curve needs, or a covariate that tells the dose. "
            "Mend: form: line, or fewer covariates."
        )
    best = bread @ (x.T @ (weight * y))
    influence = (weight * (y - x @ best))[:, None] * (x @ bread)
    among = (weight / weight.sum()) * (x[:, p:] @ best[p:])
    return Curve(best[:p], influence[:, :p], among if rest is None else np.zeros(len(y)))


def independent(columns: Array, rest: Array) -> Array:
    """Return the columns of the rest that neither the dose nor those before them tell."""
    if not rest.shape[1]:
        return rest
    whole = np.concatenate([columns, rest], axis=1)
    scale = np.sqrt((whole**2).sum(axis=0))
    _, r = np.linalg.qr(whole / np.where(scale > 0, scale, 1.0))
    kept = np.abs(np.diag(r)) > 1e-8
    found: Array = rest[:, kept[columns.shape[1] :]]
    return found
