"""Cumulative incidence with competing events (Aalen & Johansen 1978), with influence.

Who died or left can no longer be provided for: counting them as censored would say what share
would be provided for in a world without deaths or moves. The curve of one cause is
F(t) = Σ S(s−) d(s) / Y(s) over times s ≤ t, with S the curve of all causes together. The influence
is its infinitesimal jackknife, ties included, so that children may be summed by school or area; for
independent children the sum of its squares is the variance of Greenwood's type.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers
from fingerpost.kernels.glm import check_vector, check_weights
from fingerpost.kernels.survival import reach


@dataclass(frozen=True, eq=False, slots=True)
class CumulativeIncidence:
    """The curve of one cause at chosen times.

    at: (h,) the chosen times. incidence: (h,) share with the event by then. influence: (n, h)
    change by a unit of weight on the row; the error is their weighted sum. variance: (h,) their sum
    of squares with the weights, for independent rows. at_risk: (h,) weight still under observation
    just after each time, and without any event. events: (h,) weight with the event by then.
    without: (h,) share with no event of any cause by then.
    """

    at: Array
    incidence: Array
    influence: Array
    variance: Array
    at_risk: Array
    events: Array
    without: Array


def cumulative_incidence(
    time: Numbers,
    cause: Codes,
    *,
    at: Numbers,
    of: int = 1,
    entry: Numbers | None = None,
    weights: Numbers | None = None,
) -> CumulativeIncidence:
    """Return the cumulative incidence of one cause at chosen times.

    time: (n,) to event or censoring. cause: (n,) code of the event, 0 for censored; an event and a
    censoring at one time: the event came first. at: (h,) times in the same unit. of: the cause.
    entry: (n,) when a row comes under observation. weights: (n,). Censoring is taken to be
    independent of the events. Raises UsageError for an entry not before its time, TooFew where a
    chosen time lies beyond the last row under observation.

    >>> found = cumulative_incidence(np.array([1.0, 2, 3, 4]), np.array([1, 2, 1, 0]), at=[2, 3])
    >>> found.incidence.tolist()
    [0.25, 0.5]
    """
    n, chosen = len(time), np.asarray(at, dtype=np.float64)
    times, start, w = followed(time, entry, weights)
    codes = np.where(w > 0, np.asarray(cause), 0)
    refuse_beyond(times[w > 0], codes[w > 0], chosen)
    happened = codes > 0
    distinct = np.unique(times[happened])
    place = np.searchsorted(distinct, times)
    upto = np.searchsorted(distinct, times, side="right")
    since = np.searchsorted(distinct, start, side="right")
    size = len(distinct)
    risk = reach(since, upto, weights=w, size=size)
    every = counted(place, happened, w, size)
    mine = counted(place, codes == of, w, size)
    hazard, own = every / risk, mine / risk
    left = np.where(risk - every <= 1e-12 * risk, 0.0, 1 - hazard)
    after = np.cumprod(left)
    before = np.append(1.0, after)[:-1]
    curve = np.append(0.0, np.cumsum(before * own))
    steps = np.searchsorted(distinct, chosen, side="right")
    hazards = Hazards(hazard, own, left, before, curve, risk)
    influence = np.empty((n, len(chosen)))
    for column, upper in enumerate(steps):
        first, rest = hazards.slopes(int(upper))
        run = np.append(0.0, np.cumsum(first * own - rest * hazard))
        change = run[since] - run[upto]
        change[codes == of] += first[place[codes == of]]
        change[happened] -= rest[place[happened]]
        influence[:, column] = change
    return CumulativeIncidence(
        chosen,
        curve[steps],
        influence,
        ((w[:, None] * influence) ** 2).sum(axis=0),
        still_there(times, start, w, chosen),
        np.append(0.0, np.cumsum(mine))[steps],
        np.append(1.0, after)[steps],
    )


def followed(
    time: Numbers, entry: Numbers | None, weights: Numbers | None
) -> tuple[Array, Array, Array]:
    """Return (n,) times, entries (minus infinity where none is given) and weights, checked."""
    n = len(time)
    times = check_vector(time, n, name="time")
    start = np.full(n, -np.inf) if entry is None else check_vector(entry, n, name="entry")
    if np.any(start >= times):
        raise UsageError("entry must come before the time of event or censoring in every row.")
    return times, start, np.ones(n) if weights is None else check_weights(weights, n)


@dataclass(frozen=True, eq=False, slots=True)
class Hazards:
    """Of each of J event times: hazard of any cause and of the one (own), the share left without
    any just after among those at risk (left), the share without any just before; the curve, 0 and
    then just after each, (J + 1,); and the weight at risk.
    """

    hazard: Array
    own: Array
    left: Array
    before: Array
    curve: Array
    risk: Array

    def slopes(self, upper: int) -> tuple[Array, Array]:
        """Return (J,) what a change of the hazards at each time does to the curve after `upper`
        times: at once, by the cause itself; and by leaving fewer for later, by any cause.
        """
        size = len(self.hazard)
        later = np.divide(
            self.curve[upper] - self.curve[1:], self.left, out=np.zeros(size), where=self.left > 0
        )
        inside = np.arange(size) < upper
        first: Array = np.where(inside, self.before, 0.0) / self.risk
        rest: Array = np.where(inside, later, 0.0) / self.risk
        return first, rest


def counted(place: Codes, rows: NDArray[np.bool_], weights: Array, size: int) -> Array:
    """Return (size,) weight of the chosen rows at each time."""
    total = np.bincount(place[rows], weights=weights[rows], minlength=size)
    return np.asarray(total, dtype=np.float64)


def still_there(times: Array, start: Array, weights: Array, chosen: Array) -> Array:
    """Return (h,) weight under observation just after each chosen time."""
    found = [float(weights[(times > each) & (start <= each)].sum()) for each in chosen]
    return np.array(found)


def refuse_beyond(times: Array, codes: Codes, chosen: Array) -> None:
    """Raise TooFew where a chosen time lies beyond all observation of somebody without an event."""
    if len(times) == 0:
        raise TooFew("cumulative incidence needs rows; none is left.")
    last = float(times.max())
    if len(chosen) and float(chosen.max()) > last and not np.all(codes[times == last] > 0):
        raise TooFew(
            f"nobody is under observation up to the time of {float(chosen.max()):g}: choose an "
            "earlier one."
        )
