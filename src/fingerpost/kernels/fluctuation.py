"""One logistic step along an offset: the intercept at which weighted residuals sum to nought."""

from __future__ import annotations

import numpy as np

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.families import logistic

FARTHEST = 100.0  # beyond it, in logits, every mean is 0 or 1 to the last digit
STEPS = 200
CLOSE = 1e-14


def logistic_intercept(offset: Array, y: Array, *, weights: Array) -> float:
    """Return ε with Σ w (y − expit(offset + ε)) = 0.

    offset: (n,) finite. y: (n,) between 0 and 1. weights: (n,), never negative. The sum falls as ε
    rises, so Newton's steps are kept within a bracket that each step narrows.
    Raises NotFitted where y is 0 wherever there is weight, or 1 there: no finite ε exists.

    >>> eps = logistic_intercept(np.zeros(4), np.array([0.0, 0, 0, 1]), weights=np.ones(4))
    >>> round(float(np.exp(eps)), 6)  # odds of one in four
    0.333333
    """
    total, wanted = float(weights.sum()), float(weights @ y)
    if not 0.0 < wanted < total:
        raise NotFitted("every outcome with weight lies at one end of its range.")
    low, high, at = -FARTHEST, FARTHEST, 0.0
    for _ in range(STEPS):
        mean = logistic(offset + at)
        gap = wanted - float(weights @ mean)
        low, high = (at, high) if gap > 0 else (low, at)
        curvature = float(weights @ (mean * (1 - mean)))
        step = gap / curvature if curvature > 0 else np.inf
        after = at + step if low < at + step < high else (low + high) / 2
        if abs(after - at) <= CLOSE * (1 + abs(at)):
            return after
        at = after
    return at
