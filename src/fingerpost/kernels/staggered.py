"""Provision that begins in waves: which cells are compared, and what each counts in a target.

Cells are (w, t): w waves by t periods. A target is a mean of blocks, each a weighted mean of cells:
one block a period since provision began (exposure), or a calendar period, or one block in all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array, Numbers

NEVER = -1
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]


def since(begins: Whole, periods: int) -> Whole:
    """Return (w, t) periods since provision began, negative before; meaningless where it never
    does.

    >>> since(np.array([1, NEVER]), 3)[0].tolist()
    [-1, 0, 1]
    """
    found: Whole = np.arange(periods) - begins[:, None]
    return found


def exposed(begins: Whole, periods: int) -> Flags:
    """Return (w, t) whether provision has begun."""
    found: Flags = (begins[:, None] != NEVER) & (since(begins, periods) >= 0)
    return found


def untouched(begins: Whole, periods: int, *, anticipation: int = 0) -> Flags:
    """Return (w, t) whether provision is further off than units may already behave otherwise.

    >>> untouched(np.array([2, NEVER]), 3, anticipation=1).tolist()
    [[True, False, False], [True, True, True]]
    """
    found: Flags = (begins[:, None] == NEVER) | (since(begins, periods) < -anticipation)
    return found


def blocks(kind: str, usable: Flags, *, begins: Whole, exposure: int | None = None) -> Array | None:
    """Return (b, w, t) what cells count in each block of a target, or None where none can.

    kind: a target of panels. usable: (w, t) cells that can be compared. begins: (w,). exposure: of
    `at_exposure`. Callaway & Sant'Anna (2021), section 3.2, have simple, group, calendar and
    exposure ("dynamic") averages; long_term is the longest exposure with a usable cell.
    """
    ages = since(begins, usable.shape[1])
    have = np.unique(ages[usable])
    if not len(have):
        return None
    one: Array = usable.astype(float)
    if kind == "simple":
        return one[None]
    if kind == "group_average":
        shares: Array = one / np.maximum(one.sum(axis=1, keepdims=True), 1.0)
        return shares[None]
    if kind == "calendar_average":
        at = np.flatnonzero(usable.any(axis=0))
        return np.stack([one * (np.arange(usable.shape[1]) == t) for t in at])
    if kind == "exposure_average":
        return np.stack([one * (ages == e) for e in have])
    asked: Array = one * (ages == (have[-1] if kind == "long_term" else exposure))
    return asked[None] if asked.any() else None


def cell_weights(parts: Array, sizes: Numbers) -> Array:
    """Return (w, t) weights of cells that sum to one; sizes: (w,) or (w, t) units behind a cell."""
    counted = parts * _by_cell(sizes)
    found: Array = (counted / counted.sum(axis=(1, 2), keepdims=True)).mean(axis=0)
    return found


def pull_of_sizes(parts: Array, sizes: Numbers, *, effects: Array) -> Array:
    """Return (w,) how a target moves as a wave's size does, where sizes (w,) are drawn with the
    units; effects: (w, t).
    """
    counted = parts * _by_cell(sizes)
    total = counted.sum(axis=(1, 2))
    known = np.where(parts.any(axis=0), effects, 0.0)
    means = (counted * known).sum(axis=(1, 2)) / total
    away = parts * (known - means[:, None, None]) / total[:, None, None]
    found: Array = away.sum(axis=2).mean(axis=0)
    return found


def _by_cell(sizes: Numbers) -> Array:
    return np.asarray(sizes, dtype=float)[:, None] if sizes.ndim == 1 else np.asarray(sizes, float)
