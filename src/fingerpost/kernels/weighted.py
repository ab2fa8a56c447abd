"""Weighted means, variances, distances between distributions, and effective sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fingerpost.core.errors import TooFew
from fingerpost.kernels.arrays import Array, Codes, Numbers


def weighted_mean(values: Numbers, weights: Numbers) -> Array:
    """Return the Hajek mean: (q,) of (n, q), or a scalar array of (n,).

    >>> float(weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    2.0
    """
    total = float(np.sum(weights))
    if total <= 0.0:
        raise TooFew("a weighted mean needs a positive sum of weights; no child has weight here.")
    return np.asarray(weights @ values / total, dtype=np.float64)


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


@dataclass(frozen=True, eq=False, slots=True)
class Ranked:
    """Values (n,) as codes (n,) of their m sorted distinct levels: sorted once, they are weighted
    any number of times.
    """

    codes: Codes
    levels: Array

    def shares(self, weights: Numbers) -> Array:
        """Return (m,) the share of the weights (n,) that each level has."""
        wide = np.asarray(weights, dtype=np.float64)
        mass = np.bincount(self.codes, weights=wide, minlength=len(self.levels))
        return shares(mass)

    def variance(self, share: Array) -> float:
        """Return the mean squared distance from the mean, of shares (m,) of the levels."""
        away = self.levels - share @ self.levels
        return float(share @ away**2)


def ranked(values: Numbers) -> Ranked:
    """Return values by their sorted distinct levels.

    >>> ranked(np.array([7.0, 5.0, 7.0])).codes.tolist()
    [1, 0, 1]
    """
    wide = np.asarray(values, dtype=np.float64)
    if len(wide) and bool(((wide == 0.0) | (wide == 1.0)).all()):
        ones = int(np.count_nonzero(wide))  # an indicator needs no sorting
        if 0 < ones < len(wide):
            return Ranked(wide.astype(np.int8), np.array([0.0, 1.0]))
    levels, codes = np.unique(wide, return_inverse=True)
    return Ranked(codes.astype(np.int32), levels)


def farthest(shares: Sequence[Array]) -> float:
    """Return the largest Kolmogorov-Smirnov distance between two of k distributions, from 0 to 1,
    told as shares (m,) of the same levels.

    >>> ages = ranked(np.array([5.0, 6.0, 6.0, 7.0]))
    >>> farthest([ages.shares(np.array([1, 1, 0, 0])), ages.shares(np.array([0, 0, 1, 1]))])
    0.5
    """
    # Tied values jump together: each level is one point of the distribution.
    steps = [np.cumsum(share) for share in shares]
    return max(float(np.abs(one - other).max()) for one, other in combinations(steps, 2))
