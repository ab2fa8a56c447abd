"""Bounds of means among children who would be seen under either of two arms.

Of the children of an arm who were seen, a share would have been seen under the other arm too. The
least that their mean can be is that of the lowest such share, the most that of the highest
(Horowitz & Manski 1995, Econometrica 63(2), 281-302; Lee 2009, Review of Economic Studies 76(3),
1071-1102).
With Π the share of all children who would be seen under either arm and q the quantile at which the
arm is cut, the lowest mean is q − E[S (q − Y)⁺] / Π: at its own quantile the derivative in q is
nought, so that the quantile's estimation adds nothing to the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import Unanswerable
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.standing import Standing

# Who is seen under one arm only: nobody is seen under the first and not the second; nobody under
# the second and not the first; either may be.
FIRST_SEES_LESS, FIRST_SEES_MORE, ANY = range(3)
WHOLE = 1 - 1e-12  # a share kept from which nothing is cut


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """What is known of n children: seen (n,), value (n,) with 0 where not seen, cell (n,) codes of
    `cells` cells, and the two arms that are compared.
    """

    standing: Standing
    seen: NDArray[np.bool_]
    value: Array
    cell: Codes
    cells: int
    arms: tuple[int, int]

    def share_seen(self, arm: int) -> Array:
        """Return (cells,) shares of all children who are in a cell and seen under an arm."""
        share = np.where(self.seen, self.standing.shares(arm), 0.0)
        return sum_by(self.cell, share, n_groups=self.cells)

    def share(self) -> Array:
        """Return (cells,) shares of all children who are in a cell."""
        member = self.standing.weight * self.standing.tilt.member
        return sum_by(self.cell, member / member.sum(), n_groups=self.cells)


@dataclass(frozen=True, eq=False, slots=True)
class Stratum:
    """Children who would be seen under either arm, by cell.

    ways: (cells,) how they are known. share: (cells,) of all children.
    kept: by arm, (cells,) of those seen under it.
    """

    ways: NDArray[np.intp]
    share: Array
    kept: tuple[Array, Array]

    @property
    def total(self) -> float:
        """Their share of all children."""
        return float(self.share.sum())


def stratum(found: Seen, *, monotone: bool) -> Stratum:
    """Return the children who would be seen under either arm.

    monotone: whether, within a cell, one arm sees every child that the other sees: those seen under
    the arm that sees fewer are then the stratum. Else its share is the least that the records
    allow, P₁ + P₀ − 1 (0 where that is below), at which the bounds are widest (Zhang & Rubin 2003,
    Journal of Educational and Behavioral Statistics 28(4), 353-368).
    """
    first, second = (found.share_seen(arm) for arm in found.arms)
    least = np.maximum(first + second - found.share(), 0.0)
    fewer = np.where(first <= second, FIRST_SEES_LESS, FIRST_SEES_MORE)
    ways = fewer if monotone else np.full(found.cells, ANY)
    share = np.minimum(first, second) if monotone else least
    with np.errstate(all="ignore"):
        kept = [np.where(own > 0, share / own, 0.0) for own in (first, second)]
    return Stratum(ways, share, (kept[0], kept[1]))


@dataclass(frozen=True, eq=False, slots=True)
class Parts:
    """Values (n,) to be averaged over the first arm, over the second and over the target; the three
    means add up.
    """

    first: Array
    second: Array
    everyone: Array

    def plus(self, other: Parts, times: float = 1.0) -> Parts:
        """Return these values and `times` the others."""
        return Parts(
            self.first + times * other.first,
            self.second + times * other.second,
            self.everyone + times * other.everyone,
        )

    def scaled(self, by: float) -> Parts:
        """Return the values times a number."""
        return Parts(by * self.first, by * self.second, by * self.everyone)


@dataclass(frozen=True, eq=False, slots=True)
class Bound:
    """A bound: its value, and the parts whose means' influence is its own."""

    value: float
    parts: Parts

    def less(self, other: Bound) -> Bound:
        """Return the difference of two bounds."""
        return Bound(self.value - other.value, self.parts.plus(other.parts, -1.0))

    def log(self) -> Bound:
        """Return the logarithm of a bound above 0."""
        return Bound(float(np.log(self.value)), self.parts.scaled(1 / self.value))


def lowest(found: Seen, told: Stratum, *, place: int, highest: bool = False) -> Bound:
    """Return the lowest (or highest) mean of those seen under either arm, under one arm.

    place: 0 or 1, which of the two arms. Raises Unanswerable where there need be no such children.
    """
    if not told.total > 0:
        raise Unanswerable("nobody need be seen under both arms.")
    sign = -1.0 if highest else 1.0
    value = sign * found.value
    cut = cuts(found, told, place, value=value)
    own = np.isfinite(cut)
    at = np.where(own, cut, 0.0)[found.cell]
    below = np.where(own[found.cell], np.maximum(at - value, 0.0), 0.0)
    kept = np.where(own[found.cell] | (told.share <= 0)[found.cell], 0.0, value)
    mean = of_stratum(found, told, at)
    seen = np.where(found.seen, kept - below, 0.0)
    nothing = np.zeros(len(seen))
    own_arm = Parts(seen, nothing, nothing) if place == 0 else Parts(nothing, seen, nothing)
    mean = mean.plus(own_arm)
    whole = of_stratum(found, told, np.ones(len(seen)))
    size = total(found, whole)
    ratio = total(found, mean) / size
    return Bound(sign * ratio, mean.plus(whole, -ratio).scaled(sign / size))


def cuts(found: Seen, told: Stratum, place: int, *, value: Array) -> Array:
    """Return (cells,) the quantile at which an arm is cut in each cell; infinite where nothing is
    cut.
    """
    share = np.where(found.seen, found.standing.shares(found.arms[place]), 0.0)
    out = np.full(found.cells, np.inf)
    order = np.lexsort((value, found.cell))
    order = order[share[order] > 0]
    edges = np.searchsorted(found.cell[order], np.arange(found.cells + 1))
    for cell in np.flatnonzero((told.share > 0) & (told.kept[place] < WHOLE)):
        rows = order[edges[cell] : edges[cell + 1]]
        reached = np.searchsorted(np.cumsum(share[rows]), told.share[cell] * WHOLE)
        out[cell] = value[rows[min(int(reached), len(rows) - 1)]]
    return out


def of_stratum(found: Seen, told: Stratum, times: Array) -> Parts:
    """Return the parts of the sum over cells of the stratum's share × `times` (n,), which is the
    same within a cell.
    """
    ways = told.ways[found.cell]
    there = np.where((told.share > 0)[found.cell], times, 0.0)
    seen = np.where(found.seen, there, 0.0)
    return Parts(
        np.where(ways != FIRST_SEES_MORE, seen, 0.0),
        np.where(ways != FIRST_SEES_LESS, seen, 0.0),
        np.where(ways == ANY, -there, 0.0),
    )


def total(found: Seen, parts: Parts) -> float:
    """Return the sum of the three means."""
    standing, (first, second) = found.standing, found.arms
    member = standing.weight * standing.tilt.member
    own = standing.shares(first) @ parts.first + standing.shares(second) @ parts.second
    return float(own + member @ parts.everyone / member.sum())


def influence(found: Seen, parts: Parts) -> Array:
    """Return (n,) the influence of the sum of the three means."""
    standing, (first, second) = found.standing, found.arms
    own = standing.mean(parts.first, first).influence
    own = own + standing.mean(parts.second, second).influence
    return own + standing.everyone(parts.everyone).influence if parts.everyone.any() else own
