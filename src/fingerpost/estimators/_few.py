"""Few clusters, or one that weighs much: leverage, effective degrees of freedom, the bootstrap.

The cluster sums of an influence are too small where a cluster pulls its own arm's mean towards
itself: each is divided by the share of the arm's weight that the cluster leaves to others, as
leaving clusters out one at a time does (a jackknife, CR3; MacKinnon, Nielsen & Webb 2023).
Degrees of freedom are Welch's (1947), with the effective number of clusters of each arm. The
critical value is the larger of t's and of a score wild bootstrap's (Kline & Santos 2012). What this
mends, and by how much: decision 0005.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from fingerpost.core.analysis import Task
from fingerpost.core.seeds import stream
from fingerpost.estimators._outcome import Array
from fingerpost.estimators._sums import BLOCK, Sums
from fingerpost.kernels.arrays import spans
from fingerpost.kernels.clusters import add_by
from fingerpost.kernels.wild import wild_score_bootstrap

BOOTSTRAP_DRAWS = 1999
LEAST_LEFT = 0.05  # of an arm's weight left to other clusters: below, the correction has no meaning


@dataclass(frozen=True, eq=False, slots=True)
class Few:
    """Corrected cluster sums (g, q), degrees of freedom (q,) and critical values (q,)."""

    sums: Array
    df: Array
    critical: Array


def unit_shares(weight: Callable[[slice], Array], found: Sums) -> Array:
    """Return (g, k) the share of each arm's weight that each unit holds; weight: gives (m,) what
    some children count for.
    """
    held = np.zeros(found.g * found.k)
    for lo, hi in spans(len(found.codes), BLOCK):
        rows = slice(lo, hi)
        cells = found.codes[rows] * found.k + found.arm[rows]
        add_by(held, weight(rows), codes=cells)
    shares = held.reshape(found.g, found.k)
    shares /= np.maximum(shares.sum(axis=0), 1e-300)
    return shares


def few_clusters(task: Task, parts: Array, shares: list[Array]) -> Few:
    """Return what few clusters need. parts: (g, k, q) influence summed by arm within cluster;
    shares: for each term (g, k).
    """
    analysis, count = task.analysis, len(parts)
    sums, df = [], []
    for place, share in enumerate(shares):
        own = parts[:, :, place] / np.maximum(1 - share, LEAST_LEFT)
        sums.append(own.sum(axis=1))
        df.append(min(_welch(own, share), count - 1.0))
    found = np.stack(sums, axis=1)
    generator = stream(analysis.stream, "score wild bootstrap", seed=analysis.seed)
    drawn = wild_score_bootstrap(
        found, level=analysis.level, draws=BOOTSTRAP_DRAWS, stream=generator
    )
    freedom = np.array(df)
    critical = np.maximum(drawn, stdtrit(freedom, 0.5 + analysis.level / 2))
    return Few(found, freedom, critical)


def _welch(own: Array, share: Array) -> float:
    """Return Welch's degrees of freedom; own: (g, k) sums; an arm's effective number of clusters is
    the inverse of its sum of squared shares.
    """
    if not own.any():
        return float("inf")  # nothing varies, such as a policy that changes nothing
    variance = (own**2).sum(axis=0)
    effective = 1 / np.maximum((share**2).sum(axis=0), 1e-300)
    each = np.maximum(effective - 1, 0.5)
    return float(variance.sum() ** 2 / (variance**2 / each).sum())
