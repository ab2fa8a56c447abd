"""What a regression with unit and period effects compares, pair by pair of waves.

Goodman-Bacon (2021), Journal of Econometrics 225:254-277, theorem 1: with one effect of provision
the coefficient is a weighted mean of two-by-two differences in differences, some of which compare
units whose provision began later with units that have it already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array
from fingerpost.kernels.staggered import NEVER, Whole, exposed

NEVER_KIND = "began v never began"
EARLIER_KIND = "began earlier v begins later"
LATER_KIND = "began later v began earlier"
ALWAYS_KIND = "began later v had it throughout"


@dataclass(frozen=True, slots=True)
class Pair:
    """One two-by-two comparison. kind: in words. first, other: the waves' periods. weight: in the
    coefficient; value: of the comparison.
    """

    kind: str
    first: int
    other: int
    weight: float
    value: float


def two_way_coefficient(y: Array, begins: Whole) -> tuple[float, Array]:
    """Return the coefficient of provision with unit and period effects, and (u,) sums of each
    unit's influence. y: (u, t), complete.
    """
    d = exposed(begins, y.shape[1]).astype(float)
    inside, outcome = _centred(d), _centred(y)
    total = float(np.sum(inside**2))
    value = float(np.sum(inside * outcome)) / total
    return value, np.sum(inside * (outcome - value * inside), axis=1) / total


def decomposition(y: Array, begins: Whole) -> list[Pair]:
    """Return every comparison with a share in the coefficient; their weights sum to one.

    y: (u, t), complete. begins: (u,).
    """
    t = y.shape[1]
    d = exposed(begins, t)
    total = float(np.sum(_centred(d.astype(float)) ** 2)) / d.size
    waves = [int(at) for at in np.unique(begins)]
    means = {at: y[begins == at].mean(axis=0) for at in waves}
    share = {at: float(np.mean(begins == at)) for at in waves}
    during = {at: 0.0 if at == NEVER else (t - at) / t for at in waves}
    fixed = [at for at in waves if at in (NEVER, 0)]
    moving = [at for at in waves if at not in fixed]
    found = []
    for first in moving:
        for other in fixed:
            kind = NEVER_KIND if other == NEVER else ALWAYS_KIND
            weight = share[first] * share[other] * during[first] * (1 - during[first]) / total
            value = _gap(means, first, other, before=(0, first), after=(first, t))
            found.append(Pair(kind, first, other, weight, value))
        for later in (at for at in moving if at > first):
            both = share[first] * share[later] / total
            wide, narrow = during[first], during[later]
            value = _gap(means, first, later, before=(0, first), after=(first, later))
            weight = both * (wide - narrow) * (1 - wide)
            found.append(Pair(EARLIER_KIND, first, later, weight, value))
            value = _gap(means, later, first, before=(first, later), after=(later, t))
            weight = both * narrow * (wide - narrow)
            found.append(Pair(LATER_KIND, later, first, weight, value))
    return found


def _centred(values: Array) -> Array:
    found: Array = values - values.mean(axis=1, keepdims=True)
    found -= found.mean(axis=0)
    return found


def _gap(
    means: dict[int, Array],
    one: int,
    other: int,
    *,
    before: tuple[int, int],
    after: tuple[int, int],
) -> float:
    """Return the difference of mean changes of two waves."""
    apart = means[one] - means[other]
    return float(apart[slice(*after)].mean() - apart[slice(*before)].mean())
