"""Cluster means: one number a cluster, and arms compared as few clusters allow.

Where schools were drawn, a school is one piece of evidence however many children it holds. Each is
turned into the mean of its children's outcomes, and the means are compared by least squares with
Student's t, on as many degrees of freedom as the clusters are worth: of two arms of as many
clusters of one size, clusters less two; of uneven arms or sizes, fewer. Nothing is assumed of how
children within a school are alike. It holds with ten schools an arm; fewer than ten clusters in all
give no interval: replay the draw (permutation_test).

Means of covariates (`given`) by cluster are adjusted for, each at the cost of a degree of freedom;
strata of the draw are effects of their own.

**How it is computed.** Least squares of cluster means, weighted by how many children they are of,
so that the answer is for all children; `weight: clusters` counts every cluster alike, and answers
for the average cluster. Errors are HC2 (MacKinnon & White 1985), which without covariates is
Neyman's two-sample variance; degrees of freedom are Satterthwaite's (Bell & McCaffrey 2002), which
hold where a few clusters of one arm, or a few large ones, tell most. A draw that put different
shares of the strata into an arm is refused: there `by_stratum` answers.

**Options.** `weight`: children (default) or clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import counted, few_words
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._drawn_units import (
    DRAWN_AS_SAID,
    Units,
    draw_weight,
    drawn_only,
    shares_alike,
    units_of,
)
from fingerpost.estimators._least_squares import MOST_CLUSTERS, arm_weights, dense
from fingerpost.estimators._models import pooled_design
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of, person_time
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.newton import inverse_of
from fingerpost.kernels.small_sample import clustered_least_squares

Array = NDArray[np.float64]
LEAF = "cluster_means"
WEIGHTS = ("children", "clusters")
SAME = (
    f"{LEAF}: an arm without clusters, or covariates that tell one another's means. Mend: fewer "
    "covariates."
)
FEWEST = 4  # clusters more than coefficients


def run(task: Task) -> Answer:
    """Return differences between arms' means of cluster means."""
    drawn_only(task, LEAF)
    way = _read(task.analysis.options)
    units = units_of(task, LEAF)
    check_shares(units)
    weight = draw_weight(task) * person_time(outcome_of(task))
    size = sum_by(units.of, weight, n_groups=units.count)
    y = outcome_of(task).value / person_time(outcome_of(task))
    mean = sum_by(units.of, weight * y, n_groups=units.count) / size
    x = design_of(task, units, weight, size)
    counts = size if way == "children" else np.ones(units.count)
    if units.count - x.shape[1] < FEWEST:
        raise TooFew(
            f"{LEAF}: {units.count} units of level {units.level} for {x.shape[1]} coefficients; "
            f"{FEWEST} more units than coefficients are needed. Mend: fewer covariates."
        )
    weights = np.zeros((x.shape[1], len(task.terms)))
    weights[: len(task.cohort.arms)] = arm_weights(task)
    return answer_of(task, units, fitted(x, mean, counts / counts.mean(), weights), weights)


def answer_of(task: Task, units: Units, found: Fitted, weights: Array) -> Answer:
    """Return the contrasts of the arms' coefficients. weights: (p, q)."""
    q = len(task.terms)
    children, by_arm = counted(task.cohort)
    keys = np.arange(units.count)
    spread = Influence(found.influence @ weights, keys, units.level, note="HC2")
    words, few = f"t, Satterthwaite's df, HC2 by {units.level}", few_words(units.count)
    estimate = Estimate(
        task.terms,
        weights.T @ found.best,
        None if few else spread,
        df=found.df,
        n=np.full(q, children),
        arm_n=np.tile(by_arm, (q, 1)),
        arms=task.cohort.arms,
        clusters=np.full(q, units.count),
        interval=(few or words,) * q,
    )
    return Answer(LEAF, estimate=estimate)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    del study
    _read(options)


def _read(options: Mapping[str, object]) -> str:
    reads = Options(LEAF, options)
    way = reads.word("weight", WEIGHTS)
    reads.finish()
    return way


def check_shares(units: Units) -> None:
    """Raise Unanswerable where strata hold quite different shares of an arm."""
    if not shares_alike(units.arm, units.stratum):
        raise Unanswerable(
            f"{LEAF}: strata of the draw hold quite different shares of an arm, which one effect a "
            "stratum does not mend. Mend: by_stratum."
        )


def design_of(task: Task, units: Units, weight: Array, size: Array) -> Array:
    """Return (u, p): an indicator an arm, strata but the first and covariates, these centred."""
    parts = [(units.arm[:, None] == np.arange(len(task.cohort.arms))).astype(np.float64)]
    strata, keys = recode(units.stratum)
    if len(keys) > 1:
        parts.append((strata[:, None] == np.arange(1, len(keys))).astype(np.float64))
    columns = dense(pooled_design(task, interactions=False))[:, len(task.cohort.arms) :]
    if columns.shape[1]:
        rows = sum_by(units.of, weight[:, None] * columns, n_groups=units.count)
        parts.append(rows / size[:, None])
    rest = np.concatenate(parts[1:], axis=1) if len(parts) > 1 else np.zeros((units.count, 0))
    rest = rest - (size @ rest) / size.sum()
    rest = rest[:, np.ptp(rest, axis=0) > 0] if rest.shape[1] else rest
    found: Array = np.concatenate([parts[0], rest], axis=1)
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """(u, p) influence under HC2, the (p,) coefficients and the (q,) df of contrasts."""

    influence: Array
    best: Array
    df: Array


def fitted(x: Array, y: Array, weight: Array, contrasts: Array) -> Fitted:
    """Return least squares of (u,) means with HC2, and Satterthwaite's df of (p, q) contrasts; of
    very many clusters, clusters less coefficients, which is then as good.
    """
    if len(x) <= MOST_CLUSTERS:
        try:
            found = clustered_least_squares(
                x, y, codes=np.arange(len(x)), contrasts=contrasts.T, weights=weight
            )
        except NotFitted:
            raise NotFitted(SAME) from None
        return Fitted(found.influence, found.coefficients, found.df)
    root = np.sqrt(weight)
    wide, left = x * root[:, None], y * root
    bread = inverse_of(wide.T @ wide)
    if bread is None:
        raise NotFitted(SAME)
    best = bread @ (wide.T @ left)
    leverage = np.einsum("ij,jk,ik->i", wide, bread, wide)
    residual = (left - wide @ best) / np.sqrt(np.maximum(1 - leverage, 1e-8))
    df = np.full(contrasts.shape[1], float(len(x) - x.shape[1]))
    return Fitted(residual[:, None] * (wide @ bread), best, df)


CLUSTER_MEANS = Estimator(
    title="Cluster means",
    short="the comparison of cluster means",
    summary="Compares one mean a cluster, with Student's t on the clusters that there are.",
    reference="Hayes & Moulton (2017), Cluster Randomised Trials, 2nd ed., chapter 10; MacKinnon & "
    "White (1985), Journal of Econometrics 29:305-325; Bell & McCaffrey (2002), Survey Methodology "
    "28:169-181",
    targets=("ate",),
    scales=("difference",),
    outcomes=("continuous", "binary", "count"),
    assumes=(DRAWN_AS_SAID, CONSISTENCY),
    run=run,
    trimmed=False,
    spread="influence with HC2; t with Satterthwaite's df",
    guard="exempt",
    drawn=True,
    strata=True,
    chances=True,
    options=(("weight", "children (the answer is for all children) or clusters (each alike)"),),
    check=check,
)
