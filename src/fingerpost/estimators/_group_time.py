"""Effects by wave and period, each a comparison of two groups over two periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._panel import TOO_FEW_CLUSTERS
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import Found, about_shared_means, errors_of
from fingerpost.kernels.staggered import NEVER, Flags, cell_weights, pull_of_sizes
from fingerpost.kernels.two_periods import change_of_treated

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Way:
    """How waves are compared: with units that never have provision, or not yet; by which method;
    against which period (`universal`: always the last before provision; `varying`: before
    provision, the period just before).
    """

    never: bool
    method: str
    universal: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Effects by wave and period: effect (w, t), NaN where none; (w, t) → (u,) influence, and
    `against`: what each unit counts among those that the wave is compared with.
    """

    units: Units
    waves: Waves
    effect: Array
    influence: Mapping[tuple[int, int], Array]
    against: Mapping[tuple[int, int], Array]
    post: Flags

    @property
    def usable(self) -> Flags:
        """(w, t) cells after provision began that have an effect."""
        found: Flags = self.post & np.isfinite(self.effect)
        return found

    @property
    def before(self) -> Flags:
        """(w, t) cells before it that have one."""
        found: Flags = ~self.post & np.isfinite(self.effect)
        return found

    def mean(self, parts: Array) -> Found:
        """Return a target's value and influence; how many units are of each wave is estimated too.

        parts: (b, w, t) blocks of cells.
        """
        sizes, member = self.waves.sizes.astype(float), self.waves.member
        weights = cell_weights(parts, sizes)
        known = np.where(weights > 0, self.effect, 0.0)
        influence, against = np.zeros(len(member)), np.zeros(len(member))
        for cell in zip(*np.nonzero(weights), strict=True):
            place = int(cell[0]), int(cell[1])
            influence = influence + weights[cell] * self.influence[place]
            against += weights[cell] * self.against[place]
        lean = (weights.sum(axis=1) / sizes)[member]
        moved = ((weights * known).sum(axis=1) / sizes)[member]
        influence, group, shares = about_shared_means(
            self.units, self.waves, influence, moved=moved, lean=lean
        )
        # Waves that share a mean are told apart from it as a whole: their sizes add nothing more.
        pull = pull_of_sizes(parts, sizes, effects=known)[member]
        influence = influence + np.where(shares, 0.0, pull)
        return Found(float(np.sum(weights * known)), influence, lean, against, group)


def all_cells(units: Units, way: Way, x: Array | None, *, before: bool = True) -> Cells:
    """Return every effect that the panel holds. x: (u, t, p) covariates, None for none. before:
    whether those before provision are wanted too, of which no answer is made.
    """
    waves = Waves.of(units)
    t = len(units.periods)
    effect = np.full((len(waves.begins), t), np.nan)
    post = np.zeros_like(effect, dtype=np.bool_)
    influence: dict[tuple[int, int], Array] = {}
    against: dict[tuple[int, int], Array] = {}
    for w, begin in enumerate(waves.begins):
        if begin == NEVER:
            continue
        last = units.base(begin)
        post[w] = np.arange(t) >= begin
        for at in range(0 if before else int(begin), t):
            base = last if way.universal or at > last else units.before(at)
            if base < 0 or at == base:
                continue
            found = _one(units, way, x, w=w, at=at, base=base, waves=waves)
            if found is not None:
                effect[w, at], influence[w, at] = found.value, found.influence
                assert found.against is not None
                against[w, at] = found.against
    return Cells(units, waves, effect, influence, against, post)


def _one(
    units: Units, way: Way, x: Array | None, *, w: int, at: int, base: int, waves: Waves
) -> Found | None:
    """Return the effect of one wave in one period, None where there is nobody to compare."""
    mine = waves.member == w
    others = units.begins == NEVER
    if not way.never:
        others = others | (units.begins - units.anticipation > max(at, base))
    change = units.mean[:, at] - units.mean[:, base]
    rows = (mine | others) & np.isfinite(change)
    design = np.ones((len(change), 1))
    if x is not None:
        # Of the earlier of the two periods: what was so before.
        design = np.concatenate([design, x[:, min(at, base)]], axis=1)
        rows &= np.isfinite(design).all(axis=1)
    own = mine[rows]
    if not own.any() or own.all():
        return None
    if design.shape[1] > 1 and min(own.sum(), (~own).sum()) <= design.shape[1]:
        return None
    try:
        found = change_of_treated(change[rows], own, x=design[rows], method=way.method)
    except NotFitted as fault:
        wave = units.periods[int(waves.begins[w])]
        raise Unanswerable(
            f"group_time: wave {wave}: {fault} Mend: fewer covariates, or {{group_time: {{method: "
            "regression}}."
        ) from None
    influence = np.zeros(len(change))
    influence[rows] = found.influence
    return Found(found.value, influence, against=(rows & ~mine) / np.count_nonzero(~own))


def by_wave(task: PanelTask, units: Units, cells: Cells) -> Table | None:
    """Return every effect by wave and period, and each wave's mean after provision began."""
    g = len(units.keys)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []

    def add(w: int, period: str, found: Found) -> None:
        told = errors_of(units, [found])
        known = g >= TOO_FEW_CLUSTERS and not told.lone[0]
        error = float(np.sqrt(np.sum(told.sums**2))) if known else None
        begins = units.periods[int(cells.waves.begins[w])]
        rows.append(("group_time", begins, period, found.value, error))
        counts.append(int(cells.waves.sizes[w]))

    for w in range(len(cells.waves.begins)):
        for t in np.flatnonzero(np.isfinite(cells.effect[w])):
            one = np.zeros_like(cells.effect)
            one[w, t] = 1.0
            add(w, units.periods[int(t)], cells.mean(one[None]))
        mine = cells.usable & (np.arange(len(cells.waves.begins)) == w)[:, None]
        if mine.any():
            add(w, "all", cells.mean(mine.astype(float)[None]))
    if not rows:
        return None
    return Table(
        "by_wave",
        "Effects by when provision began, in each period",
        ("estimator", "begins", "period", "estimate", "se"),
        ("label", "label", "label", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "se")),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome), ("contrast", task.terms[0].words())),
        context="In periods before provision began effects should be nought; `all` is the wave's "
        "mean since it began. A wave of one unit has no error: nothing tells its own fortune.",
    )
