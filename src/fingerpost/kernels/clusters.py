"""Sums of rows within groups: schools, areas, children, cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers

FEW = 10_000  # numbers that are added sooner than a sparse matrix is made


def sum_by(codes: Codes, rows: Numbers, *, n_groups: int) -> Array:
    """Return the sums of rows within groups: (n_groups,) of (n,), or (n_groups, q) of (n, q).

    codes: (n,) integers from 0 to n_groups - 1; a group without rows has sum 0.

    >>> sum_by(np.array([0, 2, 0]), np.array([1.0, 5.0, 2.0]), n_groups=3).tolist()
    [3.0, 0.0, 5.0]
    """
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < n_groups:
        raise UsageError(f"group codes must lie between 0 and {n_groups - 1}.")
    if rows.ndim == 1:
        return np.bincount(codes, weights=rows, minlength=n_groups).astype(np.float64, copy=False)
    n, q = rows.shape
    if rows.size <= FEW:
        place = (np.asarray(codes)[:, None] * q + np.arange(q)).ravel()
        few = np.bincount(place, weights=rows.ravel(), minlength=n_groups * q)
        return few.astype(np.float64, copy=False).reshape(n_groups, q)
    # One entry per column of a sparse matrix: its product adds each row to its group in one sweep.
    member = scipy.sparse.csc_array(
        (np.ones(n), np.asarray(codes), np.arange(n + 1)), shape=(n_groups, n)
    )
    sums: Array = member @ np.asarray(rows, dtype=np.float64)
    return sums


def add_by(sums: Array, rows: Array, *, codes: Codes) -> None:
    """Add rows (m,) or (m, q) to the sums (n_groups,) or (n_groups, q) of their groups, in place:
    for groups that rows reach block by block.

    >>> sums = np.zeros(3)
    >>> add_by(sums, np.array([1.0, 5.0, 2.0]), codes=np.array([0, 2, 0]))
    >>> sums.tolist()
    [3.0, 0.0, 5.0]
    """
    if len(codes) < len(sums):
        np.add.at(sums, codes, rows)  # to touch the groups of these rows alone
    else:
        sums += sum_by(codes, rows, n_groups=len(sums))


def alike(rows: Array) -> tuple[Codes, Codes]:
    """Return (k,) the first of each kind of row (n, q) and (n,) the kind of each. Rows of one kind
    are the same in every number; that all the same rows are of one kind is not promised.

    >>> alike(np.array([[1.0, 2.0], [0.0, 3.0], [1.0, 2.0]]))[1].tolist()
    [0, 1, 0]
    """
    mixed = np.einsum("nq,q->n", rows, np.sqrt(np.arange(2.0, rows.shape[1] + 2)))
    _, first, place = np.unique(mixed, return_index=True, return_inverse=True)
    if np.array_equal(rows[first][place], rows):
        return first, place
    each = np.arange(len(rows))  # different rows were mixed to the same number
    return each, each


def distinct(keys: NDArray[Any]) -> int:
    """Return how many different keys there are.

    >>> distinct(np.array([305, 101, 305]))
    2
    """
    if keys.dtype.kind in "iu" and len(keys):
        low = int(keys.min())
        span = int(keys.max()) - low + 1
        if span <= 4 * len(keys) + 1024:
            return int(np.count_nonzero(np.bincount(keys.astype(np.int64) - low, minlength=span)))
    return len(np.unique(keys))


def two_valued(values: Numbers) -> bool:
    """Return whether numbers have exactly two values, without sorting them.

    >>> two_valued(np.array([0.0, 3.0, 0.0])), two_valued(np.array([0.0, 1.0, 2.0]))
    (True, False)
    """
    if not len(values):
        return False
    low, high = values.min(), values.max()
    return bool(low < high and ((values == low) | (values == high)).all())


def recode(keys: NDArray[Any]) -> tuple[Codes, NDArray[Any]]:
    """Return codes 0 … G - 1 and the G sorted distinct keys they stand for.

    >>> codes, schools = recode(np.array([305, 101, 305]))
    >>> codes.tolist(), schools.tolist()
    ([1, 0, 1], [101, 305])
    """
    if keys.dtype.kind in "iu" and len(keys):
        low = int(keys.min())
        span = int(keys.max()) - low + 1
        if span <= 4 * len(keys) + 1024:
            # Compact integers need no sorting. Widened, since a narrow type overflows here.
            away = keys.astype(np.int64, copy=False)
            away = away - low if low else away
            seen = np.zeros(span, dtype=np.bool_)
            seen[away] = True
            uniques = (np.flatnonzero(seen) + low).astype(keys.dtype)
            # Keys that are such codes already are told as they are.
            return (away if seen.all() else (np.cumsum(seen) - 1)[away]), uniques
    uniques, codes = np.unique(keys, return_inverse=True)
    return codes, uniques
