"""Intervals for a number of which only bounds are known."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import ndtr, stdtr


def reach(width: float, largest: float, *, level: float, df: float = math.inf) -> float:
    """Return how many standard errors an interval goes beyond each bound.

    It covers each number between the bounds with probability `level` at least: c solves
    F(c + width / largest) − F(−c) = level, which lies between the one-sided quantile (wide bounds)
    and the two-sided one (bounds that meet). Imbens & Manski (2004), Econometrica 72(6), 1845-1857,
    equations 6 and 7. Bounds are taken to be in order by construction, where the interval is valid
    however close they lie (Stoye 2009, Econometrica 77(4), 1299-1315, lemma 3).

    width: upper less lower bound, 0 or more. largest: of the two standard errors. df: of Student's
    t in place of the normal, where clusters are few.

    >>> round(reach(0.0, 1.0, level=0.95), 4), round(reach(50.0, 1.0, level=0.95), 4)
    (1.96, 1.6449)
    """

    def below(value: float) -> float:
        return float(ndtr(value) if math.isinf(df) else stdtr(df, value))

    apart = width / largest if largest > 0 else math.inf
    return float(
        brentq(lambda c: below(c + apart) - below(-c) - level, 0.0, 1e6, xtol=1e-12, maxiter=500)
    )


def interval(
    lower: float, upper: float, *, errors: tuple[float, float], level: float, df: float = math.inf
) -> tuple[float, float]:
    """Return the interval for a number between two estimated bounds; errors: of each bound.

    >>> [round(end, 3) for end in interval(1.0, 3.0, errors=(0.1, 0.2), level=0.95)]
    [0.836, 3.329]
    """
    times = reach(max(upper - lower, 0.0), max(errors), level=level, df=df)
    return lower - times * errors[0], upper + times * errors[1]
