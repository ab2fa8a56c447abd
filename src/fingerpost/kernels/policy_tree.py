"""Rules of at most two questions that choose whom to offer provision: exact search.

Athey & Wager (2021, Econometrica 89:133-161) choose the rule of a simple form that has the greatest
sum of doubly robust scores. With two questions every pair of splits can be tried: the sums of all
pairs are one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array

ROWS = 16_384
Flags = NDArray[np.bool_]
Step = tuple[int, bool]  # a split, and whether it says yes


@dataclass(frozen=True, slots=True)
class Leaf:
    """One end of a rule. path: the answers that lead there; offer: whether provision is offered."""

    path: tuple[Step, ...]
    offer: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as its ends, and the sum of gains where it offers."""

    leaves: tuple[Leaf, ...]
    worth: float

    def offers(self, splits: Flags) -> Flags:
        """Return (n,) to whom it offers, by the answers (n, m) to every split."""
        found = np.zeros(len(splits), dtype=np.bool_)
        for leaf in self.leaves:
            if leaf.offer:
                found |= inside(leaf, splits)
        return found


def inside(leaf: Leaf, splits: Flags) -> Flags:
    """Return (n,) who stands at an end of a rule."""
    own = np.ones(len(splits), dtype=np.bool_)
    for at, yes in leaf.path:
        own &= splits[:, at] == yes
    return own


def best_rule(splits: Flags, gain: Array, *, depth: int, least: int = 1) -> Rule:
    """Return the rule of at most `depth` questions (0, 1 or 2) that gains most.

    splits: (n, m) answers to the questions that may be asked; gain: (n,) what an offer to each
    child adds, costs taken off. least: children at each end. Of rules that gain alike the shorter
    is taken, then the one whose splits come first.

    >>> young = np.array([[True], [True], [False], [False]])
    >>> best_rule(young, np.array([1.0, 2.0, -1.0, -3.0]), depth=1).leaves
    (Leaf(path=((0, True),), offer=True), Leaf(path=((0, False),), offer=False))
    """
    whole = float(gain.sum())
    best = Rule((Leaf((), whole > 0),), max(whole, 0.0))
    m = splits.shape[1]
    if depth == 0 or m == 0:
        return best
    sums, counts = _pairs(splits, gain)
    n, tiny = len(gain), 1e-9 * float(np.abs(gain).sum())
    yes, size = np.diag(sums), np.diag(counts)
    can = (size >= least) & (n - size >= least)
    worth = np.where(can, np.maximum(yes, 0) + np.maximum(whole - yes, 0), -np.inf)
    at = int(np.argmax(worth))
    if worth[at] > best.worth + tiny:
        best = _made(((at, True), (at, False)), (yes[at], whole - yes[at]), float(worth[at]))
    if depth == 1:
        return best
    return _second(best, (sums, counts), whole=whole, n=n, least=least, can=can, tiny=tiny)


def _second(
    best: Rule,
    pairs: tuple[Array, Array],
    *,
    whole: float,
    n: int,
    least: int,
    can: Flags,
    tiny: float,
) -> Rule:
    """Return the best of rules with a second question on either side of a first."""
    sums, counts = pairs
    yes, size = np.diag(sums), np.diag(counts)
    inside_yes = _sides(sums, counts, yes[:, None], size[:, None], least)
    inside_no = _sides(
        yes[None, :] - sums,
        size[None, :] - counts,
        (whole - yes)[:, None],
        (n - size)[:, None],
        least,
    )
    # A side may also be left whole.
    halves = []
    for each, alone in ((inside_yes, yes), (inside_no, whole - yes)):
        at = np.argmax(each, axis=1)
        value = each[np.arange(len(at)), at]
        split = value > np.maximum(alone, 0) + tiny
        halves.append((np.where(split, value, np.maximum(alone, 0)), np.where(split, at, -1)))
    total = np.where(can, halves[0][0] + halves[1][0], -np.inf)
    first = int(np.argmax(total))
    if not total[first] > best.worth + tiny:
        return best
    leaves: list[Leaf] = []
    for side, (_, seconds) in zip((True, False), halves, strict=True):
        second = int(seconds[first])
        if second < 0:
            own = yes[first] if side else whole - yes[first]
            leaves.append(Leaf(((first, side),), bool(own > 0)))
            continue
        both = sums[first, second] if side else yes[second] - sums[first, second]
        rest = (yes[first] if side else whole - yes[first]) - both
        leaves.append(Leaf(((first, side), (second, True)), bool(both > 0)))
        leaves.append(Leaf(((first, side), (second, False)), bool(rest > 0)))
    return Rule(tuple(leaves), float(total[first]))


def _made(steps: tuple[Step, Step], sums: tuple[float, float], worth: float) -> Rule:
    leaves = tuple(Leaf((step,), bool(own > 0)) for step, own in zip(steps, sums, strict=True))
    return Rule(leaves, worth)


def _sides(sums: Array, counts: Array, whole: Array, size: Array, least: int) -> Array:
    """Return (m, m) what a second question is worth within one side of a first."""
    can = (counts >= least) & (size - counts >= least)
    found: Array = np.where(can, np.maximum(sums, 0) + np.maximum(whole - sums, 0), -np.inf)
    return found


def _pairs(splits: Flags, gain: Array) -> tuple[Array, Array]:
    """Return (m, m) the sums of gains, and the numbers, of those who say yes to both splits."""
    m = splits.shape[1]
    sums, counts = np.zeros((m, m)), np.zeros((m, m))
    for lo in range(0, len(gain), ROWS):
        part = splits[lo : lo + ROWS].astype(np.float64)
        counts += part.T @ part
        sums += part.T @ (part * gain[lo : lo + ROWS, None])
    return sums, counts
