"""Power of a two-sided test with both tails, and the smallest effect that it finds."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtrit


def power_z(effect: float, variance: float, *, alpha: float = 0.05) -> float:
    """Return the chance that a two-sided z test rejects, in either tail.

    >>> round(power_z(0.018, 4.0658473e-05), 6)
    0.805917
    """
    if not math.isfinite(variance):
        return alpha
    z, far = float(ndtri(1 - alpha / 2)), abs(effect) / math.sqrt(variance)
    return float(ndtr(far - z) + ndtr(-far - z))


def power_t(effect: float, variance: float, *, df: float, alpha: float = 0.05) -> float:
    """Return the chance that a two-sided t test rejects, in either tail (non-central t).

    >>> round(power_t(0.629, 0.17 / 5 + 0.83 / 75, df=18), 7)
    0.8000708
    """
    if not math.isfinite(variance):
        return alpha
    t, far = float(stdtrit(df, 1 - alpha / 2)), abs(effect) / math.sqrt(variance)
    # Where a tail is too small for the routine (far from it) it is nothing.
    below, other = (float(np.nan_to_num(nctdtr(df, far, end))) for end in (t, -t))
    return min(1.0, 1.0 - below + other)


@cache
def multiplier_z(alpha: float, power: float) -> float:
    """Return how many standard errors an effect must be for a z test to find it with a power.

    >>> round(multiplier_z(0.05, 0.80), 5)
    2.80158
    """
    z = float(ndtri(1 - alpha / 2))

    def short(far: float) -> float:
        return float(ndtr(far - z) + ndtr(-far - z)) - power

    return float(brentq(short, 0.0, z + float(ndtri(power)) + 1.0, xtol=1e-13))


@cache
def multiplier_t(alpha: float, power: float, *, df: float) -> float:
    """Return the same for a t test, as designs in education count it: t(1 − α/2) + t(power).

    Bloom (1995), Evaluation Review 19:547-556. With 15 children in each of 20 schools, half of
    which are provided for, and an intra-cluster correlation of .17:

    >>> round(multiplier_t(0.05, 0.80, df=18) * (0.17 / 5 + 0.83 / 75) ** 0.5, 7)
    0.6290064
    """
    return float(stdtrit(df, 1 - alpha / 2) + stdtrit(df, power))
