"""Entropy balancing.

The children of each arm are weighted so that their averages on the covariates are exactly those of
the children the answer is for, with weights as near to equal as that allows. The answer compares
the weighted averages of the outcome. There is no model of who received what to get wrong in sight:
balance is not hoped for and checked, it is the definition of the weights.

For whom: all children, those who received the first arm, or those who received the second. It is at
its best where arms differ moderately and the outcome depends on the covariates in about a straight
line. It misleads where what matters is not an average: two arms may agree on the mean of a need and
differ in its extremes. The option `moments: 2` makes the variances agree too, and any square,
product or spline in `models: {exposure: …}` is balanced as well. Where no weights exist (no child
of an arm lies beyond the target's average) there is no answer, and the covariates are named.

How: for every arm the weights have least relative entropy to the survey weights, given the target's
means of the exposure model's terms (Hainmueller 2012). The weights are an exponential of the terms,
so the answer is right if either the log-odds of provision, or the outcome within each arm, is
linear in the terms (Zhao & Percival 2017). The standard error counts that the weights and the
target's averages were estimated. Weights are never cut off.

Assumes that children of different arms who are alike on the covariates would have done alike, that
every child could have received any arm compared, and that the terms say all that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimand import Target, Term
from fingerpost.core.fit import Fit, Weights
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, KINDS
from fingerpost.estimators._censoring import censoring, through_censoring
from fingerpost.estimators._models import exposure_terms
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import Array, outcome_of, person_time, survey_weight
from fingerpost.estimators._score import tilt_key
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.balancing import Balanced, balance, explained
from fingerpost.kernels.design import Terms

NAME = "entropy_balancing"
LINEAR_EITHER = Assumption(
    "one of two straight lines",
    "either the log-odds of provision or the outcome within each arm is linear in what is balanced",
    diagnostic="model_form",
)


def run(task: Task) -> Answer:
    """Return contrasts of balanced means, with the weights that made them."""
    moments = _moments(task.analysis.options)
    weights = {term: _weights(task, term, moments) for term in task.terms}
    answer = answer_from_means(
        task,
        NAME,
        lambda term, arm: balanced_mean(task, term, arm, moments=moments),
        weighted=True,
        own=lambda term: weights[term].own_arm,
    )
    return replace(answer, fit=Fit(weights=weights))


def balanced_mean(task: Task, term: Term, arm: int, *, moments: int) -> Mean:
    """Return Σ w y / Σ w t over an arm's children, and its influence: weighted residuals less what
    the balanced terms explain of them, plus what they explain in the target.
    """
    found, design = _balanced(task, tilt_key(term), arm, moments), _design(task, moments)
    outcome, weight = outcome_of(task), found.weights
    time = weight * person_time(outcome)
    total = float(time.sum())
    value = float(weight @ outcome.value) / total
    residual = outcome.value - value * person_time(outcome)
    fitted = explained(found, design, values=residual)
    own = weight * (residual - fitted) / total
    influence = own + _target(task, tilt_key(term)) * fitted / total
    censored = censoring(task)
    if censored is not None:
        influence += through_censoring(censored, own * censored.slope)
    return Mean(value, influence)


def _balanced(task: Task, target: Target, arm: int, moments: int) -> Balanced:
    """Return the weights of one arm for a target, made once a cohort (once an outcome where not all
    outcomes were seen).
    """
    censored, name = censoring(task), task.cohort.arms[arm]
    outcome = None if censored is None else task.terms[0].outcome
    key = (NAME, exposure_terms(task), moments, target, arm, outcome)
    base = survey_weight(task) * (task.cohort.arm == arm)
    if censored is not None:
        base = base * censored.weight
    if not np.any(base > 0):
        raise TooFew(f"{NAME}: no child of arm {name} has weight. Mend: leave the arm out.")
    found = task.fits.once(
        key, lambda: balance(_design(task, moments), base=base, target=_target(task, target))
    )
    if found.unmet:
        raise Unanswerable(
            f"{NAME}: no weights give the children of arm {name} the averages of "
            f"{target.label()} on {', '.join(found.unmet[:5])}: too few of them, or none, lie "
            "beyond those averages. Mend: a target nearer to that arm (att, atu), a narrower "
            "population, merged rare levels, fewer terms in models: {exposure: …}, or moments: 1."
        )
    return found


def _target(task: Task, target: Target) -> Array:
    """Return (n,) how much each child counts in whom the answer is for."""
    weight = survey_weight(task)
    if target.arm is None:
        return weight
    member: Array = weight * (task.cohort.arm == task.cohort.arms.index(target.arm))
    return member


def _weights(task: Task, term: Term, moments: int) -> Weights:
    """Return the weights of a term's arms, for the guard rails and sensitivity."""
    target, arms = tilt_key(term), task.cohort.arms
    own = {
        name: _balanced(task, target, arms.index(name), moments).weights
        for name, _ in term.contrast
    }
    return Weights(own, _target(task, target))


def _design(task: Task, moments: int) -> Terms:
    """Return the (n, p) columns whose means are balanced: the exposure model's terms and, for two
    moments, the square of every measured covariate among them that takes more than two values.
    """
    terms, columns = exposure_terms(task), task.cohort.covariates
    if moments == 2:
        measured = dict.fromkeys(name for term in terms for name in term.names)
        squares = [ModelTerm((Factor(name, "power", 2),)) for name in measured if _many(task, name)]
        terms = (*terms, *(square for square in squares if square not in terms))
    return task.fits.once((NAME, "design", terms), lambda: Terms(columns, terms))


def _many(task: Task, name: str) -> bool:
    """Return whether a covariate is measured and takes more than two values."""
    column = task.cohort.covariates[name]
    if column.categorical or not len(column.values):
        return False
    values = np.asarray(column.values, dtype=np.float64)
    low, high = values.min(), values.max()
    return bool(np.any((values != low) & (values != high)))


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _moments(options)


def _moments(options: Mapping[str, object]) -> int:
    reads = Options(NAME, options)
    said = options.get("moments", 1)
    if isinstance(said, bool) or not isinstance(said, int) or said not in (1, 2):
        reads.wrong("moments", "1 (averages) or 2 (variances too)")
    reads.finish()
    return int(str(said))


ENTROPY_BALANCING = Estimator(
    title="Entropy balancing",
    summary="Weights each arm's children to have the target's averages on the covariates exactly.",
    reference="Hainmueller (2012), Political Analysis 20:25-46; Zhao & Percival (2017), Journal of "
    "Causal Inference 5:20160010",
    targets=("ate", "att", "atu"),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, LINEAR_EITHER),
    run=run,
    trimmed=False,
    guard="own",
    censoring=True,
    options=(("moments", "1: averages agree (unless given); 2: variances too"),),
    check=check,
)
