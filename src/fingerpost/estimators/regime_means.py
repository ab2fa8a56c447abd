"""Weighted regime means: what every strategy that a SMART holds would give all children.

A SMART draws a first step for everyone and a next one among some: those whom the first did not
help. Each pair of a first step and a next is a regime: “begin with this; if it does not help, go
over to that”. A child whom the first step helped agrees with every regime that begins with it, and
counts towards each; one who was drawn again agrees with one. Since such children were drawn twice,
and so are a smaller part of any one regime than they are of the children, they weigh more. What
comes out is the mean outcome if all children were dealt with by the regime. The children of
different regimes overlap, and their errors are taken together, so that any two regimes can be
compared.

Covariates from before the first draw (`given`) make it sharper and are not needed.

**How it is computed.** Weighted least squares of the outcome on an indicator a regime and the
covariates (centred), children standing once for each regime they agree with, weighted by one over
the chance of what was drawn for them (Nahum-Shani et al. 2012; Robins, Orellana & Rotnitzky 2008).
The error is the sum by child of its influence in all its regimes. The chances are counted: the
shares in which the options were drawn, within the strata of the draw (in all, where a stratum lacks
an option); that makes errors smaller than those that the design says,
and is allowed for in them (`weights: equal` takes each option of a draw to have had the same
chance).

**Options.** `weights`: counted (default) or equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.stages import Stages
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._least_squares import dense, response
from fingerpost.estimators._models import pooled_design
from fingerpost.estimators._options import Options
from fingerpost.estimators._regimes import (
    DRAWN_TWICE,
    TOLD_ALIKE,
    Weighted,
    stages_of,
    weighed,
    without_scores,
)
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.newton import inverse_of

Array = NDArray[np.float64]
LEAF = "regime_means"
WEIGHTS = ("counted", "equal")


@dataclass(frozen=True, eq=False, slots=True)
class Means:
    """The means of k regimes, and (n, k) influence by row."""

    value: Array
    influence: Array


def run(task: Task) -> Answer:
    """Return contrasts of regimes."""
    counted = _read(task.analysis.options) == "counted"
    stages = stages_of(task, LEAF)
    weights = weighed(task, stages, counted=counted, leaf=LEAF)
    means = means_of(task, stages, weights)

    def mean(term: Term, arm: int) -> Mean:
        del term
        return Mean(float(means.value[arm]), means.influence[:, arm])

    return answer_from_means(task, LEAF, mean, weighted=False, own=lambda term: weights.weight)


def means_of(task: Task, stages: Stages, weights: Weighted) -> Means:
    """Return every regime's mean, the covariates held at their means over children."""
    k, child = len(task.cohort.arms), weights.child
    columns = dense(pooled_design(task, interactions=False))[:, k:]
    columns = columns - columns[stages.leads].mean(axis=0)
    columns = columns[:, np.ptp(columns, axis=0) > 0] if columns.shape[1] else columns
    x = np.concatenate([(task.cohort.arm[:, None] == np.arange(k)).astype(float), columns], axis=1)
    bread = inverse_of(x.T @ (weights.weight[:, None] * x))
    if bread is None:
        raise NotFitted(
            f"{LEAF}: a regime that no child agrees with, or covariates that tell one another. "
            "Mend: fewer covariates, or leave the option out of arms.then."
        )
    y = response(task)
    best = bread @ (x.T @ (weights.weight * y))
    score = (weights.weight * (y - x @ best))[:, None] * (x @ bread)
    each = sum_by(child, score[:, :k], n_groups=int(child.max()) + 1)
    # Whom the covariates stand for is known, so that only the draws' shares are counted.
    each = without_scores(each, weights.scores)
    rows = np.zeros((task.cohort.n, k))
    rows[stages.leads] = each[child[stages.leads]]
    return Means(best[:k], rows)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    del study
    _read(options)


def _read(options: Mapping[str, object]) -> str:
    reads = Options(LEAF, options)
    way = reads.word("weights", WEIGHTS)
    reads.finish()
    return way


REGIME_MEANS = Estimator(
    title="Weighted regime means",
    short="the weighted means of regimes",
    summary="Compares the strategies that a trial of two draws holds: what first, and what next.",
    reference="Nahum-Shani et al. (2012), Psychological Methods 17:457-477; Murphy (2005), "
    "Statistics in Medicine 24:1455-1481; Robins, Orellana & Rotnitzky (2008), Statistics in "
    "Medicine 27:4678-4721",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=("continuous", "binary", "count"),
    assumes=(DRAWN_TWICE, TOLD_ALIKE, CONSISTENCY),
    run=run,
    trimmed=False,
    spread="influence by child over all its regimes",
    guard="exempt",
    drawn=True,
    staged=True,
    strata=True,
    options=(("weights", "counted (the shares in which options were drawn) or equal (by design)"),),
    check=check,
)
