"""Two groups, two periods: what provision changed, given covariates, and each unit's influence.

Sant'Anna & Zhao (2020), Journal of Econometrics 219:101-122; Heckman, Ichimura & Todd (1997) for
regression, Abadie (2005) for weighting. With no covariates the three are one: the difference of
mean changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit as fit_glm
from fingerpost.kernels.newton import inverse_of
from fingerpost.kernels.staggered import Flags

METHODS = ("doubly_robust", "regression", "weighting")


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """The effect on the treated, and (n,) influence whose sum is its error."""

    value: float
    influence: Array


def change_of_treated(change: Array, treated: Flags, *, x: Array, method: str) -> Change:
    """Return the effect on the treated of two periods' change.

    change: (n,) later less earlier. treated: (n,). x: (n, p) covariates with a constant first, of
    the earlier period. method: one of METHODS. Raises NotFitted where a model cannot be fitted.

    >>> y, d = np.array([3.0, 5.0, 1.0, 2.0]), np.array([True, True, False, False])
    >>> change_of_treated(y, d, x=np.ones((4, 1)), method="regression").value
    2.5
    """
    if x.shape[1] == 1:
        return _plain(change, treated)
    share = float(treated.mean())
    d = treated.astype(float)
    n = len(change)
    left, by_model = change, np.zeros((n, x.shape[1]))
    if method != "weighting":
        left, by_model = _regressed(change, treated, x)
    first = d * left
    own = float(first.mean()) / share
    lean = (d[:, None] * x).mean(axis=0)
    inside = (first - d * own - by_model @ lean) / share
    if method == "regression":
        return Change(own, inside / n)
    score, by_score = _score(treated, x)
    w = score * (1 - d) / (1 - score)
    mean = float(w.mean())
    second = w * left
    other = float(second.mean()) / mean
    outside = second - w * other + by_score @ ((w * (left - other))[:, None] * x).mean(axis=0)
    outside -= by_model @ (w[:, None] * x).mean(axis=0)
    return Change(own - other, (inside - outside / mean) / n)


def _plain(change: Array, treated: Flags) -> Change:
    """Return the difference of mean changes."""
    d, e = treated.astype(float), (~treated).astype(float)
    n_d, n_e = d.sum(), e.sum()
    first, second = change @ d / n_d, change @ e / n_e
    influence = d * (change - first) / n_d - e * (change - second) / n_e
    return Change(float(first - second), influence)


def _regressed(change: Array, treated: Flags, x: Array) -> tuple[Array, Array]:
    """Return changes less what the comparison's own regression expects, and its influence (n, p),
    of which the mean is the error of the coefficients.
    """
    rows = x[~treated]
    bread = inverse_of(rows.T @ rows)
    if bread is None:
        raise NotFitted("the covariates of the comparison units are collinear.")
    left: Array = change - x @ (bread @ (rows.T @ change[~treated]))
    influence = np.zeros_like(x)
    influence[~treated] = len(change) * (rows * left[~treated][:, None]) @ bread
    return left, influence


def _score(treated: Flags, x: Array) -> tuple[Array, Array]:
    """Return the probability of being treated by a logit, and its influence likewise."""
    design = Dense(x, tuple(f"x{at}" for at in range(x.shape[1])))
    found = fit_glm(design, treated.astype(float), family="logit")
    if found.separated or not found.converged:
        raise NotFitted("the covariates tell for certain which units are of the wave.")
    score = 1 / (1 + np.exp(-(x @ found.coefficients)))
    bread = inverse_of((x * (score * (1 - score))[:, None]).T @ x)
    if bread is None:
        raise NotFitted("the covariates are collinear.")
    influence: Array = len(x) * (x * (treated - score)[:, None]) @ bread
    return score, influence
