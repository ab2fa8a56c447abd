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

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.fit import Fit
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, KINDS, STANDARD_TARGETS
from fingerpost.estimators._cross_fit import folds_of, median_of, nuisances
from fingerpost.estimators._debiased import (
    SMALL_ERRORS,
    debiased_mean,
    learnt_table,
    learnt_weights,
)
from fingerpost.estimators._learners import Learner, blame_learners, learners_of
from fingerpost.estimators._options import Options

NAME = "double_ml"
LEARNERS = ("exposure_learner", "outcome_learner")
FOLDS, REPEATS, MOST = 5, 1, 100


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
    return Plan(folds, repeats, *learners_of(reads, LEARNERS))


def _read(options: Mapping[str, object]) -> Options:
    """Return the options with the faults that their own words have; nothing is imported."""
    reads = Options(NAME, options)
    reads.whole("folds", FOLDS, least=2, most=MOST)
    reads.whole("repeats", REPEATS, least=1, most=MOST)
    blame_learners(reads, LEARNERS)
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
    tables = (
        *answer.tables,
        learnt_table(task, found, leaf=NAME, names=(plan.exposure.name, plan.outcome.name)),
    )
    return replace(answer, tables=tables, fit=Fit(weights=weights))


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
