"""Families of models: what one row adds to the likelihood, its gradient and its curvature.

Every family here has its canonical link, so the residual is y - mean and the curvature is the
variance: observed and expected information agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.kernels.arrays import Array, Numbers


class Rows(NamedTuple):
    """What r rows add, for m linear predictors.

    log_likelihood: (r,). residual: (m, r). curvature: (a, b) with a <= b → (r,) covariance of the
    responses a and b, which is never positive where a < b.
    """

    log_likelihood: Array
    residual: Array
    curvature: dict[tuple[int, int], Array]


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    rows: (linear predictor (m, r), y (r,)) → Rows. mean: linear predictor → mean, of the same
    shape. third: mean (m, r) and (m, m, r) weights → the third cumulant summed over its first two
    indices, (m, r), which Firth's penalty needs. working: y and weights → working response and
    weights of a first linear fit, or None where the zero vector is a good start.
    quadratic: whether one Newton step is exact. lowest: least y allowed, None for any number;
    highest: greatest.
    """

    name: str
    rows: Callable[[Array, Array], Rows]
    mean: Callable[[Array], Array]
    third: Callable[[Array, Array], Array]
    working: Callable[[Array, Array], tuple[Array, Array]] | None = None
    quadratic: bool = False
    lowest: float | None = None
    highest: float | None = None


def linear_rows(predictor: Array, y: Array) -> Rows:
    """Normal with variance one: log-likelihood without its constant."""
    residual = y - predictor
    return Rows(-0.5 * residual[0] ** 2, residual, {(0, 0): np.ones_like(y)})


def logistic(predictor: Array) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(predictor))
    return np.where(predictor >= 0, 1.0, small) / (1.0 + small)


def logit_rows(predictor: Array, y: Array) -> Rows:
    """Bernoulli, or a proportion of `weight` children."""
    x = predictor[0]
    small = np.exp(-np.abs(x))
    above = 1.0 + small
    mean = np.where(x >= 0, 1.0, small) / above
    # small / above² keeps the curvature positive where mean · (1 - mean) would round to zero.
    variance = small / (above * above)
    value = y * x
    value -= np.maximum(x, 0.0)
    value -= np.log1p(small)
    return Rows(value, (y - mean)[None, :], {(0, 0): variance})


def poisson_rows(predictor: Array, y: Array) -> Rows:
    """Counts; log-likelihood without log y!."""
    x = predictor[0]
    mean = np.exp(x)
    return Rows(y * x - mean, (y - mean)[None, :], {(0, 0): mean})


def probabilities_of(predictor: Array) -> Array:
    """Return (k, r) probabilities of k arms from (k - 1, r) linear predictors against the first."""
    top = np.maximum(predictor.max(axis=0), 0.0)
    out = np.empty((len(predictor) + 1, predictor.shape[1]))
    np.exp(-top, out=out[0])
    np.exp(predictor - top, out=out[1:])
    out /= out.sum(axis=0)
    return out


def multinomial_rows(predictor: Array, y: Array) -> Rows:
    """One of k arms by the code y; the first arm is the reference."""
    m = len(predictor)
    top = np.maximum(predictor[0] if m == 1 else predictor.max(axis=0), 0.0)
    weight = np.exp(predictor - top)
    total = np.exp(-top) + (weight[0] if m == 1 else weight.sum(axis=0))
    mean = weight / total
    own = y == np.arange(1, m + 1)[:, None]
    value = np.where(own, predictor, 0.0).sum(axis=0) - (top + np.log(total))
    residual = own - mean
    curvature = {}
    for a in range(m):
        curvature[a, a] = mean[a] * (1.0 - mean[a])
        for b in range(a + 1, m):
            curvature[a, b] = -mean[a] * mean[b]
    return Rows(value, residual, curvature)


def linear_third(mean: Array, weights: Array) -> Array:
    """The normal has no third cumulant."""
    return np.zeros_like(mean)


def poisson_third(mean: Array, weights: Array) -> Array:
    """All cumulants of a Poisson are its mean."""
    bent: Array = mean * weights[0, 0]
    return bent


def multinomial_third(mean: Array, weights: Array) -> Array:
    """Third cumulants of one draw among arms, summed against symmetric weights (m, m, r).

    κ_abc = δ_abc p_a - δ_ab p_a p_c - δ_ac p_a p_b - δ_bc p_a p_b + 2 p_a p_b p_c.
    """
    own = np.einsum("aar->ar", weights)
    diagonal = (own * mean).sum(axis=0)
    across = np.einsum("abr,br->ar", weights, mean)
    whole = (across * mean).sum(axis=0)
    bent: Array = mean * (own - diagonal - 2.0 * across + 2.0 * whole)
    return bent


def poisson_working(y: Array, weights: Array) -> tuple[Array, Array]:
    """Return log of a mean half-way to the overall mean, and that mean as weight."""
    # Half an event more, so that an outcome without events has somewhere to start from.
    overall = (float(weights @ y) + 0.5) / float(weights.sum())
    mean = 0.5 * (y + overall)
    return np.log(mean), mean * weights


LINEAR = Family("linear", linear_rows, lambda x: x, linear_third, quadratic=True)
LOGIT = Family("logit", logit_rows, logistic, multinomial_third, lowest=0.0, highest=1.0)
POISSON = Family(
    "poisson", poisson_rows, np.exp, poisson_third, working=poisson_working, lowest=0.0
)
MULTINOMIAL = Family(
    "multinomial", multinomial_rows, lambda x: probabilities_of(x)[1:], multinomial_third
)
FAMILIES = {family.name: family for family in (LINEAR, LOGIT, POISSON)}


def family_named(name: str) -> Family:
    """Return the family of that name, or raise UsageError with those there are."""
    if name not in FAMILIES:
        raise UsageError(
            f'"{name}" is no family of models; allowed: {listed(FAMILIES)}.'
            f"{nearest(name, FAMILIES)}"
        )
    return FAMILIES[name]


def check_response(y: Numbers, family: Family, *, n: int) -> Array:
    """Return y as float64, or raise UsageError where its shape or range is wrong for the family."""
    values = np.asarray(y, dtype=np.float64)
    if values.shape != (n,):
        raise UsageError(f"y has shape {values.shape}; the design has {n} rows.")
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if not (np.isfinite(low) and np.isfinite(high)) and n:
        raise UsageError("y has missing or infinite values; leave those rows out first.")
    if family.lowest is not None and low < family.lowest:
        raise UsageError(f"a {family.name} model needs y of at least {family.lowest:g}.")
    if family.highest is not None and high > family.highest:
        raise UsageError(f"a {family.name} model needs y of at most {family.highest:g}.")
    return values
