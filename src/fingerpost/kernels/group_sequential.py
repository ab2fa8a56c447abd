"""Group-sequential boundaries: exact families and error spending, by recursive integration.

The joint law of standardised statistics at looks with information fractions t is Markov; densities
are carried from look to look on the grid of Jennison & Turnbull (2000, Group Sequential Methods,
chapter 19), with Simpson's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from fingerpost.core.errors import UsageError, listed
from fingerpost.kernels.arrays import Array

FINE = 40  # points of the grid a standard deviation, in the middle; six decimals take 16
WIDEST = 20.0  # a boundary beyond which no statistic is looked for
MARGIN = 0.01  # beyond the ends between which a scale or a drift must lie
EXACT: dict[str, float] = {"obrien_fleming": 0.0, "pocock": 0.5}


def obrien_fleming_spending(alpha: float, t: float) -> float:
    """Return α spent by fraction t: Lan & DeMets (1983, Biometrika 70:659), one-sided."""
    return float(2 - 2 * ndtr(ndtri(1 - alpha / 2) / np.sqrt(t)))


def pocock_spending(alpha: float, t: float) -> float:
    """Return α spent by fraction t: Lan & DeMets (1983), like Pocock's boundary."""
    return float(alpha * np.log(1 + (np.e - 1) * t))


def power_spending(alpha: float, t: float, rho: float) -> float:
    """Return α t^ρ: Kim & DeMets (1987, Biometrika 74:149)."""
    return float(alpha * t**rho)


def exponential_spending(alpha: float, t: float, gamma: float) -> float:
    """Return α (1 − e^(−γ t)) / (1 − e^(−γ)): Hwang, Shih & DeCani (1990, Statist Med 9:1439)."""
    if gamma == 0:
        return alpha * t
    return float(alpha * np.expm1(-gamma * t) / np.expm1(-gamma))


def spending(kind: str, parameter: float = 0.0) -> Callable[[float, float], float]:
    """Return the spending function of a name: obrien_fleming, pocock, power or exponential."""
    known: dict[str, Callable[[float, float], float]] = {
        "obrien_fleming": obrien_fleming_spending,
        "pocock": pocock_spending,
        "power": lambda alpha, t: power_spending(alpha, t, parameter),
        "exponential": lambda alpha, t: exponential_spending(alpha, t, parameter),
    }
    if kind not in known:
        raise UsageError(f'"{kind}" is no spending function. Allowed: {listed(known)}.')
    return known[kind]


def fractions_of(looks: int | Sequence[float]) -> Array:
    """Return the information fractions of so many looks at equal steps, or those given, checked."""
    if isinstance(looks, int):
        if looks < 1:
            raise UsageError(f"looks: {looks} found; a trial has one look or more.")
        return np.arange(1, looks + 1) / looks
    found = np.asarray(looks, dtype=np.float64)
    if not len(found) or found[0] <= 0 or np.any(np.diff(found) <= 0) or found[-1] > 1 + 1e-12:
        raise UsageError("information fractions rise from above 0 to at most 1.")
    return found


def exact_bounds(looks: int | Sequence[float], alpha: float, *, delta: float = 0.0) -> Array:
    """Return (K,) one-sided boundaries C t^(δ − 1/2) whose crossing probability is α.

    delta: 0 is O'Brien & Fleming (1979), 1/2 Pocock (1977), between them Wang & Tsiatis (1987).

    >>> exact_bounds(5, 0.025).round(6).tolist()
    [4.561742, 3.225639, 2.633723, 2.280871, 2.040073]
    """
    t = fractions_of(looks)
    shape = (t / t[-1]) ** (delta - 0.5)

    def excess(scale: float) -> float:
        return float(crossing(scale * shape, t).sum()) - alpha

    # At the last look alone, and were looks' errors added up: the scale lies between.
    low, high = float(ndtri(1 - alpha)) - MARGIN, float(ndtri(1 - alpha / len(t))) + MARGIN
    if delta > 0.5 or len(t) == 1:
        low, high = 0.5, WIDEST
    return np.asarray(brentq(excess, low, high, xtol=1e-10) * shape)


def spent_bounds(
    looks: int | Sequence[float], alpha: float, *, spend: Callable[[float, float], float]
) -> Array:
    """Return (K,) one-sided boundaries that spend α as `spend` says, look by look.

    >>> spent_bounds(5, 0.025, spend=obrien_fleming_spending).round(6).tolist()
    [4.876885, 3.357012, 2.68028, 2.289817, 2.031032]
    """
    t = fractions_of(looks)
    total = np.array([spend(alpha, float(min(at, 1.0))) for at in t])
    own = np.diff(np.concatenate([[0.0], total]))
    if (own < 0).any():
        raise UsageError("the spending function falls between two looks; it may only rise.")
    bounds: list[float] = []
    walk = Walk(t, 0.0)
    for at in range(len(t)):
        found = walk.bound(own[at])
        bounds.append(found)
        if at < len(t) - 1:
            walk.go(found)
    return np.array(bounds)


def crossing(bounds: Array, fractions: Array, *, drift: float = 0.0) -> Array:
    """Return (K,) the probability of crossing first at each look.

    drift: the mean of the statistic at full information (θ √I); 0 under no effect.
    """
    walk, found, last = Walk(fractions, drift), [], len(bounds) - 1
    for at, bound in enumerate(bounds):
        found.append(walk.beyond(float(bound)))
        if at < last:
            walk.go(float(bound))
    return np.array(found)


def drift_of(bounds: Array, fractions: Array, *, power: float) -> float:
    """Return the drift at which the boundary is crossed with a probability."""

    def lack(drift: float) -> float:
        return float(crossing(bounds, fractions, drift=drift).sum()) - power

    # The last look alone would cross with that probability at this drift, and so all of them do.
    most = float((bounds[-1] + ndtri(power)) / np.sqrt(fractions[-1])) + MARGIN
    return float(brentq(lack, 0.0, most if 0 < most < WIDEST else WIDEST, xtol=1e-10))


def inflation(bounds: Array, fractions: Array, *, alpha: float, power: float) -> float:
    """Return how many times the information of a trial without looks is needed (one-sided α)."""
    fixed = float(ndtri(1 - alpha) + ndtri(power))
    return (drift_of(bounds, fractions, power=power) / fixed) ** 2 / float(fractions[-1])


class Walk:
    """The density of the statistic of trials that have not crossed, carried from look to look."""

    def __init__(self, fractions: Array, drift: float) -> None:
        self._t, self._drift, self._at = fractions, drift, 0
        self._points, self._mass = np.zeros(1), np.ones(1)

    def _step(self) -> tuple[Array, float, float]:
        """Return (points,) means of the next sum of scores, its deviation, and its root of t."""
        now = self._t[self._at]
        before = self._t[self._at - 1] if self._at else 0.0
        mean = self._points * np.sqrt(before) + self._drift * (now - before)
        return mean, float(np.sqrt(now - before)), float(np.sqrt(now))

    def beyond(self, bound: float) -> float:
        """Return the probability that the next statistic lies beyond a bound."""
        mean, deviation, root = self._step()
        return float(self._mass @ ndtr((mean - bound * root) / deviation))

    def bound(self, probability: float) -> float:
        """Return the bound beyond which the next statistic lies with a probability."""
        if probability <= 0:
            return np.inf
        if self.beyond(WIDEST) > probability:
            return WIDEST
        return float(brentq(lambda at: self.beyond(at) - probability, -WIDEST, WIDEST, xtol=1e-12))

    def go(self, bound: float, low: float = -np.inf) -> None:
        """Go on to the next look, with the trials that stay below the bound, and above `low`."""
        mean, deviation, root = self._step()
        centre = self._drift * root
        points, weights = grid(centre, bound, low)
        away = (points[:, None] * root - mean) / deviation
        density = np.exp(-0.5 * away**2) @ self._mass * root / deviation / np.sqrt(2 * np.pi)
        self._points, self._mass = points, weights * density
        self._at += 1


def grid(centre: float, bound: float, low: float = -np.inf) -> tuple[Array, Array]:
    """Return points from `low` up to a bound, and weights of Simpson's rule: dense about the
    centre.
    """
    r = FINE
    tail = 3 + 4 * np.log(r / np.arange(1, r))
    middle = -3 + 3 * np.arange(0, 4 * r + 1) / (2 * r)
    knots = centre + np.concatenate([-tail, middle, tail[::-1]])
    knots = knots[(knots < bound) & (knots > low)]
    reach = 3 + 4 * np.log(r)
    if np.isfinite(low) and low > centre - reach:
        knots = np.insert(knots, 0, low)
    if np.isfinite(bound) and bound < centre + reach:
        knots = np.append(knots, bound)
    if len(knots) < 2:
        return np.array([bound]), np.zeros(1)
    points = np.empty(2 * len(knots) - 1)
    points[::2], points[1::2] = knots, (knots[1:] + knots[:-1]) / 2
    width = np.diff(knots) / 6
    weights = np.zeros(len(points))
    weights[:-1:2] += width
    weights[2::2] += width
    weights[1::2] = 4 * width
    return points, weights
