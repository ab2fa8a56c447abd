"""A weighted survival curve whose weights may change over time, and its influence.

A child who stays stands for those like it who left: its weight grows by the inverse of the chance
of having stayed so far. With weights that do not change the curve is Kaplan and Meier's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.hazards import Grid, Hazards, expit
from fingerpost.kernels.survival import reach

Places = NDArray[np.intp]
Ask = tuple[str, float]  # summary (risk, survival, rmst) and the time by which


@dataclass(frozen=True, eq=False, slots=True)
class Spells:
    """When n rows were under observation: just after `start` (-inf: from the first) up to and with
    `time`, when the event came (`event`) or they left. At one time, the event comes first.
    """

    start: Array
    time: Array
    event: NDArray[np.bool_]

    def take(self, rows: NDArray[np.generic]) -> Spells:
        """Return the chosen rows (indices or a mask)."""
        return Spells(self.start[rows], self.time[rows], self.event[rows])


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A survival curve: at (L,) event times, survival just after each, weighted number at risk,
    weighted events, and what they leave.
    """

    times: Array
    survival: Array
    at_risk: Array
    events: Array
    left: Array

    def value(self, ask: Ask) -> float:
        """Return the risk or survival by a time, or the mean time free of the event up to it."""
        summary, by = ask
        upto = int(np.searchsorted(self.times, by, side="right"))
        if summary == "rmst":
            return float(np.append(1.0, self.survival[:upto]) @ self._lengths(upto, by))
        survival = float(self.survival[upto - 1]) if upto else 1.0
        return survival if summary == "survival" else 1.0 - survival

    def in_logs(self, ask: Ask) -> Array:
        """Return (L,) derivatives of a value in the logarithm of the share that gets past each
        event time.
        """
        summary, by = ask
        upto = int(np.searchsorted(self.times, by, side="right"))
        found = np.zeros(len(self.times))
        if summary == "rmst":
            area = self.survival[:upto] * self._lengths(upto, by)[1:]
            found[:upto] = np.cumsum(area[::-1])[::-1]
        else:
            survival = float(self.survival[upto - 1]) if upto else 1.0
            found[:upto] = survival if summary == "survival" else -survival
        return found

    def _lengths(self, upto: int, by: float) -> Array:
        """Return how long the curve stays level: from nought, then from each of `upto` times."""
        corners = np.concatenate([[0.0], np.maximum(self.times[:upto], 0.0), [by]])
        return np.diff(corners)


@dataclass(frozen=True, eq=False, slots=True)
class Staying:
    """The chance of having stayed, from hazards of leaving. predictor: (n,) of the rows."""

    hazards: Hazards
    predictor: Array

    def hazard(self, place: int, rows: Codes) -> Array:
        """Return the rows' hazards of leaving in one interval."""
        return expit(self.hazards.level[place] + self.predictor[rows])


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """How q values move. by_row: (n, q) with the logarithm of each row's weight; in_leaving: (P, q)
    with the parameters of the hazards of leaving, None where there are none.
    """

    by_row: Array
    in_leaving: Array | None


def weighted_curve(
    spells: Spells, weights: Array, *, horizon: float, staying: Staying | None = None
) -> Curve:
    """Return the curve up to a horizon.

    weights: (n,) at the start. staying: the chance of having stayed, by whose inverse a row counts
    the more. Robins & Finkelstein (2000), Biometrics 56:779-788.
    """
    inside = spells.event & (spells.time <= horizon) & (weights > 0.0)
    distinct = np.unique(spells.time[inside])
    size = len(distinct)
    at_risk, events = np.zeros(size), np.zeros(size)
    for part in _parts(spells, weights, distinct, staying):
        lo, hi = part.lo, part.hi
        at_risk[lo:hi] = reach(part.since - lo, part.upto - lo, weights=part.weight, size=hi - lo)
        mine = part.event
        events[lo:hi] = np.bincount(
            part.upto[mine] - 1 - lo, weights=part.weight[mine], minlength=hi - lo
        )
    left = np.maximum(at_risk - events, 0.0)
    left[left <= 1e-12 * at_risk] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(left / at_risk).astype(np.float64)
    return Curve(distinct, survival, at_risk, events, left)


def told_weights(spells: Spells, weights: Array, *, horizon: float, staying: Staying) -> Array:
    """Return (n,) the weight with which each row counts at its event or, free of it, at the
    horizon; 0 where it left before, so that what came of it by the horizon is not told.

    Robins & Finkelstein (2000), Biometrics 56:779-788.
    """
    told = (spells.event | (spells.time >= horizon)) & (weights > 0.0)
    grown: Array = np.ones(len(weights))
    rows: Codes = np.arange(len(weights))
    turns = staying.hazards.risk.grid.turns
    for place in range(int(np.searchsorted(turns, horizon, side="left"))):
        rows, leaves = _after(spells, rows, staying, place=place)
        grown[rows] *= leaves.grown
    return np.where(told, weights * grown, 0.0)


def curve_change(
    spells: Spells,
    curve: Curve,
    *,
    weights: Array,
    asks: Sequence[Ask],
    staying: Staying | None = None,
) -> Change:
    """Return the derivatives of the asked values: the infinitesimal jackknife, ties included.

    What a row adds is followed over time and read where each value stops. A hazard of leaving moves
    all that a row adds after the interval's turn, up to there.
    """
    added = _added(curve, asks)
    by_row = np.zeros((len(weights), len(asks)))
    running = np.zeros((len(weights), added.own.shape[1]))
    for part in _parts(spells, weights, curve.times, staying, stops=added.stop):
        running[part.rows] += part.adds(added)
        for place in part.stopping(added):
            by_row[:, place] = added.factor[place] * running[:, added.which[place]]
    if staying is None:
        return Change(by_row, None)
    found = staying.hazards
    by_level = np.zeros((len(found.level), len(asks)))
    by_slope = np.zeros((len(found.slope), len(asks)))
    running[:] = 0.0
    held, drawn = np.zeros(len(weights)), np.zeros_like(running)
    for part in _parts(spells, weights, curve.times, staying, stops=added.stop, every=True):
        running[part.rows] += part.adds(added)
        for place in part.stopping(added):
            so_far = added.factor[place] * drawn[:, added.which[place]]
            over = held * by_row[:, place] - so_far
            by_slope[:, place] = found.in_slopes(found.design, over[:, None])[:, 0]
        if part.leaves is not None:
            moves = np.zeros(len(weights))
            moves[part.stay] = part.leaves
            later = moves @ by_row - added.factor * (moves @ running)[added.which]
            by_level[part.place] = np.where(added.stop > part.hi, later, 0.0)
            held += moves
            drawn += moves[:, None] * running
    return Change(by_row, np.concatenate([by_level, by_slope]))


@dataclass(frozen=True, eq=False, slots=True)
class Added:
    """What rows add over time: q values read from r running sums.

    own: (L, r) by which a row's event lowers a sum, for each unit of its weight; summed: (L + 1, r)
    how much being at risk has raised it. which, factor, stop: (q,) the sum of each value, what
    multiplies it, and the number of event times after which it is read.
    """

    own: Array
    summed: Array
    which: Places
    factor: Array
    stop: Places


def _added(curve: Curve, asks: Sequence[Ask]) -> Added:
    """Return the sums to follow: one for all risks and survivals, one for each mean time."""
    size = len(curve.times)
    logs, which = [np.ones(size)], []
    factor, stop = np.ones(len(asks)), np.zeros(len(asks), dtype=np.intp)
    for place, (summary, by) in enumerate(asks):
        stop[place] = np.searchsorted(curve.times, by, side="right")
        if summary == "rmst":
            which.append(len(logs))
            logs.append(curve.in_logs((summary, by)))
        else:
            which.append(0)
            survival = curve.value(("survival", by))
            factor[place] = survival if summary == "survival" else -survival
    alive = (curve.left > 0.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(alive, np.stack(logs, axis=1) / curve.left[:, None], 0.0)
    raised = np.cumsum(own * (curve.events / curve.at_risk)[:, None], axis=0)
    summed = np.concatenate([np.zeros((1, len(logs))), raised])
    return Added(own, summed, np.array(which, dtype=np.intp), factor, stop)


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """The rows under observation in one interval between changes of weight, which holds event times
    lo to hi. since, upto: (m,) their spans of event times within; weight: (m,); event: (m,) whether
    theirs is in it. place: the interval; stay: rows left after its turn; leaves: (·,) by how
    much their log weight grows with the linear predictor of the hazard of leaving.
    """

    lo: int
    hi: int
    rows: Codes
    since: Places
    upto: Places
    weight: Array
    event: NDArray[np.bool_]
    place: int = -1
    stay: Codes | None = None
    leaves: Array | None = None

    def adds(self, added: Added) -> Array:
        """Return (m, r) what each row adds to the running sums here."""
        found: Array = added.summed[self.upto] - added.summed[self.since]
        if self.event.any():
            found[self.event] -= added.own[self.upto[self.event] - 1]
        found *= self.weight[:, None]
        return found

    def stopping(self, added: Added) -> Places:
        """Return the values that are read where these event times end."""
        if self.hi == self.lo:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(added.stop == self.hi)


def _parts(
    spells: Spells,
    weights: Array,
    distinct: Array,
    staying: Staying | None,
    *,
    stops: Places | None = None,
    every: bool = False,
) -> Iterator[Part]:
    """Yield the spans between turns in order, cut at the stops; every: those without events too."""
    since = np.searchsorted(distinct, spells.start, side="right")
    upto = np.searchsorted(distinct, spells.time, side="right")
    last = float(distinct[-1]) if len(distinct) else -np.inf
    happened = spells.event & (spells.time <= last)
    turns = np.empty(0) if staying is None else staying.hazards.risk.grid.turns
    bounds = np.concatenate([[0], np.searchsorted(distinct, turns, side="right"), [len(distinct)]])
    rows: Codes = np.arange(len(weights))
    weight = weights.copy()
    for place, (begin, end) in enumerate(pairwise(bounds.tolist())):
        inner = [] if stops is None else np.unique(stops[(stops > begin) & (stops < end)]).tolist()
        for lo, hi in pairwise([begin, *inner, end]):
            first, final = np.clip(since[rows], lo, hi), np.clip(upto[rows], lo, hi)
            here = final > first
            chosen = rows[here]
            mine = happened[chosen] & (upto[chosen] <= hi)
            part = Part(lo, hi, chosen, first[here], final[here], weight[chosen], mine)
            if hi < end:
                yield part
        if staying is not None and place < len(turns):
            stay, leaves = _after(spells, rows, staying, place=place)
            weight[stay] *= leaves.grown
            part, rows = replace(part, place=place, stay=stay, leaves=leaves.slope), stay
        if part.hi > part.lo or every:
            yield part


@dataclass(frozen=True, eq=False, slots=True)
class Leaves:
    """By what rows' weights grow over an interval, and its logarithm's slope in their predictor."""

    grown: Array
    slope: Array


def _after(spells: Spells, rows: Codes, staying: Staying, *, place: int) -> tuple[Codes, Leaves]:
    """Return the rows that stay after an interval's turn, and how their weights grow."""
    grid = staying.hazards.risk.grid
    stay = rows[spells.time[rows] > grid.turns[place]]
    share = _share_after(spells.start[stay], grid, place=place)
    hazard = staying.hazard(place, stay)
    stayed = 1.0 - hazard
    if np.any(share < 1.0):  # a power is dear, and is needed only where rows come late
        stayed = stayed**share
    return stay, Leaves(1.0 / stayed, share * hazard)


def _share_after(start: Array, grid: Grid, *, place: int) -> Array:
    """Return the share of an interval that lies after a row's start: 0 or 1 on an exact grid."""
    end = float(grid.ends[place])
    if grid.exact:
        return (start < end).astype(np.float64)
    begin = float(grid.starts[place])
    share = (end - np.maximum(start, begin)) / max(end - begin, 1e-300)
    return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float64)
