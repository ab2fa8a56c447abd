"""A trial that looks once and goes on with its best arm: its boundary and its power, exactly.

Thall, Simon & Ellenberg (1988), Biometrika 75:303-310. In the first part each arm has m units, in
the second the first arm and the best of the others have n more. At the end these two are compared
on all their units, against a boundary that keeps the chance of declaring any arm better, where none
is, at its level. Outcomes are normal with variance 1. Given the mean x of the best arm after the
first part, the sum by which it is compared is normal, so that the chance is one integral over x.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import brentq
from scipy.special import ndtr

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array

POINTS = 80


def declared(effects: Array, *, first: float, second: float, boundary: float) -> Array:
    """Return the chance that each arm besides the first goes on and is declared better.

    effects: (k,) of the arms besides the first, against it. first, second: units of an arm in the
    first part, and more of it in the second. boundary: of the z-statistic at the end.

    >>> declared(np.array([0.0]), first=50, second=50, boundary=1.959964).round(4).tolist()
    [0.025]
    """
    effects = np.asarray(effects, dtype=np.float64)
    if first <= 0 or second < 0:
        raise UsageError(f"first {first:g}, second {second:g}: units of an arm are above 0.")
    nodes, weights = hermegauss(POINTS)
    weights = weights / weights.sum()
    found = np.empty(len(effects))
    root = np.sqrt(first)
    for at, effect in enumerate(effects):
        x = effect + nodes / root
        others = np.delete(effects, at)
        best = ndtr((x[:, None] - others) * root).prod(axis=1)
        sum_ = first * x + second * effect
        wanted = boundary * np.sqrt(2 * (first + second))
        found[at] = weights @ (best * ndtr((sum_ - wanted) / np.sqrt(first + 2 * second)))
    return found


def boundary_of(arms: int, *, first: float, second: float, alpha: float = 0.025) -> float:
    """Return the boundary of the z-statistic at the end, one-sided, over all arms.

    arms: how many besides the first. Of three, on which nobody looks before the end, it is
    Dunnett's.

    >>> round(boundary_of(1, first=30, second=70), 6), round(boundary_of(3, first=99, second=0), 3)
    (1.959964, 2.349)
    """
    if not 0 < alpha < 0.5 or arms < 1:
        raise UsageError(f"alpha {alpha:g} lies above 0 and below 0.5; arms {arms} is 1 or more.")
    none = np.zeros(arms)

    def over(boundary: float) -> float:
        return float(declared(none, first=first, second=second, boundary=boundary).sum()) - alpha

    return float(brentq(over, 0.0, 8.0, xtol=1e-12))
