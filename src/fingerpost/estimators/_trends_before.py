"""What trends did before provision: tests of it, and what is left if they go on to part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import chi2, f

from fingerpost.core.analysis import PanelTask
from fingerpost.core.estimand import Term
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._group_time import Cells, Way, all_cells
from fingerpost.estimators._panel import generator, target_of
from fingerpost.estimators._units import Units
from fingerpost.estimators._wave_errors import (
    FEW_OF_WAVE,
    Found,
    clusters_by_wave,
    errors_of,
    wave_of_clusters,
)
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.relative_trends import relative_magnitudes
from fingerpost.kernels.staggered import NEVER, Flags, Whole, cell_weights

Array = NDArray[np.float64]
SHUFFLES = 999
MOST_EFFECTS = 40  # that are tested one by one; above, those of one exposure are put together
MOST_WORK = 2 * 10**9  # draws × clusters × waves × periods of a shuffled test


def trends_before(task: PanelTask, units: Units, *, leaf: str) -> Table | None:
    """Return the test of trends before provision, as group_time makes it without covariates."""
    way = Way(bool(np.any(units.begins == NEVER)), "regression")
    return pre_trends(task, units, all_cells(units, way, None), way, leaf=leaf)


def pre_trends(
    task: PanelTask, units: Units, cells: Cells, way: Way, *, leaf: str, x: Array | None = None
) -> Table | None:
    """Return the joint tests that all effects before provision are nought: Wald's, where every wave
    has clusters enough for it, and one that shuffles the waves, which needs none. x: (u, t, p).
    """
    places = [(int(w), int(t)) for w, t in zip(*np.nonzero(cells.before), strict=True)]
    if not places:
        return None
    value = np.array([cells.effect[place] for place in places])
    worst = float(value[int(np.argmax(np.abs(value)))])
    counts = clusters_by_wave(units, cells.waves)
    wald = _wald(units, cells, places) if counts.min() >= FEW_OF_WAVE else None
    shuffled = shuffled_p(task, units, cells, way, x)
    if wald is None and shuffled is None:
        return None
    if abs(worst) <= units.least:  # what is left is of arithmetic, and no evidence
        worst, wald, shuffled = 0.0, None, 1.0
    row: tuple[Cell, ...] = (
        *(leaf, task.terms[0].words(), len(places), worst),
        *(wald or (None,) * 4),
        shuffled,
    )
    names = ("effects", "largest", "wald", "df", "p", "p_small_sample", "p_shuffled")
    return Table(
        "pre_trends",
        "Did waves change alike before provision began?",
        ("estimator", "contrast", *names),
        ("label", "label", *("number",) * len(names)),
        (row,),
        tells=Tells("trends before", outcomes=("largest",)),
        counts=(len(units.begins),),
        clusters=(len(units.keys),),
        tags=(("outcome", task.terms[0].outcome),),
        context="Effects of each wave in periods before provision, against the period before; all "
        "should be nought. p_shuffled, of waves shuffled among units, is the one to read: the "
        "others need many units in every wave, and are left out where one has fewer than "
        f"{FEW_OF_WAVE}. A large p is no proof: a test may lack the power to see what matters.",
    )


def _wald(
    units: Units, cells: Cells, places: list[tuple[int, int]]
) -> tuple[float, int, float, float] | None:
    """Return Wald's statistic, its degrees of freedom, and p by the chi-square and by F."""
    g = len(units.keys)
    value = np.array([cells.effect[place] for place in places])
    sums = sum_by(
        units.cluster,
        np.stack([cells.influence[one] for one in places], axis=1),
        n_groups=g,
    )
    covariance = sums.T @ sums * (g / max(g - 1, 1) if units.clustered else 1.0)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not rank or g <= rank:
        return None
    wald = float(value @ np.linalg.pinv(covariance, hermitian=True) @ value)
    small = float(f.sf(wald / rank * (g - rank) / (g - 1), rank, g - rank))
    return wald, rank, float(chi2.sf(wald, rank)), small


# ------------------------------------------------------------------ waves that are shuffled


def shuffled_p(
    task: PanelTask, units: Units, cells: Cells, way: Way, x: Array | None
) -> float | None:
    """Return the share of shuffles of the waves among clusters whose effects before provision lie
    at least as far from nought as those that are: exact, however small waves are, if units of all
    waves changed alike before. None where clusters hold several waves, or are too many.

    Far is meant by the covariance of the shuffles themselves (Mahalanobis), so that it is the same
    for all of them.
    """
    wave = wave_of_clusters(units)
    form = _forms(units, cells, way)
    used = np.flatnonzero(form.any(axis=(0, 1)))
    y = _without(units.mean[:, used], None if x is None else x[:, 0])
    rows = np.isfinite(y).all(axis=1)
    g, waves = len(units.keys), len(cells.waves.begins)
    if wave is None or SHUFFLES * g * waves * len(used) > MOST_WORK or not rows.any():
        return None
    y = y[rows] - y[rows].mean(axis=0)
    totals = sum_by(units.cluster[rows], y, n_groups=g)
    sizes = np.bincount(units.cluster[rows], minlength=g).astype(float)
    codes = _shuffles(task, units, wave)
    means = np.zeros((len(codes), waves, len(used)))
    for at in range(waves):
        mine = np.asarray(codes == at, dtype=float)
        means[:, at] = (mine @ totals) / np.maximum(mine @ sizes, 1.0)[:, None]
    found = np.einsum("dwt,kwt->dk", means, form[:, :, used], optimize=True)
    away = found - found.mean(axis=0)
    inverse = np.linalg.pinv(away.T @ away / len(away), hermitian=True, rcond=1e-9)
    far = np.einsum("dk,kl,dl->d", found, inverse, found, optimize=True)
    return float(np.count_nonzero(far >= far[0] * (1 - 1e-9)) / len(far))


def _forms(units: Units, cells: Cells, way: Way) -> Array:
    """Return (k, w, t) weights of waves' means in each effect before provision."""
    waves, t = cells.waves, len(units.periods)
    sizes = waves.sizes.astype(float)
    found: dict[object, Array] = {}
    places = [(int(w), int(at)) for w, at in zip(*np.nonzero(cells.before), strict=True)]
    for w, at in places:
        last = units.base(waves.begins[w])
        base = last if way.universal or at > last else units.before(at)
        others: Flags = np.asarray(waves.begins == NEVER)
        if not way.never:
            others = others | (waves.begins - units.anticipation > max(at, base))
        share = np.where(others & (np.arange(len(sizes)) != w), sizes, 0.0)
        one = np.zeros((len(sizes), t))
        for period, sign in ((at, 1.0), (base, -1.0)):
            one[w, period] += sign
            one[:, period] -= sign * share / share.sum()
        key: object = (w, at) if len(places) <= MOST_EFFECTS else at - int(waves.begins[w])
        found[key] = found.get(key, 0.0) + sizes[w] * one
    return np.stack(list(found.values()))


def _without(y: Array, x: Array | None) -> Array:
    """Return outcomes less what covariates of the first period say of them. x: (u, p)."""
    if x is None:
        return y
    design = np.column_stack([np.ones(len(x)), x])
    known: Flags = np.isfinite(np.column_stack([y, design])).all(axis=1)
    best = np.linalg.lstsq(design[known], y[known], rcond=None)[0]
    found: Array = np.where(known[:, None], y - design @ best, np.nan)
    return found


def _shuffles(task: PanelTask, units: Units, wave: Whole) -> Whole:
    """Return (d, g) waves of clusters, the first as they were, the others shuffled within strata
    where the panel has them.
    """
    strata = np.zeros(len(wave), dtype=np.int64)
    if task.panel.strata is not None:
        own, _ = recode(np.asarray(task.panel.strata)[units.rows])
        strata[units.cluster] = own
    random = generator(task, "shuffled trends")
    found = np.tile(wave, (SHUFFLES + 1, 1))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        order = np.argsort(random.random((SHUFFLES, len(rows))), axis=1)
        found[1:, rows] = wave[rows][order]
    return found


# ------------------------------------------------------------------ trends that go on to part


def drift_bounds(
    task: PanelTask, units: Units, cells: Cells, *, times: tuple[float, ...]
) -> Table | None:
    """Return what each asked effect may be if trends part as they did before.

    cells: against the last period before provision (`universal`).
    """
    early = _early(units, cells)
    if early is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for term in task.terms:
        rows += _bounds_of(term, task, units, cells, early, times)
    if not rows:
        return None
    names = ("lower", "upper", "lo", "hi")
    over = bool((early.lengths > 1).any())
    shared = " Drift over periods without records is shared out among them." if over else ""
    return Table(
        "trend_bounds",
        "If trends part after provision began, by so many times the most they did before",
        ("estimator", "contrast", "target", "times", *names, "verdict"),
        ("label", "label", "label", *("number",) * 5, "label"),
        tuple(rows),
        tells=Tells("drift allowed", keys=("times",), outcomes=names),
        counts=(len(units.begins),) * len(rows),
        clusters=(len(units.keys),) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Of each target. From lower to upper: the effects that the drift allows; lo and "
        "hi: with the error of sampling too (Rambachan & Roth 2023)." + shared,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Early:
    """Effects before the last period without provision, earliest first, and the periods from each
    to the next, of the last to that one.
    """

    effects: list[Found]
    lengths: Array


def _since_base(units: Units, cells: Cells) -> Array:
    """Return, by wave, the period with which its others are compared, counted from its begin."""
    found: Array = np.array([units.base(int(at)) - int(at) for at in cells.waves.begins], float)
    return found


def _early(units: Units, cells: Cells) -> Early | None:
    """Return the mean effects of exposures before the last period without provision; those that
    rest on one cluster say nothing of trends. None where there are none.
    """
    ages = np.arange(len(units.periods)) - cells.waves.begins[:, None]
    treated = cells.waves.begins > 0
    last = int(_since_base(units, cells)[treated].max(initial=-1 - units.anticipation))
    before = sorted({int(at) for at in ages[cells.before] if at < last})
    found = [
        cells.mean(((ages == at) & np.isfinite(cells.effect)).astype(float)[None]) for at in before
    ]
    if not found:
        return None
    kept = ~np.asarray(errors_of(units, found).lone)
    lengths = np.diff([*np.array(before)[kept], last]).astype(float)
    effects = [one for one, keep in zip(found, kept, strict=True) if keep]
    return Early(effects, lengths) if effects else None


def _bounds_of(
    term: Term, task: PanelTask, units: Units, cells: Cells, early: Early,
    times: tuple[float, ...],
) -> list[tuple[Cell, ...]]:  # fmt: skip
    """Return the rows of one term."""
    parts = target_of(term, cells.usable, cells.waves.begins)
    if parts is None:
        return []
    one = cells.mean(parts)
    told = errors_of(units, [*early.effects, one])
    if told.lone[-1]:
        return []
    ages = np.arange(len(units.periods)) - cells.waves.begins[:, None]
    weights = cell_weights(parts, cells.waves.sizes.astype(float))
    # A step of drift is carried by every exposure from then on: one of exposure s carries s + 1,
    # and as many more as provision was foreseen, or nothing was seen before it began.
    carried = float(np.sum(weights * (ages - _since_base(units, cells)[:, None])))
    critical = float(stdtrit(told.df.min(), 0.5 + task.analysis.level / 2))
    rows: list[tuple[Cell, ...]] = []
    for each in times:
        drift = relative_magnitudes(
            np.array([found.value for found in early.effects]),
            one.value,
            covariance=told.sums.T @ told.sums,
            carried=carried,
            times=each,
            critical=critical,
            lengths=early.lengths,
        )
        verdict = "not nought" if drift.lo > 0 or drift.hi < 0 else "may be nought"
        ends = (drift.low, drift.high, drift.lo, drift.hi)
        rows.append(("group_time", term.words(), term.label(), each, *ends, verdict))
    return rows
