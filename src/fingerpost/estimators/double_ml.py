"""Double machine learning.

Two questions are put to a learner: how likely was each child to receive each arm, and what outcome
would be expected of the child under each. Their answers are combined as augmented weighting
combines them, which forgives small errors in either. Every child is judged only by what was learnt
from others: children are put into folds, whole schools together where the study clusters by school,
and each fold is predicted from the rest. So a flexible learner may be used without its flattering
itself, and the standard error stays simple.

For whom: any target that weighting or augmented weighting answers, for two arms or more. Use it
where the outcome or the provision depends on the covariates in bends that straight lines would
miss. It misleads where arms hardly overlap (a flexible learner only hides it), where there are few
children (a learner needs hundreds in each arm), and where something that decides provision was
never recorded: no learner finds that.

How: means of the efficient influence function with cross-fitted nuisances (Chernozhukov et al.
2018). For the target `overlap` the dependence of the target on the score is in the function too, so
that this answer is as forgiving. A rate divides by expected time at risk. To first order the
estimation of what was learnt does not enter the error, so the standard error takes it as known;
`repeats` draws folds anew and gives medians. Probabilities are never cut off: that would change the
question without saying so. The guard rails judge the weights that were learnt too, for this
estimator alone.

Learners: `spline` (unless another is named): the study's terms, every measured covariate bending
as a natural spline with five knots, held back by the ridge that predicts left-out folds best.
`linear`: the terms as they are, which makes this augmented weighting, cross-fitted. Or the import
path of any class whose objects have `fit` and `predict`, or of one such object, such as
`sklearn.ensemble.HistGradientBoostingRegressor`; for arms it needs `predict_proba`, so a classifier
is named as `exposure_learner`. Such a learner gets the columns of the study's terms.

Assumes that children of different arms who are alike on the covariates would have done alike, that
every child could have received any arm compared, and that the product of the two learners' errors
is small beside the standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.fit import Fit, Weights
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, KINDS, STANDARD_TARGETS
from fingerpost.estimators._censoring import censoring, seen, through_censoring
from fingerpost.estimators._cross_fit import Nuisances, folds_of, median_of, nuisances
from fingerpost.estimators._learners import (
    LEARNER_WORDS,
    Learner,
    as_learner,
    learner_named,
)
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import Array, outcome_of, person_time, survey_weight
from fingerpost.estimators._score import tilt_key
from fingerpost.estimators._standardise import Mean

NAME = "double_ml"
FOLDS, REPEATS, MOST = 5, 1, 100
SMALL_ERRORS = Assumption(
    "learners near enough",
    "the error of what was learnt of provision times that of what was learnt of the outcome is "
    "small beside the standard error",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of the study, checked."""

    folds: int
    repeats: int
    exposure: Learner
    outcome: Learner


def run(task: Task) -> Answer:
    """Return contrasts of cross-fitted means, the median over repeated drawings of folds."""
    plan = plan_of(task.analysis.options)
    return median_of([_once(task, plan, repeat) for repeat in range(plan.repeats)])


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options).finish()


def check_cohort(task: Task) -> None:
    """Raise UsageError with every learner that cannot be had."""
    plan_of(task.analysis.options)


def plan_of(options: Mapping[str, object]) -> Plan:
    """Return the checked options; raise UsageError with all that are none."""
    reads = _read(options)
    reads.finish()
    folds = reads.whole("folds", FOLDS, least=2, most=MOST)
    repeats = reads.whole("repeats", REPEATS, least=1, most=MOST)
    learners = []
    for own in ("exposure_learner", "outcome_learner"):
        option = own if own in options else "learner"
        try:
            learners.append(learner_named(options.get(option, "spline"), option))
        except UsageError as fault:
            reads.problems += fault.problems
    reads.finish()
    return Plan(folds, repeats, *learners)


def _read(options: Mapping[str, object]) -> Options:
    """Return the options with the faults that their own words have; nothing is imported."""
    reads = Options(NAME, options)
    reads.whole("folds", FOLDS, least=2, most=MOST)
    reads.whole("repeats", REPEATS, least=1, most=MOST)
    for option in ("learner", "exposure_learner", "outcome_learner"):
        if option in options and not as_learner(options[option]):
            reads.wrong(option, LEARNER_WORDS)
    return reads


def _once(task: Task, plan: Plan, repeat: int) -> Answer:
    """Return the answer of one drawing of folds."""
    folds = folds_of(task, plan.folds, repeat=repeat)
    found = nuisances(task, folds, exposure=plan.exposure, outcome=plan.outcome)
    weights = {term: learnt_weights(task, term, found) for term in task.terms}
    answer = answer_from_means(
        task,
        NAME,
        lambda term, arm: debiased_mean(task, term, arm, learnt=found),
        weighted=True,
        own=lambda term: weights[term].own_arm,
    )
    tables = (*answer.tables, _learnt_table(task, plan, found))
    return replace(answer, tables=tables, fit=Fit(weights=weights))


def debiased_mean(task: Task, term: Term, arm: int, *, learnt: Nuisances) -> Mean:
    """Return the mean outcome (or rate) under an arm among the target, and its influence.

    It solves Σ w [member × t (m − ψ) + 1[A = a] tilt (y − m t)] = 0: Chernozhukov et al. (2018),
    equations 5.3 and 5.4, for arms and targets of any number (Li & Li 2019). Outcomes that were
    not seen have no residual; those that were are weighted for them.
    """
    outcome, weight = outcome_of(task), survey_weight(task)
    member, tilted = member_and_tilt(task, term, arm, probability=learnt.probability)
    time, mean = person_time(outcome), learnt.mean[:, arm]
    base = weight * member * time
    residual = weight * tilted * (outcome.value - mean * time)
    censored = censoring(task)
    if censored is not None:
        residual = residual * censored.weight
        # The time at risk of a child who was not seen is not known: those who were stand for it.
        base = base * censored.weight if outcome.exposure is not None else base
    total = float(base.sum())
    value = float((base * mean + residual).sum()) / total
    influence = (base * (mean - value) + residual) / total
    if censored is not None:
        moved = influence if outcome.exposure is not None else residual / total
        influence = influence + through_censoring(censored, moved * censored.slope)
    return Mean(value, influence)


def member_and_tilt(
    task: Task, term: Term, arm: int, *, probability: Array
) -> tuple[Array, NDArray[np.float64]]:
    """Return (n,) how much each child counts in the target, and (n,) the weight of its residual,
    zero off the arm.

    Overlap: h = 1/Σ 1/e, and membership h²/e_A² of the arm received: h itself, and what the
    function adds for the learning of h, Σ_j ∂h/∂e_j (1[A = j] − e_j), together.
    """
    cohort, target = task.cohort, tilt_key(term)
    rows = np.arange(cohort.n)
    received = probability[rows, cohort.arm]
    own = cohort.arm == arm
    safe = np.where(received > 0, received, 1.0)  # noughts have no survey weight: see _cross_fit
    if target.kind == "received":
        c = cohort.arms.index(str(target.arm))
        return (cohort.arm == c).astype(float), own * probability[:, c] / safe
    if target.kind == "overlap":
        with np.errstate(divide="ignore"):
            h = 1.0 / (1.0 / probability).sum(axis=1)
        return (h / safe) ** 2, own * h / safe
    return np.ones(cohort.n), own / safe


def learnt_weights(task: Task, term: Term, learnt: Nuisances) -> Weights:
    """Return by how much each child's residual counts in its arm, and the target's own children."""
    survey, censored, own = survey_weight(task), censoring(task), {}
    for name, _ in term.contrast:
        arm = task.cohort.arms.index(name)
        member, tilted = member_and_tilt(task, term, arm, probability=learnt.probability)
        own[name] = survey * tilted
        if censored is not None:
            own[name] = own[name] * censored.weight
    return Weights(own, survey * member)


def _learnt_table(task: Task, plan: Plan, learnt: Nuisances) -> Table:
    """Return how much of what it had not seen each learner explains: of the arms' log-likelihood,
    and of the outcome's variance within each arm.
    """
    cohort, outcome, weight = task.cohort, outcome_of(task), survey_weight(task)
    arms = range(len(cohort.arms))
    shares = np.bincount(cohort.arm, weights=weight, minlength=len(arms)) / weight.sum()
    own = np.maximum(learnt.probability[np.arange(cohort.n), cohort.arm], 1e-300)
    least = float(weight @ np.log(shares[cohort.arm]))
    explained = 1 - float(weight @ np.log(own)) / least
    rows = [(NAME, "exposure", plan.exposure.name, "all arms", explained)]
    time, here = person_time(outcome), seen(task)
    for a in arms:
        w = weight * (here & (cohort.arm == a))
        level = float(w @ outcome.value) / float(w @ time)
        around = float(w @ (outcome.value - level * time) ** 2)
        left = float(w @ (outcome.value - learnt.mean[:, a] * time) ** 2)
        share = 1 - left / around if around > 0 else 0.0
        rows.append((NAME, "outcome", plan.outcome.name, cohort.arms[a], share))
    children = np.bincount(cohort.arm[here], minlength=len(arms))
    return Table(
        "learners",
        "What the learners explain of children they had not seen",
        ("estimator", "model", "learner", "arm", "explained"),
        ("label", "label", "label", "label", "number"),
        tuple(rows),
        counts=(int(children.min()), *(int(count) for count in children)),
        tags=(("outcome", task.terms[0].outcome),),
        context="Share of the deviance of arms, and of the variance of the outcome, explained in "
        "folds that were left out; below nought a learner does worse than an average.",
    )


DOUBLE_ML = Estimator(
    title="Double machine learning",
    short="double machine learning",
    summary="Augmented weighting around any learner, each fold of schools predicted by the others.",
    reference="Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey & Robins (2018), The "
    "Econometrics Journal 21:C1-C68",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, SMALL_ERRORS),
    run=run,
    spread="influence, cross-fitted learners taken as known",
    guard="own",
    censoring=True,
    options=(
        ("learner", "spline (unless given), linear, or an import path; for arms and outcome"),
        ("exposure_learner", "another learner for the arms"),
        ("outcome_learner", "another learner for the outcome"),
        ("folds", "number of folds; 5 unless given"),
        ("repeats", "drawings of folds whose median is taken; 1 unless given"),
    ),
    check=check,
    check_cohort=check_cohort,
)
