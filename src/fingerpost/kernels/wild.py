"""Critical values by a wild bootstrap of cluster sums: few clusters, any estimator."""

from __future__ import annotations

import numpy as np

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.arrays import Array, Numbers

FEW = 12  # clusters below which two-point weights give too few distinct draws
BATCH = 256
MOST_CELLS = 2**23  # of a batch's draws × clusters: 64 MiB of numbers


def wild_score_bootstrap(
    sums: Numbers,
    *,
    level: float,
    draws: int,
    stream: np.random.Generator,
    weights: Array | None = None,
) -> Array:
    """Return the (q,) critical values of |t| at the level, by resampling signs of cluster sums.

    sums: (G, q) influence summed by cluster; their mean is taken off first. level: .95, say.
    draws: 999, say. Each draw multiplies the sums by weights of mean 0 and variance 1
    (Rademacher's; Webb's six points for fewer than 12 clusters) and studentises by its own
    standard error, factor G / (G - 1) as in the estimate's. The value is the
    ceil(level (draws + 1))-th smallest |t|, symmetrical. Kline & Santos (2012), Journal of
    Econometric Methods 1:23; Webb (2023), Canadian Journal of Economics 56:839.
    weights: (draws, G) drawn already, by `every_weight`, for calls that share them. Raises TooFew
    for fewer than two clusters, UsageError for too few draws.
    """
    table = np.asarray(sums, dtype=np.float64)
    size = len(table)
    if size < 2:
        raise TooFew(f"a wild bootstrap needs at least two clusters; found {size}.")
    place = int(np.ceil(level * (draws + 1) - 1e-9))
    if not 0.0 < level < 1.0 or place > draws:
        raise UsageError(f"a level of {level:g} needs more than {draws} draws; use 999 or more.")
    centred = table - table.mean(axis=0)
    t = np.empty((draws, table.shape[1]))
    batch = max(1, min(BATCH, MOST_CELLS // size))
    for lo in range(0, draws, batch):
        rows = min(batch, draws - lo)
        own = (
            wild_weights(rows, size, stream=stream) if weights is None else weights[lo : lo + rows]
        )
        t[lo : lo + rows] = np.abs(studentised(centred, own))
    chosen: Array = np.partition(t, place - 1, axis=0)[place - 1]
    return chosen


def every_weight(draws: int, size: int, *, stream: np.random.Generator) -> Array:
    """Return (draws, size) weights, those that `wild_score_bootstrap` would draw."""
    batch = max(1, min(BATCH, MOST_CELLS // size))
    parts = [min(batch, draws - lo) for lo in range(0, draws, batch)]
    return np.concatenate([wild_weights(rows, size, stream=stream) for rows in parts])


def wild_weights(draws: int, size: int, *, stream: np.random.Generator) -> Array:
    """Return (draws, size) weights of mean 0 and variance 1."""
    points = np.sqrt([0.5, 1.0, 1.5]) if size < FEW else np.ones(1)
    signed: Array = np.concatenate([-points, points])
    return signed[stream.integers(0, len(signed), size=(draws, size))]


def studentised(sums: Array, weights: Array) -> Array:
    """Return (draws, q) of drawn total over its standard error; 0 where all sums are 0."""
    size = len(sums)
    total = weights @ sums
    squares = weights**2 @ sums**2 - total**2 / size
    error = np.sqrt(np.maximum(squares, 0.0) * size / (size - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        # A draw in which every sum moves alike has no spread of its own: beyond any critical value.
        return np.where(total == 0.0, 0.0, total / error)
