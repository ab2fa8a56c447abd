"""Influence summed as it is made: what is held grows with schools, not with children."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.cohort import Codes, Cohort
from fingerpost.kernels.clusters import add_by, recode

Array = NDArray[np.float64]
BLOCK = 65_536  # children whose part of a sum is held at once
EVERY = slice(None)


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """By what influence is summed: the variance unit, and the arm within it where few clusters ask
    for that.

    codes: (n,) of the g variance units, keys: (g,) what they stand for. arm: (n,) codes of k arms.
    shares: of each term, (g, k) the share of an arm's weight that a unit holds; None unless the
    units are few.
    """

    codes: Codes
    keys: NDArray[Any]
    arm: Codes
    k: int
    shares: list[Array] | None = None

    @classmethod
    def by(cls, cohort: Cohort, level: str | None) -> Sums:
        """Return sums by a level of clustering, the child where none is named."""
        codes, keys = recode(cohort.cluster_codes(level))
        return cls(codes, keys, cohort.arm, len(cohort.arms))

    @property
    def g(self) -> int:
        """Number of variance units."""
        return len(self.keys)

    def nothing(self) -> Array:
        """Return sums of nought: (g,), or (g k,) by arm within unit."""
        return np.zeros(self.g if self.shares is None else self.g * self.k)

    def add(self, sums: Array, values: Array, rows: slice = EVERY) -> None:
        """Add the values of some children, (m,), to sums."""
        codes = self.codes[rows]
        cells = codes if self.shares is None else codes * self.k + self.arm[rows]
        add_by(sums, values, codes=cells)

    def of(self, influence: Array) -> Array:
        """Return the sums of (n,) influence by child."""
        sums = self.nothing()
        self.add(sums, influence)
        return sums

    def by_unit(self, sums: Array) -> Array:
        """Return (g,) the sums by unit alone."""
        return sums if self.shares is None else self.by_arm(sums[:, None])[:, :, 0].sum(axis=1)

    def by_arm(self, sums: Array) -> Array:
        """Return (g, k, q) of sums by arm within unit, (g k, q)."""
        return sums.reshape(self.g, self.k, -1)
