"""Effects by wave and period, each a comparison of two groups over two periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, f

from fingerpost.core.analysis import PanelTask
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._panel import (
    TOO_FEW_CLUSTERS,
    Found,
    Units,
    Waves,
    cluster_sums,
)
from fingerpost.kernels.relative_trends import relative_magnitudes
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
    """Effects by wave and period: effect (w, t), NaN where none; influence: (w, t) → (u,)."""

    waves: Waves
    effect: Array
    influence: Mapping[tuple[int, int], Array]
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
        sizes = self.waves.sizes.astype(float)
        weights = cell_weights(parts, sizes)
        known = np.where(weights > 0, self.effect, 0.0)
        influence = pull_of_sizes(parts, sizes, effects=known)[self.waves.member]
        for cell in zip(*np.nonzero(weights), strict=True):
            influence = influence + weights[cell] * self.influence[int(cell[0]), int(cell[1])]
        return Found(float(np.sum(weights * known)), influence)


def all_cells(units: Units, way: Way, x: Array | None, *, before: bool = True) -> Cells:
    """Return every effect that the panel holds. x: (u, t, p) covariates, None for none. before:
    whether those before provision are wanted too, of which no answer is made.
    """
    waves = Waves.of(units)
    t = len(units.periods)
    effect = np.full((len(waves.begins), t), np.nan)
    post = np.zeros_like(effect, dtype=np.bool_)
    influence: dict[tuple[int, int], Array] = {}
    for w, begin in enumerate(waves.begins):
        if begin == NEVER:
            continue
        last = int(begin) - 1 - units.anticipation
        post[w] = np.arange(t) >= begin
        for at in range(0 if before else int(begin), t):
            base = last if way.universal or at > last else at - 1
            if base < 0 or at == base:
                continue
            found = _one(units, way, x, w=w, at=at, base=base, waves=waves)
            if found is not None:
                effect[w, at], influence[w, at] = found.value, found.influence
    return Cells(waves, effect, influence, post)


def trends_before(task: PanelTask, units: Units, *, leaf: str) -> Table | None:
    """Return the test of trends before provision, as group_time makes it without covariates."""
    way = Way(bool(np.any(units.begins == NEVER)), "regression")
    return pre_trends(task, units, all_cells(units, way, None), leaf=leaf)


def _one(
    units: Units, way: Way, x: Array | None, *, w: int, at: int, base: int, waves: Waves
) -> Found | None:
    """Return the effect of one wave in one period, None where there is nobody to compare."""
    mine = waves.member == w
    others = units.begins == NEVER
    if not way.never:
        others = others | (units.begins - units.anticipation > max(at, base))
    change = units.mean[:, at] - units.mean[:, base]
    rows = (mine | (others & ~mine)) & np.isfinite(change)
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
    return Found(found.value, influence)


def by_wave(task: PanelTask, units: Units, cells: Cells) -> Table | None:
    """Return every effect by wave and period, and each wave's mean after provision began."""
    g = len(units.keys)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []

    def add(w: int, period: str, found: Found) -> None:
        sums, factor, _ = cluster_sums(units, found.influence[:, None])
        error = float(np.sqrt(factor * np.sum(sums**2))) if g >= TOO_FEW_CLUSTERS else None
        begins = units.periods[int(cells.waves.begins[w])]
        rows.append(("group_time", begins, period, found.value, error))
        counts.append(int(cells.waves.sizes[w]))

    for w in range(len(cells.waves.begins)):
        for t in np.flatnonzero(np.isfinite(cells.effect[w])):
            place = (w, int(t))
            found = Found(float(cells.effect[place]), cells.influence[place])
            add(w, units.periods[int(t)], found)
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
        "mean since it began.",
    )


# ------------------------------------------------------------------ before provision


def pre_trends(task: PanelTask, units: Units, cells: Cells, *, leaf: str) -> Table | None:
    """Return the joint test that all effects before provision are nought."""
    places = [(int(w), int(t)) for w, t in zip(*np.nonzero(cells.before), strict=True)]
    if not places:
        return None
    g = len(units.keys)
    value = np.array([cells.effect[place] for place in places])
    influence = np.stack([cells.influence[one] for one in places], axis=1)
    sums, factor, _ = cluster_sums(units, influence)
    covariance = sums.T @ sums * factor
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not rank or g <= rank:
        return None
    wald = float(value @ np.linalg.pinv(covariance, hermitian=True) @ value)
    p = float(chi2.sf(wald, rank))
    small = float(f.sf(wald / rank * (g - rank) / (g - 1), rank, g - rank))
    worst = int(np.argmax(np.abs(value)))
    row: tuple[Cell, ...] = (
        leaf,
        *(task.terms[0].words(), len(places), float(value[worst]), wald, rank, p, small),
    )
    return Table(
        "pre_trends",
        "Did waves change alike before provision began?",
        ("estimator", "contrast", "effects", "largest", "wald", "df", "p", "p_small_sample"),
        ("label", "label", "number", "number", "number", "number", "number", "number"),
        (row,),
        tells=Tells(outcomes=("largest",)),
        counts=(len(units.begins),),
        clusters=(g,),
        tags=(("outcome", task.terms[0].outcome),),
        context="Effects of each wave in periods before provision, against the period before; all "
        "should be nought. A large p is no proof: a test may lack the power to see what matters.",
    )


def drift_bounds(
    task: PanelTask, units: Units, cells: Cells, *, times: tuple[float, ...]
) -> Table | None:
    """Return what the mean effect over exposures may be if trends part as they did before.

    cells: against the last period before provision (`universal`).
    """
    ages = np.arange(len(units.periods)) - cells.waves.begins[:, None]
    last = -1 - units.anticipation
    early = sorted({int(at) for at in ages[cells.before] if at < last})
    late = sorted({int(at) for at in ages[cells.usable] if at >= 0})
    if not early or not late or late != list(range(len(late))):
        return None
    means = [
        cells.mean(((ages == at) & np.isfinite(cells.effect)).astype(float)[None])
        for at in (*early, *late)
    ]
    g = len(units.keys)
    sums, factor, _ = cluster_sums(units, np.stack([one.influence for one in means], axis=1))
    covariance = sums.T @ sums * factor
    value = np.array([one.value for one in means])
    k = len(early)
    weights = np.full(len(late), 1 / len(late))
    rows: list[tuple[Cell, ...]] = []
    for each in times:
        one = relative_magnitudes(
            value[:k],
            value[k:],
            covariance=covariance,
            weights=weights,
            times=each,
            level=task.analysis.level,
        )
        verdict = "not nought" if one.lo > 0 or one.hi < 0 else "may be nought"
        rows.append(
            ("group_time", task.terms[0].words(), each, one.low, one.high, one.lo, one.hi, verdict)
        )
    return Table(
        "trend_bounds",
        "If trends part after provision began, by so many times the most they did before",
        ("estimator", "contrast", "times", "lower", "upper", "lo", "hi", "verdict"),
        ("label", "label", "number", "number", "number", "number", "number", "label"),
        tuple(rows),
        tells=Tells(keys=("times",), outcomes=("lower", "upper", "lo", "hi")),
        counts=(len(units.begins),) * len(rows),
        clusters=(g,) * len(rows),
        tags=(("outcome", task.terms[0].outcome), ("target", "exposure_average")),
        context="Of the mean effect over exposures. From lower to upper: the effects that the "
        "drift allows; lo and hi: with the error of sampling too (Rambachan & Roth 2023).",
    )
