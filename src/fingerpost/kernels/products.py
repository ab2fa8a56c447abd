"""Products with a design that never hold more than a block of it."""

from __future__ import annotations

import numpy as np

from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Design

SCATTER_ROWS = 32_768  # a group's sums are written once per block, so blocks are large here


def gram(design: Design, weights: Numbers | None = None) -> Array:
    """Return the (p, p) sum over rows of weight × x xᵀ; weights (n,) may be negative."""
    out = np.zeros((design.p, design.p))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(design.p)):
            block = design.block(lo, hi)
            other = block if weights is None else block * weights[lo:hi, None]
            out += block.T @ other
    return out


def cross(design: Design, values: Numbers) -> Array:
    """Return the sum over rows of x times value: (p,) for values (n,), (p, q) for (n, q)."""
    out = np.zeros((design.p, *values.shape[1:]))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(design.p)):
            out += design.block(lo, hi).T @ values[lo:hi]
    return out


def times(design: Design, coefficients: Numbers) -> Array:
    """Return design × coefficients: (n,) for (p,), (n, q) for (p, q)."""
    out = np.empty((design.n, *coefficients.shape[1:]))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(design.p)):
            out[lo:hi] = design.block(lo, hi) @ coefficients
    return out


def scores_by(design: Design, values: Numbers, *, codes: Codes, n_groups: int) -> Array:
    """Return sums of x × value within groups, as (n_groups, p q) for values (n,) or (n, q).

    The q sets of p columns follow each other, as the parameters of a multinomial do.
    """
    table = values.reshape(design.n, -1)
    q = table.shape[1]
    out = np.zeros((n_groups, design.p * q))
    for lo, hi in spans(design.n, SCATTER_ROWS):
        block = design.block(lo, hi)
        for place in range(q):
            part = block * table[lo:hi, place, None]
            columns = slice(place * design.p, (place + 1) * design.p)
            out[:, columns] += sum_by(codes[lo:hi], part, n_groups=n_groups)
    return out
