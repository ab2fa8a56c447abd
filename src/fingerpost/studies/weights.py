"""The weights of one target on one cohort, and what they look like: the ground of the guard rails.

Scale of every standardised difference: the root mean of the arms' unweighted variances in the study
population before trimming (method decisions, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.estimators._censoring import censoring, seen
from fingerpost.estimators._outcome import survey_weight
from fingerpost.estimators._score import received, score, tilt
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.weighted import shares

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Indicators:
    """Covariates as numeric columns: one a numeric covariate, one a level of a categorical one.

    names: (m,) as shown. columns: m arrays (n,), of a level 0 and 1 in a byte each. scale: (m,)
    standard deviations.
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    scale: Array


@dataclass(frozen=True, eq=False, slots=True)
class Weighting:
    """The weights of one (contrast, target): arms: names; own: arm → (n,) weight, zero off the arm;
    target: (n,) weight of the target's own distribution; outside: share of the target for whom
    some arm it did not receive has probability below the threshold.
    """

    term: Term
    own: Mapping[str, Array]
    before: Mapping[str, Array]
    target: Array
    outside: float
    smallest: Array


def indicators(cohort: Cohort, names: tuple[str, ...]) -> Indicators:
    """Return covariates as numbers, with their scale."""
    shown: list[str] = []
    columns: list[NDArray[Any]] = []
    for name in names:
        column = cohort.covariates[name]
        if column.categorical:
            for code, level in enumerate(column.levels):
                shown.append(f"{name} = {level}")
                columns.append((column.values == code).astype(np.int8))
        else:
            shown.append(name)
            columns.append(np.asarray(column.values, dtype=float))
    return Indicators(tuple(shown), tuple(columns), _scale(cohort, columns))


def on_scale_of(whole: Indicators, part: Indicators) -> Indicators:
    """Return the columns of a trimmed cohort on the scale they had before trimming."""
    scale = dict(zip(whole.names, whole.scale, strict=True))
    return replace(part, scale=np.array([scale[name] for name in part.names]))


def _scale(cohort: Cohort, columns: list[NDArray[Any]]) -> Array:
    """Return the root mean over arms of each column's variance."""
    arms = range(len(cohort.arms))
    variances = [
        np.mean(
            [
                float(np.var(column[cohort.arm == a])) if (cohort.arm == a).any() else 0.0
                for a in arms
            ]
        )
        for column in columns
    ]
    return np.sqrt(np.array(variances))


def weighting(task: Task, term: Term, outside_below: float) -> Weighting:
    """Return the tilting weights of a term's target, and how much of it lies outside support."""
    cohort = task.cohort
    tilted, base = tilt(task, term), survey_weight(task)
    censored = censoring(task)
    arms = [name for name, _ in term.contrast]
    own, before = {}, {}
    for name in arms:
        a = cohort.arms.index(name)
        before[name] = base * (cohort.arm == a)
        if cohort.course is not None:
            # Copies of the same children are alike to begin with: who followed on may not be.
            before[name] = before[name] * seen(task)
        own[name] = before[name] * tilted.weight(a)
        if censored is not None:
            own[name] = own[name] * censored.weight
    target = base * tilted.member
    smallest = _smallest(task, term)
    outside = float(target[smallest < outside_below].sum() / target.sum())
    return Weighting(term, own, before, target, outside, smallest)


def from_own(task: Task, term: Term, own: Mapping[str, Array], *, target: Array) -> Weighting:
    """Return a leaf's own weights in the form in which tilting weights are judged; support is not
    a matter of theirs.
    """
    cohort = task.cohort
    before = {name: survey_weight(task) * (cohort.arm == cohort.arms.index(name)) for name in own}
    return Weighting(term, own, before, target, 0.0, np.ones(cohort.n))


def _smallest(task: Task, term: Term) -> Array:
    """Return (n,) the smallest probability of a compared arm that the child did not receive; for
    the ATE every compared arm counts (method decisions, section 4).
    """
    cohort, probability = task.cohort, score(task).probability
    compared = [cohort.arms.index(name) for name, _ in term.contrast]
    values = probability[:, compared].copy()
    if received(term) is not None:
        for at, a in enumerate(compared):
            values[cohort.arm == a, at] = 1.0
    smallest: Array = values.min(axis=1)
    return smallest


def largest_cluster_share(cohort: Cohort, level: str | None, weight: Array) -> float | None:
    """Return the largest share of a weight held by one cluster, or None without clusters."""
    if level is None:
        return None
    codes, units = recode(cohort.cluster_codes(level))
    return float(sum_by(codes, weight, n_groups=len(units)).max() / weight.sum())


def differences(found: Indicators, weights: Mapping[str, Array], target: Array) -> Array:
    """Return (m,) the largest standardised distance of an arm's mean from the target's."""
    middle = _means(found, target)
    away = np.abs(np.stack([_means(found, weight) - middle for weight in weights.values()]))
    distances: Array = away.max(axis=0) / np.where(found.scale > 0, found.scale, 1.0)
    return distances


def pair_differences(found: Indicators, weights: Mapping[str, Array]) -> Array:
    """Return (m,) the largest standardised distance between two arms' means."""
    means = np.stack([_means(found, weight) for weight in weights.values()])
    distances: Array = np.ptp(means, axis=0) / np.where(found.scale > 0, found.scale, 1.0)
    return distances


def _means(found: Indicators, weight: Array) -> Array:
    """Return (m,) the weighted mean of each column."""
    share = shares(weight)
    return np.array([float(share @ column) for column in found.columns])
