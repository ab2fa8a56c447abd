"""Cross-fitting: whole clusters in one fold, nuisances by the others, medians over drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.inference import standard_errors
from fingerpost.core.seeds import stream
from fingerpost.core.table import Table
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._learners import Folds, Learner
from fingerpost.estimators._models import exposure_terms, outcome_terms
from fingerpost.estimators._outcome import Array, survey_weight
from fingerpost.kernels.clusters import recode, sum_by


@dataclass(frozen=True, eq=False, slots=True)
class Nuisances:
    """What is learnt of each child from others: probability (n, k) of each arm, mean (n, k) of the
    outcome (per unit of time) under each.
    """

    probability: Array
    mean: Array


def folds_of(task: Task, count: int, *, repeat: int = 0, leaf: str = "double_ml") -> Folds:
    """Return folds in which clusters lie whole, the same for any order of the rows.

    Clusters are dealt out in drawn order, those that hold the rarest arm first, so that every fold
    holds every arm where it can. Raises TooFew for fewer clusters than folds, or an arm that all
    lies within one fold.
    """
    cohort, analysis = task.cohort, task.analysis
    level = analysis.cluster or "child"
    codes, units = recode(cohort.cluster_codes(analysis.cluster))
    g, k = len(units), len(cohort.arms)
    if g < count:
        raise TooFew(
            f"{leaf}: {g} clusters ({level}) cannot make {count} folds. "
            f"Mend: estimators: [{{{leaf}: {{folds: {max(g, 2)}}}}}], or a finer cluster."
        )
    cells = codes.astype(np.int64) * k + cohort.arm
    holds = sum_by(cells, np.ones(cohort.n), n_groups=g * k).reshape(g, k) > 0
    rare = np.argsort(np.argsort(holds.sum(axis=0), kind="stable"), kind="stable")
    first = np.where(holds, rare, k).min(axis=1)
    purpose = "folds" if repeat == 0 else f"folds {repeat}"
    drawn = stream(analysis.stream, purpose, seed=analysis.seed).permutation(g)
    order = drawn[np.argsort(first[drawn], kind="stable")]
    fold = np.empty(g, dtype=np.int64)
    fold[order] = np.arange(g) % count
    own = fold[codes]
    made = Folds(own, count, repeat, leaf)
    _all_arms(task, made)
    return made


def _all_arms(task: Task, folds: Folds) -> None:
    """Raise TooFew where the children outside a fold lack an arm whose outcome was seen."""
    cohort = task.cohort
    here = seen(task) & (survey_weight(task) > 0)
    for a, name in enumerate(cohort.arms):
        rows = here & (cohort.arm == a)
        if np.count_nonzero(np.bincount(folds.code[rows], minlength=folds.count)) < 2:
            raise TooFew(
                f"{folds.leaf}: all children of arm {name} lie in one fold, so that none is left "
                "to learn from. Mend: a finer cluster, or leave the arm out."
            )


def nuisances(task: Task, folds: Folds, *, exposure: Learner, outcome: Learner) -> Nuisances:
    """Return what the learners say of each fold from the others, made once a cohort and outcome."""
    drawn = (folds.count, folds.repeat, task.analysis.cluster, task.analysis.seed)
    score = ("learnt arms", exposure, exposure_terms(task), *drawn)
    means = ("learnt outcomes", outcome, outcome_terms(task), *drawn, task.terms[0].outcome)
    probability = task.fits.once(score, lambda: exposure.probabilities(task, folds))
    arm, here = task.cohort.arm, seen(task) & (survey_weight(task) > 0)

    def make() -> Array:
        arms = range(len(task.cohort.arms))
        parts = [outcome.means(task, folds, rows=here & (arm == a)) for a in arms]
        return np.stack(parts, axis=1)

    mean = task.fits.once(means, make)
    _no_noughts(task, probability, folds.leaf)
    return Nuisances(probability, mean)


def _no_noughts(task: Task, probability: Array, leaf: str) -> None:
    own = probability[np.arange(task.cohort.n), task.cohort.arm]
    told = int(np.count_nonzero((own <= 0) & (survey_weight(task) > 0)))
    if told:
        raise Unanswerable(
            f"{leaf}: the exposure learner gives some children a probability of nought of the "
            "arm they received, so that they have no weight. Mend: a smoother exposure_learner "
            "(spline, or a forest with larger leaves), or a target such as overlap."
        )


def median_of(answers: Sequence[Answer]) -> Answer:
    """Return one answer for several drawings of folds: the median of each value, with the variance
    median(se² + (value − median)²) (Chernozhukov et al. 2018, definition 3.3).

    The influence is the mean of the drawings', scaled to that variance, so that terms keep their
    correlation.
    """
    found = [answer.estimate for answer in answers if answer.estimate is not None]
    first = answers[0]
    if len(answers) == 1 or len(found) < len(answers):
        return first
    values = np.stack([one.value for one in found])
    middle = np.median(values, axis=0)
    return replace(
        first,
        estimate=_spread_over(found, values, middle),
        tables=_median_tables(answers),
        warnings=tuple(dict.fromkeys(word for answer in answers for word in answer.warnings)),
    )


def _spread_over(found: Sequence[Estimate], values: Array, middle: Array) -> Estimate:
    """Return the estimate at the middle values."""
    first, spreads = found[0], [one.spread for one in found]
    errors = [standard_errors(one) for one in found]
    known = [error for error in errors if error is not None]
    influences = [spread for spread in spreads if isinstance(spread, Influence)]
    if len(known) < len(found) or len(influences) < len(found):
        return replace(first, value=middle)
    variance = np.median(np.stack(known) ** 2 + (values - middle) ** 2, axis=0)
    sums = np.mean([spread.sums for spread in influences], axis=0)
    own = influences[0].correction * (sums**2).sum(axis=0)
    scale = np.sqrt(np.divide(variance, own, out=np.ones_like(own), where=own > 0))
    critical = [one.critical for one in found if one.critical is not None]
    df = [one.df for one in found if one.df is not None]
    return replace(
        first,
        value=middle,
        spread=replace(influences[0], sums=sums * scale),
        critical=np.median(critical, axis=0) if len(critical) == len(found) else None,
        df=np.median(df, axis=0) if len(df) == len(found) else None,
        interval=tuple(f"{words}; median of {len(found)} cross-fits" for words in first.interval),
    )


def _median_tables(answers: Sequence[Answer]) -> tuple[Table, ...]:
    """Return each table with the medians of its numbers."""
    out = []
    for same in zip(*(answer.tables for answer in answers), strict=True):
        rows = [
            tuple(
                float(np.median([float(cell) for cell in cells]))
                if all(isinstance(cell, float) for cell in cells)
                else cells[0]
                for cells in zip(*parallel, strict=True)
            )
            for parallel in zip(*(table.rows for table in same), strict=True)
        ]
        out.append(replace(same[0], rows=tuple(rows)))
    return tuple(out)
