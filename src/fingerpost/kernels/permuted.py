"""Differences between two arms, with Neyman's variance, under many draws at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array

Whole = NDArray[np.int64]
PART = 2_000_000  # cells of draws × units held at a time


@dataclass(frozen=True, eq=False, slots=True)
class Totals:
    """Units that were drawn. first, second: (u,) sums of two variables over a unit's children;
    size: (u,) of their weights; stratum: (u,) codes; share: (s,) of a stratum in the answer.
    """

    first: Array
    second: Array
    size: Array
    stratum: Whole
    share: Array


def differences(
    totals: tuple[Totals, Totals], arms: Whole, *, pair: tuple[int, int]
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return (d, 2) differences of the two variables, (d, 3) their variances and covariance
    (first, both, second), and whether every stratum held both arms, under each draw.

    totals: of the same units, as the arm and that it is compared with weigh them. arms: (d, u)
    codes. pair: the arm, and that it is compared with. A difference is the mean over
    strata, by share, of that between ratios Σ variable / Σ size of the arms; its variance is the
    sum, in each arm of each stratum, of squared residuals of m units, times m / (m − 1) (Neyman
    1923; of ratios, linearised). A stratum with one unit of an arm adds none.

    >>> own = Totals(np.array([1.0, 3.0, 2.0, 8.0]), np.zeros(4), np.ones(4), np.zeros(4, int),
    ...     np.ones(1))
    >>> value, variance, whole = differences((own, own), np.array([[0, 1, 0, 1]]), pair=(1, 0))
    >>> float(value[0, 0]), round(float(variance[0, 0]), 3), bool(whole[0])
    (4.0, 6.5, True)
    """
    d = len(arms)
    value, variance = np.zeros((d, 2)), np.zeros((d, 3))
    whole = np.ones(d, dtype=np.bool_)
    for stratum, share in enumerate(totals[0].share):
        rows = np.flatnonzero(totals[0].stratum == stratum)
        step = max(1, PART // max(len(rows), 1))
        for sign, arm, own in zip((1.0, -1.0), pair, totals, strict=True):
            y, t, n = own.first[rows], own.second[rows], own.size[rows]
            one = np.ones(len(rows))
            wide = np.stack([one, n, y, t, y * y, y * t, t * t, y * n, t * n, n * n], 1)
            for start in range(0, d, step):
                part = slice(start, start + step)
                found = (arms[part][:, rows] == arm).astype(np.float64) @ wide
                mean, spread, held = _ratio(found)
                value[part] += sign * share * mean
                variance[part] += share**2 * spread
                whole[part] &= held
    return value, variance, whole


def _ratio(found: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return (d, 2) means, (d, 3) variances, and whether there is a unit, of one arm's sums."""
    m, n, y, t, yy, yt, tt, yn, tn, nn = found.T
    held = n > 0
    size = np.where(held, n, 1.0)
    a, b = y / size, t / size
    factor = np.where(m > 1, m / np.maximum(m - 1, 1), 0.0) / size**2
    own = factor * (yy - 2 * a * yn + a * a * nn)
    both = factor * (yt - a * tn - b * yn + a * b * nn)
    other = factor * (tt - 2 * b * tn + b * b * nn)
    return np.stack([a, b], 1), np.stack([own, both, other], 1), held
