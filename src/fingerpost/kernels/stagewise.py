"""What a trial with looks says of its effect once it has stopped: the stagewise ordering.

A trial that may stop early ends at a look, with a statistic. Ends are put in order: an earlier stop
for benefit is stronger evidence than a later one, and at one look the larger statistic is (Armitage
1957; Tsiatis, Rosner & Mehta 1984, Biometrics 40:797-803; Jennison & Turnbull 2000, Group
Sequential Methods, sections 8.4-8.5). The probability of an end at least as strong as the one that
was seen rises with the effect: where it is 0.5 lies an estimate that is too large as often as too
small, where it is 0.025 and 0.975 lie the ends of an interval that holds the effect in 95% of
trials, whenever they stop. Looks after the one at which a trial stopped play no part.

Repeated intervals (Jennison & Turnbull 1989, J R Statist Soc B 51:305-361) hold the effect at all
looks together, whether or not a boundary made the trial stop, and are wider.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.group_sequential import Walk

FIRST_REACH = 8.0  # standard errors on both sides of the statistic in which a limit is looked for
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Stagewise:
    """What the stagewise ordering says. p: of no effect, one-sided or two-sided as the boundary.
    median, low, high: the median-unbiased estimate and the limits, in standard errors of the
    estimate at the look at which the trial stopped.
    """

    p: float
    median: float
    low: float
    high: float


def stagewise(
    statistic: float, *, bounds: Array, fractions: Array, sides: int, level: float = 0.95
) -> Stagewise:
    """Return what a trial says that stopped at look k with a standardised statistic there.

    bounds: (k,) or more, the boundary of one side at the looks up to that one; the last of them
    plays no part. fractions: (k,), shares of information there; only their ratios count. sides: 2
    where the trial stops below minus the boundary too. Raises UsageError for fewer bounds than
    looks before the last.

    >>> found = stagewise(2.5, bounds=np.array([1.96]), fractions=np.array([1.0]), sides=2)
    >>> [round(one, 4) for one in (found.p, found.median, found.low, found.high)]
    [0.0124, 2.5, 0.54, 4.46]
    """
    seen = np.array([statistic])

    def chance(effect: float) -> float:
        return float(
            at_least(seen, effect=effect, bounds=bounds, fractions=fractions, sides=sides)[0]
        )

    up = chance(0.0)
    p = up if sides == 1 else min(1.0, 2 * min(up, 1 - up))
    tail = (1 - level) / 2
    median, low, high = (_where(chance, share, statistic) for share in (0.5, tail, 1 - tail))
    return Stagewise(p, median, low, high)


def at_least(
    statistics: Array, *, effect: float, bounds: Array, fractions: Array, sides: int
) -> Array:
    """Return (n,) the probability of an end at least as strong, for benefit, as a stop at look k
    with each of n statistics.

    effect: in standard errors of the estimate at look k. Others as of `stagewise`.
    """
    t = np.asarray(fractions, dtype=np.float64)
    t = t / t[-1]  # so that the effect is the mean of the statistic at look k
    if len(bounds) < len(t) - 1:
        raise UsageError(f"{len(t) - 1} bounds are needed before look {len(t)}; {len(bounds)} told")
    walk, stopped = Walk(t, effect), 0.0
    for bound in (float(one) for one in bounds[: len(t) - 1]):
        stopped += walk.beyond(bound)
        walk.go(bound, -bound if sides == 2 else -np.inf)
    return np.array([stopped + walk.beyond(float(one)) for one in statistics])


def repeated(value: float, error: float, *, bound: float) -> tuple[float, float]:
    """Return the repeated interval at a look whose boundary is `bound`; unbounded where nothing can
    stop there.

    >>> repeated(1.0, 0.25, bound=2.0)
    (0.5, 1.5)
    """
    return value - bound * error, value + bound * error


def _where(chance: Callable[[float], float], share: float, near: float) -> float:
    """Return the effect at which a chance that rises with it is a share."""
    reach = FIRST_REACH
    while chance(near - reach) > share or chance(near + reach) < share:
        reach *= 2
    return float(brentq(lambda at: chance(at) - share, near - reach, near + reach, xtol=TOLERANCE))
