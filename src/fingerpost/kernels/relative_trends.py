"""How far an effect may lie if trends part after provision begins as they did before.

Rambachan & Roth (2023), Review of Economic Studies 90:2555-2591, relative magnitudes: from one
period to the next the waves drift apart, after provision began, by at most M times the most that
they did in any step before. Intervals are the union, over which step was the largest and its sign,
of intervals for the two linear ends that it would give: whichever step it truly was, its own
interval holds the truth, so the union does. It is as wide as theirs or wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array


@dataclass(frozen=True, slots=True)
class Drift:
    """Ends of the effects allowed (low, high) and of an interval for them (lo, hi)."""

    times: float
    low: float
    high: float
    lo: float
    hi: float


def relative_magnitudes(
    before: Array,
    value: float,
    *,
    covariance: Array,
    carried: float,
    times: float,
    critical: float,
    lengths: Array | None = None,
) -> Drift:
    """Return what drift of `times` the largest step before allows.

    before: (k,) effects of the periods before the last one without provision, earliest first; that
    one's is 0. value: the effect that is asked. covariance: (k + 1, k + 1) of both. carried: how
    much of the effect moves with a step of drift in every period, summed: of a mean over exposures
    0 to m the sum over s of the weights of s and later. critical: of an interval's end. lengths:
    (k,) periods from each of `before` to the next (of the last to the one before provision), where
    some were not seen: a step over several is shared out among them; None: 1 each.
    """
    k = len(before)
    whole = np.append(before, value)
    target = np.append(np.zeros(k), 1.0)
    reach = times * carried
    steps = np.zeros((k, k + 1))
    steps[np.arange(k), np.arange(k)] = -1.0
    steps[np.arange(k - 1), np.arange(1, k)] = 1.0
    steps = steps if lengths is None else steps / lengths[:, None]
    low, high, lo, hi = np.inf, -np.inf, np.inf, -np.inf
    for sign in (1.0, -1.0):
        for step in steps:
            away = reach * sign * step
            first, last = target - away, target + away
            ends = float(first @ whole), float(last @ whole)
            low, high = min(low, *ends), max(high, *ends)
            errors = [_root(float(end @ covariance @ end)) for end in (first, last)]
            own = ends[0] - critical * errors[0], ends[1] + critical * errors[1]
            if own[0] <= own[1]:
                lo, hi = min(lo, own[0]), max(hi, own[1])
    return Drift(times, low, high, lo, hi)


def _root(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))
