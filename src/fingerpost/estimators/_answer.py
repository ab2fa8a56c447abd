"""From means with influence to an answer: contrasts, clusters, small samples, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target, Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.seeds import stream
from fingerpost.core.table import Table
from fingerpost.estimators._outcome import survey_weight
from fingerpost.estimators._score import tilt, tilt_key
from fingerpost.estimators._standardise import Mean, Recipe, standardised_mean
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.wild import wild_score_bootstrap

Array = NDArray[np.float64]
FEW_CLUSTERS = 50
TOO_FEW_CLUSTERS = 10
LARGE_SHARE = 0.10
BOOTSTRAP_DRAWS = 1999


@dataclass(frozen=True, eq=False, slots=True)
class Uncertain:
    """q values with influence by child (n, q); share: (q,) the largest share of an arm's weight
    that one variance unit holds.
    """

    value: Array
    influence: Array
    share: Array


def standardise(task: Task, leaf: str, recipe: Recipe) -> Answer:
    """Return the answer of a leaf that standardises means by a recipe."""
    return answer_from_means(
        task,
        leaf,
        lambda term, arm: standardised_mean(task, term, arm, recipe),
        weighted=recipe.residual or recipe.weighted,
    )


def answer_from_means(
    task: Task, leaf: str, mean: Callable[[Term, int], Mean], *, weighted: bool
) -> Answer:
    """Return contrasts of arm means for every term of the task; each mean is made once.

    weighted: whether the leaf weights children by the score, which decides what share of an arm's
    weight one variance unit holds.
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
        np.array([largest_unit_share(task, term, weighted) for term in task.terms]),
    )
    table = _means_table(task, leaf, means)
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


def largest_unit_share(task: Task, term: Term, weighted: bool = False) -> float:
    """Return the largest share of an arm's weight (tilted, if `weighted`) of one variance unit."""
    cohort = task.cohort
    codes, units = recode(cohort.cluster_codes(task.analysis.cluster))
    weight = survey_weight(task)
    if weighted:
        weight = weight * tilt(task, term).weights[np.arange(cohort.n), cohort.arm]
    shares = []
    for name, _ in term.contrast:
        mine = weight * (cohort.arm == cohort.arms.index(name))
        shares.append(float(sum_by(codes, mine, n_groups=len(units)).max() / mine.sum()))
    return max(shares)


def estimate(task: Task, found: Uncertain) -> Estimate:
    """Return the estimate with clustered influence, factor G/(G − 1) where a level is named, and
    the interval that the number of clusters allows (method decisions, section 2).

    G < 10: no standard error and no interval. G < 50, or one unit with more than a tenth of an
    arm's weight: score wild bootstrap. Otherwise the normal.
    """
    cohort, analysis = task.cohort, task.analysis
    level = analysis.cluster or "child"
    codes, units = recode(cohort.cluster_codes(analysis.cluster))
    sums = sum_by(codes, found.influence, n_groups=len(units))
    g, q = len(units), len(found.value)
    correction, note = factor(analysis.cluster, g)
    spread = Influence(sums, units, level, correction=correction, note=note)
    critical, interval = _critical(task, found, sums)
    few = g < TOO_FEW_CLUSTERS
    return Estimate(
        task.terms,
        found.value,
        None if few else spread,
        n=np.full(q, cohort.n),
        arm_n=np.tile(np.bincount(cohort.arm, minlength=len(cohort.arms)), (q, 1)),
        arms=cohort.arms,
        clusters=np.full(q, g),
        critical=critical,
        interval=(f"none: {g} clusters are fewer than {TOO_FEW_CLUSTERS}",) * q
        if few
        else interval,
    )


def factor(cluster: str | None, g: int) -> tuple[float, str]:
    """Return the small-sample factor and its name: none where children stand for themselves."""
    return (1.0, "") if cluster is None else (g / max(g - 1, 1), "G/(G − 1)")


def _critical(task: Task, found: Uncertain, sums: Array) -> tuple[Array | None, tuple[str, ...]]:
    """Return critical values where the bootstrap is needed, and the interval's name by term."""
    g, level = len(sums), task.analysis.cluster or "child"
    note = factor(task.analysis.cluster, g)[1]
    by = f"influence summed by {level}{', ' * bool(note)}{note}"
    plain = f"normal, {by}"
    needs = (found.share > LARGE_SHARE) | (g < FEW_CLUSTERS)
    if not needs.any() or g < TOO_FEW_CLUSTERS:
        return None, (plain,) * len(needs)
    generator = stream(task.analysis.stream, "score wild bootstrap", seed=task.analysis.seed)
    drawn = wild_score_bootstrap(
        sums, level=task.analysis.level, draws=BOOTSTRAP_DRAWS, stream=generator
    )
    normal = _normal(task.analysis.level)
    name = f"score wild bootstrap, {by}"
    return np.where(needs, drawn, normal), tuple(name if need else plain for need in needs)


def _normal(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _means_table(task: Task, leaf: str, means: Mapping[tuple[Target, int], Mean]) -> Table:
    """Return the standardised means by target and arm."""
    cohort, analysis = task.cohort, task.analysis
    codes, units = recode(cohort.cluster_codes(analysis.cluster))
    g = len(units)
    rows = []
    for (target, arm), one in means.items():
        sums = sum_by(codes, one.influence, n_groups=g)
        se = float(np.sqrt(factor(analysis.cluster, g)[0] * (sums @ sums)))
        shown = None if g < TOO_FEW_CLUSTERS else se
        rows.append((leaf, target.label(), cohort.arms[arm], one.value, shown))
    return means_table(task.terms[0].outcome, rows, cohort.n)


def means_table(
    outcome: str, rows: Sequence[tuple[str, str, str, float, float | None]], n: int
) -> Table:
    """Return the table of arm means: estimator, target, arm, mean, standard error."""
    return Table(
        "means",
        "Standardised means",
        ("estimator", "target", "arm", "mean", "se"),
        ("label", "label", "label", "number", "number"),
        tuple(rows),
        counts=(n,) * len(rows),
        tags=(("outcome", outcome),),
        context="What each arm's outcome would be on average in the target, by estimator.",
    )
