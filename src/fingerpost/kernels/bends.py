"""What a natural spline adds to a straight line, as columns that repeat nothing."""

from __future__ import annotations

import numpy as np

from fingerpost.kernels.arrays import Array, Numbers
from fingerpost.kernels.splines import QUANTILES, natural_spline

FULL, LEAST = 10, 4  # distinct values from which 5 knots, or 3, are placed
FLAT = 1e-8  # share of a column's spread left by the earlier ones that counts as none


def bends(values: Numbers, *, weights: Numbers) -> list[Array]:
    """Return columns (n,) of mean 0 and variance 1 that span, with a constant and the values, the
    restricted cubic spline of 5 knots (3 for 4 to 9 distinct values; no column for fewer).

    Knots lie at Harrell's quantiles of the distinct values, so that a child counted twice moves
    none, and columns are made orthogonal under the weights, so that one ridge suits all.
    """
    x = np.asarray(values, np.float64)
    distinct = np.unique(x)
    if len(distinct) < LEAST:
        return []
    knots = np.quantile(distinct, QUANTILES[5 if len(distinct) >= FULL else 3])
    share = np.asarray(weights, np.float64) / float(np.sum(weights))
    centre = float(share @ x)
    before = [_scaled(x - centre, share)]
    for column in natural_spline(x - centre, knots - centre).T[1:]:
        spread = _scaled(column - float(share @ column), share)
        left = spread
        for _ in range(2):  # the second time removes what rounding left
            for other in before:
                left = left - float((share * left) @ other) * other
        if float(share @ left**2) > FLAT:
            before.append(_scaled(left, share))
    return before[1:]


def _scaled(column: Array, share: Array) -> Array:
    """Return a centred column divided by its standard deviation."""
    size = float(np.sqrt(share @ column**2))
    return column / size if size > 0 else column
