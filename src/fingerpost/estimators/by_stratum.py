"""By stratum: arms compared within the strata of a draw, the differences averaged by size.

Where units were drawn within strata (schools, sites, pairs), each stratum is a small trial of its
own. Its arms are compared with one another, and every stratum counts by how many children it holds,
so that the answer is the effect for all children of the study, whatever share of a stratum was
drawn into which arm. Nothing is assumed of covariates. Strata that lack one of the arms that are
compared tell nothing: they are left out, a warning says how many children they held, and the table
`strata_apart` shows their means beside those compared. Of a platform these are children who came
when an arm was not there. It is the analysis of a trial within sites, of stratified blocks, and of
matched pairs of children or of schools.

**How it is computed.** The mean of arm a is Σ_s w_s ȳ_as, with ȳ_as the mean of the arm in stratum
s (weighted by one over the chance of the arm where chances differ between units), and w_s the
stratum's share of the children. On the ratio scale means are divided, errors are by the logarithm.
The error of a mean is the sum, by unit of variance, of w_s (y − ȳ_as)/n_as, with the divisor
n_as − 1 in each arm of each stratum (Neyman), and of how strata differ; intervals are by Student's
t with Welch's degrees of freedom. Where a stratum holds but one unit of an arm nothing is known of
how units of it differ: such strata are judged by how their differences differ, and the others as
before; of pairs of one size that is the t test of their differences, with one less than the pairs
(Imai, King & Nall 2009). A coarser level that is named (`level`) is what errors are taken by.

It has no options.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence, Matrix, Spread
from fingerpost.core.inference import covariance
from fingerpost.core.leaves import Estimator
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import answer_from_means, few_words
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._drawn_units import (
    DRAWN_AS_SAID,
    Units,
    draw_weight,
    drawn_only,
    unit_level,
    units_of,
)
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
LEAF = "by_stratum"
APART = "strata_apart"
DROPPED = (
    "{strata} strata with {children} children hold none of some arm, and tell nothing: the answer "
    "is of the other children"
)


@dataclass(frozen=True, eq=False, slots=True)
class Within:
    """The children of strata that hold every arm. stratum: (n,) codes; cell: (n,) of stratum and
    arm; share: (s,) of the children; weight: (n,); spread: (n,) what a residual counts for. neyman:
    whether the units that were drawn are those of variance. thin: (s,) strata in which an arm that
    is compared holds a single unit.
    """

    task: Task
    units: Units
    stratum: NDArray[np.int64]
    cell: NDArray[np.int64]
    share: Array
    weight: Array
    spread: Array
    neyman: bool
    thin: NDArray[np.bool_]


def run(task: Task) -> Answer:
    """Return contrasts of means that strata are averaged in; each over the strata that hold its own
    arms, where not all hold those of all contrasts.
    """
    drawn_only(task, LEAF)
    groups = alike(task)
    if len(groups) == 1:
        return of_group(task)
    answers = [of_group(replace(task, terms=terms)) for terms in groups]
    warnings = {term: words for one in answers for term, words in one.warnings}
    tables = [table for one in answers for table in one.tables if table.name != APART]
    apart_ = [table for one in answers for table in one.tables if table.name == APART]
    return Answer(
        LEAF,
        estimate=together(task.terms, [one.estimate for one in answers if one.estimate]),
        tables=(*tables[:1], *apart_),
        warnings=tuple((term, warnings[term]) for term in task.terms if term in warnings),
    )


def alike(task: Task) -> list[tuple[Term, ...]]:
    """Return terms in groups that the same strata tell of."""
    units, k = units_of(task, LEAF), len(task.cohort.arms)
    held = np.bincount(units.stratum * k + units.arm, minlength=(units.stratum.max() + 1) * k)
    there = held.reshape(-1, k) > 0
    found: dict[bytes, list[Term]] = {}
    for term in task.terms:
        asked = [task.cohort.arms.index(name) for name, _ in term.contrast]
        found.setdefault(there[:, asked].all(axis=1).tobytes(), []).append(term)
    return [tuple(terms) for terms in found.values()]


def of_group(task: Task) -> Answer:
    """Return contrasts of arms over the strata that hold them all."""
    kept, left = whole_strata(task)
    within = within_of(kept)
    told = within.task
    answer = answer_from_means(
        told, LEAF, lambda term, arm: mean_of(within, term, arm), weighted=False
    )
    found = answer.estimate
    if within.neyman and found is not None and found.spread is not None:
        answer = replace(answer, estimate=neyman(within, found))
    if left[0]:
        words_ = DROPPED.format(strata=left[0], children=f"{left[1]:,}")
        answer = replace(
            answer,
            warnings=tuple((term, words_) for term in task.terms),
            tables=(*answer.tables, apart_table(task, kept)),
        )
    return answer


def apart_table(task: Task, kept: Task) -> Table:
    """Return the mean of each arm among the children compared, and among those of strata that lack
    an arm: of a platform, the children of the first arm who came when another was not there.
    """
    rows, counts, clusters = [], [], []
    contrasts = "; ".join(dict.fromkeys(term.words() for term in task.terms))
    inside = np.isin(task.cohort.unit, kept.cohort.unit)
    outcome = outcome_of(task)
    y, time = outcome.value, person_time(outcome)
    unit = task.cohort.cluster_codes(task.analysis.cluster)
    for where, own in (("compared", inside), ("left out", ~inside)):
        for at, arm in enumerate(task.cohort.arms):
            which = own & (task.cohort.arm == at)
            if which.any():
                mean = float(y[which].sum() / time[which].sum())
                rows.append((LEAF, arm, where, int(which.sum()), mean))
                counts.append(int(which.sum()))
                clusters.append(len(np.unique(unit[which])))
    return Table(
        APART,
        "Children of strata that lack an arm, shown apart",
        ("estimator", "arm", "strata", "children", "mean"),
        ("label", "label", "label", "count", "number"),
        tuple(rows),
        tells=Tells(outcomes=("mean",)),
        counts=tuple(counts),
        clusters=tuple(clusters),
        tags=(("outcome", task.terms[0].outcome), ("contrasts", contrasts)),
        context=f"Of {contrasts}. Those left out are not pooled with those compared: they came at "
        "another time, or from elsewhere, and what sets them apart from others of their arm is not "
        "what the arm does.",
    )


def whole_strata(task: Task) -> tuple[Task, tuple[int, int]]:
    """Return the task of the strata that hold every arm compared, and how many strata and children
    do not stand in one.
    """
    units = units_of(task, LEAF)
    names = {name for term in task.terms for name, _ in term.contrast}
    asked = [task.cohort.arms.index(name) for name in sorted(names)]
    k = len(task.cohort.arms)
    held = np.bincount(units.stratum * k + units.arm, minlength=(units.stratum.max() + 1) * k)
    whole = held.reshape(-1, k)[:, asked].min(axis=1) > 0
    if not whole.any():
        raise TooFew(f"{LEAF}: no stratum of the draw holds every arm that is compared.")
    keep = whole[units.stratum][units.of]
    if keep.all():
        return task, (0, 0)
    left = int(np.count_nonzero(~whole)), int(np.count_nonzero(~keep))
    return replace(task, cohort=task.cohort.take(np.flatnonzero(keep))), left


def together(terms: tuple[Term, ...], parts: list[Estimate]) -> Estimate:
    """Return estimates of different terms as one, in the order of terms. Units that tell of several
    are joined by their keys, so that what they share is in the covariance.
    """
    held_ = [term for one in parts for term in one.terms]
    order = [held_.index(term) for term in terms]

    def joined(name: str) -> Any:
        held = [getattr(one, name) for one in parts]
        return None if any(one is None for one in held) else np.concatenate(held)[order]

    interval = tuple(words for one in parts for words in one.interval)
    return Estimate(
        terms,
        joined("value"),
        joined_spread(parts, order),
        df=joined("df"),
        n=joined("n"),
        arm_n=joined("arm_n"),
        arms=parts[0].arms,
        clusters=joined("clusters"),
        critical=joined("critical"),
        interval=tuple(interval[at] for at in order) if len(interval) == len(order) else (),
    )


def joined_spread(parts: list[Estimate], order: list[int]) -> Spread | None:
    """Return the joint spread: influence by unit where all are by the same, else no covariance
    between estimates; None where one has none.
    """
    spreads = [one.spread for one in parts if one.spread is not None]
    if len(spreads) < len(parts):
        return None
    held = [one for one in spreads if isinstance(one, Influence)]
    if len(held) < len(spreads) or len({one.level for one in held}) > 1:
        blocks = [np.asarray(covariance(one)) for one in parts]
        return Matrix(block_diag(*blocks)[np.ix_(order, order)])
    keys, at = np.unique(np.concatenate([one.units for one in held]), return_inverse=True)
    sums = np.zeros((len(keys), len(order)))
    row = column = 0
    for one in held:
        many, wide = one.sums.shape
        sums[at[row : row + many], column : column + wide] = one.sums * np.sqrt(one.correction)
        row, column = row + many, column + wide
    return Influence(sums[:, order], keys, held[0].level, note=held[0].note)


def within_of(task: Task) -> Within:
    """Return the parts of the means."""
    units, k = units_of(task, LEAF), len(task.cohort.arms)
    stratum = units.stratum[units.of]
    cell = stratum * k + task.cohort.arm
    weight = draw_weight(task) * person_time(outcome_of(task))
    strata = int(stratum.max()) + 1
    held = np.bincount(units.stratum * k + units.arm, minlength=strata * k)
    names = {name for term in task.terms for name, _ in term.contrast}
    asked = [task.cohort.arms.index(name) for name in sorted(names)]
    thin = held.reshape(-1, k)[:, asked].min(axis=1) < 2
    spread = np.ones(task.cohort.n)
    neyman_ = task.analysis.cluster in (None, units.level)
    if neyman_:
        many = held[cell].astype(np.float64)
        spread = np.sqrt(many / np.maximum(many - 1, 1))
    counts = survey_weight(task) * person_time(outcome_of(task))
    total = np.bincount(stratum, weights=counts, minlength=strata)
    share = total / total.sum()
    return Within(task, units, stratum, cell, share, weight, spread, neyman_, thin)


def mean_of(within: Within, term: Term, arm: int) -> Mean:
    """Return the mean of one arm, with influence."""
    del term
    task = within.task
    outcome, strata = outcome_of(task), len(within.share)
    y = outcome.value / person_time(outcome)
    own = within.weight * (task.cohort.arm == arm)
    size = np.maximum(sum_by(within.stratum, own, n_groups=strata), 1e-300)
    means = sum_by(within.stratum, own * y, n_groups=strata) / size
    value = float(within.share @ means)
    inside = own * (y - means[within.stratum]) * (within.share / size)[within.stratum]
    counts = survey_weight(task) * person_time(outcome)
    among = (counts / counts.sum()) * (means[within.stratum] - value)
    return Mean(value, inside * within.spread + among)


def neyman(within: Within, found: Estimate) -> Estimate:
    """Return an estimate with Neyman's variance by unit drawn, and Welch's degrees of freedom over
    the arms of strata.
    """
    task, units = within.task, within.units
    k = len(task.cohort.arms)
    columns = []
    for term in task.terms:
        parts = []
        for name, weight in term.contrast:
            mean = mean_of(within, term, task.cohort.arms.index(name))
            scale = mean.value if term.scale == "ratio" else 1.0
            parts.append(weight * mean.influence / scale)
        columns.append(np.sum(parts, axis=0))
    sums = sum_by(units.of, np.stack(columns, axis=1), n_groups=units.count)
    thin = within.thin[units.stratum]
    codes, keys = recode(units.stratum * k + units.arm)
    each = sum_by(codes, np.where(thin[:, None], 0.0, sums) ** 2, n_groups=len(keys))
    many = np.bincount(codes, minlength=len(keys)).astype(np.float64)
    below = (each**2 / np.maximum(many - 1, 1.0)[:, None]).sum(axis=0)
    if thin.any():
        sums, freedom = across(within, sums)
        below = below + (sums[thin] ** 2).sum(axis=0) ** 2 / freedom
    df = (sums**2).sum(axis=0) ** 2 / np.maximum(below, 1e-300)
    keys = recode(task.cohort.cluster_codes(unit_level(task)))[1]
    spread = Influence(sums, keys, units.level, note="Neyman")
    words = f"t, Neyman's variance by {units.level}, Welch's df"
    few = ""
    if within.thin.all():
        words, few = "t, variance of the differences of strata", few_words(len(within.thin))
    interval = (few or words,) * len(task.terms)
    return replace(found, spread=None if few else spread, df=df, critical=None, interval=interval)


def across(within: Within, sums: Array) -> tuple[Array, float]:
    """Return (u, q) sums in which strata with a single unit of an arm stand by themselves, on their
    first unit each, and the degrees of freedom of what they tell.

    What such a stratum differs by from all, share_s (difference_s − difference), has the variance
    share_s²·σ² times 1 − 2 share_s + Σ share², over these strata, were their differences of one
    variance σ²: of P pairs alike this is the variance of their differences over P, with P − 1.
    """
    units, found = within.units, np.array(sums)
    rows = np.flatnonzero(within.thin[units.stratum])
    first = np.unique(units.stratum[rows], return_index=True)[1]
    whole = sum_by(units.stratum, sums, n_groups=len(within.thin))[within.thin]
    share = within.share[within.thin]
    square = share**2
    found[rows] = 0.0
    found[rows[first]] = whole / np.sqrt(np.maximum(1 - 2 * share + square.sum(), 1e-8))[:, None]
    worth = float(square.sum() ** 2 / (square @ square))
    return found, max(worth - float(share.sum()), 1.0)


BY_STRATUM = Estimator(
    title="By stratum",
    short="the comparison by stratum",
    summary="Compares arms within the strata of a draw, and averages strata by size.",
    reference="Neyman (1923), Statistical Science 5:465-472 (1990); Imai, King & Nall (2009), "
    "Statistical Science 24:29-53; Miratrix, Sekhon & Yu (2013), JRSS B 75:369-396",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=("continuous", "binary", "count"),
    assumes=(DRAWN_AS_SAID, CONSISTENCY),
    run=run,
    trimmed=False,
    spread="Neyman by unit drawn; differences of strata where an arm of one holds a single unit",
    guard="exempt",
    adjusts=False,
    drawn=True,
    strata=True,
    chances=True,
)
