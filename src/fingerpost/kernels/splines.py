"""Restricted (natural) cubic splines: cubic between the knots, a straight line beyond them."""

from __future__ import annotations

import numpy as np

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.arrays import Array, Numbers

# Harrell (2015), Regression Modeling Strategies, 2nd ed., section 2.4.6.
QUANTILES: dict[int, tuple[float, ...]] = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.50, 0.6583, 0.8167, 0.975),
}


def knots_at(values: Numbers, knots: int, *, name: str = "the covariate") -> Array:
    """Return (knots,) increasing positions at Harrell's quantiles of the values.

    Raises UsageError for a number of knots outside 3-7, TooFew where two quantiles coincide.
    """
    if knots not in QUANTILES:
        raise UsageError(f"spline({name}) asks for {knots} knots; 3 to 7 are allowed.")
    at: Array = np.quantile(np.asarray(values, dtype=np.float64), QUANTILES[knots])
    if np.any(np.diff(at) <= 0):
        raise TooFew(
            f"spline({name}) with {knots} knots: {name} has too few distinct values, so that two "
            f"knots coincide. Use fewer knots, {name} as a power, or as a category."
        )
    return at


def natural_spline(values: Numbers, knots: Array) -> Array:
    """Return the (n, K - 1) basis of a restricted cubic spline with K knots.

    The first column is the value itself; the others are in its unit (divided by the squared
    distance of the outer knots). Harrell (2015), section 2.4.5.
    """
    x = np.asarray(values, dtype=np.float64)
    last, before = knots[-1], knots[-2]
    columns = [x]
    width = (last - knots[0]) ** 2
    tail_last = np.maximum(x - last, 0.0) ** 3
    tail_before = np.maximum(x - before, 0.0) ** 3
    for knot in knots[:-2]:
        bend = np.maximum(x - knot, 0.0) ** 3
        bend -= tail_before * ((last - knot) / (last - before))
        bend += tail_last * ((before - knot) / (last - before))
        columns.append(bend / width)
    return np.column_stack(columns)
