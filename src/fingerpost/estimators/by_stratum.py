"""By stratum: arms compared within the strata of a draw, the differences averaged by size.

Where units were drawn within strata (schools, sites, pairs), each stratum is a small trial of its
own. Its arms are compared with one another, and every stratum counts by how many children it holds,
so that the answer is the effect for all children of the study, whatever share of a stratum was
drawn into which arm. Nothing is assumed of covariates. Strata that lack one of the arms tell
nothing: they are left out, and a warning says how many children they held. It is the analysis of
a trial within sites, of stratified blocks, and of matched pairs of children or of schools.

**How it is computed.** The mean of arm a is Σ_s w_s ȳ_as, with ȳ_as the mean of the arm in stratum
s (weighted by one over the chance of the arm where chances differ between units), and w_s the
stratum's share of the children. On the ratio scale means are divided, errors are by the logarithm.
The error of a mean is the sum, by unit of variance, of w_s (y − ȳ_as)/n_as, with the divisor
n_as − 1 in each arm of each stratum (Neyman), and of how strata differ; intervals are by Student's
t with Welch's degrees of freedom. Where a stratum holds but one unit of an arm nothing is known of
how units of it differ: then errors are taken by stratum, of pairs by the differences of pairs
(Imai, King & Nall 2009).

It has no options.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._drawn_units import (
    DRAWN_AS_SAID,
    Units,
    draw_weight,
    drawn_only,
    units_of,
)
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
LEAF = "by_stratum"
PAIRED = "strata of the draw"
DROPPED = (
    "{strata} strata with {children} children hold none of some arm, and tell nothing: the answer "
    "is of the other children"
)


@dataclass(frozen=True, eq=False, slots=True)
class Within:
    """The children of strata that hold every arm. stratum: (n,) codes; cell: (n,) of stratum and
    arm; share: (s,) of the children; weight: (n,); spread: (n,) what a residual counts for. neyman:
    whether the units that were drawn are those of variance.
    """

    task: Task
    units: Units
    stratum: NDArray[np.int64]
    cell: NDArray[np.int64]
    share: Array
    weight: Array
    spread: Array
    neyman: bool


def run(task: Task) -> Answer:
    """Return contrasts of means that strata are averaged in."""
    drawn_only(task, LEAF)
    kept, left = whole_strata(task)
    within, paired = within_of(kept)
    told = within.task
    answer = answer_from_means(
        told, LEAF, lambda term, arm: mean_of(within, term, arm), weighted=False
    )
    found = answer.estimate
    if paired and found is not None:
        words = tuple(one.replace(PAIRED, "stratum") for one in found.interval)
        answer = replace(answer, estimate=replace(found, interval=words))
    elif within.neyman and found is not None and found.spread is not None:
        answer = replace(answer, estimate=neyman(within, found))
    if left[0]:
        words_ = DROPPED.format(strata=left[0], children=f"{left[1]:,}")
        answer = replace(answer, warnings=tuple((term, words_) for term in task.terms))
    return answer


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


def within_of(task: Task) -> tuple[Within, bool]:
    """Return the parts of the means, and whether errors are taken by stratum."""
    units, k = units_of(task, LEAF), len(task.cohort.arms)
    stratum = units.stratum[units.of]
    cell = stratum * k + task.cohort.arm
    weight = draw_weight(task) * person_time(outcome_of(task))
    strata = int(stratum.max()) + 1
    held = np.bincount(units.stratum * k + units.arm, minlength=strata * k)
    names = {name for term in task.terms for name, _ in term.contrast}
    asked = [task.cohort.arms.index(name) for name in sorted(names)]
    fewest = held.reshape(-1, k)[:, asked].min()
    # A few strata (sites) of many units each are themselves no sample of strata.
    paired = bool(fewest < 2)
    spread = np.ones(task.cohort.n)
    if paired:
        clusters = {**task.cohort.clusters, PAIRED: stratum}
        cohort = replace(task.cohort, clusters=clusters)
        analysis = replace(task.analysis, cluster=PAIRED)
        task = replace(task, cohort=cohort, analysis=analysis)
    neyman_ = not paired and task.analysis.cluster in (None, units.level)
    if neyman_:
        many = held[cell].astype(np.float64)
        spread = np.sqrt(many / (many - 1))
    counts = survey_weight(task) * person_time(outcome_of(task))
    total = np.bincount(stratum, weights=counts, minlength=strata)
    share = total / total.sum()
    return Within(task, units, stratum, cell, share, weight, spread, neyman_), paired


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
    codes, keys = recode(units.stratum * k + units.arm)
    each = sum_by(codes, sums**2, n_groups=len(keys))
    many = np.bincount(codes, minlength=len(keys)).astype(np.float64)
    left = np.maximum(many - 1, 1.0)[:, None]
    df = each.sum(axis=0) ** 2 / np.maximum((each**2 / left).sum(axis=0), 1e-300)
    spread = Influence(sums, np.arange(units.count), units.level, note="Neyman")
    words = f"t, Neyman's variance by {units.level}, Welch's df"
    return replace(found, spread=spread, df=df, critical=None, interval=(words,) * len(task.terms))


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
    spread="influence, by stratum where an arm of one holds a single unit",
    guard="exempt",
    adjusts=False,
    drawn=True,
    strata=True,
)
