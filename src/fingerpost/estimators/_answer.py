"""From means with influence to an answer: contrasts, clusters, small samples, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target, Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._censoring import censoring
from fingerpost.estimators._few import few_clusters, unit_shares
from fingerpost.estimators._outcome import survey_weight
from fingerpost.estimators._score import tilt, tilt_key
from fingerpost.estimators._standardise import Mean, Recipe, standardised_mean
from fingerpost.estimators._sums import Sums
from fingerpost.kernels.clusters import recode

Array = NDArray[np.float64]
FEW_CLUSTERS = 50
TOO_FEW_CLUSTERS = 10
LARGE_SHARE = 0.10
FEW_IN_ARM = 20  # clusters of an arm, by their effective number


def few_words(clusters: int) -> str:
    """Return why so few clusters give no interval, empty where they do.

    >>> few_words(8)
    'none: 8 clusters are fewer than 10'
    """
    if clusters >= TOO_FEW_CLUSTERS:
        return ""
    return f"none: {clusters} clusters are fewer than {TOO_FEW_CLUSTERS}"


@dataclass(frozen=True, eq=False, slots=True)
class Uncertain:
    """q values with influence by child (n, q). weighted: whether the score weights the children,
    which decides what share of an arm's weight a variance unit holds; own: gives instead the (n,)
    weights, survey weights and all, by which the leaf counts each child in its arm for a term.
    """

    value: Array
    influence: Array
    weighted: bool
    own: Callable[[Term], Array] | None = None


def standardise(task: Task, leaf: str, recipe: Recipe) -> Answer:
    """Return the answer of a leaf that standardises means by a recipe."""
    sums = summing(task, weighted=recipe.residual or recipe.weighted)
    return _answer(
        task, leaf, lambda term, arm: standardised_mean(task, term, arm, recipe, sums), sums
    )


def answer_from_means(
    task: Task,
    leaf: str,
    mean: Callable[[Term, int], Mean],
    *,
    weighted: bool,
    own: Callable[[Term], Array] | None = None,
) -> Answer:
    """Return contrasts of arm means for every term of the task; each mean is made once.

    mean: gives a mean with influence by child, (n,). weighted, own: how the leaf weights children,
    which decides what share of an arm's weight one variance unit holds; see `Uncertain`.
    """
    sums = summing(task, weighted=weighted, own=own)

    def summed(term: Term, arm: int) -> Mean:
        one = mean(term, arm)
        return Mean(one.value, sums.of(one.influence))

    return _answer(task, leaf, summed, sums)


def _answer(task: Task, leaf: str, mean: Callable[[Term, int], Mean], sums: Sums) -> Answer:
    """Return contrasts of arm means whose influence comes summed."""
    cohort = task.cohort
    means: dict[tuple[Target, int], Mean] = {}
    for term in task.terms:
        for name, _ in term.contrast:
            key = (spelt_out(term), cohort.arms.index(name))
            if key not in means:
                means[key] = mean(term, key[1])
    columns = [_combine(task, term, means) for term in task.terms]
    value = np.array([column.value for column in columns])
    influence = np.stack([column.influence for column in columns], axis=1)
    children = np.bincount(cohort.arm, minlength=len(cohort.arms))
    table = means_table(
        task,
        leaf,
        ((target.label(), arm, one, int(children[arm])) for (target, arm), one in means.items()),
        sums,
    )
    left = [column.rest[1] for column in columns if column.rest is not None]
    df = np.minimum(left, max(sums.g - 1.0, 1.0)) if len(left) == len(columns) else None
    return Answer(leaf, estimate=_estimate(task, value, influence, sums, df), tables=(table,))


def spelt_out(term: Term) -> Target:
    """Return a term's target with its arm named and its trim kept: what a mean is of."""
    return replace(tilt_key(term), trim=term.target.trim)


def _combine(task: Task, term: Term, means: Mapping[tuple[Target, int], Mean]) -> Mean:
    """Return a contrast of means: a sum, or of logarithms on the ratio scale; degrees of freedom
    by Welch (1947), of what the arms' outcome models left.
    """
    value, influence, rests = 0.0, np.zeros(1), []
    for name, weight in term.contrast:
        one = means[(spelt_out(term), task.cohort.arms.index(name))]
        if term.scale == "ratio":
            if one.value <= 0:
                raise Unanswerable(
                    f"ratio: the mean of arm {name} is not above zero, so a ratio has no meaning. "
                    "Mend: estimand: {scale: difference}."
                )
            value, slope = value + weight * float(np.log(one.value)), weight / one.value
        else:
            value, slope = value + weight * one.value, weight
        influence = influence + slope * one.influence
        if one.rest is not None:
            rests.append((slope**2 * one.rest[0], one.rest[1]))
    return Mean(value, influence, _welch(rests, apart=task.analysis.models.by_arm))


def _welch(rests: list[tuple[float, float]], *, apart: bool) -> tuple[float, float] | None:
    """Return the (variance, degrees of freedom) of a sum of such; None of none. apart: whether each
    is of a fit of its own; of one that they share the degrees of freedom are no more than its own.
    """
    whole = sum(variance for variance, _ in rests)
    part = sum(variance**2 / df for variance, df in rests)
    if part <= 0:
        return None
    return whole, whole**2 / part if apart else min(df for _, df in rests)


def estimate(task: Task, found: Uncertain) -> Estimate:
    """Return the estimate with clustered influence, factor G/(G − 1) where a level is named, and
    the interval that the number of clusters allows (method decisions, section 2; decision 0005).

    G < 10: no standard error and no interval. G < 50, or one unit with more than a tenth of an
    arm's weight: leverage-corrected sums, and the larger of t and score wild bootstrap. Otherwise
    the normal.
    """
    sums = summing(task, weighted=found.weighted, own=found.own)
    summed = np.stack([sums.of(own) for own in found.influence.T], axis=1)
    return _estimate(task, found.value, summed, sums)


def _estimate(
    task: Task, value: Array, influence: Array, found: Sums, df: Array | None = None
) -> Estimate:
    """Return the estimate of q values whose influence comes summed, (u, q). df: (q,) degrees of
    freedom that outcome models of drawn arms left, None where they are not told.
    """
    cohort, analysis = task.cohort, task.analysis
    children, by_arm = counted(cohort)
    g, q = found.g, len(value)
    level = analysis.cluster or "child"
    correction, note = factor(analysis.cluster, g)
    sums, critical, left = influence, None, df
    by = f"influence summed by {level}{', ' * bool(note)}{note}"
    words = f"normal, {by}" if left is None else f"t, {by}, corrected for what the models took"
    if g < TOO_FEW_CLUSTERS:
        words = few_words(g)
    elif found.shares is not None:
        few = few_clusters(task, found.by_arm(influence), found.shares)
        sums, critical, df = few.sums, few.critical, few.df
        if left is not None:
            df = np.minimum(df, left)
            critical = np.maximum(critical, stdtrit(df, 0.5 + analysis.level / 2))
        correction, note = 1.0, "leverage-corrected"
        words = f"score wild bootstrap, at least t; {note} influence summed by {level}"
    spread = Influence(sums, found.keys, level, correction=correction, note=note)
    return Estimate(
        task.terms,
        value,
        None if g < TOO_FEW_CLUSTERS else spread,
        df=df,
        n=np.full(q, children),
        arm_n=np.tile(by_arm, (q, 1)),
        arms=cohort.arms,
        clusters=np.full(q, g),
        critical=critical,
        interval=(words,) * q,
    )


def counted(cohort: Cohort) -> tuple[int, NDArray[np.int64]]:
    """Return the number of children, and (k,) of each arm: a child that stands on several rows (a
    copy to each arm, a trial each year) counts once, and once in each arm that it was in.
    """
    k, unit = len(cohort.arms), np.asarray(cohort.unit)
    if np.all(unit[1:] > unit[:-1]):
        return cohort.n, np.bincount(cohort.arm, minlength=k)
    codes, units = recode(unit)
    if len(units) == cohort.n:
        return cohort.n, np.bincount(cohort.arm, minlength=k)
    pairs = np.unique(codes.astype(np.int64) * k + cohort.arm)
    return len(units), np.bincount(pairs % k, minlength=k)


def summing(task: Task, *, weighted: bool, own: Callable[[Term], Array] | None = None) -> Sums:
    """Return by what the influence of a leaf is summed: by arm within unit where clusters are few
    or one is large, which the weights tell; see `Uncertain`.
    """
    found = Sums.by(task.cohort, task.analysis.cluster)
    if found.g < TOO_FEW_CLUSTERS:
        return found
    shares = [unit_shares(_weight(task, term, weighted, own), found) for term in task.terms]
    compared = [[task.cohort.arms.index(name) for name, _ in term.contrast] for term in task.terms]
    largest = max(float(share[:, own].max()) for share, own in zip(shares, compared, strict=True))
    # Few clusters in one arm are few, however many the other has.
    inside = min(
        float((1 / np.maximum((share[:, own] ** 2).sum(axis=0), 1e-300)).min())
        for share, own in zip(shares, compared, strict=True)
    )
    if found.g >= FEW_CLUSTERS and largest <= LARGE_SHARE and inside >= FEW_IN_ARM:
        return found
    return replace(found, shares=shares)


def _weight(
    task: Task, term: Term, weighted: bool, own: Callable[[Term], Array] | None
) -> Callable[[slice], Array]:
    """Return what gives the weights of some children in the mean of their own arm: by the score,
    and by the model of who was seen, or of who follows a strategy on, where there is one.
    """
    if own is not None:
        told = own(term)
        return lambda rows: told[rows]
    if not weighted:
        return lambda rows: survey_weight(task, rows)
    timed = task.cohort.outcomes[term.outcome].kind == "time"
    tilted, censored = tilt(task, term), None if timed else censoring(task)

    def weight(rows: slice) -> Array:
        part = tilted.part(rows)
        found = survey_weight(task, rows) * part.weight(part.codes)
        return found if censored is None else found * censored.weight[rows]

    return weight


def factor(cluster: str | None, g: int) -> tuple[float, str]:
    """Return the small-sample factor and its name: none where children stand for themselves."""
    return (1.0, "") if cluster is None else (g / max(g - 1, 1), "G/(G − 1)")


def means_table(
    task: Task, leaf: str, means: Iterable[tuple[str, int, Mean, int]], found: Sums
) -> Table:
    """Return standardised means; means: target's label, arm, mean with its influence as `found`
    sums it, and the children behind it.
    """
    cohort, analysis, g = task.cohort, task.analysis, found.g
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for label, arm, one, children in means:
        sums = found.by_unit(one.influence)
        se = float(np.sqrt(factor(analysis.cluster, g)[0] * (sums @ sums)))
        shown = None if g < TOO_FEW_CLUSTERS else se
        rows.append((leaf, label, cohort.arms[arm], one.value, shown))
        counts.append(children)
    return Table(
        "means",
        "Standardised means",
        ("estimator", "target", "arm", "mean", "se"),
        ("label", "label", "label", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("mean", "se")),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context="What each arm's outcome would be on average in the target, by estimator.",
    )
