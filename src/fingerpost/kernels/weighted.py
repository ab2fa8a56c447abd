"""Weighted means, variances, distances between distributions, and effective sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from fingerpost.core.errors import TooFew
from fingerpost.kernels.arrays import Array, Numbers


def weighted_mean(values: Numbers, weights: Numbers) -> Array:
    """Return the Hajek mean: (q,) of (n, q), or a scalar array of (n,).

    >>> float(weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    2.0
    """
    total = float(np.sum(weights))
    if total <= 0.0:
        raise TooFew("a weighted mean needs a positive sum of weights; no child has weight here.")
    return np.asarray(weights @ values / total, dtype=np.float64)


def weighted_variance(values: Numbers, weights: Numbers) -> Array:
    """Return the mean squared distance from the weighted mean (divisor: sum of the weights)."""
    away = np.asarray(values, dtype=np.float64) - weighted_mean(values, weights)
    return weighted_mean(away**2, weights)


def effective_size(weights: Numbers) -> float:
    """Return Kish's effective sample size, (Σ w)² / Σ w² (Kish 1965); 0 where no child has weight.

    >>> effective_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    largest = float(np.max(weights, initial=0))
    if largest <= 0.0:
        return 0.0
    share = np.asarray(weights, dtype=np.float64) / largest  # so that squares cannot overflow
    return float(share.sum() ** 2 / (share @ share))


def shares(weights: Numbers) -> Array:
    """Return the weights divided by their sum."""
    wide = np.asarray(weights, dtype=np.float64)
    total = wide.sum()
    if total <= 0.0:
        raise TooFew("a weighted sample needs a positive sum of weights; no child has weight here.")
    return np.asarray(wide / total)


def distribution_distance(values: Numbers, weights: Sequence[Numbers]) -> float:
    """Return the largest Kolmogorov-Smirnov distance between two of k weightings of the same
    values, from 0 to 1; two samples are their values put together, each weighted 0 in the other.

    values: (n,). weights: k vectors (n,), none negative. Raises TooFew for a weighting of nobody.

    >>> ages = np.array([5.0, 6.0, 6.0, 7.0])
    >>> distribution_distance(ages, [np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])])
    0.5
    """
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values)[order]
    # Tied values jump together: only the last of each tie is a point of the distribution.
    last = np.append(ordered[1:] != ordered[:-1], True)
    steps = [np.cumsum(shares(weight)[order])[last] for weight in weights]
    return max(float(np.abs(one - other).max()) for one, other in combinations(steps, 2))
