"""Sets of one child against others: how likely chance and a hidden bias of Γ are to do as much.

In each set one child stands alone in its arm. Under the null of no effect, every score is fixed and
only who stands alone is random; two children of a set may differ in their odds of that by a factor
of at most Γ. Rosenbaum (2002), Observational Studies, 2nd edition, chapter 4; Gastwirth, Krieger &
Rosenbaum (2000), JRSS B 62:545, for sets of more than two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binom, poisson_binom, rankdata

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
LARGEST = 1e4  # Γ beyond which a crossing is not sought
MANY_PAIRS = 2000  # beyond which the shift is found to a billionth of the range
EXACT_SETS = 1000  # sets of yes-or-no outcomes up to which the tail is summed, not approximated


@dataclass(frozen=True, eq=False, slots=True)
class Sets:
    """m members of S sets, set by set: each set's lone child first.

    value: (m,) outcomes. start: (S + 1,) where each set begins. sign: (S,) 1 where the lone child
    is of the contrast's first arm, −1 where it is of the second.
    """

    value: Array
    start: Codes
    sign: Array

    @property
    def size(self) -> Codes:
        """The (S,) numbers of members."""
        return np.diff(self.start)

    @property
    def member(self) -> Codes:
        """The (m,) code of each member's set."""
        return np.repeat(np.arange(len(self.size)), self.size)

    @property
    def pairs(self) -> bool:
        """Whether every set has two members."""
        return bool(np.all(self.size == 2))

    def differences(self) -> Array:
        """Return (S,) first arm less second, of sets that are pairs."""
        found: Array = self.sign * (self.value[0::2] - self.value[1::2])
        return found


def pair_scores(sets: Sets, shift: float = 0.0) -> Array:
    """Return (m,) Wilcoxon's scores of pairs: the rank of |difference| to the greater, 0 to the
    other, 0 to both where they are equal. shift: taken off the first arm's outcomes before.
    """
    away = sets.differences() - shift
    rank = np.where(away == 0, 0.0, rankdata(np.abs(away)))
    lone = np.where(sets.sign * away > 0, rank, 0.0)
    return np.column_stack([lone, rank - lone]).ravel()


def aligned_scores(sets: Sets) -> Array:
    """Return (m,) ranks of outcomes less their set's mean (Hodges & Lehmann 1962, Annals of
    Mathematical Statistics 33:482).
    """
    mean = np.add.reduceat(sets.value, sets.start[:-1]) / sets.size
    aligned = sets.value - mean[sets.member]
    # Equal outcomes stay equal after the mean is taken off, whatever the last digits.
    spread = float(np.abs(aligned).max(initial=0.0)) or 1.0
    return rankdata(np.round(aligned / spread, 12))


def statistic(sets: Sets, scores: Array) -> float:
    """Return the sum over sets of the lone child's score, less where it is of the second arm."""
    return float(sets.sign @ scores[sets.start[:-1]])


def worst(sets: Sets, scores: Array, gamma: float) -> tuple[Array, Array]:
    """Return (S,) means and variances of the lone child's signed score that make the statistic
    largest: of each set the children of low score have one set of odds and the rest Γ times them,
    cut where the mean is largest, and of equal means where the variance is.
    """
    signed = scores * sets.sign[sets.member]
    order = np.lexsort((signed, sets.member))
    q, begin, size = signed[order], sets.start[:-1], sets.size
    place = np.arange(len(q)) - np.repeat(begin, size)
    total, square = _running(q), _running(q * q)
    here, last = np.arange(len(q)), np.repeat(sets.start[1:], size)
    first = np.repeat(begin, size)
    low, low2 = total[here] - total[first], square[here] - square[first]
    high, high2 = total[last] - total[here], square[last] - square[here]
    mass = place + gamma * (np.repeat(size, size) - place)
    mean = (low + gamma * high) / mass
    variance = np.maximum((low2 + gamma * high2) / mass - mean**2, 0.0)
    top = np.maximum.reduceat(mean, begin)
    near = mean >= top[sets.member] - 1e-12 * (1 + np.abs(top[sets.member]))
    spread = np.maximum.reduceat(np.where(near, variance, -np.inf), begin)
    return top, spread


def _running(values: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(values)])


def upper_p(sets: Sets, scores: Array, gamma: float, *, binary: bool) -> float:
    """Return the largest one-sided p-value that a hidden bias of Γ allows, of a statistic as large
    or larger: exact for yes-or-no outcomes of up to a thousand sets, else by the normal.
    """
    found = statistic(sets, scores)
    mean, variance = worst(sets, scores, gamma)
    informative = variance > 0
    if binary and (sets.pairs or informative.sum() <= EXACT_SETS):
        return _tail(found - float(mean[~informative].sum()), mean[informative], sets, informative)
    spread = float(variance.sum())
    if spread <= 0:
        return 1.0
    return float(ndtr((float(mean.sum()) - found) / np.sqrt(spread)))


def _tail(found: float, mean: Array, sets: Sets, informative: NDArray[np.bool_]) -> float:
    """Return P(Σ signed ones ≥ found): a lone child of the second arm counts −1 or 0."""
    if not len(mean):
        return 1.0
    sign = sets.sign[informative]
    chance, least = np.where(sign > 0, mean, 1 + mean), found + float((sign < 0).sum())
    count = round(least) - 1
    if count < 0:
        return 1.0
    if np.allclose(chance, chance[0], rtol=1e-13, atol=0):
        return float(binom.sf(count, len(chance), chance[0]))
    return float(poisson_binom.sf(count, chance))


def crossing(p_of: Callable[[float], float], level: float) -> float | None:
    """Return the smallest Γ whose p-value is above `level`: 1 if that of chance alone is, None if
    that of no Γ up to 10,000 is.
    """
    if p_of(1.0) > level:
        return 1.0
    if p_of(LARGEST) <= level:
        return None
    return float(brentq(lambda g: p_of(g) - level, 1.0, LARGEST, xtol=1e-8))


def hodges_lehmann(sets: Sets, gamma: float) -> tuple[float, float]:
    """Return the smallest and the largest Hodges-Lehmann estimates of a constant effect on pairs.

    The estimate is the shift at which the signed-rank statistic is what it is expected to be: the
    least and the most that Γ allows (Rosenbaum 2002, section 4.3.5, and 1993, JASA 88:1250).
    """
    away = sets.differences()
    most = gamma / (1 + gamma)
    return _shift(away, most), _shift(away, 1 - most)


def _shift(away: Array, share: float) -> float:
    """Return where the signed-rank statistic of (away − shift) passes `share` of its largest."""
    count = len(away)
    aim = share * count * (count + 1) / 2
    slack = 1e-9 * count * (count + 1)

    def rank_sum(shift: float) -> float:
        left = away - shift
        ranks = rankdata(np.abs(left))
        return float(ranks[left > 0].sum() + 0.5 * ranks[left == 0].sum())

    low, high = float(away.min()) - 1.0, float(away.max()) + 1.0
    if count > MANY_PAIRS:  # steps are too small to matter, and sums too long to make often
        return float(
            brentq(lambda shift: rank_sum(shift) - aim, low, high, xtol=1e-9 * (high - low))
        )
    above = _edge(low, high, holds=lambda shift: rank_sum(shift) > aim + slack)
    below = _edge(above, high, holds=lambda shift: rank_sum(shift) >= aim - slack)
    found = 0.5 * (above + below)
    # The search ends near an edge, not on it: nought is nought.
    return 0.0 if abs(found) < 1e-9 * (high - low) else found


def _edge(low: float, high: float, *, holds: Callable[[float], bool]) -> float:
    """Return up to where a condition holds that holds of low shifts and not of high ones."""
    least = 1e-12 * (high - low)
    while high - low > least + 4e-16 * max(abs(low), abs(high)):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return 0.5 * (low + high)
