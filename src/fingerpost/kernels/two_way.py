"""Effects of units and periods on an incomplete grid: fitted by absorbing, never as a dense matrix.

Of u units by t periods only some cells are seen. The normal equations are solved period by period
after units are taken out, so that the work is of order u t² and memory u t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.staggered import Flags


@dataclass(frozen=True, eq=False, slots=True)
class TwoWay:
    """Unit and period effects on the cells of `seen` (u, t), each counted alike.

    inverse: (t, t) pseudo-inverse of the periods' equations. kin: (u,) and (t,) codes of the
    connected parts of the grid: an effect of a cell is known where its unit and period are of one.
    """

    seen: Flags
    counts: Array
    inverse: Array

    @classmethod
    def of(cls, seen: Flags) -> TwoWay:
        """Return the solver of a grid."""
        wide = seen.astype(float)
        counts = wide.sum(axis=1)
        shared = wide / np.maximum(counts, 1.0)[:, None]
        gram = np.diag(wide.sum(axis=0)) - wide.T @ shared
        return cls(seen, counts, np.linalg.pinv(gram, hermitian=True, rcond=1e-10))

    def effects(self, values: Array) -> tuple[Array, Array]:
        """Return (u,) unit and (t,) period effects by least squares; values: (u, t), of which only
        seen cells count. A unit without any has effect 0.
        """
        own = np.where(self.seen, values, 0.0)
        units = own.sum(axis=1) / np.maximum(self.counts, 1.0)
        periods = self.inverse @ (own.sum(axis=0) - np.where(self.seen, units[:, None], 0.0).sum(0))
        back = np.where(self.seen, periods, 0.0).sum(axis=1) / np.maximum(self.counts, 1.0)
        return np.where(self.counts > 0, units - back, 0.0), periods

    def residual(self, values: Array) -> Array:
        """Return (u, t) seen values less their effects, 0 where nothing is seen."""
        units, periods = self.effects(values)
        return np.where(self.seen, values - units[:, None] - periods, 0.0)

    def borrowed(self, weights: Array) -> Array:
        """Return (u, t) what each seen value counts in the sum of weighted fitted values elsewhere.

        weights: (u, t) of the cells whose fitted values are summed.
        """
        by_unit = weights.sum(axis=1)
        share = by_unit / np.maximum(self.counts, 1.0)
        pulled = weights.sum(axis=0) - np.where(self.seen, share[:, None], 0.0).sum(axis=0)
        periods = self.inverse @ pulled
        back = np.where(self.seen, periods, 0.0).sum(axis=1) / np.maximum(self.counts, 1.0)
        found: Array = np.where(self.seen, (share - back)[:, None] + periods, 0.0)
        return found

    def known(self) -> Flags:
        """Return (u, t) cells whose unit and period are tied by a chain of seen cells."""
        t = self.seen.shape[1]
        part = np.where(self.seen.any(axis=0), np.arange(t), -1)
        while True:
            by_unit = np.where(self.seen, part, -1).max(axis=1)
            spread = np.where(self.seen, by_unit[:, None], -1).max(axis=0)
            if np.array_equal(spread, part):
                break
            part = spread
        found: Flags = (by_unit[:, None] == part) & (by_unit[:, None] >= 0)
        return found
