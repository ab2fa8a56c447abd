"""How far from a cut-off to look: the bandwidth of least mean squared error, from the data.

Three stages of plug-in (Calonico, Cattaneo & Titiunik 2014, section 5; Calonico, Cattaneo, Farrell
& Titiunik 2019, section 5): a pilot window by a rule of thumb gives variances; curves of rising
order give the bias that each lower one leaves; each stage's bandwidth is that of least mean squared
error for the next one's bias, with a term that keeps it from running away where the bias looks like
none. One bandwidth for both sides, of the difference of the two limits of the outcome. In a fuzzy
design too: bandwidths made for the ratio of two jumps by side, as software has them, change when a
constant is added to the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.local_linear import (
    coefficient_weights,
    kernel_weights,
    neighbour_residuals,
    powers,
)

RULE_OF_THUMB = {"triangular": 2.576, "uniform": 1.843}
LEAST_CHILDREN = 20  # below, curves of the fourth order say nothing
REPEATED = 0.2  # a side with this share of repeated values is held to hold mass points
LEAST_DISTINCT = 10  # values a side must have in every window where there are mass points
JUST_OVER = 1 + np.sqrt(np.finfo(float).eps)


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """Children of one side, sorted by distance (n,): values (n,), weights (n,), codes (n,)."""

    distance: Array
    values: Array
    weight: Array
    codes: Codes | None
    kernel: str

    def within(self, h: float) -> tuple[Side, Array]:
        """Return the children with weight within h, and their weights by the kernel."""
        weight = self.weight * kernel_weights(self.distance, h, kernel=self.kernel) / h
        rows = np.flatnonzero(weight > 0)
        codes = None if self.codes is None else self.codes[rows]
        part = Side(self.distance[rows], self.values[rows], self.weight[rows], codes, self.kernel)
        return part, weight[rows]


@dataclass(frozen=True, eq=False, slots=True)
class Pilot:
    """Of one coefficient in the pilot window: variance and bias on the window's scale."""

    variance: float
    bias: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What one side adds to the mean squared error: variance, bias, and the bias's own noise."""

    variance: float
    bias: float
    noise: float


def select(
    distance: Array,
    values: Array,
    weight: Array,
    *,
    order: int = 1,
    kernel: str = "triangular",
    codes: Codes | None = None,
) -> tuple[float, float]:
    """Return (h, b): the bandwidths of the limit and of its bias, in the unit of the distance.

    distance: (n,) from the cut-off. values: (n,) the outcome. codes: (n,) clusters.
    Raises TooFew or Unanswerable where the data cannot say.
    """
    if len(distance) < LEAST_CHILDREN:
        raise TooFew(
            f"{len(distance)} children are too few to choose a bandwidth from "
            f"({LEAST_CHILDREN} are needed). Mend: say it: bandwidth: NUMBER."
        )
    spread = float(np.std(distance, ddof=1))
    sides = _sides(distance / spread, values, weight, codes=codes, kernel=kernel)
    first, least = _rule_of_thumb(distance / spread, sides, kernel=kernel)
    farthest = max(float(np.abs(side.distance).max()) for side in sides)
    first = max(min(first, farthest), least)
    found = (np.nan, np.nan)
    if first > 0:
        found = _stages(sides, order=order, first=first, least=least)
    h, b = (spread * min(one, farthest) for one in found)
    if not (np.isfinite(h) and np.isfinite(b) and h > 0 and b > 0):
        raise Unanswerable(
            "the data do not say how wide the window should be: the outcome, or the running "
            "variable, hardly varies near the cut-off. Mend: say it: bandwidth: NUMBER."
        )
    return h, b


def _sides(
    distance: Array, values: Array, weight: Array, *, codes: Codes | None, kernel: str
) -> tuple[Side, Side]:
    """Return the sides below and above, each sorted; the outcome is put on the scale of its SD."""
    scaled = values / (float(np.std(values, ddof=1)) or 1.0)
    found = []
    for side in (distance < 0, distance >= 0):
        rows = np.flatnonzero(side & (weight > 0))
        rows = rows[np.argsort(distance[rows], kind="stable")]
        if len(rows) == 0:
            raise TooFew("one side of the cut-off has no children.")
        own = None if codes is None else codes[rows]
        found.append(Side(distance[rows], scaled[rows], weight[rows], own, kernel))
    return found[0], found[1]


def _rule_of_thumb(
    distance: Array, sides: tuple[Side, Side], *, kernel: str
) -> tuple[float, float]:
    """Return the pilot's half width, and the least one that holds enough distinct values."""
    ordered = np.sort(distance)
    quartiles = [_quantile(ordered, share) for share in (0.25, 0.75)]
    wide = min(1.0, (quartiles[1] - quartiles[0]) / 1.349)
    distinct = [np.unique(np.abs(side.distance)) for side in sides]
    many = sum(len(one) for one in distinct)
    repeated = [
        1 - len(one) / len(side.distance) for one, side in zip(distinct, sides, strict=True)
    ]
    least = 0.0
    if max(repeated) >= REPEATED:
        least = max(float(one[min(LEAST_DISTINCT, len(one)) - 1]) for one in distinct) * JUST_OVER
    return RULE_OF_THUMB[kernel] * wide * float(many) ** (-1 / 5), least


def _quantile(ordered: Array, share: float) -> float:
    """Return a quantile, the mean of two values where the share falls between them."""
    at = len(ordered) * share
    below = int(np.floor(at))
    if at == below:
        return float(0.5 * (ordered[below - 1] + ordered[below]))
    return float(ordered[below])


def _stages(
    sides: tuple[Side, Side], *, order: int, first: float, least: float
) -> tuple[float, float]:
    """Return (h, b) by three stages of plug-in, each giving the next one's bandwidth."""
    q = order + 1
    farthest = max(float(np.abs(side.distance).max()) for side in sides)
    reach = [float(np.abs(side.distance).max()) * JUST_OVER for side in sides]
    pilots = [_pilot(side, q + 1, q + 1, h=first) for side in sides]
    parts = [_stage(*each, q + 1, q + 1) for each in zip(sides, pilots, reach, strict=True)]
    bare = [Stage(part.variance, part.bias, 0.0) for part in parts]
    d = max(min(_best(bare, q + 1), farthest), least)
    b = min(_next(sides, d, q, order + 1, first=first), farthest)
    return _next(sides, b, order, 0, first=first), b


def _next(sides: tuple[Side, Side], wide: float, order: int, which: int, *, first: float) -> float:
    """Return the best bandwidth of coefficient `which` of a curve of `order`, whose bias is taken
    from one of an order more within `wide`.
    """
    if not (np.isfinite(wide) and wide > 0):
        return float("nan")
    pilots = [_pilot(side, order, which, h=first) for side in sides]
    parts = [
        _stage(side, pilot, wide, order, which) for side, pilot in zip(sides, pilots, strict=True)
    ]
    return _best(parts, order)


def _best(parts: list[Stage], order: int) -> float:
    """Return the bandwidth of least mean squared error."""
    variance = sum(part.variance for part in parts)
    bias = (parts[1].bias - parts[0].bias) ** 2 + sum(part.noise for part in parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((np.float64(variance) / bias) ** (1 / (2 * order + 3)))


def _pilot(side: Side, order: int, which: int, *, h: float) -> Pilot:
    part, weight = side.within(h)
    weights = coefficient_weights(part.distance, weight, h=h, order=order)
    residuals = _residuals(part, weight, h=h, order=order)
    variance = _variance(weights[which], residuals, part.codes, columns=order + 1)
    bias = float(weights[which] @ (part.distance / h) ** (order + 1))
    return Pilot((2 * which + 1) * h * variance, bias)


def _stage(side: Side, pilot: Pilot, wide: float, order: int, which: int) -> Stage:
    part, weight = side.within(wide)
    top = order + 1
    weights = coefficient_weights(part.distance, weight, h=wide, order=top)[top] / wide**top
    factor = 2 * (top - which)
    bias = np.sqrt(factor) * pilot.bias * float(weights @ part.values)
    residuals = _residuals(part, weight, h=wide, order=top)
    noise = _variance(weights, residuals, part.codes, columns=top + 1)
    return Stage(pilot.variance, bias, factor * 3 * pilot.bias**2 * noise)


def _residuals(part: Side, weight: Array, *, h: float, order: int) -> Array:
    """Return (n,) residuals: of the curve where there are clusters, else from neighbours."""
    if part.codes is None:
        return neighbour_residuals(part.distance, part.values[:, None])[:, 0]
    fitted = coefficient_weights(part.distance, weight, h=h, order=order) @ part.values
    found: Array = part.values - powers(part.distance, h, order=order) @ fitted
    return found


def _variance(weights: Array, residuals: Array, codes: Codes | None, *, columns: int) -> float:
    """Return the variance of weights @ values; by cluster, with the factor of least squares."""
    scores = weights * residuals
    if codes is None:
        return float(scores @ scores)
    own, keys = recode(codes)
    g, n = len(keys), len(scores)
    if g < 2 or n <= columns:
        return float("nan")
    sums = sum_by(own, scores, n_groups=g)
    return float(sums @ sums) * (n - 1) / (n - columns) * g / (g - 1)
