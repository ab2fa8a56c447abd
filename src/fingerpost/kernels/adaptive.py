"""Power of adaptive trials by simulation: arms dropped on the way, shares that follow results, and
sequences of decisions (SMART).

Outcomes are normal; whole stages are drawn as counts, means and sums of squares, so that ten
thousand trials take seconds. A critical value is the quantile of the final statistic in trials in
which no arm differs, of other draws than those whose power is told; where one look leaves one arm
it is exact (`kernels.chosen`). Every share comes with its
Monte-Carlo error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from fingerpost.core.errors import UsageError
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.chosen import boundary_of

Whole = NDArray[np.int64]
TIMES_FOR_CRITICAL = 4  # as many trials, so that its own error is small beside that of the size
LEAST_SHARE = 0.05  # of an arm, while it is open
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """How a trial of k arms goes on, the first of which is what others are compared with.

    effects: (k,) true means less that of the first, in standard deviations (so effects[0] is 0).
    per_stage: units drawn in each stage. keep: of `drop_losers`, how many arms besides the first go
    on after each stage but the last. control: share of the first arm, None for an equal one.
    tuned: of `response_adaptive`, the power to which the chance of being best is raised (0.5).
    """

    effects: tuple[float, ...]
    per_stage: tuple[int, ...]
    keep: tuple[int, ...] = ()
    control: float | None = None
    tuned: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated; all faults at once."""
        arms, faults = len(self.effects), []
        if arms < 2:
            faults.append("an adaptive trial has two arms or more.")
        elif self.effects[0] != 0:
            faults.append("the first arm is what others are compared with: its effect is 0.")
        if not self.per_stage or min(self.per_stage) < 2 * arms:
            faults.append(f"every stage draws {2 * arms} units or more, two for each arm.")
        if self.keep:
            falls = list(self.keep) == sorted(self.keep, reverse=True)
            if len(self.keep) != len(self.per_stage) - 1 or not falls:
                faults.append("keep: one number after each stage but the last, none rising.")
            elif not 1 <= min(self.keep) <= max(self.keep) <= arms - 1:
                faults.append(f"keep: from 1 to {arms - 1} arms go on besides the first.")
        if self.control is not None and not 0 < self.control < 1:
            faults.append("control: a share above 0 and below 1.")
        if faults:
            raise UsageError(faults)


@dataclass(frozen=True, eq=False, slots=True)
class Trials:
    """Simulated trials. units: (r, k) in each arm. means: (r, k). statistic: (r,) of the best arm
    against the first, at the end. best: (r,) that arm.
    """

    units: Whole
    means: Array
    statistic: Array
    best: Whole


@dataclass(frozen=True, eq=False, slots=True)
class Reached:
    """What simulated trials come to.

    critical: of the final statistic. size, power: chance of declaring any arm better, where none is
    and as the effects are; correct: of declaring the truly best. chosen: (k,) how often each arm
    comes out best and is declared. units: (k,) mean number in each arm; in_best: share of units in
    the truly best arm. errors: Monte-Carlo standard errors of size, power and correct. replicates.
    """

    critical: float
    size: float
    power: float
    correct: float
    chosen: Array
    units: Array
    in_best: float
    errors: tuple[float, float, float]
    replicates: int


class Play(Protocol):
    """Plays so many trials of a rule."""

    def __call__(self, rule: Rule, replicates: int, *, random: np.random.Generator) -> Trials:
        """Return the trials."""


def monte_carlo_error(share: float, replicates: int) -> float:
    """Return the standard error of a share of so many trials.

    >>> monte_carlo_error(0.8, 10_000)
    0.004
    """
    return round(float(np.sqrt(share * (1 - share) / replicates)), 12)


def simulate(
    rule: Rule,
    play: Play,
    *,
    alpha: float = 0.025,
    replicates: int = 10_000,
    random: np.random.Generator,
) -> Reached:
    """Return what a rule reaches: one-sided, at a familywise level of alpha.

    play: drop_losers or follow_results. Raises UsageError below 100 replicates.
    """
    if replicates < 100:
        raise UsageError(f"{replicates} replicates found; simulate 100 or more.")
    still = Rule((0.0,) * len(rule.effects), rule.per_stage, rule.keep, rule.control, rule.tuned)
    critical = exact_critical(rule, alpha)
    if critical is None:
        null = play(still, TIMES_FOR_CRITICAL * replicates, random=random)
        critical = float(np.quantile(null.statistic, 1 - alpha, method="higher"))
    # Size is told of draws of their own: of those that set it, it would be alpha by construction.
    again = play(still, replicates, random=random)
    size = float((again.statistic > critical).mean())
    found = play(rule, replicates, random=random)
    declared = found.statistic > critical
    effects = np.asarray(rule.effects)
    best = int(effects.argmax())
    arms = len(effects)
    chosen = np.array([(declared & (found.best == arm)).mean() for arm in range(arms)])
    power, correct = float(declared.mean()), float(chosen[best]) if best else 0.0
    units = found.units.mean(axis=0)
    return Reached(
        critical,
        size,
        power,
        correct,
        chosen,
        units,
        float(units[best] / units.sum()),
        (
            monte_carlo_error(size, replicates),
            monte_carlo_error(power, replicates),
            monte_carlo_error(correct, replicates),
        ),
        replicates,
    )


def exact_critical(rule: Rule, alpha: float) -> float | None:
    """Return the critical value of a rule that goes on with its one best arm after the first of two
    stages, in equal shares, for which there is an integral; None of any other.

    >>> round(exact_critical(Rule((0.0, 0.0), (60, 60), keep=(1,)), 0.025), 6)
    1.959964
    """
    if len(rule.per_stage) != 2 or rule.keep != (1,) or rule.control is not None:
        return None
    arms = len(rule.effects)
    first, second = rule.per_stage[0] / arms, rule.per_stage[1] / 2
    return boundary_of(arms - 1, first=first, second=second, alpha=alpha)


def add_stage(
    units: Whole, sums: Array, more: Whole, effects: Array, random: np.random.Generator
) -> tuple[Whole, Array]:
    """Return units and sums of outcomes of each trial and arm after one more stage."""
    new = more * effects + np.sqrt(more) * random.standard_normal(more.shape)
    return units + more, sums + new


def divided(total: int, shares: Array) -> Whole:
    """Return (r, k) whole numbers that add up to total, by largest remainders.

    >>> divided(10, np.array([[0.5, 0.25, 0.25]])).tolist()
    [[5, 3, 2]]
    """
    wanted = shares * total
    whole = np.floor(wanted + 1e-9).astype(np.int64)
    short = total - whole.sum(axis=1)
    rank = np.argsort(np.argsort(-(wanted - whole), axis=1, kind="stable"), axis=1)
    found: Whole = whole + (rank < short[:, None])
    return found


def finished(units: Whole, sums: Array, open_: NDArray[np.bool_]) -> Trials:
    """Return trials at their end: the best of the arms that are still open, against the first."""
    means = sums / np.maximum(units, 1)
    error = np.sqrt(1 / units[:, [0]] + 1 / np.maximum(units, 1))
    z = np.where(open_, (means - means[:, [0]]) / error, -np.inf)
    z[:, 0] = -np.inf
    best = z.argmax(axis=1)
    return Trials(units, means, z[np.arange(len(z)), best], best)


def drop_losers(rule: Rule, replicates: int, *, random: np.random.Generator) -> Trials:
    """Play trials in which only the best arms go on after each stage.

    Thall, Simon & Ellenberg (1988), Biometrika 75:303-310; no arm is declared before the end.
    """
    k, effects = len(rule.effects), np.asarray(rule.effects)
    open_ = np.ones((replicates, k), dtype=bool)
    units, sums = np.zeros((replicates, k), np.int64), np.zeros((replicates, k))
    for stage, size in enumerate(rule.per_stage):
        alive = open_.sum(axis=1, keepdims=True)
        control = 1 / alive if rule.control is None else np.full_like(alive, rule.control, float)
        shares = np.where(open_, (1 - control) / (alive - 1), 0.0)
        shares[:, [0]] = control
        units, sums = add_stage(units, sums, divided(size, shares), effects, random)
        if stage < len(rule.per_stage) - 1 and rule.keep:
            means = np.where(open_, sums / np.maximum(units, 1), -np.inf)
            means[:, 0] = np.inf  # what others are compared with goes on
            rank = np.argsort(np.argsort(-means, axis=1), axis=1)
            open_ = open_ & (rank <= rule.keep[stage])
    return finished(units, sums, open_)


def follow_results(rule: Rule, replicates: int, *, random: np.random.Generator) -> Trials:
    """Play trials whose shares go with the chance that an arm is best, raised to `tuned`.

    Thall & Wathen (2007), European Journal of Cancer 43:859-866; a flat prior, so that the chance
    is that of normal means about what was seen. No open arm falls below a share of 5%.
    """
    k, effects = len(rule.effects), np.asarray(rule.effects)
    open_ = np.ones((replicates, k), dtype=bool)
    units, sums = np.zeros((replicates, k), np.int64), np.zeros((replicates, k))
    shares = np.full((replicates, k), 1 / k)
    for size in rule.per_stage:
        if rule.control is not None:
            others = shares[:, 1:] / shares[:, 1:].sum(axis=1, keepdims=True)
            shares = np.hstack(
                [np.full((replicates, 1), rule.control), (1 - rule.control) * others]
            )
        units, sums = add_stage(units, sums, divided(size, shares), effects, random)
        shares = best_shares(sums / units, units, rule.tuned)
    return finished(units, sums, open_)


def best_shares(means: Array, units: Whole, tuned: float) -> Array:
    """Return (r, k) shares that go with the chance of each arm to be the best.

    The chance is that of normal means, by Gauss–Hermite quadrature over the mean of each arm.

    >>> best_shares(np.array([[0.0, 0.0]]), np.array([[9, 9]]), 1.0).round(9).tolist()
    [[0.5, 0.5]]
    """
    error = 1 / np.sqrt(units)
    chance = np.empty(means.shape)
    for arm in range(means.shape[1]):
        at = means[:, [arm]] + error[:, [arm]] * NODES  # (r, q)
        beats = np.ones(at.shape)
        for rival in range(means.shape[1]):
            if rival != arm:
                beats *= ndtr((at - means[:, [rival]]) / error[:, [rival]])
        chance[:, arm] = beats @ WEIGHTS
    shares = np.maximum(chance, 1e-9) ** tuned
    shares = shares / shares.sum(axis=1, keepdims=True)
    shares = np.maximum(shares, LEAST_SHARE)
    found: Array = shares / shares.sum(axis=1, keepdims=True)
    return found


# ------------------------------------------------------------------- sequences of decisions
@dataclass(frozen=True, eq=False, slots=True)
class Sequence2:
    """A sequence of two draws: a first arm for everyone, a second for those who did not respond.

    responding: share of those who respond, to each first arm. means: (2, 3) mean outcome of those
    who respond to each first arm, and of those who do not under the second arms, in standard
    deviations. units: how many are drawn.
    """

    responding: tuple[float, float]
    means: Array
    units: int

    def __post_init__(self) -> None:
        """Refuse shares that are none, and too few units."""
        faults = []
        if not all(0 < share < 1 for share in self.responding):
            faults.append("responding: shares above 0 and below 1, one for each first arm.")
        if np.asarray(self.means).shape != (2, 3):
            faults.append("means: of each first arm, three: responders, and both second arms.")
        if self.units < 20:
            faults.append(f"a sequence of two draws needs 20 units or more; {self.units} found.")
        if faults:
            raise UsageError(faults)

    def regime(self, first: int, second: int) -> float:
        """Return the true mean of a regime: a first arm, then a second where it does not help."""
        share = self.responding[first]
        return float(share * self.means[first, 0] + (1 - share) * self.means[first, 1 + second])


REGIMES = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True, eq=False, slots=True)
class SequencePower:
    """What a sequence of two draws finds. true: (4,) means of its regimes. first: power of the main
    effect of the first arm; second: of the second arm, of those who did not respond; best_pair: of
    the best regime against the best that begins otherwise; picks: chance that the truly best regime
    comes out best. errors: their Monte-Carlo standard errors.
    """

    true: Array
    first: float
    second: float
    best_pair: float
    picks: float
    errors: tuple[float, float, float, float]
    replicates: int


def sequence_power(
    design: Sequence2,
    *,
    alpha: float = 0.05,
    replicates: int = 10_000,
    random: np.random.Generator,
) -> SequencePower:
    """Return the power of a SMART by simulation, two-sided, both draws at even chances.

    Regimes are weighted by the inverse of the chance of what a child received: 2 where the first
    arm helped, 4 where a second was drawn (Nahum-Shani et al. 2012, Psychological Methods
    17:457-477).
    """
    n, mean, square = played(design, replicates, random)
    z = float(-ndtri(alpha / 2))
    values, errors = regimes(n, mean, square, design.units)
    true = np.array([design.regime(*each) for each in REGIMES])
    best = int(true.argmax())
    rivals = [at for at, each in enumerate(REGIMES) if each[0] != REGIMES[best][0]]
    rival = max(rivals, key=lambda at: float(true[at]))
    # Regimes that begin otherwise share no child.
    gap = (values[:, best] - values[:, rival]) / np.hypot(errors[:, best], errors[:, rival])
    shares = (
        float((np.abs(first_effect(n, mean, square)) > z).mean()),
        float((np.abs(second_effect(n, mean, square)) > z).mean()),
        float((np.abs(gap) > z).mean()),
        float((values.argmax(axis=1) == best).mean()),
    )
    told = tuple(monte_carlo_error(share, replicates) for share in shares)
    return SequencePower(true, *shares, errors=told, replicates=replicates)  # type: ignore[arg-type]


def played(
    design: Sequence2, replicates: int, random: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return (r, 2, 3) units, means and variances of the cells: first arm by what followed."""
    chance = []
    for share in design.responding:
        chance += [share / 2, (1 - share) / 4, (1 - share) / 4]
    n = random.multinomial(design.units, chance, size=replicates).reshape(-1, 2, 3).astype(float)
    n = np.maximum(n, 2.0)  # a cell with fewer tells no variance; rare, and on the safe side
    mean = design.means + random.standard_normal(n.shape) / np.sqrt(n)
    square = random.chisquare(n - 1) / (n - 1)
    return n, mean, square


def regimes(n: Array, mean: Array, square: Array, units: int) -> tuple[Array, Array]:
    """Return (r, 4) weighted means of regimes, and their robust standard errors."""
    values, errors = [], []
    for first, second in REGIMES:
        weight = np.array([2.0, 4.0])
        cells = [0, 1 + second]
        size, own, spread = n[:, first, cells], mean[:, first, cells], square[:, first, cells]
        whole = (size * weight).sum(axis=1)
        value = (size * weight * own).sum(axis=1) / whole
        away = (own - value[:, None]) ** 2 + spread * (size - 1) / size
        errors.append(np.sqrt((size * weight**2 * away).sum(axis=1)) / whole)
        values.append(value)
    return np.stack(values, axis=1), np.stack(errors, axis=1)


def first_effect(n: Array, mean: Array, square: Array) -> Array:
    """Return (r,) z of the first arms compared, whatever followed."""
    size = n.sum(axis=2)
    own = (n * mean).sum(axis=2) / size
    within = ((n - 1) * square + n * (mean - own[:, :, None]) ** 2).sum(axis=2) / (size - 1)
    found: Array = (own[:, 1] - own[:, 0]) / np.sqrt((within / size).sum(axis=1))
    return found


def second_effect(n: Array, mean: Array, square: Array) -> Array:
    """Return (r,) z of the second arms compared, within first arms, weighted by information."""
    gap = mean[:, :, 2] - mean[:, :, 1]
    told = 1 / (square[:, :, 1] / n[:, :, 1] + square[:, :, 2] / n[:, :, 2])
    found: Array = (gap * told).sum(axis=1) / np.sqrt(told.sum(axis=1))
    return found


def stages_of(total: int, stages: int | Sequence[int]) -> tuple[int, ...]:
    """Return how many units each stage draws, as even as can be.

    >>> stages_of(100, 3)
    (34, 33, 33)
    """
    if not isinstance(stages, int):
        return tuple(stages)
    if stages < 1:
        raise UsageError(f"stages: {stages} found; a trial has one or more.")
    each, more = divmod(total, stages)
    return tuple(each + (at < more) for at in range(stages))
