"""Estimates of several groups drawn towards their centre, however their errors hang together.

The groups' true effects are taken to be normal about a centre that is not known, with a spread that
is not known either; the estimates are normal about them with a known covariance. The centre's prior
is flat. The spread's makes the share that a typical estimate keeps, v/(v + spread²) being the rest,
uniform from nought to one (Daniels 1999, Canadian Journal of Statistics 27(3), 567-578): it needs
no number from the user, does for two groups, and does not put the spread at nought, as restricted
likelihood does for half of all studies with two groups whose effects differ a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.floating[Any]]
NODES = 200  # shares at which the spread is looked at
STEPS = 60  # halvings of the search for a limit


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """(k,) values drawn towards `centre`, their limits, and the share that each keeps of its own
    estimate; spread: of true effects, the median of what it may be.
    """

    value: Array
    lo: Array
    hi: Array
    kept: Array
    centre: float
    spread: float


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """What is found at each of m spreads, as if it were known.

    value: (m, k) drawn towards the centre; error: (m, k) standard errors; kept: (m, k); centre:
    (m,); log_likelihood: (m,) of the spread, restricted, up to a constant.
    """

    value: Array
    error: Array
    kept: Array
    centre: Array
    log_likelihood: Array


def at_spreads(value: Array, covariance: Array, *, spreads: Array) -> Given:
    """Return what is found at each spread.

    value: (k,); covariance: (k, k) of its errors, positive definite; spreads: (m,).
    With a spread of nought all are at the centre (complete pooling); with a great one each keeps
    its own estimate.

    >>> at_spreads(np.array([1.0, 3.0]), np.eye(2), spreads=np.zeros(1)).value
    array([[2., 2.]])
    """
    roots, axes = np.linalg.eigh(covariance)
    own = spreads[:, None] ** 2
    total = roots + own  # (m, k)
    inverse = (axes / total[:, None, :]) @ axes.T  # (m, k, k)
    weight = inverse.sum(axis=2)
    sums = weight.sum(axis=1)
    centre = weight @ value / sums
    away = value - centre[:, None]
    scaled = np.einsum("mij,mj->mi", inverse, away)
    kept = own * np.diagonal(inverse, axis1=1, axis2=2)
    left = 1 - own * weight
    variance = own * (1 - kept) + left**2 / sums[:, None]
    fit = np.einsum("mi,mi->m", away, scaled)
    return Given(
        value=centre[:, None] + own * scaled,
        error=np.sqrt(variance),
        kept=kept,
        centre=centre,
        log_likelihood=-0.5 * (np.log(total).sum(axis=1) + np.log(sums) + fit),
    )


def typical(covariance: Array) -> float:
    """Return the variance of a typical estimate about the others, as its errors make it.

    It is the mean variance of differences between two of them, halved: what they share leaves it.
    """
    k = len(covariance)
    return float((np.trace(covariance) - covariance.sum() / k) / (k - 1))


def partial_pooling(value: Array, covariance: Array, *, level: float = 0.95) -> Drawn:
    """Return estimates drawn towards their centre, over all that the spread may be.

    value: (k,), k at least 2; covariance: (k, k), positive definite. Equal-tailed limits of each
    at `level`.
    """
    share = (np.arange(NODES) + 0.5) / NODES
    spreads = np.sqrt(typical(covariance) * (1 - share) / share)
    found = at_spreads(value, covariance, spreads=spreads)
    weight = np.exp(found.log_likelihood - found.log_likelihood.max())
    weight /= weight.sum()
    tail = (1 - level) / 2
    return Drawn(
        value=weight @ found.value,
        lo=quantile(found.value, found.error, weight, tail),
        hi=quantile(found.value, found.error, weight, 1 - tail),
        kept=weight @ found.kept,
        centre=float(weight @ found.centre),
        spread=float(spreads[::-1][np.searchsorted(np.cumsum(weight[::-1]), 0.5)]),
    )


def quantile(means: Array, errors: Array, weight: Array, at: float) -> Array:
    """Return the (k,) quantiles of mixtures of normals: (m, k) means and errors, (m,) weights."""
    low = (means - 10 * errors).min(axis=0)
    high = (means + 10 * errors).max(axis=0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = weight @ ndtr((middle - means) / errors) < at
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: Array = (low + high) / 2
    return found
