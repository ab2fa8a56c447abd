"""The draws that were possible, as waves of the units a leaf sees; p-values over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.wave_chances import of_beginnings, places_of
from fingerpost.estimators._panel import generator
from fingerpost.estimators._units import Units, Waves
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import Whole

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """What was drawn: sizes (c,) units, wave (c,) codes into waves, weight (c,) what they count."""

    units: Units
    sizes: Array
    wave: Whole
    weight: Array

    def totals(self, values: Array) -> Array:
        """Return (c, t) sums of unit values."""
        return sum_by(self.units.cluster, values, n_groups=len(self.sizes))


@dataclass(frozen=True, eq=False, slots=True)
class Replayed:
    """codes: (d, c) the wave of each cluster in each draw that was possible; those without a unit
    of the panel come after the others. made: (c,) the same of the draw that was made. weight:
    (c, w) what a cluster counts in each of them: one over its chance, on average near one.
    """

    codes: Whole
    made: Whole
    weight: Array


def clusters_of(units: Units, waves: Waves, leaf: str) -> Clusters:
    """Return the clusters; raises Unanswerable where units of one cluster are of two waves."""
    g = len(units.keys)
    wave = np.zeros(g, dtype=np.int64)
    wave[units.cluster] = waves.member
    mixed = np.unique(units.cluster[wave[units.cluster] != waves.member])
    if len(mixed):
        raise Unanswerable(
            f"{leaf}: in {len(mixed)} of {g} clusters ({units.level}) provision begins at several "
            "periods, so they were not drawn as one. Mend: cluster: the level that was drawn."
        )
    weight = np.ones(g)
    weight[units.cluster] = units.weight
    return Clusters(units, np.bincount(units.cluster, minlength=g).astype(float), wave, weight)


def ledger_draws(task: PanelTask, units: Units, waves: Waves, leaf: str) -> Replayed | None:
    """Return the draws that were possible, of the clusters; None where no ledger holds them.

    Raises Unanswerable where a cluster holds several of the units that were drawn.
    """
    drawn = task.drawn
    if drawn is None or drawn.permutations is None:
        return None
    own = places_of(task, leaf)[units.rows]
    place = np.zeros(len(units.keys), dtype=np.int64)
    place[units.cluster] = own
    if not np.array_equal(place[units.cluster], own):
        raise Unanswerable(
            f"{leaf}: a cluster ({units.level}) holds several of the units that were drawn, so "
            "that draws do not move it whole. Mend: cluster: the level that was drawn."
        )
    codes = drawn.draws(place)
    assert codes is not None
    begins = np.asarray(task.panel.begins)
    known = [int(at) for at in waves.begins]
    known += sorted({int(at) for at in (*begins, *units.begins)} - set(known))
    table = np.array([known.index(int(at)) for at in begins], dtype=np.int64)
    made = np.zeros(len(units.keys), dtype=np.int64)
    made[units.cluster] = [known.index(int(at)) for at in units.begins]
    weight = counted_in(task, units, begins=np.array(known), leaf=leaf)
    return Replayed(table[codes], made, weight)


def counted_in(task: PanelTask, units: Units, *, begins: Whole, leaf: str) -> Array:
    """Return (c, w) what a cluster counts in each wave it might be in: one over its chance, on
    average near one; ones where chances were alike.
    """
    chances = of_beginnings(task, units.rows, begins=begins, leaf=leaf)
    each = np.zeros((len(units.keys), len(begins)))
    if chances is None:
        return np.ones_like(each)
    each[units.cluster] = chances
    weight: Array = np.divide(each.mean(axis=0), each, out=np.zeros_like(each), where=each > 0)
    return weight


def shuffled(task: PanelTask, clusters: Clusters, draws: int) -> Whole:
    """Return (d, c) waves shuffled among clusters, within strata where the panel has them."""
    g = len(clusters.sizes)
    strata = np.zeros(g, dtype=np.int64)
    if task.panel.strata is not None:
        own, _ = recode(np.asarray(task.panel.strata)[clusters.units.rows])
        strata[clusters.units.cluster] = own
    elif isinstance(task.analysis.assignment, Randomised) and task.analysis.assignment.strata:
        raise UsageError(
            "the order was drawn within strata, which the panel does not hold. Mend: replay the "
            "draws of the ledger."
        )
    random = generator(task, "shuffled waves")
    found = np.empty((draws, g), dtype=np.int64)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        order = np.argsort(random.random((draws, len(rows))), axis=1)
        found[:, rows] = clusters.wave[rows][order]
    return found


def p_value(drawn: Array, observed: float) -> float:
    """Return (b + 1) / (B + 1), b the draws at least as far from nought as the one observed."""
    least = abs(observed) * (1 - 1e-9)
    return float((np.count_nonzero(np.abs(drawn) >= least) + 1) / (len(drawn) + 1))
