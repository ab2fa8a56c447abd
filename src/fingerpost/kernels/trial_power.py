"""What a trial can find, in closed form: children, schools or areas drawn, on two to four levels.

The variance of the difference between two arms is a sum over levels. A level at or below the one
that is drawn adds its own variance, divided by how many of its units each arm has; a level above it
(a block, within which arms are drawn) adds the variance of the effect between its units, where that
is taken as random. Bloom, Richburg-Hayes & Black (2007), Educational Evaluation and Policy Analysis
29:30-59; Dong & Maynard (2013), Journal of Research on Educational Effectiveness 6:24-67.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from fingerpost.core.errors import UsageError, listed
from fingerpost.core.trial_power import BLOCKS, COMPARES
from fingerpost.kernels.looked_power import Looks

MOST_UNITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """One level of a design. size: how many in each unit of the next level, of the last in all.

    icc: share of the variance that lies between its units (of the finest: what others leave).
    explained: share of its variance that covariates explain; above the drawn level, of the variance
    of the effect. varies: variance of the effect between its units over the variance of their
    levels. stays: correlation of its part of an outcome with itself, from one measurement to
    another.
    """

    name: str
    size: float
    icc: float = 0.0
    explained: float = 0.0
    varies: float = 0.0
    stays: float = 0.0


@dataclass(frozen=True, slots=True)
class Scheme:
    """A design with everything that its power hangs on.

    tiers: the finest first. drawn: place of the level that is drawn. shares: of the allocation, of
    the arm in question and of the one it is compared with; arms: how many there are in all. blocks:
    whether effects of levels above the drawn one are `random`, `fixed` (an effect each) or
    `constant` (one effect, blocks as intercepts). covariates: how many at the level that degrees of
    freedom are counted on. size_cv: coefficient of variation of the sizes of drawn clusters, or of
    blocks where children are drawn. before, after: measurements; compares: how baseline is used.
    times: what the variance is multiplied by, where arms are compared otherwise than by means of
    outcomes (of a crossover, by half the difference of two). looks: on the way, at which it may
    stop; sizes are then those of a trial that nothing stops. paired: whether drawn units stand in
    pairs, which the sizes do not name as a level.
    """

    tiers: tuple[Tier, ...]
    drawn: int = 0
    shares: tuple[float, float] = (0.5, 0.5)
    arms: int = 2
    blocks: str = "random"
    covariates: int = 0
    size_cv: float = 0.0
    before: int = 0
    after: int = 1
    compares: str = "adjusted"
    times: float = 1.0
    looks: Looks | None = None
    paired: bool = False

    def __post_init__(self) -> None:
        """Refuse what no design can be."""
        faults = []
        between = sum(tier.icc for tier in self.tiers[1:])
        if not self.tiers:
            faults.append("sizes: name one level or more.")
        if any(not 0 <= tier.icc < 1 for tier in self.tiers[1:]) or between >= 1:
            faults.append(
                f"icc: shares of the variance between units lie from 0 and add up to less than 1; "
                f"{between:g} found."
            )
        if not all(0 <= tier.explained < 1 for tier in self.tiers):
            faults.append("explained: shares of variance lie from 0 to below 1.")
        if self.blocks not in BLOCKS:
            faults.append(f'blocks: "{self.blocks}" found. Allowed: {listed(BLOCKS)}.')
        if self.compares not in COMPARES:
            faults.append(f'compares: "{self.compares}" found. Allowed: {listed(COMPARES)}.')
        if min(self.shares) <= 0 or sum(self.shares) > 1 + 1e-9:
            faults.append("shares of arms lie above 0 and add up to no more than 1.")
        if faults:
            raise UsageError(faults)

    @property
    def clustered(self) -> bool:
        """Whether whole clusters are drawn."""
        return self.drawn > 0

    def count(self, at: int) -> float:
        """Return how many units a level has in all."""
        return math.prod(tier.size for tier in self.tiers[at:])

    def own(self, at: int) -> float:
        """Return the share of the variance that lies at a level."""
        if at:
            return self.tiers[at].icc
        return 1.0 - sum(tier.icc for tier in self.tiers[1:])


def freedom(scheme: Scheme) -> float:
    """Return degrees of freedom: of the highest level, or within blocks of fixed or one effect.

    >>> freedom(Scheme((Tier("child", 15), Tier("school", 20, 0.17)), drawn=1))
    18
    """
    more = scheme.covariates + scheme.arms - 2
    top = len(scheme.tiers) - 1
    if scheme.paired and scheme.drawn == top:
        return scheme.count(top) / 2 - 1 - scheme.covariates
    if scheme.drawn == top:
        return scheme.count(top) - 2 - more
    if scheme.blocks == "random":
        return scheme.count(top) - 1 - more
    units, blocks = scheme.count(scheme.drawn), scheme.count(scheme.drawn + 1)
    each = 2 if scheme.blocks == "fixed" else 1
    return units - each * blocks - more - (scheme.blocks == "constant")


def variance(scheme: Scheme, spread: tuple[float, float] = (1.0, 1.0)) -> float:
    """Return the variance of the difference between two arms.

    spread: variance of one child's outcome in both arms, all levels together (1 in standard
    deviations). Fifteen children in each of twenty schools, half of which are provided for:

    >>> scheme = Scheme((Tier("child", 15), Tier("school", 20, 0.17)), drawn=1)
    >>> round(variance(scheme) ** 0.5, 7)
    0.2122891
    """
    mine, other = scheme.shares
    arms = spread[0] / mine + spread[1] / other
    found = (within_arms(scheme) + carried(scheme)) * arms * repeated(scheme)
    whole = mine + other
    both = (spread[0] * mine + spread[1] * other) / whole
    return scheme.times * (found + both * between_blocks(scheme))


def within_arms(scheme: Scheme) -> float:
    """Return the variance of one arm's mean, were all units in it, of equal sizes."""
    return sum(part(scheme, at) for at in range(scheme.drawn + 1))


def part(scheme: Scheme, at: int) -> float:
    """Return what one level adds to the variance of a mean over all its units."""
    return scheme.own(at) * (1 - scheme.tiers[at].explained) / scheme.count(at)


def carried(scheme: Scheme) -> float:
    """Return what clusters of unequal sizes add, children counting alike, as the analyses of trials
    have it unless told otherwise (`cluster_means`, `by_stratum`, `naive`).
    """
    if not scheme.size_cv or not scheme.clustered:
        return 0.0
    arm = scheme.count(scheme.drawn) * sum(scheme.shares) / 2
    return part(scheme, scheme.drawn) * (unequal(arm, cv=scheme.size_cv) - 1)


def unequal(units: float, *, cv: float) -> float:
    """Return how many times the variance between units is that of as many of equal sizes, where a
    mean weights them by size.

    The sum of squared shares of n sizes from a gamma law, shares that follow Dirichlet's law, is on
    average (1 + CV²)/(n + CV²); of many, 1 + CV² (Eldridge, Ashby & Kerry 2006, International
    Journal of Epidemiology 35:1292-1300).

    >>> unequal(10, cv=0.0), round(unequal(1e9, cv=0.5), 6)
    (1.0, 1.25)
    """
    return (1 + cv**2) / (1 + cv**2 / units)


def repeated(scheme: Scheme) -> float:
    """Return by what the variance of drawn units' means is multiplied where outcomes are measured
    more than once.

    Frison & Pocock (1992), Statistics in Medicine 11:1685-1704; of clusters, the correlation of
    their means (Teerenstra et al. 2012, Statistics in Medicine 31:2169-2178).

    >>> round(repeated(Scheme((Tier("child", 100, stays=0.6),), before=1)), 9)
    0.64
    """
    stays, before, after = staying(scheme), scheme.before, scheme.after
    own = (1 + (after - 1) * stays) / after
    if not before or scheme.compares == "after":
        return own
    if scheme.compares == "change":
        return own + (1 + (before - 1) * stays) / before - 2 * stays
    return own - before * stays**2 / (1 + (before - 1) * stays)


def staying(scheme: Scheme) -> float:
    """Return the correlation of a drawn unit's mean with itself at another measurement."""
    places = range(scheme.drawn + 1)
    whole = within_arms(scheme)
    return sum(part(scheme, at) * scheme.tiers[at].stays for at in places) / whole if whole else 0.0


def between_blocks(scheme: Scheme) -> float:
    """Return the variance that differing effects between blocks add, where blocks are random."""
    top = len(scheme.tiers)
    if scheme.blocks != "random" or scheme.drawn + 1 >= top:
        return 0.0
    found = 0.0
    for at in range(scheme.drawn + 1, top):
        tier = scheme.tiers[at]
        found += tier.icc * tier.varies * (1 - tier.explained) / scheme.count(at)
    if not scheme.size_cv or scheme.clustered:
        return found
    # Blocks of unequal sizes, each counting by its children.
    tier, blocks = scheme.tiers[1], scheme.count(1)
    level = tier.icc * tier.varies * (1 - tier.explained) / blocks
    return found + level * (unequal(blocks, cv=scheme.size_cv) - 1)


SURE = 1.0 - 1e-12


def power_of(
    effect: float, error: float, *, df: float | None, alpha: float = 0.05, sides: int = 2
) -> float:
    """Return the chance that a test rejects: t with df degrees of freedom, z where df is None.

    error: standard error. sides: 2 counts both tails. An error that is not finite finds nothing,
    and nothing is found for certain: what differs from 1 by less than rounding is just below it.

    >>> round(power_of(0.629, 0.2122891110, df=18), 7)
    0.8000708
    """
    if not math.isfinite(error) or (df is not None and df < 1):
        return alpha
    far = abs(effect) / error if sides == 2 else effect / error
    level = 1 - alpha / sides
    if df is None:
        z = float(ndtri(level))
        return min(SURE, float(ndtr(far - z) + (ndtr(-far - z) if sides == 2 else 0.0)))
    t = float(stdtrit(df, level))
    below = tail(df, far, t)
    other = tail(df, far, -t) if sides == 2 else 0.0
    return min(SURE, 1.0 - below + other)


def tail(df: float, far: float, end: float) -> float:
    """Return the chance that a non-central t lies below an end; where that is too small for the
    routine it is nothing.
    """
    found = float(nctdtr(df, far, end))
    return found if math.isfinite(found) else 0.0


def multiplier(alpha: float, power: float, *, df: float | None, sides: int = 2) -> float:
    """Return how many standard errors the smallest detectable effect is: t(1 − α/2) + t(power).

    Bloom (1995), Evaluation Review 19:547-556. df: None for z; below one nothing is detected.

    >>> round(multiplier(0.05, 0.80, df=18) * 0.2122891110, 6)
    0.629006
    """
    if df is None:
        return float(ndtri(1 - alpha / sides) + ndtri(power))
    if df < 1:
        return math.inf
    return float(stdtrit(df, 1 - alpha / sides) + stdtrit(df, power))


def detectable(
    error: Callable[[float], float], times: float, *, sign: float = 1.0, most: float = math.inf
) -> float:
    """Return the smallest detectable effect where its error hangs on it: effect = times × error.

    sign: −1 for a fall. most: the largest effect that can be. Infinite where none is found.

    >>> round(detectable(lambda effect: (0.25 - effect**2 / 2) ** 0.5 / 10, 2.8), 6)
    0.137334
    """

    def short(size: float) -> float:
        return size - times * error(sign * size)

    low, high = 0.0, min(times * error(0.0), most)
    if not math.isfinite(high):
        return math.inf
    while short(high) < 0:
        if high >= most or high > MOST_UNITS:
            return math.inf
        low, high = high, min(1.25 * high, most)
    if high == low:
        return sign * high
    return float(sign * brentq(short, low, high, xtol=1e-13))


def sized(scheme: Scheme, at: int, *, size: float) -> Scheme:
    """Return a scheme with another number of units at a level."""
    tiers = list(scheme.tiers)
    tiers[at] = replace(tiers[at], size=size)
    return replace(scheme, tiers=tuple(tiers))


def fewest(enough: Callable[[int], bool], *, start: int = 2, most: int = MOST_UNITS) -> int | None:
    """Return the smallest whole number from which something is enough; None where none is.

    enough: false below some number and true from it on.

    >>> fewest(lambda n: n * n > 50)
    8
    """
    low, high = start - 1, start
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
