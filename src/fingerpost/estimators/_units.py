"""Units as leaves over panels see them, and the waves in which provision begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import NEVER, Flags, Whole, exposed, untouched

Array = NDArray[np.float64]
ROUNDING = 1e-9  # of how far outcomes lie apart: a smaller difference is one of arithmetic
LAST_DIGITS = 1e-14  # of an outcome's level: what a sum of children's outcomes is told to


@dataclass(frozen=True, eq=False, slots=True)
class Units:
    """u units by t periods, of one outcome.

    mean: (u, t) about the first that was seen, NaN where nothing was. children: (u, t). child:
    variance of children within a cell, 0 where the records do not tell it. begins: (u,) period
    index, NEVER where provision does not begin. cluster: (u,) codes into `keys`, level: what they
    are. rows: (u,) places in the panel. left_out: why units were left out, and how many. chance:
    (u,) of beginning when it did, None where all units' were alike or no draw says.
    """

    periods: tuple[str, ...]
    mean: Array
    children: Array
    child: float
    begins: Whole
    anticipation: int
    cluster: NDArray[np.int64]
    keys: NDArray[Any]
    level: str
    clustered: bool
    rows: Whole
    left_out: tuple[tuple[str, int], ...] = ()
    chance: Array | None = None

    @property
    def weight(self) -> Array:
        """(u,) what units count: one over their chance, on average one in each wave."""
        if self.chance is None:
            return np.ones(len(self.begins))
        _, wave = np.unique(self.begins, return_inverse=True)
        own = 1.0 / self.chance
        found: Array = own / (np.bincount(wave, weights=own) / np.bincount(wave))[wave]
        return found

    @property
    def treated(self) -> Flags:
        """(u, t) whether provision has begun."""
        return exposed(self.begins, len(self.periods))

    @property
    def clean(self) -> Flags:
        """(u, t) whether provision is still far off, or never comes."""
        return untouched(self.begins, len(self.periods), anticipation=self.anticipation)

    @property
    def seen(self) -> Flags:
        """(u, t) whether the outcome was seen."""
        found: Flags = np.isfinite(self.mean)
        return found

    @property
    def told(self) -> Flags:
        """(t,) whether the outcome was seen in a period, in any unit. One in which it was not keeps
        its place: time since a start is counted by the calendar.
        """
        found: Flags = np.asarray(self.seen.any(axis=0))
        return found

    @property
    def known(self) -> Array:
        """(u, t) means, 0 in periods in which no unit was seen."""
        return np.where(self.told, self.mean, 0.0)

    def seen_in(self, every: bool) -> Flags:
        """Return (u,) whether the outcome was seen in every period in which any unit's was, or in
        any.
        """
        seen = self.seen
        found: Flags = np.asarray(seen[:, self.told].all(axis=1) if every else seen.any(axis=1))
        return found

    def before(self, period: int) -> int:
        """Return the last period before another in which the outcome was seen, −1 for none."""
        return int(np.flatnonzero(self.told[:period]).max(initial=-1)) if period > 0 else -1

    def base(self, begin: int) -> int:
        """Return the last period in which the outcome was seen before provision begins, and before
        units may behave otherwise; −1 for none.
        """
        return self.before(int(begin) - self.anticipation)

    @property
    def least(self) -> float:
        """The least difference that is no rounding, by how far apart the units' outcomes lie."""
        seen = self.mean[self.seen]
        return ROUNDING * float(np.ptp(seen)) if len(seen) else 0.0

    @property
    def worth(self) -> float:
        """How many clusters alike the clusters are worth, that hold unlike numbers of units."""
        size = np.bincount(self.cluster, minlength=len(self.keys)).astype(float)
        return float(size.sum() ** 2 / (size @ size))

    @property
    def waves(self) -> Whole:
        """Periods in which provision begins somewhere, in order."""
        found: Whole = np.unique(self.begins[self.begins != NEVER])
        return found

    def take(self, keep: Flags, why: str) -> Units:
        """Return the chosen units; the others are counted under a reason."""
        gone = int(np.count_nonzero(~keep))
        if not gone:
            return self
        codes, kept = recode(self.cluster[keep])
        return replace(
            self,
            mean=self.mean[keep],
            children=self.children[keep],
            begins=self.begins[keep],
            cluster=codes.astype(np.int64),
            keys=self.keys[kept],
            rows=self.rows[keep],
            left_out=(*self.left_out, (why, gone)),
            chance=None if self.chance is None else self.chance[keep],
        )

    def complete(self) -> Units:
        """Return the units that were seen in every period."""
        return self.take(self.seen_in(every=True), "outcome missing in some period")


def about_first(mean: Array) -> Array:
    """Return (u, t) means less the first that was seen, nought where that leaves the last digits of
    arithmetic: effects are differences, and those of outcomes that never differ are nought.

    >>> about_first(np.array([[np.nan, 0.3], [0.1 + 0.2, 1.3]])).tolist()
    [[nan, 0.0], [0.0, 1.0]]
    """
    seen = mean[np.isfinite(mean)]
    if not len(seen):
        return mean
    away = mean - seen[0]
    with np.errstate(invalid="ignore"):
        found: Array = np.where(np.abs(away) <= LAST_DIGITS * abs(seen[0]), 0.0, away)
    return np.where(np.isfinite(mean), found, mean)


@dataclass(frozen=True, eq=False, slots=True)
class Waves:
    """The waves of some units as (w, t) cells: begins (w,), sizes (w,) units, member (u,) codes."""

    begins: Whole
    sizes: Whole
    member: Whole

    @classmethod
    def of(cls, units: Units) -> Waves:
        """Return the waves, the units without provision among them, in order of period."""
        begins, member = np.unique(units.begins, return_inverse=True)
        return cls(begins, np.bincount(member), member)

    def means(self, values: Array, weight: Array) -> Array:
        """Return (w, t) means of the units of each wave; weight: (u,), on average one in each."""
        found: Array = sum_by(self.member, values * weight[:, None], n_groups=len(self.begins))
        return found / self.sizes[:, None]
