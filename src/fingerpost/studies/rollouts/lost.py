"""Units whose outcome was not recorded in every period: how many of each wave, and whether that is
more than chance gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Analysis
from fingerpost.core.panel import Panel
from fingerpost.core.rollout import NEVER
from fingerpost.core.seeds import stream
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.clusters import recode

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
SHUFFLES = 1999
ALL = "all"


def lost_by_wave(whole: Panel, outcome: str, analysis: Analysis) -> Table | None:
    """Return, by wave, how many units are left out since the outcome was not recorded in every
    period, and the p-value of that being alike in all waves; None where none is.

    whole: with units of which nothing came.
    """
    seen = np.asarray(whole.outcomes[outcome].count) > 0
    lost: Flags = ~np.asarray(seen[:, whole.told(outcome)].all(axis=1))
    if not lost.any():
        return None
    adopted = np.asarray(whole.adopted, dtype=np.int64)
    begins, wave = np.unique(adopted, return_inverse=True)
    rows: list[tuple[Cell, ...]] = []
    counts = list[int]()
    for at in np.argsort(np.where(begins == NEVER, len(whole.periods), begins)):
        mine = wave == at
        words = "not by the last period" if begins[at] == NEVER else whole.periods[begins[at]]
        rows.append((words, int(mine.sum()), int(lost[mine].sum()), float(lost[mine].mean()), None))
        counts.append(int(mine.sum()))
    p = shuffled_p(whole, wave.astype(np.int64), lost, analysis)
    rows.append((ALL, len(lost), int(lost.sum()), float(lost.mean()), p))
    return Table(
        "lost_by_wave",
        "Units whose outcome was not recorded in every period",
        ("provision began", "units", "left out", "share", "p"),
        ("label", "count", "count", "share", "number"),
        tuple(rows),
        counts=(*counts, len(lost)),
        context="They are in no answer but bounds. p: of units being left out alike in all waves, "
        "by waves shuffled among units (or what was drawn, within strata).",
        tells=Tells("lost by wave"),
        tags=(("outcome", outcome),),
    )


def shuffled_p(panel: Panel, wave: Ints, lost: Flags, analysis: Analysis) -> float | None:
    """Return the share of shuffles of waves among clusters in which losses differ at least as much
    between waves as they do; None where a cluster holds several waves.
    """
    named = analysis.cluster
    keys = np.arange(len(wave))
    if named is not None and named in panel.clusters:
        keys = np.asarray(panel.clusters[named])
    code, kept = recode(keys)
    many, waves = len(kept), int(wave.max()) + 1
    own = np.zeros(many, dtype=np.int64)
    own[code] = wave
    if not np.array_equal(own[code], wave) or waves < 2:
        return None
    strata = np.zeros(many, dtype=np.int64)
    if panel.strata is not None:
        strata[code] = np.asarray(panel.strata)
    size = np.bincount(code, minlength=many).astype(float)
    gone = np.bincount(code, weights=lost, minlength=many) - size * lost.mean()
    random = stream(analysis.stream, "losses", seed=analysis.seed)
    found = np.empty(SHUFFLES + 1)
    for draw in range(SHUFFLES + 1):
        shuffled = own if not draw else own[order_within(strata, random)]
        each = np.bincount(shuffled, weights=gone, minlength=waves)
        held = np.bincount(shuffled, weights=size, minlength=waves)
        found[draw] = np.sum(each**2 / np.maximum(held, 1.0))
    return float(np.count_nonzero(found >= found[0] * (1 - 1e-9)) / len(found))


def order_within(strata: Ints, random: np.random.Generator) -> Ints:
    """Return an order of units that stay in their strata.

    >>> order_within(np.array([0, 1]), np.random.default_rng(0)).tolist()
    [0, 1]
    """
    order = np.lexsort((random.random(len(strata)), strata))
    found = np.empty_like(order)
    found[np.argsort(strata, kind="stable")] = order
    return found
