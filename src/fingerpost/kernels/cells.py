"""Identical rows of discrete columns as cells: the same likelihood from far fewer rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers
from fingerpost.kernels.clusters import recode, sum_by


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """C cells of n rows.

    rows: (C,) index of one row of each cell, for `design.take`. count: (C,) rows, or the sum of
    their weights. total: (C, q) weighted sums of the values. cell: (n,) code of each row's cell.
    """

    rows: Codes
    count: Array
    total: Array
    cell: Codes

    @property
    def mean(self) -> Array:
        """(C, q) means of the values: the y of a grouped fit, whose weights are the counts."""
        return self.total / self.count[:, None]


def group(
    columns: Sequence[Numbers], *, values: Numbers | None = None, weights: Numbers | None = None
) -> Cells:
    """Return the cells of rows that agree in every column.

    columns: one or more (n,) arrays of few distinct values. values: (n,) or (n, q) to be summed.
    weights: (n,) positive. Cells are ordered by the columns, the first running slowest.

    >>> cells = group([np.array([1, 0, 1])], values=np.array([2.0, 5.0, 4.0]))
    >>> cells.count.tolist(), cells.mean.tolist()
    ([1.0, 2.0], [[5.0], [3.0]])
    """
    if not columns:
        raise UsageError("grouping needs at least one column.")
    cell, uniques = recode(columns[0])
    for column in columns[1:]:
        codes, own = recode(column)
        # Recoding after each column keeps the codes below n, so that products never overflow.
        cell, uniques = recode(cell.astype(np.int64) * len(own) + codes)
    n, size = len(cell), len(uniques)
    rows = np.empty(size, dtype=np.int64)
    rows[cell[::-1]] = np.arange(n - 1, -1, -1)
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    table = np.zeros((n, 0)) if values is None else np.asarray(values, dtype=np.float64)
    table = table.reshape(n, -1) * w[:, None]
    return Cells(rows, sum_by(cell, w, n_groups=size), sum_by(cell, table, n_groups=size), cell)
