"""Chances of waves that were drawn: what units count where they were not alike likely to be in one.

Limits, strata of uneven shares and balance make some units likelier than others to be in a wave, so
that waves differ by more than luck. Each unit counts one over its chance of the wave it is in
(Hájek: over the sum of what the units of its wave count), which undoes that: every wave then stands
for all units that were drawn. A wave that some unit could not have been in stands for no such unit,
and no weight mends that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.errors import Unanswerable, listed
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
    None where all were alike, or nothing was drawn from a ledger.
    """
    drawn = task.drawn
    if drawn is None or not task.fits.once(("unequal", drawn), lambda: drawn.unequal):
        return None
    chances = task.fits.once(("chances", drawn), lambda: drawn.chances)
    own = chances[places_of(task, leaf)[rows]]
    waves = np.asarray(task.panel.begins)
    return np.stack([own[:, waves == begin].sum(axis=1) for begin in begins], axis=1)


def own_chance(task: PanelTask, rows: Whole, *, begins: Whole, leaf: str) -> Array | None:
    """Return (u,) each unit's chance of beginning when it did; None where all were alike.

    begins: (u,) of each unit. Raises Unanswerable where a unit that was still to be drawn could not
    have been in one of the waves.
    """
    waves, member = np.unique(begins, return_inverse=True)
    chances = of_beginnings(task, rows, begins=waves, leaf=leaf)
    if chances is None or task.drawn is None:
        return None
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
