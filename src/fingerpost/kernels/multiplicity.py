"""P-values adjusted for being many: Holm's, and false-discovery rates."""

from __future__ import annotations

import numpy as np

from fingerpost.kernels.arrays import Array


def holm(p: Array) -> Array:
    """Return p-values adjusted so that the chance of one false finding or more is controlled.

    Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70; any dependence.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(stepped, 1.0)
    return found


def false_discovery(p: Array, *, any_dependence: bool = False) -> Array:
    """Return q-values: the false-discovery rate at which each finding would just stand.

    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300, valid
    for independent or positively dependent answers; any_dependence: Benjamini & Yekutieli (2001),
    Annals of Statistics 29(4), 1165-1188.

    >>> false_discovery(np.array([0.01, 0.04, 0.03])).round(10).tolist()
    [0.03, 0.04, 0.04]
    """
    k = len(p)
    order = np.argsort(p, kind="stable")
    factor = float(np.sum(1.0 / np.arange(1, k + 1))) if any_dependence else 1.0
    stepped = p[order] * k * factor / np.arange(1, k + 1)
    found = np.empty(k)
    found[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return found
