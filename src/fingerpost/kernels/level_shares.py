"""How much of an outcome lies between clusters, and how much of that stays from period to period.

y = (mean of the period) + a(cluster) + d(cluster, period) + e(child), by restricted maximum
likelihood (Patterson & Thompson 1971, Biometrika 58:545-554) on the counts, means and sums of
squares of cells, so that a country of children is a few thousand rows. With v(a), v(d), v(e) the
variances, the intra-cluster correlation in one period is (v(a) + v(d)) over all three, and the
cluster autocorrelation v(a) over v(a) + v(d) (nested: the same at any distance in time).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from fingerpost.core.errors import TooFew
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by

HALF_DROP = 1.920729  # of the log-likelihood at the ends of a 95% profile interval
LEAST, MOST = 0.0, 0.999


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Children by cluster and period. counts, means: (c,) of each cell; within: sum of squares of
    children about their cell's mean, all cells together. cluster, period: (c,) codes.
    """

    counts: Array
    means: Array
    within: float
    cluster: Codes
    period: Codes

    @property
    def children(self) -> float:
        """How many children there are."""
        return float(self.counts.sum())

    @property
    def clusters(self) -> int:
        """How many clusters."""
        return int(self.cluster.max()) + 1

    @property
    def periods(self) -> int:
        """How many periods."""
        return int(self.period.max()) + 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95% interval by profile likelihood."""

    value: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Shares:
    """What lies where. icc: in one period; cac: None where there is one period. variance: of all
    levels together. clusters, periods, children: how many. mean_size, size_cv: children of a
    cluster and period, and the coefficient of variation of that number (each about its period).
    """

    icc: Interval
    cac: Interval | None
    variance: float
    clusters: int
    periods: int
    children: int
    mean_size: float
    size_cv: float


def cells_of(outcome: Array, cluster: Codes, *, period: Codes | None = None) -> Cells:
    """Return the cells of children. outcome, cluster, period: (n,), all there.

    Raises TooFew below three clusters, or where no cell has two children.
    """
    when = np.zeros(len(cluster), np.int64) if period is None else np.asarray(period)
    wide = int(when.max()) + 1 if len(when) else 1
    keys, place = np.unique(np.asarray(cluster) * wide + when, return_inverse=True)
    counts = np.bincount(place).astype(float)
    means = np.bincount(place, weights=outcome) / counts
    within = float(np.sum((outcome - means[place]) ** 2))
    found = Cells(counts, means, within, keys // wide, keys % wide)
    if len(np.unique(found.cluster)) < 3:
        raise TooFew("three clusters or more are needed to tell how alike their children are.")
    if found.children <= len(keys):
        raise TooFew("every cluster and period has one child: nothing tells children apart.")
    return found


def level_shares(cells: Cells) -> Shares:
    """Return the intra-cluster correlation and, over periods, the cluster autocorrelation.

    >>> y, school = np.array([1.0, 2, 3, 4, 5, 6, 11, 12]), np.repeat([0, 1, 2, 3], 2)
    >>> round(level_shares(cells_of(y, school)).icc.value, 6)
    0.973568
    """
    sizes, cv = spread_of_sizes(cells)
    many = cells.periods > 1
    best, cac = peak_of_two(cells) if many else (peak_of_icc(cells, 1.0), 1.0)
    top = likelihood(cells, best, cac)

    def over_icc(icc: float) -> float:
        return profile_icc(cells, icc) if many else likelihood(cells, icc, 1.0)

    def over_cac(share: float) -> float:
        return likelihood(cells, peak_of_icc(cells, share), share)

    icc = interval(over_icc, best, top)
    kept = interval(over_cac, cac, top, most=1.0) if many else None
    scale = scale_of(cells, best, cac)
    return Shares(
        icc,
        kept,
        scale,
        cells.clusters,
        cells.periods,
        round(cells.children),
        sizes,
        cv,
    )


def spread_of_sizes(cells: Cells) -> tuple[float, float]:
    """Return the mean number of children in a cell, and its coefficient of variation, periods
    weighted by their cells.
    """
    n = np.bincount(cells.period)
    mean = np.bincount(cells.period, weights=cells.counts) / n
    away = cells.counts - mean[cells.period]
    free = max(len(cells.counts) - cells.periods, 1)
    overall = float(cells.counts.mean())
    return overall, float(np.sqrt(np.sum(away**2) / free) / overall)


def pieces(cells: Cells, icc: float, cac: float) -> tuple[float, float, float]:
    """Return (log determinants, weighted residual sum of squares, degrees of freedom) with all
    variances over that of a child within a cell of total 1: v(a) = icc·cac, v(d) = icc·(1 − cac),
    v(e) = 1 − icc.
    """
    lasting, passing, own = icc * cac, icc * (1 - cac), 1 - icc
    weight = 1 / (passing + own / cells.counts)
    groups = cells.clusters
    total = sum_by(cells.cluster, weight, n_groups=groups)
    shrink = lasting / (1 + lasting * total)
    # Every cluster by period, weights in its cells: (groups, periods).
    by = np.zeros((groups, cells.periods))
    np.add.at(by, (cells.cluster, cells.period), weight)
    score = np.zeros((groups, cells.periods))
    np.add.at(score, (cells.cluster, cells.period), weight * cells.means)
    normal = np.diag(by.sum(axis=0)) - (by * shrink[:, None]).T @ by
    summed = score.sum(axis=1)
    right = score.sum(axis=0) - by.T @ (shrink * summed)
    effect = np.linalg.solve(normal, right)
    squares = float(np.sum(weight * cells.means**2) - np.sum(shrink * summed**2) - effect @ right)
    squares += cells.within / own
    free = cells.children - cells.periods
    logs = float(
        -np.log(weight).sum()
        + np.log1p(lasting * total).sum()
        + (cells.children - len(cells.counts)) * np.log(own)
        + np.linalg.slogdet(normal)[1]
    )
    return logs, squares, free


def likelihood(cells: Cells, icc: float, cac: float) -> float:
    """Return the restricted log-likelihood at its best scale, up to a constant."""
    logs, squares, free = pieces(cells, icc, cac)
    return float(-0.5 * (logs + free * np.log(squares / free)))


def scale_of(cells: Cells, icc: float, cac: float) -> float:
    """Return the variance of all levels together."""
    _, squares, free = pieces(cells, icc, cac)
    return squares / free


def peak_of_icc(cells: Cells, cac: float) -> float:
    """Return the intra-cluster correlation at which the likelihood is highest, at one cac."""
    found = minimize_scalar(
        lambda icc: -likelihood(cells, icc, cac),
        bounds=(LEAST, MOST),
        method="bounded",
        options={"xatol": 1e-9},
    )
    edge = likelihood(cells, LEAST, cac)
    return LEAST if edge >= -float(found.fun) else float(found.x)


def profile_icc(cells: Cells, icc: float) -> float:
    """Return the likelihood at one intra-cluster correlation and the best cac for it."""
    if icc <= 0:
        return likelihood(cells, 0.0, 1.0)
    found = minimize_scalar(
        lambda cac: -likelihood(cells, icc, cac),
        bounds=(0.0, 1.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return max(-float(found.fun), likelihood(cells, icc, 0.0), likelihood(cells, icc, 1.0))


def peak_of_two(cells: Cells) -> tuple[float, float]:
    """Return (icc, cac) at which the likelihood is highest."""
    found = minimize_scalar(
        lambda cac: -likelihood(cells, peak_of_icc(cells, cac), cac),
        bounds=(0.0, 1.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    held = [(peak_of_icc(cells, cac), cac) for cac in (float(found.x), 0.0, 1.0)]
    return max(held, key=lambda at: likelihood(cells, *at))


def interval(
    profile: Callable[[float], float], best: float, top: float, *, most: float = MOST
) -> Interval:
    """Return a share with the ends at which the profile has fallen by that of a 95% interval."""

    def left(at: float) -> float:
        return profile(at) - top + HALF_DROP

    lo = LEAST if left(LEAST) >= 0 else float(brentq(left, LEAST, best, xtol=1e-7))
    hi = most if left(most) >= 0 else float(brentq(left, best, most, xtol=1e-7))
    return Interval(best, lo, hi)
