"""Kaplan and Meier's curve, with Greenwood's variance and the influence of each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.arrays import Array, Numbers
from fingerpost.kernels.glm import check_vector, check_weights


@dataclass(frozen=True, eq=False, slots=True)
class KaplanMeier:
    """The curve up to a horizon.

    times: (J,) event times up to the horizon. survival: (J,) just after each. at_risk, events:
    (J,) weighted numbers. risk: 1 - survival at the horizon. variance: Greenwood's, of the risk.
    influence: (n,) change of the risk by a unit of weight on the row; the error of the risk is
    their weighted sum, and its variance for independent children of weight one the sum of squares.
    """

    times: Array
    survival: Array
    at_risk: Array
    events: Array
    risk: float
    variance: float
    influence: Array


def kaplan_meier(
    time: Numbers,
    event: NDArray[np.bool_],
    *,
    horizon: float,
    entry: Numbers | None = None,
    weights: Numbers | None = None,
) -> KaplanMeier:
    """Return risk by the horizon, assuming that censoring is independent of the event.

    time: (n,) to event or censoring, in the unit of the horizon; event: (n,) whether it was the
    event; an event and a censoring at one time: the event came first. entry: (n,) when a row comes
    under observation (at risk just after it). weights: (n,). Kaplan & Meier (1958); Greenwood
    (1926); the influence is the infinitesimal jackknife of the product over event times, ties
    included. Raises UsageError for an entry not before its time, TooFew where nobody is still under
    observation before the horizon.
    """
    n = len(time)
    times = check_vector(time, n, name="time")
    start = np.full(n, -np.inf) if entry is None else check_vector(entry, n, name="entry")
    w = np.ones(n) if weights is None else check_weights(weights, n)
    if np.any(start >= times):
        raise UsageError("entry must come before the time of event or censoring in every row.")
    happened = np.asarray(event, dtype=np.bool_) & (w > 0.0)
    check_follow_up(times[w > 0.0], happened[w > 0.0], horizon=horizon)
    inside = happened & (times <= horizon)
    distinct = np.unique(times[inside])
    at = np.searchsorted(distinct, times)  # event times before the row's own
    upto = np.searchsorted(distinct, times, side="right")
    since = np.searchsorted(distinct, start, side="right")
    counted = np.bincount(at[inside], weights=w[inside], minlength=len(distinct))
    events: Array = counted.astype(np.float64)
    at_risk = reach(since, upto, weights=w, size=len(distinct))
    left = np.maximum(at_risk - events, 0.0)
    left[left <= 1e-12 * at_risk] = 0.0
    survival = np.asarray(np.cumprod(left / at_risk), dtype=np.float64)
    final = float(survival[-1]) if len(distinct) else 1.0
    if final > 0.0:
        hazard = np.append(0.0, np.cumsum(events / (at_risk * left)))
        change = hazard[since] - hazard[upto]
        change[inside] += 1.0 / left[at[inside]]
        variance, influence = final**2 * float(hazard[-1]), final * change
    else:
        variance, influence = 0.0, np.zeros(n)
    return KaplanMeier(distinct, survival, at_risk, events, 1.0 - final, variance, influence)


def check_follow_up(times: Array, happened: NDArray[np.bool_], *, horizon: float) -> None:
    """Raise TooFew where the last row leaves before the horizon without an event."""
    if len(times) == 0:
        raise TooFew("a survival curve needs rows; none is left.")
    last = float(times.max())
    if last < horizon and not bool(np.any(happened[times == last])):
        raise TooFew(
            f"nobody is under observation up to the horizon of {horizon:g}: choose an earlier one."
        )


def reach(since: NDArray[np.intp], upto: NDArray[np.intp], *, weights: Array, size: int) -> Array:
    """Return (size,) weights of the rows whose span [since, upto) holds each place."""
    steps = np.bincount(since, weights=weights, minlength=size + 1)
    steps -= np.bincount(upto, weights=weights, minlength=size + 1)
    total: Array = np.cumsum(steps[:size])
    return total
