"""Tests over draws, turned round: p-values of every size of effect, and those not rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.region import Region

Array = NDArray[np.float64]
STEPS = 200  # of the grid on which the ends of the interval are looked for
REACH = 30.0  # standard errors to which they are looked for
PARTS, ROUNDS = 8, 6  # of the grid at a time; refinements of an end, 26-fold each


@dataclass(frozen=True, eq=False, slots=True)
class Statistic:
    """Over draws, the first being that which was made: value − effect × moved, with its variance
    quadratic in the effect that is taken off.
    """

    value: Array
    moved: Array
    variance: Array

    def p(self, effects: Array) -> Array:
        """Return (e,) p-values of effects: (b + 1)/(B + 1), b the draws at least as far away."""
        at = np.asarray(effects, dtype=float)[:, None]
        own, both, spread = self.variance.T
        error = own - 2 * at * both + at**2 * spread
        square = (self.value - at * self.moved) ** 2 / np.maximum(error, 1e-300)
        least = square[:, :1] * (1 - 1e-9)
        found: Array = np.count_nonzero(square >= least, axis=1) / square.shape[1]
        return found


def region_of(term: Term, statistic: Statistic, level: float, *, leaf: str) -> Region:
    """Return the p-value of no effect and every effect that is not rejected at the level."""
    moved, error = float(statistic.moved[0]), float(np.sqrt(max(statistic.variance[0, 0], 0.0)))
    value = float(statistic.value[0])
    if abs(moved) < 1e-12 or error == 0:
        raise TooFew(f"{leaf}: nothing varies from draw to draw.")
    middle, reach = value / moved, REACH * error / abs(moved)
    grid = np.linspace(middle - reach, middle + reach, STEPS + 1)
    kept = np.concatenate([statistic.p(part) > 1 - level for part in np.array_split(grid, PARTS)])
    pieces = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(int)))
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        lo = -np.inf if first == 0 else _end(statistic, grid[first - 1], grid[first], level)
        hi = np.inf if last == STEPS else _end(statistic, grid[last + 1], grid[last], level)
        pieces.append((lo, hi))
    none = statistic.p(np.zeros(1))
    method = f"randomisation test of {len(statistic.value) - 1} draws, inverted"
    return Region(term, tuple(pieces), level, method, value=value, p=float(none[0]))


def _end(statistic: Statistic, outside: float, inside: float, level: float) -> float:
    """Return the end of an interval between an effect that is rejected and one that is not."""
    for _ in range(ROUNDS):
        between = np.linspace(outside, inside, STEPS // PARTS + 2)
        first = int(np.argmax(statistic.p(between) > 1 - level))
        outside, inside = float(between[first - 1]), float(between[first])
    return inside
