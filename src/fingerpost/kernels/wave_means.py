"""Statistics that are linear in the means of waves, over thousands of draws at once.

What was drawn is a cluster (an area); its units (schools) follow it. Of each cluster the totals of
linear forms are known for every wave that it might have been in; a draw says in which it is. Means
of waves are ratios, of totals over numbers of units; their variance is Neyman's, of cluster totals
less what their size leads one to expect (a ratio's linearisation), which with one unit a cluster
is the variance within waves.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from fingerpost.kernels.arrays import Array, Codes, spans
from fingerpost.kernels.staggered import Whole

MOST_ENTRIES = 2**21  # of a batch's draws × clusters


def over_draws(
    forms: Array, sizes: Array, *, codes: Codes, pairs: list[tuple[int, int]]
) -> tuple[Array, Array]:
    """Return (d, k) sums over waves of means, and (d, m) covariances of m pairs of them.

    forms: (c, w, k) totals of k linear forms by cluster, for each wave that it may be in. sizes:
    (c, w) units, times what the cluster counts in a wave, as forms are. codes: (d, c) the wave of
    each cluster. pairs: which covariances are wanted. A wave with one cluster adds no variance.
    Forms far from nought should be centred first.
    """
    c, w, k = forms.shape
    m, first, last = len(pairs), [one for one, _ in pairs], [other for _, other in pairs]
    by_size = np.stack([sizes**2, sizes, np.ones_like(sizes)], axis=2)
    wide = np.concatenate(
        [
            forms,
            forms[:, :, first] * forms[:, :, last],
            forms * sizes[:, :, None],
            by_size,
        ],
        axis=2,
    ).reshape(c * w, -1)
    value, covariance = np.zeros((len(codes), k)), np.zeros((len(codes), m))
    for lo, hi in spans(len(codes), max(1, MOST_ENTRIES // c)):
        # One entry a cluster and draw, which adds its row for the wave it is in to that wave.
        own = np.asarray(codes[lo:hi], dtype=np.int64)
        rows = (np.arange(hi - lo)[:, None] * w + own).ravel()
        columns = (np.arange(c) * w + own).ravel()
        member = scipy.sparse.csr_array(
            (np.ones(len(rows)), (rows, columns)), shape=((hi - lo) * w, c * w)
        )
        summed = (member @ wide).reshape(hi - lo, w, -1)
        total, square, crossed, sums = np.split(summed, [k, k + m, 2 * k + m], axis=2)
        size, count = np.where(sums[:, :, 1] > 0, sums[:, :, 1], 1.0), sums[:, :, 2]
        mean = total / size[:, :, None]
        value[lo:hi] = mean.sum(axis=1)
        spread = square - mean[:, :, first] * crossed[:, :, last]
        spread -= mean[:, :, last] * crossed[:, :, first]
        spread += mean[:, :, first] * mean[:, :, last] * sums[:, :, [0]]
        factor = np.where(count > 1, count / np.maximum(count - 1, 1), 0.0) / size**2
        covariance[lo:hi] = (spread * factor[:, :, None]).sum(axis=1)
    return value, covariance


def deviations(totals: Array, sizes: Array, *, wave: Whole) -> Array:
    """Return (c, t) scaled deviations of clusters from their wave's mean: over the clusters of a
    wave, the sum of their products is Neyman's covariance of the wave's mean.

    totals: (c, t) sums of unit means. sizes: (c,) units. wave: (c,) codes.

    >>> y = np.array([[1.0], [3.0]])
    >>> away = deviations(y, np.ones(2), wave=np.zeros(2, dtype=int))
    >>> round(float((away**2).sum()), 12), float(y.var(ddof=1) / 2)
    (1.0, 1.0)
    """
    found = np.zeros_like(totals)
    for own in np.unique(wave):
        rows = wave == own
        size, count = float(sizes[rows].sum()), int(rows.sum())
        away = totals[rows] - sizes[rows, None] * (totals[rows].sum(axis=0) / size)
        found[rows] = away * (np.sqrt(count / (count - 1)) / size if count > 1 else 0.0)
    return found
