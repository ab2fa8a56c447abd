"""Subclassification on the score.

Children are put into strata (fifths, unless asked otherwise) of the score; within each stratum the
mean of each arm stands for the target's children there. Strata are coarse, so some difference
between arms remains within them: it is the simplest adjustment, and shown as such. The strata are
taken as known in the standard error.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, KINDS, SCORE_MODEL, STANDARD_TARGETS
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._score import score, tilt, tilt_key
from fingerpost.estimators._standardise import Mean

STRATA, MOST_STRATA = 5, 1000


def run(task: Task) -> Answer:
    """Return contrasts of means over strata of the score."""
    return answer_from_means(
        task,
        "subclassification",
        lambda term, arm: stratified_mean(task, term, arm),
        weighted=False,
    )


def stratified_mean(task: Task, term: Term, arm: int) -> Mean:
    """Return Σ_s π_s ȳ_sa: arm means within strata, weighted by the target's share of strata."""
    strata = _strata(task, term, arm)
    outcome, weight = outcome_of(task), survey_weight(task)
    count = int(strata.max()) + 1
    mine = weight * (task.cohort.arm == arm)
    time = np.bincount(strata, weights=mine * person_time(outcome), minlength=count)
    member = weight * tilt(task, term).member * person_time(outcome)
    share = np.bincount(strata, weights=member, minlength=count) / member.sum()
    _no_empty(time, share, task.cohort.arms[arm])
    # A stratum with nobody of the arm has nobody of the target either, and counts for nothing.
    time = np.where(time > 0, time, 1.0)
    within = np.bincount(strata, weights=mine * outcome.value, minlength=count) / time
    value = float(share @ within)
    residual = mine * (outcome.value - within[strata] * person_time(outcome))
    influence = (share / time)[strata] * residual
    influence += member * (within[strata] - value) / member.sum()
    return Mean(value, influence)


def _strata(task: Task, term: Term, arm: int) -> NDArray[np.integer[Any]]:
    """Return (n,) strata: quantiles of the arm's score, or, for the children who received another
    arm c, of e_c/(e_a + e_c) among children of a and c, a balancing score of the two.
    """
    cohort, probability = task.cohort, score(task).probability
    target = tilt_key(term)
    count = strata_asked(task.analysis.options)
    along, among = probability[:, arm], np.ones(cohort.n, dtype=bool)
    if target.kind == "received":
        c = cohort.arms.index(str(target.arm))
        other = _other(term, arm, cohort.arms) if c == arm else arm
        along = probability[:, c] / (probability[:, c] + probability[:, other])
        among = (cohort.arm == c) | (cohort.arm == other)
    cuts = np.quantile(along[among], np.arange(1, count) / count)
    # A score of few distinct values fills fewer strata than were asked for.
    return np.unique(np.searchsorted(cuts, along, side="left"), return_inverse=True)[1]


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    strata_asked(options)


def strata_asked(options: Mapping[str, object]) -> int:
    """Return the number of strata; raise UsageError where the option is no whole number."""
    reads = Options("subclassification", options)
    found = reads.whole("strata", STRATA, least=1, most=MOST_STRATA)
    reads.finish()
    return found


def _other(term: Term, arm: int, arms: tuple[str, ...]) -> int:
    """Return the other arm of a contrast of two."""
    return next(arms.index(name) for name, _ in term.contrast if arms.index(name) != arm)


def _no_empty(time: NDArray[Any], share: NDArray[Any], arm: str) -> None:
    empty = int(np.count_nonzero((time == 0) & (share > 0)))
    if empty:
        raise TooFew(
            f"subclassification: {empty} of {len(time)} strata of the score hold no child of arm "
            f"{arm}. Mend: fewer strata (estimators: [{{subclassification: {{strata: 3}}}}]), or "
            "leave subclassification out."
        )


SUBCLASSIFICATION = Estimator(
    title="Subclassification",
    summary="Compares means within fifths of the score, averaged over the target's children.",
    reference="Rosenbaum & Rubin (1984), JASA 79:516-524; k arms: Hong (2012), Psychological "
    "Methods 17:44-60",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, SCORE_MODEL),
    run=run,
    spread="influence, strata taken as known",
    options=(("strata", "number of strata; 5 unless given"),),
    check=check,
)
