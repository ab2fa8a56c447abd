"""How much better than chance a ranking finds those who gain: targeting curve, areas, groups.

Children are ranked by a score that was made without them; each has an unbiased, noisy measure of
its own effect. The targeting operator characteristic (TOC) at a share q is the mean effect of the
q ranked first less that of all; its areas are the rank-weighted average treatment effects
(Yadlowsky, Fleming, Shah, Brunskill & Wager 2025, Journal of the American Statistical Association
120:38-51).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array, Codes

BAND = 0.05  # of ranks either side of a share, in which the effect at the margin is taken


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """A number with its influence (n,), which sums to nought: what each child adds to its error."""

    value: float
    influence: Array


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """Children by score, the highest first; children of one score stand as one block.

    block: (n,) which block; weight: (n,) shares that sum to one; ends: (b,) cumulative weight at
    the end of each block.
    """

    block: Codes
    weight: Array
    ends: Array

    def average(self, each: Array) -> Array:
        """Return (n,) the mean over each child's block."""
        size = np.bincount(self.block, weights=self.weight, minlength=len(self.ends))
        total = np.bincount(self.block, weights=self.weight * each, minlength=len(self.ends))
        found: Array = (total / size)[self.block]
        return found

    def first(self, share: float) -> Array:
        """Return (n,) how much of each child is among the share ranked first, from 0 to 1."""
        starts = np.concatenate([[0.0], self.ends[:-1]])
        found: Array = np.clip((share - starts) / (self.ends - starts), 0.0, 1.0)[self.block]
        return found


def ordered(score: Array, weight: Array) -> Order:
    """Return children (n,) in the order of their scores; weight: (n,) above nought.

    >>> ordered(np.array([1.0, 3.0, 1.0, 2.0]), np.ones(4)).block.tolist()
    [2, 0, 2, 1]
    """
    levels, block = np.unique(-score, return_inverse=True)
    share = weight / weight.sum()
    ends: Array = np.cumsum(np.bincount(block, weights=share, minlength=len(levels)))
    ends[-1] = 1.0
    return Order(block, share, ends)


def area(order: Order, effect: Array, *, by_share: bool = False) -> Told:
    """Return the area under the TOC; by_share: weighted by the share (Qini), else plain (AUTOC).

    effect: (n,) the noisy effects. The influence allows for ranks being those of a sample.

    >>> score = np.array([4.0, 3.0, 2.0, 1.0])
    >>> round(area(ordered(score, np.ones(4)), np.array([1.0, 0.0, 0.0, 0.0])).value, 4)
    0.2708
    """
    row = np.argsort(order.block, kind="stable")
    p, around = order.weight[row], (effect - order.weight @ effect)[row]
    up_to = np.cumsum(p)
    if by_share:
        lead = _from(p) - float(p @ up_to)
        moved = float((p * up_to) @ around) - _from(p * around)
    else:
        lead = _from(p / up_to) - 1.0
        moved = -_from(p * around / up_to)
    told = np.empty((len(row), 3))
    told[row] = np.stack([lead, moved, around], axis=1)
    lead, moved = order.average(told[:, 0]), order.average(told[:, 1])
    value = float(order.weight @ (lead * told[:, 2]))
    influence = order.weight * (lead * told[:, 2] + moved - value)
    return Told(value, influence - order.weight * influence.sum())


def _from(each: Array) -> Array:
    """Return the sums from each place to the end."""
    found: Array = np.cumsum(each[::-1])[::-1]
    return found


def gain(order: Order, effect: Array, *, share: float) -> Told:
    """Return the TOC at a share: the mean effect of those ranked first less that of all.

    >>> score = np.array([4.0, 3.0, 2.0, 1.0])
    >>> gain(ordered(score, np.ones(4)), np.array([3.0, 1.0, 0.0, 0.0]), share=0.5).value
    1.0
    """
    p, top = order.weight, order.first(share)
    size, whole = float(p @ top), float(p @ effect)
    mean = float(p @ (top * effect)) / size
    # Whoever stands at the margin comes in, or goes, with the sample.
    near = order.first(min(share + BAND, 1.0)) - order.first(max(share - BAND, 0.0))
    margin = float(p @ (near * effect)) / float(p @ near)
    own = top * (effect - margin) / size + margin - mean - (effect - whole)
    influence = p * own
    return Told(mean - whole, influence - p * influence.sum())


def group_of(order: Order, count: int) -> Codes:
    """Return (n,) groups of like size by rank: 0 is ranked last, count − 1 first. A block of one
    score stays whole.

    >>> group_of(ordered(np.array([1.0, 4.0, 2.0, 3.0]), np.ones(4)), 2).tolist()
    [0, 1, 0, 1]
    """
    middle = order.ends - np.diff(np.concatenate([[0.0], order.ends])) / 2
    groups = np.minimum((middle * count).astype(np.int64), count - 1)
    found: Codes = (count - 1 - groups)[order.block]
    return found


def mean_within(weight: Array, effect: Array, *, own: Array) -> Told:
    """Return the weighted mean effect among those of `own` (n,), true or false."""
    share = weight * own
    total = float(share.sum())
    value = float(share @ effect) / total
    return Told(value, share * (effect - value) / total)


def slope(effect: Array, predicted: Array, *, weight: Array, fold: Codes) -> Told | None:
    """Return by how much effects differ for each unit by which predictions differ, within folds:
    1 where predictions are right in size, 0 where they tell nothing; None where all are equal
    (Chernozhukov, Demirer, Duflo & Fernández-Val 2025, Econometrica 93:1121-1164, the best linear
    predictor).
    """
    away, left = predicted.copy(), effect.copy()
    for j in np.unique(fold):
        rows = fold == j
        w = weight[rows]
        away[rows] -= w @ predicted[rows] / w.sum()
        left[rows] -= w @ effect[rows] / w.sum()
    spread = float(weight @ away**2)
    if spread <= 1e-12 * float(weight @ (predicted**2 + 1e-300)):
        return None
    value = float(weight @ (away * left)) / spread
    return Told(value, weight * away * (left - value * away) / spread)
