"""Power of a trial with looks on the way: that of one without, at an effect that counts for less.

A boundary that keeps its level over several looks is harder to cross than one test at the end. What
is crossed with which chance is worked out exactly (`kernels.group_sequential`), at effects along a
grid, once; between them the inflation is smooth. A t test of few units is then taken at the effect
that a trial without looks would find as often (Jennison & Turnbull 2000, Group Sequential Methods,
chapters 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.group_sequential import crossing

GRID = (-1.0, 6.0, 8)  # drifts: from, to, how many
MOST_POWER = 1 - 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Looks:
    """far: (m,) effects over standard errors at the end, rising; plain: (m,) those at which a trial
    without looks has the same power.

    >>> from fingerpost.kernels.group_sequential import exact_bounds
    >>> own = Looks.of(exact_bounds(5, 0.025, delta=0.5), np.arange(1, 6) / 5, alpha=0.025)
    >>> round((own.needs(2.801585) / 2.801585) ** 2, 3)  # Pocock, 80%: 1.228 (Jennison & Turnbull)
    1.229
    """

    far: Array
    plain: Array

    @classmethod
    def of(cls, bounds: Array, fractions: Array, *, alpha: float) -> Looks:
        """Return the looks of a boundary; alpha: one-sided."""
        far = np.linspace(*GRID)
        power = np.array([crossing(bounds, fractions, drift=at).sum() for at in far])
        told = (power > 0) & (power < MOST_POWER)
        return cls(far[told], ndtri(power[told]) + float(ndtri(1 - alpha)))

    def counts(self, far: float) -> float:
        """Return the effect, in standard errors, that a trial without looks would find as often."""
        return _along(self.far, self.plain, far)

    def needs(self, plain: float) -> float:
        """Return the effect that is found as often as another is in a trial without looks."""
        return _along(self.plain, self.far, plain)


def _along(x: Array, y: Array, at: float) -> float:
    """Return y at one x, and beyond the ends as far from the end as x is."""
    inside = min(max(at, float(x[0])), float(x[-1]))
    return float(CubicSpline(x, y)(inside)) + at - inside
