"""Conditions of children: their own arm, and the share of their schoolmates who have it too.

What a child's condition is under any draw follows from the arms of the school; how likely it was is
counted over the draws that were possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from fingerpost.core.analysis import Task
from fingerpost.core.drawn import UNDRAWN
from fingerpost.core.errors import TooFew
from fingerpost.estimators._drawn_units import possible_arms, units_of
from fingerpost.kernels.clusters import recode

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
DRAWS = 1999  # shuffles, where no ledger keeps draws
MOST_CELLS, BLOCK_CELLS = 40_000_000, 2_000_000  # children × draws: in all, and at once
LEAST = 0.01  # chance of a condition, below which a child could hardly have come into it
MOST_CHILDREN = 0.5  # of the children must have had a chance of a condition that is compared
NOISE = 5.0  # errors of counting within which chances are taken for the same
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Conditions:
    """Conditions that are compared: (0 or 1, band) each, `held`, in order.

    rows: (m,) places of the children who could come into all of them and are in one; code: (m,) the
    condition of each, into `held`; of_condition: (m,) its chance of that. of_arm: (n,) every
    child's chance of its own arm. chance: (c,) of each condition, on average over the children.
    of_band: (b,) the chance of each band, compared or not. cuts: where shares are cut. left:
    children left out. draws: that chances were counted over.
    """

    held: tuple[tuple[int, int], ...]
    rows: Whole
    code: Whole
    of_condition: Array
    of_arm: Array
    chance: Array
    of_band: Array
    cuts: tuple[float, ...]
    left: int
    draws: int

    def band_words(self, band: int) -> str:
        """Return a band of shares in words."""
        ends = (0.0, *self.cuts, 1.0)
        if band == 0:
            return "no schoolmate does"
        if len(ends) == 2:
            return "some schoolmates do"
        low, high = f"{ends[band - 1]:.0%}", f"{ends[band]:.0%}"
        if band == 1:
            return f"up to {high} of schoolmates do"
        return (
            f"over {low}" + (f" to {high}" if band < len(ends) - 1 else "") + " of schoolmates do"
        )

    def name(self, one: tuple[int, int]) -> str:
        """Return a condition in words."""
        return f"{'has it' if one[0] else 'has it not'}, {self.band_words(one[1])}"

    def everyone(self, band: int) -> tuple[tuple[str, float], ...]:
        """Return (condition, share) of all children with a share of schoolmates in a band, shares
        as the draw gives them; nothing where some of them are in none that is compared.
        """
        own = [(one, self.chance[at]) for at, one in enumerate(self.held) if one[1] == band]
        whole = float(sum(chance for _, chance in own))
        if not own or whole < (1 - LEAST) * self.of_band[band]:
            return ()
        return tuple((self.name(one), float(chance / whole)) for one, chance in own)


def share_of_others(has: NDArray[np.bool_], school: Whole, count: int) -> Array:
    """Return (d, n) the share of each child's schoolmates who have it, 0 of a child alone.

    has: (d, n) who does in each draw; school: (n,) codes of `count` schools.

    >>> share_of_others(np.array([[True, False, False, True]]), np.array([0, 0, 0, 1]), 2).tolist()
    [[0.0, 0.5, 0.5, 0.0]]
    """
    n = len(school)
    member = csr_array((np.ones(n), (np.arange(n), school)), shape=(n, count))
    totals = np.asarray(has.astype(np.float64) @ member)
    others = np.maximum(np.bincount(school, minlength=count) - 1, 1)
    found: Array = (totals[:, school] - has) / others[school]
    return found


def conditions_of(
    task: Task, provided: NDArray[np.bool_], *, cuts: tuple[float, ...], level: str, leaf: str
) -> Conditions:
    """Return the conditions that can be compared. provided: (k,) arms that count as having it.

    Raises TooFew where no condition can be.
    """
    cohort = task.cohort
    school, keys = recode(np.asarray(cohort.cluster_codes(level)))
    place, bands = school.astype(np.int64), len(cuts) + 2
    edges = np.array([0.0, *cuts]) + ROUNDING

    def coded(arms: Whole) -> Whole:
        has = provided[arms]
        band = np.searchsorted(edges, share_of_others(has, place, len(keys)), side="left")
        found: Whole = has * np.int64(bands) + band
        return found

    own = coded(cohort.arm[None].astype(np.int64))[0]
    chance, by_arm, draws = chances_of(task, coded, count=2 * bands, leaf=leaf)
    seen = np.bincount(own, minlength=2 * bands) > 0
    held = np.flatnonzero(seen & ((chance >= LEAST).mean(axis=1) >= MOST_CHILDREN))
    rows = np.flatnonzero((chance[held] >= LEAST).all(axis=0))
    if not len(held) or not len(rows):
        raise TooFew(f"{leaf}: no conditions were open to half of the children, so none compare.")
    inside = rows[np.isin(own[rows], held)]
    return Conditions(
        tuple(divmod(int(one), bands) for one in held),
        inside,
        np.searchsorted(held, own[inside]),
        chance[own[inside], inside],
        by_arm[cohort.arm, np.arange(cohort.n)],
        chance[held][:, rows].mean(axis=1),
        chance[:, rows].mean(axis=1).reshape(2, bands).sum(axis=0),
        cuts,
        cohort.n - len(rows),
        draws,
    )


def chances_of(
    task: Task, coded: Callable[[Whole], Whole], *, count: int, leaf: str
) -> tuple[Array, Array, int]:
    """Return (c, n) each child's chance of each of `count` conditions, (k, n) of each arm, and over
    how many draws they were counted. coded: (d, n) conditions of (d, n) arms.
    """
    arms = np.zeros((len(task.cohort.arms), task.cohort.n))
    counts = np.zeros((count, task.cohort.n))
    draws = 0
    for block in _draws(task, leaf):
        codes = coded(block)
        for at, row in enumerate(arms):
            row += (block == at).sum(axis=0)
        for at, row in enumerate(counts):
            row += (codes == at).sum(axis=0)
        draws += len(block)
    return _levelled(counts, draws), _levelled(arms, draws), draws


def replayable(task: Task) -> bool:
    """Return whether the ledger's draws can be replayed on the children of a task."""
    drawn, place = task.drawn, task.cohort.drawn
    if drawn is None or drawn.permutations is None or place is None:
        return False
    return set(task.cohort.arms) == set(drawn.allocation.arms) and bool((place != UNDRAWN).all())


def _draws(task: Task, leaf: str) -> Iterator[Whole]:
    """Yield (d, n) arms in draws that were possible, a part at a time, that which was made first.
    Of very many children fewer draws are taken.
    """
    n, units = task.cohort.n, units_of(task, leaf)
    most = max(MOST_CELLS // n, 199)
    if task.drawn is not None and task.drawn.permutations is not None:
        kept = task.drawn.permutations
        fewer = replace(kept, codes=np.asarray(kept.codes)[:most])
        task = replace(task, drawn=replace(task.drawn, permutations=fewer))
    among = np.arange(len(task.cohort.arms), dtype=np.int64)
    possible = possible_arms(task, units, among=among, draws=min(DRAWS, most), leaf=leaf)
    yield task.cohort.arm[None].astype(np.int64)
    step = max(BLOCK_CELLS // n, 1)
    for at in range(0, len(possible), step):
        yield possible[at : at + step][:, units.of]


def _levelled(counts: Array, draws: int) -> Array:
    """Return (c, n) chances from counts over draws; a row of them is its mean for all children
    where chances differ by the luck of counting alone.
    """
    found = counts / draws
    for row in found:
        mean = float(row.mean())
        if (np.abs(row - mean) <= NOISE * np.sqrt(mean * (1 - mean) / draws) + ROUNDING).all():
            row[:] = mean
    return found
