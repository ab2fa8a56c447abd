"""The draws that were possible, as waves of the units a leaf sees; p-values over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.estimators._panel import Units, Waves, generator
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import NEVER, Whole

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """What was drawn: sizes (c,) units, wave (c,) codes into waves, totals of values by cluster."""

    units: Units
    sizes: Array
    wave: Whole

    def totals(self, values: Array) -> Array:
        """Return (c, t) sums of unit values."""
        return sum_by(self.units.cluster, values, n_groups=len(self.sizes))


def clusters_of(units: Units, waves: Waves, leaf: str) -> Clusters:
    """Return the clusters; raises Malformed where units of one cluster are of two waves."""
    g = len(units.keys)
    wave = np.zeros(g, dtype=np.int64)
    wave[units.cluster] = waves.member
    mixed = np.unique(units.cluster[wave[units.cluster] != waves.member])
    if len(mixed):
        raise Malformed(
            f"{leaf}: in {len(mixed)} of {g} clusters ({units.level}) provision begins at several "
            "periods, so they were not drawn as one. Mend: cluster: the level that was drawn."
        )
    return Clusters(units, np.bincount(units.cluster, minlength=g).astype(float), wave)


def ledger_draws(task: PanelTask, units: Units, waves: Waves, leaf: str) -> Whole | None:
    """Return (d, c) waves of the clusters in each draw that was possible, None where no ledger
    says. Waves that hold no unit of the panel have codes from len(waves.begins) on.

    Raises Malformed where the draws speak of other units or waves.
    """
    drawn = task.permutations
    if drawn is None:
        return None
    begins = _begins_of_waves(task, drawn.arms, leaf)
    places = {unit: at for at, unit in enumerate(drawn.units)}
    names = [str(key) for key in units.keys]
    missing = [name for name in names if name not in places]
    if missing and units.clustered and units.keys.dtype.kind in "iu":
        # Codes of clusters, which are places among the units that were drawn.
        places, missing = {str(at): at for at in range(len(drawn.units))}, []
        missing = [name for name in names if name not in places]
    if missing:
        raise Malformed(
            f"{leaf}: the ledger's draws hold no unit {listed(missing[:3])} of the panel. Mend: "
            "the ledger of this study, and cluster: the level that was drawn."
        )
    codes = np.asarray(drawn.codes)[:, [places[name] for name in names]]
    own = {int(at): w for w, at in enumerate(waves.begins)}
    extra = len(own)
    table = np.empty(len(begins), dtype=np.int64)
    for arm, at in enumerate(begins):
        if at not in own:
            own[at], extra = extra, extra + 1
        table[arm] = own[at]
    return table[codes]


def _begins_of_waves(task: PanelTask, arms: tuple[str, ...], leaf: str) -> list[int]:
    """Return the period in which provision begins in each wave of a draw."""
    periods = task.panel.periods
    schedule = task.analysis.assignment.schedule
    adoption = dict(schedule.adoption) if schedule is not None else {}
    found, unknown = [], []
    for arm in arms:
        period = adoption.get(arm, "" if adoption else arm)
        if period in periods:
            found.append(periods.index(period))
        elif not period or period in ("never", "late"):
            found.append(NEVER)
        elif adoption:
            found.append(NEVER)  # it begins after the last period that was seen
        else:
            unknown.append(arm)
    if unknown:
        raise Malformed(
            f"{leaf}: the study does not say in which period provision begins in "
            f"{listed(unknown)}. Mend: a schedule with the period of each wave."
        )
    return found


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
