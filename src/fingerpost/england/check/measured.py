"""Shares, rates and their ratios, each with its Monte-Carlo error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england.check.children import Mask
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of one synthetic England: value, Monte-Carlo standard error, children behind it."""

    value: float
    error: float
    n: int


def times(found: Measured, factor: float) -> Measured:
    """Return a figure in another unit.

    >>> times(Measured(0.5, 0.1, 4), 100)
    Measured(value=50.0, error=10.0, n=4)
    """
    return Measured(found.value * factor, found.error * abs(factor), found.n)


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """A ratio of two sums, and what each cluster contributed to its error (clusters,)."""

    value: float
    pull: Array
    n: int

    @property
    def measured(self) -> Measured:
        """The ratio with its linearised error, clusters independent."""
        return Measured(self.value, float(np.sqrt(np.sum(self.pull**2))), self.n)


def part(above: Array, below: Array, cluster: Codes, *, of: Mask) -> Part:
    """Return Σ above / Σ below over the children `of`; NaN where below is nought or none.

    above, below: (n,), in which a missing number leaves the child out. cluster: (n,) codes.
    """
    kept = of & ~np.isnan(above) & ~np.isnan(below)
    size = float(below[kept].sum())
    clusters = int(cluster.max()) + 1 if len(cluster) else 0
    if size <= 0:
        return Part(float("nan"), np.zeros(clusters), int(kept.sum()))
    value = float(above[kept].sum()) / size
    pull = (above[kept] - value * below[kept]) / size
    return Part(value, sum_by(cluster[kept], pull, n_groups=clusters), int(kept.sum()))


def share(flag: Mask, cluster: Codes, *, of: Mask) -> Part:
    """Return the share of children `of` for whom a flag holds."""
    return part(flag.astype(np.float64), np.ones(len(flag)), cluster, of=of)


def over(one: Part, other: Part) -> Measured:
    """Return the ratio of two ratios of the same clusters, by the delta method."""
    value = one.value / other.value if other.value else float("nan")
    pull = (one.pull - value * other.pull) / other.value if other.value else one.pull
    return Measured(value, float(np.sqrt(np.sum(pull**2))), one.n + other.n)


def less(one: Part, other: Part) -> Measured:
    """Return the difference of two ratios of the same clusters."""
    pull = one.pull - other.pull
    return Measured(one.value - other.value, float(np.sqrt(np.sum(pull**2))), max(one.n, other.n))
