"""Pairs of units that are as alike as can be: the matching of least distance in all.

Greevy, Lu, Silber & Rosenbaum (2004), Biostatistics 5:263-275. Distances are Mahalanobis's over the
columns that the study names. The matching is found as a whole-number programme (SciPy's milp, by
HiGHS), over each unit's nearest neighbours first, and over all where those cannot be paired.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from fingerpost.core.errors import FingerpostError

NEAREST = 12
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]


def distances(values: Floats) -> Floats:
    """Return (n, n) Mahalanobis distances, squared, of (n, c) values; columns without spread do not
    count.
    """
    apart = values[:, None, :] - values[None, :, :]
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(values, rowvar=False)), hermitian=True)
    found: Floats = np.einsum("ijc,cd,ijd->ij", apart, inverse, apart)
    return np.maximum(found, 0.0)


def pairs(values: Floats) -> tuple[Whole, Whole]:
    """Return (p, 2) places of units that are paired, in order, and (0 or 1,) of one left alone.

    values: (n, c). Of an odd number the one is left alone whom it costs most to pair.
    """
    n = len(values)
    if n < 2:
        return np.zeros((0, 2), np.int64), np.arange(n)
    # A unit at no distance from any takes the odd one.
    far = np.zeros((n + n % 2, n + n % 2))
    far[:n, :n] = distances(values)
    found = matched(far, near_edges(far, NEAREST))
    if found is None:
        found = matched(far, near_edges(far, len(far)))
    if found is None:
        raise FingerpostError("pairs: no matching was found.")
    alone = found[:, 1] == n
    return found[~alone], found[alone, 0]


def near_edges(far: Floats, nearest: int) -> Whole:
    """Return (e, 2) pairs of which one is among the other's nearest, the smaller place first."""
    held = far + np.diag(np.full(len(far), np.inf))
    close = np.argsort(held, axis=1, kind="stable")[:, : min(nearest, len(far) - 1)]
    one = np.repeat(np.arange(len(far)), close.shape[1])
    both = np.sort(np.column_stack([one, close.ravel()]), axis=1)
    return np.unique(both, axis=0).astype(np.int64)


def matched(far: Floats, edges: Whole) -> Whole | None:
    """Return (n / 2, 2) the pairs of least distance in all; None where edges hold no matching."""
    many = len(edges)
    ends = coo_array(
        (np.ones(2 * many), (edges.T.ravel(), np.tile(np.arange(many), 2))), shape=(len(far), many)
    )
    solved = milp(
        far[edges[:, 0], edges[:, 1]],
        integrality=np.ones(many, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(ends.tocsr(), 1, 1),
    )
    if solved.x is None:
        return None
    found: Whole = edges[solved.x > 0.5]
    return found
