"""What small and uneven waves do to errors: which are pooled, what one cluster pulls, Welch's t.

A cluster that is much of its wave pulls the wave's mean towards itself, so that what is left of it
is too small; a wave of one cluster has nothing left at all. Waves of few clusters are therefore
held against a mean that they share with their neighbours in time (Borusyak, Jaravel & Spiess 2024,
section 4.3, advise it), what is left is divided by the share that the others have (as leaving
clusters out one at a time does), and degrees of freedom are Welch's (1947), of as many clusters as
uneven ones are worth.
"""

from __future__ import annotations

import numpy as np

from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.staggered import Flags, Whole

FULL_WAVE = 5  # clusters; a smaller wave shares its mean with its neighbours in time
LEAST_LEFT = 0.05  # of a group, to other clusters than the largest: a lone one is not made endless


def wave_groups(counts: Whole, used: Flags) -> Whole:
    """Return (w,) codes of groups of waves, neighbours in time put together until a group holds
    FULL_WAVE clusters; −1 for waves that are not used. counts: (w,) clusters of each, by time.

    >>> wave_groups(np.array([1, 13, 4, 2, 1]), np.ones(5, dtype=bool)).tolist()
    [0, 0, 1, 1, 1]
    """
    found = np.full(len(counts), -1, dtype=np.int64)
    group, held = 0, 0
    for at in np.flatnonzero(used):
        found[at] = group
        held += int(counts[at])
        if held >= FULL_WAVE:
            group, held = group + 1, 0
    if held and group:
        found[found == group] = group - 1
    return found


def pooled(influence: Array, *, moved: Array, lean: Array, group: Codes) -> Array:
    """Return (u,) influence about the mean effect of each unit's group, in place of its wave's.

    influence: (u,) about the wave's mean. moved: (u,) what that mean is of the target. lean: (u,)
    how much of the target rests on the unit, so that (influence + moved) / lean is its own effect.
    group: (u,) codes, −1 where nothing is changed.

    >>> moved, lean = np.array([1.0, 2.0]), np.full(2, 0.5)
    >>> pooled(np.zeros(2), moved=moved, lean=lean, group=np.zeros(2, dtype=int))
    array([-0.5,  0.5])
    """
    rows = (group >= 0) & (lean > 0)
    if not rows.any():
        return influence
    own = influence[rows] + moved[rows]
    code = group[rows]
    count = np.maximum(np.bincount(code), 1)
    mean = np.bincount(code, weights=own / lean[rows]) / count
    found = influence.copy()
    found[rows] = own - lean[rows] * mean[code]
    return found


def effective(pull: Array, code: Codes, *, groups: int) -> Array:
    """Return (groups,) how many clusters alike the clusters of each are worth (Kish).

    >>> effective(np.array([1.0, 1.0, 4.0]), np.array([0, 0, 0]), groups=1)
    array([2.])
    """
    total, square = sum_by(code, pull, n_groups=groups), sum_by(code, pull**2, n_groups=groups)
    return np.divide(total**2, square, out=np.zeros(groups), where=square > 0)


def left_to_others(pull: Array, code: Codes, *, groups: int) -> Array:
    """Return (c,) the share of its group that a cluster leaves to others."""
    total = sum_by(code, pull, n_groups=groups)[code]
    share = np.divide(pull, total, out=np.zeros_like(pull), where=total > 0)
    return np.maximum(1.0 - share, LEAST_LEFT)


def welch_freedom(sums: Array, pull: Array, *, code: Codes, groups: int) -> float:
    """Return Welch's degrees of freedom of a sum over groups; uneven clusters count as the even
    ones whose squares vary as much. sums, pull: (c,).
    """
    variance = sum_by(code, sums**2, n_groups=groups)
    square, fourth = sum_by(code, pull**2, n_groups=groups), sum_by(code, pull**4, n_groups=groups)
    count = np.bincount(code, minlength=groups).astype(float)
    worth = np.divide(square**2, fourth, out=count, where=fourth > 0)
    spare = np.maximum(worth - 1.0, 0.5)
    whole, part = float(variance.sum()), float((variance**2 / spare).sum())
    if whole <= 0:
        return np.inf
    return float(np.clip(whole**2 / max(part, 1e-300), 1.0, max(len(sums) - 1.0, 1.0)))
