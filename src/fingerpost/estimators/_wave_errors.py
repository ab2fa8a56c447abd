"""Errors of what a leaf over panels found: by cluster, honest where waves are small or uneven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.estimand import Term
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.estimators._units import Units, Waves
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.small_waves import (
    effective,
    left_to_others,
    pooled,
    wave_groups,
    welch_freedom,
)
from fingerpost.kernels.staggered import NEVER, Whole

Array = NDArray[np.float64]
FEW_CLUSTERS = 50
FEW_OF_WAVE = 20  # clusters of a wave that it is worth; below, each is told to pull the mean
PAIR = 2.5  # clusters that a wave is worth; below, two tell its spread, which luck makes nothing of
ALONE = 1.5  # clusters that a wave is worth; below, one tells nearly all, and no spread is seen


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What a leaf found of one term: its value, and (u,) influence by unit.

    lean: (u,) how much of it rests on each unit with provision, against: on each unit that these
    are compared with; None where all of a wave count alike. group: (u,) codes of waves that share
    one mean, None where each has its own.
    """

    value: float
    influence: Array
    lean: Array | None = None
    against: Array | None = None
    group: Whole | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Errors:
    """sums: (g, q) by cluster, whose squares add up to the variance. plain: the same without the
    correction for what a cluster pulls its wave. named: the correction in `sums`. df: (q,) Welch's
    degrees of freedom; alike: the same if every cluster varied alike, which no luck makes many.
    worth: (q,) clusters that the smallest group is worth.
    """

    sums: Array
    plain: Array
    named: str
    df: Array
    alike: Array
    worth: Array

    @property
    def wider(self) -> Array:
        """(q,) how much the correction widens the standard error."""
        own, less = (np.sqrt((each**2).sum(axis=0)) for each in (self.sums, self.plain))
        found: Array = np.divide(own, less, out=np.ones_like(own), where=less > 0)
        return found

    @property
    def lone(self) -> NDArray[np.bool_]:
        """(q,) whether one cluster tells nearly all of a group, so that no spread is seen."""
        found: NDArray[np.bool_] = self.worth < ALONE
        return found


def errors_of(units: Units, found: Sequence[Found], *, corrected: bool = False) -> Errors:
    """Return influence summed by cluster, corrected for what a cluster does to its own wave.

    With fewer than 50 clusters, or in a wave (or waves that share a mean) worth fewer than 20, a
    cluster's sum is divided by the share that it leaves to the others (decision 0005). Otherwise
    the factor is G/(G − 1), or none where units stand for themselves. corrected: whether influence
    is corrected already. Of two clusters that by luck lie close Welch would make a side that is
    known well: there the variance is unbiased (HC2), and degrees of freedom are at most those of
    clusters that vary alike.
    """
    g = len(units.keys)
    sums = sum_by(units.cluster, np.stack([one.influence for one in found], axis=1), n_groups=g)
    factor = g / max(g - 1, 1) if units.clustered else 1.0
    if wave_of_clusters(units) is None:
        df = np.full(len(found), max(g - 1.0, 1.0))
        known = [_worth_of_treated(units, one, g) for one in found]
        named = "G/(G − 1)" * units.clustered
        whole = sums * np.sqrt(factor)
        return Errors(whole, whole, named, df, df, np.array(known))
    plain = sums * np.sqrt(factor)
    df, alike, worth = np.empty(len(found)), np.empty(len(found)), np.empty(len(found))
    touched = False
    for at, one in enumerate(found):
        code, pull = _sides(units, one)
        groups = int(code.max()) + 1
        each = effective(pull, code, groups=groups)
        worth[at] = each[each > 0].min(initial=np.inf)
        few = ((each < FEW_OF_WAVE - 1e-6) & (each > 0)) | (g < FEW_CLUSTERS)
        if corrected:
            few[:] = False
        if few.any():
            left = left_to_others(pull, code, groups=groups)
            left = np.where(each[code] < PAIR, np.sqrt(left), left)  # t is exact with the root
            left = np.where(few[code], left, factor**-0.5)
            sums[:, at] /= left
            touched = True
        else:
            sums[:, at] *= np.sqrt(factor)
        df[at] = welch_freedom(sums[:, at], pull, code=code, groups=groups)
        alike[at] = welch_freedom(pull, pull, code=code, groups=groups)
        df[at] = min(df[at], alike[at]) if worth[at] < PAIR else df[at]
    named = "leverage-corrected" if touched else "G/(G − 1)" * units.clustered
    return Errors(sums, plain, named, df, alike, worth)


def _worth_of_treated(units: Units, found: Found, g: int) -> float:
    """Return how many clusters those that hold the units with provision are worth."""
    lean = (units.begins != NEVER) * 1.0 if found.lean is None else np.abs(found.lean)
    own = sum_by(units.cluster, lean, n_groups=g)
    return float(effective(own, np.zeros(g, dtype=np.int64), groups=1)[0])


def _sides(units: Units, found: Found) -> tuple[Whole, Array]:
    """Return (g,) codes of groups of clusters, those that are compared with last, and what each
    pulls its group; each side's pulls add up to one.
    """
    ever = units.begins != NEVER
    lean = ever.astype(float) if found.lean is None else np.abs(found.lean)
    against = np.where(lean > 0, 0.0, 1.0) if found.against is None else found.against
    group = units.begins if found.group is None else found.group
    g = len(units.keys)
    own = sum_by(units.cluster, lean, n_groups=g)
    other = sum_by(units.cluster, against, n_groups=g)
    member = np.zeros(g, dtype=np.int64)
    member[units.cluster] = group
    code = recode(np.where(own > 0, member, np.iinfo(np.int64).max))[0].astype(np.int64)
    sides = np.where(own > 0, own, 0.0), np.where(own > 0, 0.0, other)
    mine, rest = (side / max(float(side.sum()), 1e-300) for side in sides)
    return code, mine + rest


def wave_of_clusters(units: Units) -> Whole | None:
    """Return (g,) codes of the waves of clusters, None where a cluster holds several."""
    wave = np.full(len(units.keys), NEVER, dtype=np.int64)
    wave[units.cluster] = units.begins
    if not np.array_equal(wave[units.cluster], units.begins):
        return None
    return recode(wave)[0].astype(np.int64)


def clusters_by_wave(units: Units, waves: Waves) -> Whole:
    """Return (w,) how many clusters have units in each wave; units, where a cluster holds several
    waves, so that none is of one wave.
    """
    if wave_of_clusters(units) is None:
        return waves.sizes
    pairs = np.unique(np.stack([waves.member, units.cluster]), axis=1)
    return np.bincount(pairs[0], minlength=len(waves.begins)).astype(np.int64)


def shared_means(units: Units, waves: Waves, lean: Array) -> Whole:
    """Return (u,) codes of the groups of waves that share a mean effect: waves of few clusters on
    which a target leans, put together with their neighbours in time. −1: nothing leans on it.
    """
    used = np.bincount(waves.member, weights=np.abs(lean)) > 0
    return wave_groups(clusters_by_wave(units, waves), used)[waves.member]


def about_shared_means(
    units: Units, waves: Waves, influence: Array, *, moved: Array, lean: Array
) -> tuple[Array, Whole, NDArray[np.bool_]]:
    """Return (u,) influence, about a shared mean where a wave's own is of too few clusters; the
    groups; and (u,) whether a unit's wave shares. moved: (u,) what the wave's mean is of the
    target.
    """
    group = shared_means(units, waves, lean)
    pairs = np.unique(np.stack([group, waves.member]), axis=1)[0]
    several = np.flatnonzero(np.bincount(pairs[pairs >= 0], minlength=1) > 1)
    shares: NDArray[np.bool_] = np.isin(group, several)
    chosen = np.where(shares, group, -1)
    return pooled(influence, moved=moved, lean=lean, group=chosen), group, shares


def too_few_of_wave(leaf: str, term: Term, units: Units, worth: float) -> Refusal:
    """Return the refusal of an answer that rests on one cluster of a wave."""
    words = (
        f"{term.label()}: on one side of the comparison one {units.level} tells all, or nearly all "
        f"(the side is worth {worth:.1f}), so that its own fortune cannot be told from the effect, "
        "and no honest error can be given. Mend: ask of an average over more waves, or of an "
        "exposure that several units reach; where the order was drawn, randomisation_test."
    )
    rule = Broken("one of a wave", "more than one unit on each side", worth, ALONE, words)
    return Refusal((term,), (rule,), "average over more waves; randomisation_test", leaf=leaf)
