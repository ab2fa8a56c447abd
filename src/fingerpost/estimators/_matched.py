"""Means of matched children and how sure they are.

With replacement the influence is that of the matching estimator seen as a weighted mean: each
child's distance from a smooth curve of the outcome along the score, times how often it stands in
for others (Abadie & Imbens 2006, Econometrica 74:235, theorem 7; Otsu & Rai 2017, JASA 112:1720,
resample the same terms), and the part that comes by way of the estimated score (Abadie & Imbens
2016, Econometrica 84:781, theorems 1 and 2). Its sums by school give the variance.

Without replacement pairs vary together, since they were chosen alike: the variance sums the
distances from the arms' means by pair (Abadie & Spiess 2022, JASA 117:983) and by school, and takes
away what both count (Cameron, Gelbach & Miller 2011, JBES 29:238).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.errors import TooFew
from fingerpost.core.estimate import Estimate
from fingerpost.estimators._answer import Uncertain
from fingerpost.estimators._answer import estimate as estimate_of
from fingerpost.estimators._matching import Search
from fingerpost.estimators._outcome import arm_models, outcome_of, person_time, survey_weight
from fingerpost.estimators._score import score
from fingerpost.estimators._standardise import Mean, through_score
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.matching import local_lines

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """One arm's mean among the children the answer is for, and the weights (n,) of its children."""

    arm: int
    mean: Mean
    weight: Array


@dataclass(frozen=True, eq=False, slots=True)
class Effect:
    """A contrast of two parts: its value, influence (n,), and (n,) codes of pairs or None.

    Codes are −1 for children in no pair.
    """

    value: float
    influence: Array
    weights: dict[int, Array]
    pairs: Codes | None


def observed_mean(task: Task, arm: int, member: Array) -> Part:
    """Return the mean of children under the arm that they received."""
    outcome = outcome_of(task)
    time = member * person_time(outcome)
    value = float(member @ outcome.value) / _some(task, time, arm)
    return Part(arm, Mean(value, (member * outcome.value - value * time) / time.sum()), member)


def _some(task: Task, time: Array, arm: int) -> float:
    """Return the sum of weighted time, which must be above zero."""
    total = float(time.sum())
    if not total > 0:
        raise TooFew(f"matching: no child of arm {task.cohort.arms[arm]} has any weight.")
    return total


@dataclass(frozen=True, eq=False, slots=True)
class Rest:
    """What matching averages for an arm: u = y − m t − value t of a child of the arm, with m the
    outcome model's mean (nought without one); the sum of weighted time; the mean as it is without
    matching, with its influence.
    """

    away: Array
    total: float
    base: Mean


def _rest(task: Task, donor: int, found: Search, *, adjusted: bool) -> Rest:
    outcome, n = outcome_of(task), task.cohort.n
    time = person_time(outcome)
    left, base = outcome.value, Mean(0.0, np.zeros(n))
    if adjusted:
        model = arm_models(task)[donor].mean
        left = left - model * time
        member = found.member * time
        mean = float(member @ model) / member.sum()
        base = Mean(mean, member * (model - mean) / member.sum())
    total = _some(task, found.use * time, donor)
    value = float(found.use @ left) / total
    return Rest(left - value * time, total, Mean(base.value + value, base.influence))


def mean_once(task: Task, donor: int, found: Search, *, adjusted: bool) -> Part:
    """Return the mean of matches that were each taken once; the matching is taken as given."""
    rest = _rest(task, donor, found, adjusted=adjusted)
    influence = rest.base.influence + found.use * rest.away / rest.total
    return Part(donor, Mean(rest.base.value, influence), found.use)


def mean_reused(
    task: Task, donor: int, found: Search, *, focal: int | None, adjusted: bool, estimated: bool
) -> Part:
    """Return the mean of matches that may stand in for several.

    focal: the arm of those who sought, None for all children. estimated: whether the score's
    estimation is part of the error.
    """
    rest = _rest(task, donor, found, adjusted=adjusted)
    theirs = np.flatnonzero((task.cohort.arm == donor) & np.isfinite(found.along))
    sought = np.flatnonzero(found.member)
    sought = sought[np.argsort(found.along[sought])]
    curve, pull = _curve(task, rest.away, theirs, sought=sought, along=found.along)
    influence = rest.base.influence.copy()
    influence[sought] += found.member[sought] * curve[sought] / rest.total
    off = np.zeros(task.cohort.n)
    off[theirs] = rest.away[theirs] - curve[theirs]
    # A child pulls the curve towards itself: what is left is made as large as it would be without.
    influence += found.use * off / np.sqrt(np.maximum(1 - pull, 0.05)) / rest.total
    if estimated:
        influence += _by_way_of_score(task, found.use, off / rest.total, donor=donor, focal=focal)
    return Part(donor, Mean(rest.base.value, influence), found.use)


def _curve(
    task: Task, away: Array, theirs: Codes, *, sought: Codes, along: Array
) -> tuple[Array, Array]:
    """Return (n,) the arm's mean of `away` along the score, and how much each child's own weight
    moves it: lines over the nearest children, as many as the root of their number.
    """
    n = task.cohort.n
    weight = survey_weight(task)
    # Copies of a child stand together, so that they count as the one child that they are.
    codes, units = recode(task.cohort.unit[theirs])
    together = sum_by(codes, weight[theirs], n_groups=len(units))[codes]
    order = np.argsort(along[theirs], kind="stable")
    rows = theirs[order]
    at = np.concatenate([rows, sought])
    fitted, pull = local_lines(
        along[at], along[rows], y=away[rows], weight=weight[rows], share=len(units) ** -0.5
    )
    curve, own = np.zeros(n), np.zeros(n)
    curve[at] = fitted
    own[rows] = pull[: len(rows)] * together[order]
    return curve, own


def _by_way_of_score(task: Task, use: Array, off: Array, *, donor: int, focal: int | None) -> Array:
    """Return (n,) the influence of a mean by way of the estimated score.

    With ψ the influence at the true score and s a child's score in the exposure model, Abadie &
    Imbens add (d − c)′ I⁻¹ Σ s: c the covariance of ψ and s, d how the target itself moves. What
    does not cancel between them is a sum over the arm's own children, of their distance from the
    curve: children alike on the score and not on the covariates.
    """
    found = score(task)
    e = found.probability
    own = np.eye(e.shape[1])[:, 1:]
    slope = use[:, None] * (e[:, 1:] - own[donor])
    if focal is not None:
        odds = survey_weight(task) * e[:, focal] / e[:, donor]
        slope = slope + odds[:, None] * (own[focal] - e[:, 1:])
    return through_score(found, off[:, None] * slope)


def pair_codes(task: Task, found: Search) -> Codes:
    """Return (n,) codes of matched sets, −1 outside: sets that share a child are one."""
    assert found.pairs is not None
    who, whom, _ = found.pairs
    n = task.cohort.n
    codes = np.full(n, -1, dtype=np.int64)
    taken = np.bincount(whom, minlength=n)
    if each_row_a_child(task.cohort.unit) and bool(taken.max() == 1):
        sought = np.bincount(who, minlength=n) > 0
        number = np.cumsum(sought) - 1  # sets in the order of the rows of those who sought
        codes[who] = number[who]
        codes[whom] = number[who]
        return codes
    unit, units = recode(task.cohort.unit)
    links = coo_array((np.ones(len(who)), (unit[who], unit[whom])), shape=(len(units),) * 2)
    label = connected_components(links, directed=False)[1]
    some = np.concatenate([who, whom])
    codes[some] = label[unit[some]]
    inside = codes >= 0
    codes[inside] = recode(codes[inside])[0]
    return codes


def each_row_a_child(unit: Codes) -> bool:
    """Return whether no child has two rows; of rows in the order of children a glance tells."""
    return bool(np.all(unit[1:] > unit[:-1])) or len(recode(unit)[1]) == len(unit)


def beside(task: Task, effect: Effect) -> float:
    """Return the variance by pair less what pairs and the level of clustering both count.

    The factor by pair is that of least squares on n matched children, P/(P − 1) × (n − 1)/(n − 2).
    Where pairs make the sum of all three nothing or less, the larger of the two that is alone.
    """
    if effect.pairs is None:
        return 0.0
    rows = np.flatnonzero(effect.pairs >= 0)
    pairs, influence = effect.pairs[rows], effect.influence[rows]
    level = recode(task.cohort.cluster_codes(task.analysis.cluster))[0]
    count = int(pairs.max()) + 1
    if count < 2:
        return 0.0
    by_pair = sum_by(pairs, influence, n_groups=count)
    by_level = sum_by(level, effect.influence, n_groups=int(level.max()) + 1)
    size = len(rows)
    one = count / (count - 1) * (size - 1) / (size - 2) * float(by_pair @ by_pair)
    other, both = float(by_level @ by_level), _within_both(pairs, level[rows], influence)
    return one - both if other + one > both else max(one - other, 0.0)


def _within_both(pairs: Codes, level: Codes, influence: Array) -> float:
    """Return the sum of squared sums of influence over children of one pair and one cluster."""
    if (np.bincount(pairs) == 2).all():  # quicker than sorting, at a million children
        places = np.arange(len(pairs))
        one, other = np.empty((2, len(pairs) // 2), dtype=np.int64)
        one[pairs[::-1]], other[pairs] = places[::-1], places
        alike = level[one] == level[other]
        product = influence[one] * influence[other]
        return float(influence @ influence + 2 * product[alike].sum())
    cells, keys = recode(pairs * (int(level.max()) + 1) + level)
    sums = sum_by(cells, influence, n_groups=len(keys))
    return float(sums @ sums)


def estimate(task: Task, effects: list[Effect]) -> Estimate:
    """Return the estimate: influence summed by the level of clustering, pairs besides, and the
    interval that the number of clusters allows, as for the other leaves (decision 0005).
    """
    own = {
        term: np.sum(list(effect.weights.values()), axis=0)
        for term, effect in zip(task.terms, effects, strict=True)
    }
    found = Uncertain(
        np.array([effect.value for effect in effects]),
        np.stack([effect.influence for effect in effects], axis=1),
        weighted=True,
        own=lambda term: own[term],
    )
    answer = estimate_of(task, found)
    if answer.spread is None or all(effect.pairs is None for effect in effects):
        return answer
    words = tuple(f"{each}, and by pair" for each in answer.interval)
    extra = np.diag([beside(task, effect) for effect in effects])
    return replace(answer, extra=extra, interval=words)
