"""Power of a trial with several outcomes, by simulated t statistics that hang together.

Statistics follow a multivariate t about effect over standard error. Each draw's p-values are
adjusted as an analysis would adjust them; what is found is counted. Porter (2018), Journal of
Research on Educational Effectiveness 11:267-295; Dudoit, Shaffer & Boldrick (2003), Statistical
Science 18:71-103, for Westfall & Young's (1993) procedures, single-step and step-down by largest
statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from fingerpost.core.errors import UsageError, listed
from fingerpost.core.trial_power import ADJUSTMENTS
from fingerpost.kernels.arrays import Array

Flags = NDArray[np.bool_]
MOST_UNLIKE = 12  # outcomes, where correlations differ: every set of them has a law of its own
BATCH = 50_000


@dataclass(frozen=True, eq=False, slots=True)
class Several:
    """Outcomes of one trial. shifts: (m,) effect over standard error. correlation: (m, m) of their
    statistics. df: of each.
    """

    shifts: Array
    correlation: Array
    df: float

    @property
    def real(self) -> Flags:
        """(m,) which outcomes have an effect."""
        found: Flags = np.asarray(self.shifts) != 0
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What one adjustment finds, as shares of draws.

    individual: (m,) each outcome. least: (k,) at least 1, 2, … of the k outcomes with an effect.
    complete: every one of them, by unadjusted p-values where alone none would be needed. any_false:
    one outcome or more without an effect; nought where every outcome has one. draws: how many.
    """

    individual: Array
    least: Array
    any_false: float
    draws: int
    real: Flags

    @property
    def mean_individual(self) -> float:
        """The mean over outcomes with an effect."""
        return float(self.individual[self.real].mean()) if self.real.any() else 0.0

    @property
    def complete(self) -> float:
        """At least all of them."""
        return float(self.least[-1]) if len(self.least) else 0.0

    @property
    def error(self) -> float:
        """The largest Monte-Carlo standard error of any share here."""
        shares = np.concatenate([self.individual, self.least])
        return float(np.sqrt(shares * (1 - shares) / self.draws).max())


def exchangeable(m: int, correlation: float) -> Array:
    """Return (m, m) one correlation between any two.

    >>> exchangeable(2, 0.5).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    return np.full((m, m), float(correlation)) + (1 - correlation) * np.eye(m)


def check_several(several: Several) -> Array:
    """Return the root of the correlation; raise UsageError where there is none."""
    m = len(several.shifts)
    if several.correlation.shape != (m, m):
        raise UsageError(f"correlations of {m} outcomes are a table of {m} by {m}.")
    if several.df < 1:
        raise UsageError("no degree of freedom is left for a test. Draw more units.")
    values, vectors = np.linalg.eigh(several.correlation)
    if values.min() < -1e-9:
        raise UsageError(
            f"{m} outcomes cannot all be correlated so. Bring the correlation nearer to 0."
        )
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def draw_t(root: Array, df: float, *, draws: int, random: np.random.Generator) -> Array:
    """Return (draws, m) of a multivariate t about nought."""
    normal = random.standard_normal((draws, len(root))) @ root.T
    scale = np.sqrt(random.chisquare(df, size=draws) / df)
    found: Array = normal / scale[:, None]
    return found


def power_of_several(
    several: Several,
    *,
    adjustments: tuple[str, ...] = ADJUSTMENTS,
    alpha: float = 0.05,
    sides: int = 2,
    draws: int = 100_000,
    random: np.random.Generator,
) -> dict[str, Found]:
    """Return what each adjustment finds, on the same draws. sides: 1 looks for each outcome in the
    direction of its effect alone.

    Raises UsageError for an adjustment that nobody knows or a correlation that cannot be.
    """
    unknown = [name for name in adjustments if name not in ADJUSTMENTS]
    if unknown:
        raise UsageError(f'"{unknown[0]}" is no adjustment. Allowed: {listed(ADJUSTMENTS)}.')
    if sides == 1:
        sign = np.where(several.shifts < 0, -1.0, 1.0)
        way = several.correlation * np.outer(sign, sign)
        several = Several(several.shifts * sign, way, several.df)
    root = check_several(several)
    t = draw_t(root, several.df, draws=draws, random=random) + several.shifts
    t = np.abs(t) if sides == 2 else t
    stepped = {"single_step", "step_down"} & set(adjustments)
    null = draw_t(root, several.df, draws=BATCH, random=random) if stepped else None
    if sides == 1 and null is not None:
        null = np.maximum(null, 0.0)  # what lies on the other side tells nothing
    p: Array = np.asarray(sides * stdtr(several.df, -t), dtype=np.float64)
    rejects: dict[str, Callable[[], Flags]] = {
        "none": lambda: p <= alpha,
        "bonferroni": lambda: p <= alpha / p.shape[1],
        "holm": lambda: holm(p, alpha),
        "benjamini_hochberg": lambda: benjamini_hochberg(p, alpha),
        "single_step": lambda: t >= quantile_of_largest(null, alpha),
        "step_down": lambda: step_down(t, null, alpha, alike=is_alike(several.correlation)),
    }
    return {name: counted(rejects[name](), several.real) for name in adjustments}


def counted(rejected: Flags, real: Flags) -> Found:
    """Return shares of draws."""
    hits = rejected[:, real].sum(axis=1)
    least = np.array([(hits >= d).mean() for d in range(1, int(real.sum()) + 1)])
    false = float(rejected[:, ~real].any(axis=1).mean()) if (~real).any() else 0.0
    return Found(rejected.mean(axis=0), least, false, len(rejected), real)


def holm(p: Array, alpha: float) -> Flags:
    """Return (n, m) what Holm's (1979) procedure rejects in each draw.

    >>> holm(np.array([[0.01, 0.04, 0.03]]), 0.05).tolist()
    [[True, False, False]]
    """
    m = p.shape[1]
    order = np.argsort(p, axis=1)
    stepped = np.take_along_axis(p, order, axis=1) <= alpha / np.arange(m, 0, -1)
    return unsorted(np.logical_and.accumulate(stepped, axis=1), order)


def benjamini_hochberg(p: Array, alpha: float) -> Flags:
    """Return (n, m) what Benjamini & Hochberg's (1995) procedure rejects in each draw.

    >>> benjamini_hochberg(np.array([[0.01, 0.04, 0.03]]), 0.05).tolist()
    [[True, True, True]]
    """
    m = p.shape[1]
    order = np.argsort(p, axis=1)
    below = np.take_along_axis(p, order, axis=1) <= alpha * np.arange(1, m + 1) / m
    kept = np.logical_or.accumulate(below[:, ::-1], axis=1)[:, ::-1]
    return unsorted(kept, order)


def unsorted(flags: Flags, order: NDArray[np.intp]) -> Flags:
    """Return flags in the order of the outcomes."""
    found = np.empty_like(flags)
    np.put_along_axis(found, order, flags, axis=1)
    return found


def quantile_of_largest(null: Array | None, alpha: float) -> float:
    """Return the value that the largest of these statistics passes with a chance of alpha."""
    if null is None:
        raise UsageError("Westfall and Young's procedures need draws without any effect.")
    return float(np.quantile(np.abs(null).max(axis=1), 1 - alpha, method="higher"))


def is_alike(correlation: Array) -> bool:
    """Return whether any two outcomes are correlated alike."""
    off = correlation[~np.eye(len(correlation), dtype=bool)]
    return bool(len(off) < 2 or np.ptp(off) < 1e-12)


def step_down(t: Array, null: Array | None, alpha: float, *, alike: bool) -> Flags:
    """Return (n, m) what the step-down procedure rejects: the largest statistic against the largest
    of all, the next against the largest of those that are left, until one fails.
    """
    m = t.shape[1]
    if null is None or (not alike and m > MOST_UNLIKE):
        raise UsageError(
            f"step_down with correlations that differ takes {MOST_UNLIKE} outcomes at the most; "
            f"{m} found. Name one correlation."
        )
    order = np.argsort(-t, axis=1)
    ranked = np.take_along_axis(t, order, axis=1)
    if alike:
        # Only how many are left matters.
        ends = np.array([quantile_of_largest(null[:, : m - at], alpha) for at in range(m)])
        passed = ranked >= ends
    else:
        passed = ranked >= ends_of_sets(order, null, alpha)
    return unsorted(np.logical_and.accumulate(passed, axis=1), order)


def ends_of_sets(order: NDArray[np.intp], null: Array, alpha: float) -> Array:
    """Return (n, m) the critical value of the outcomes that are left at each step."""
    m = order.shape[1]
    bits = np.left_shift(1, order)
    left = (2**m - 1) - np.concatenate(
        [np.zeros((len(order), 1), np.int64), np.cumsum(bits, axis=1)[:, :-1]], axis=1
    )
    sets, place = np.unique(left, return_inverse=True)
    ends = np.array(
        [
            quantile_of_largest(null[:, [at for at in range(m) if one >> at & 1]], alpha)
            for one in sets.tolist()
        ]
    )
    found: Array = ends[place].reshape(left.shape)
    return found
