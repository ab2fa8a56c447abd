"""From means with influence to an answer: contrasts, clusters, small samples, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Codes, Cohort
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target, Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._censoring import censoring
from fingerpost.estimators._few import Few, few_clusters, unit_shares
from fingerpost.estimators._outcome import survey_weight
from fingerpost.estimators._score import tilt, tilt_key
from fingerpost.estimators._standardise import Mean, Recipe, standardised_mean
from fingerpost.kernels.clusters import recode, sum_by

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
    return answer_from_means(
        task,
        leaf,
        lambda term, arm: standardised_mean(task, term, arm, recipe),
        weighted=recipe.residual or recipe.weighted,
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

    weighted, own: how the leaf weights children, which decides what share of an arm's weight one
    variance unit holds; see `Uncertain`.
    """
    cohort = task.cohort
    means: dict[tuple[Target, int], Mean] = {}
    for term in task.terms:
        for name, _ in term.contrast:
            key = (spelt_out(term), cohort.arms.index(name))
            if key not in means:
                means[key] = mean(term, key[1])
    columns = [_combine(task, term, means) for term in task.terms]
    found = Uncertain(
        np.array([column.value for column in columns]),
        np.stack([column.influence for column in columns], axis=1),
        weighted,
        own,
    )
    children = np.bincount(cohort.arm, minlength=len(cohort.arms))
    table = means_table(
        task,
        leaf,
        ((target.label(), arm, one, int(children[arm])) for (target, arm), one in means.items()),
    )
    return Answer(leaf, estimate=estimate(task, found), tables=(table,))


def spelt_out(term: Term) -> Target:
    """Return a term's target with its arm named and its trim kept: what a mean is of."""
    return replace(tilt_key(term), trim=term.target.trim)


def _combine(task: Task, term: Term, means: Mapping[tuple[Target, int], Mean]) -> Mean:
    """Return a contrast of means: a sum, or of logarithms on the ratio scale."""
    value, influence = 0.0, np.zeros(task.cohort.n)
    for name, weight in term.contrast:
        one = means[(spelt_out(term), task.cohort.arms.index(name))]
        if term.scale == "ratio":
            if one.value <= 0:
                raise Unanswerable(
                    f"ratio: the mean of arm {name} is not above zero, so a ratio has no meaning. "
                    "Mend: estimand: {scale: difference}."
                )
            value += weight * float(np.log(one.value))
            influence = influence + weight * one.influence / one.value
        else:
            value += weight * one.value
            influence = influence + weight * one.influence
    return Mean(value, influence)


def estimate(task: Task, found: Uncertain) -> Estimate:
    """Return the estimate with clustered influence, factor G/(G − 1) where a level is named, and
    the interval that the number of clusters allows (method decisions, section 2; decision 0005).

    G < 10: no standard error and no interval. G < 50, or one unit with more than a tenth of an
    arm's weight: leverage-corrected sums, and the larger of t and score wild bootstrap. Otherwise
    the normal.
    """
    cohort, analysis = task.cohort, task.analysis
    children, by_arm = counted(cohort)
    codes, units = recode(cohort.cluster_codes(analysis.cluster))
    g, q = len(units), len(found.value)
    level = analysis.cluster or "child"
    correction, note = factor(analysis.cluster, g)
    few = needs_few(task, found, codes=codes, count=g)
    sums, critical, df = sum_by(codes, found.influence, n_groups=g), None, None
    by = f"influence summed by {level}{', ' * bool(note)}{note}"
    words = f"normal, {by}"
    if g < TOO_FEW_CLUSTERS:
        words = few_words(g)
    elif few is not None:
        sums, critical, df = few.sums, few.critical, few.df
        correction, note = 1.0, "leverage-corrected"
        words = f"score wild bootstrap, at least t; {note} influence summed by {level}"
    spread = Influence(sums, units, level, correction=correction, note=note)
    return Estimate(
        task.terms,
        found.value,
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


def needs_few(task: Task, found: Uncertain, *, codes: Codes, count: int) -> Few | None:
    """Return what few clusters need, or None where there are many and none is large."""
    if count < TOO_FEW_CLUSTERS:
        return None
    shares = [
        unit_shares(task, _weight(task, term, found), codes=codes, count=count)
        for term in task.terms
    ]
    compared = [[task.cohort.arms.index(name) for name, _ in term.contrast] for term in task.terms]
    largest = max(float(share[:, own].max()) for share, own in zip(shares, compared, strict=True))
    # Few clusters in one arm are few, however many the other has.
    inside = min(
        float((1 / np.maximum((share[:, own] ** 2).sum(axis=0), 1e-300)).min())
        for share, own in zip(shares, compared, strict=True)
    )
    if count >= FEW_CLUSTERS and largest <= LARGE_SHARE and inside >= FEW_IN_ARM:
        return None
    return few_clusters(task, found.influence, codes=codes, shares=shares)


def _weight(task: Task, term: Term, found: Uncertain) -> Array:
    """Return (n,) what each child counts for in the mean of its own arm: by the score, and by the
    model of who was seen, or of who follows a strategy on, where there is one.
    """
    if found.own is not None:
        return found.own(term)
    weight = survey_weight(task)
    if not found.weighted:
        return weight
    weight = weight * tilt(task, term).weights[np.arange(task.cohort.n), task.cohort.arm]
    if task.cohort.outcomes[term.outcome].kind == "time":
        return weight
    censored = censoring(task)
    return weight if censored is None else weight * censored.weight


def factor(cluster: str | None, g: int) -> tuple[float, str]:
    """Return the small-sample factor and its name: none where children stand for themselves."""
    return (1.0, "") if cluster is None else (g / max(g - 1, 1), "G/(G − 1)")


def means_table(task: Task, leaf: str, means: Iterable[tuple[str, int, Mean, int]]) -> Table:
    """Return standardised means; means: target's label, arm, mean, and the children behind it."""
    cohort, analysis = task.cohort, task.analysis
    codes, units = recode(cohort.cluster_codes(analysis.cluster))
    g = len(units)
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for label, arm, one, children in means:
        sums = sum_by(codes, one.influence, n_groups=g)
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
