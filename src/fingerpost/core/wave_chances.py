"""Chances of waves that were drawn: what units count where they were not alike likely to be in one.

Limits, strata of uneven shares and balance make some units likelier than others to be in a wave, so
that waves differ by more than luck. Each unit counts one over its chance of the wave it is in
(Hájek: over the sum of what the units of its wave count), which undoes that: every wave then stands
for all units that were drawn. A wave that some unit could not have been in stands for no such unit,
and no weight mends that.

Chances are those of the ledger's draws. Where the order was drawn elsewhere, within declared
strata, they are the shares of each stratum's units in the waves: given how many units of a stratum
are in each wave, its units are exchangeable, so that weighting makes each wave's mean that of its
strata, by their size (post-stratification: Miratrix, Sekhon & Yu 2013, JRSS B 75:369-396).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import Unanswerable, UsageError, listed
from fingerpost.core.rollout import NEVER

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
NAMED = 3


def places_of(task: PanelTask, leaf: str) -> Whole:
    """Return (u,) places of the panel's units among those of the draw; Unanswerable where the panel
    does not say, or holds units that were not drawn.
    """
    assert task.drawn is not None
    places = task.panel.drawn
    if places is None or task.panel.begins is None:
        raise Unanswerable(
            f"{leaf}: the panel does not say which units of the draw its units are, or when waves "
            "begin. Mend: Panel.drawn and Panel.begins."
        )
    strangers = np.flatnonzero(places < 0)
    if len(strangers):
        names = [task.panel.units[at] for at in strangers[:NAMED]]
        raise Unanswerable(
            f"{leaf}: the draw holds no unit {listed(names)} of the panel. Mend: the ledger of "
            "this study, and unit: the level that was drawn."
        )
    return places


def of_beginnings(task: PanelTask, rows: Whole, *, begins: Whole, leaf: str) -> Array | None:
    """Return (u, w) units' chances of beginning in each of the periods `begins`, NEVER among them;
    None where all were alike, or where neither a ledger nor strata tell them.
    """
    drawn = task.drawn
    if drawn is None:
        shares = task.fits.once(("shares", task.panel), lambda: shares_of_strata(task, leaf))
        return None if shares is None else shares.of(rows, begins)
    if not task.fits.once(("unequal", drawn), lambda: drawn.unequal):
        return None
    chances = task.fits.once(("chances", drawn), lambda: drawn.chances)
    own = chances[places_of(task, leaf)[rows]]
    waves = np.asarray(task.panel.begins)
    return np.stack([own[:, waves == begin].sum(axis=1) for begin in begins], axis=1)


@dataclass(frozen=True, eq=False, slots=True)
class Shares:
    """share: (s, w) of each stratum's drawn units in each wave; waves: (w,) when they begin;
    stratum: (u,) codes of the panel's units.
    """

    share: Array
    waves: Whole
    stratum: Whole

    def of(self, rows: Whole, begins: Whole) -> Array:
        """Return (n, w) chances of the chosen units of beginning in the periods `begins`."""
        found = np.zeros((len(rows), len(begins)))
        for at, begin in enumerate(begins):
            same = np.flatnonzero(self.waves == begin)
            if len(same):
                found[:, at] = self.share[self.stratum[rows], same[0]]
        return found


def shares_of_strata(task: PanelTask, leaf: str) -> Shares | None:
    """Return how units of each stratum are shared out to the waves, of an order drawn within strata
    that no ledger holds; None without strata, or where all share alike.

    Raises UsageError where the panel does not hold the strata that the study names, Unanswerable
    where a drawn cluster stands in several, or a stratum has no unit in some wave and shares differ
    by more than rounding to whole units gives.
    """
    panel, assignment = task.panel, task.analysis.assignment
    if not isinstance(assignment, Randomised) or not assignment.strata:
        return None
    if panel.strata is None or panel.adopted is None:
        raise UsageError(
            "the order was drawn within strata, which the panel does not hold. Mend: replay the "
            "draws of the ledger."
        )
    _, stratum = np.unique(np.asarray(panel.strata), return_inverse=True)
    waves, wave = np.unique(np.asarray(panel.adopted, dtype=np.int64), return_inverse=True)
    pairs = np.stack([_unit_drawn(task), stratum, wave])
    each = np.unique(pairs, axis=1)
    if len(np.unique(each[:2], axis=1).T) > len(np.unique(each[0])):
        raise Unanswerable(
            f"{leaf}: some of what was drawn ({assignment.unit}) stands in several strata "
            f"({listed(list(assignment.strata))}), so that it was not drawn within them. Mend: "
            "assignment.randomised.strata: columns that are the same in all of its records."
        )
    counts = np.zeros((int(stratum.max()) + 1, len(waves)))
    np.add.at(counts, (each[1], each[2]), 1.0)
    share = counts / counts.sum(axis=1, keepdims=True)
    overall = counts.sum(axis=0) / counts.sum()
    if np.allclose(share, overall):
        return None
    empty = (counts == 0).any(axis=1)
    if not empty.any():
        return Shares(share, waves, stratum.astype(np.int64))
    # Strata too small for every wave: their units are in one or another by the luck of the draw.
    if (np.abs(counts - counts.sum(axis=1, keepdims=True) * overall) < 1).all():
        return None
    raise Unanswerable(
        f"{leaf}: {int(empty.sum())} of {len(empty)} strata have no unit in some wave, and others "
        "have more of it than their size gives, so that waves differ by more than luck and no "
        "weight mends it. Mend: the ledger of the draw (--draw), coarser strata if the draw was "
        "within those, or group_time, which leans on trends."
    )


def _unit_drawn(task: PanelTask) -> Whole:
    """Return (u,) codes of what was drawn: a declared cluster, or the panel's own units."""
    panel, assignment = task.panel, task.analysis.assignment
    level = assignment.unit if isinstance(assignment, Randomised) else None
    if level is not None and level in panel.clusters:
        return np.asarray(panel.clusters[level], dtype=np.int64)
    return np.arange(len(panel.units), dtype=np.int64)


def own_chance(task: PanelTask, rows: Whole, *, begins: Whole, leaf: str) -> Array | None:
    """Return (u,) each unit's chance of beginning when it did; None where all were alike.

    begins: (u,) of each unit. Raises Unanswerable where a unit that was still to be drawn could not
    have been in one of the waves.
    """
    waves, member = np.unique(begins, return_inverse=True)
    chances = of_beginnings(task, rows, begins=waves, leaf=leaf)
    if chances is None:
        return None
    if task.drawn is None:
        own: Array = chances[np.arange(len(rows)), member.reshape(-1)]
        return own
    fixed = task.drawn.allocation.fixed
    free = np.ones(len(rows), bool)
    if fixed is not None:
        free = ~np.asarray(fixed)[places_of(task, leaf)[rows]]
    held = waves if fixed is None else np.unique(begins[free])
    never = (chances <= 0) & free[:, None] & np.isin(waves, held)
    if never.any():
        at = int(np.argmax(never.sum(axis=0)))
        when = "not by the last" if waves[at] == NEVER else task.panel.periods[int(waves[at])]
        raise Unanswerable(
            f"{leaf}: {int(never[:, at].sum())} units could not have been drawn into the wave that "
            f"begins in {when} (chance 0), so that it stands for none of them. Mend: leave "
            "them out of the records that this analysis reads, or group_time, which leans on "
            "trends."
        )
    found: Array = chances[np.arange(len(rows)), member.reshape(-1)]
    return found
