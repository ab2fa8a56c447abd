"""The parametric g-formula for strategies sustained over time, by iterated expectation.

From the last decision back to the first, the outcome (at the last) or what was expected of it (at
each earlier one) is regressed, among those who still follow an arm's strategy, on what was known
before the decision, and predicted for all who faced it. The mean over everybody at time zero is the
mean had all kept to the strategy. A covariate that earlier provision moved, and that moves later
provision, is averaged over as the strategy would have left it: it is never held fixed, as a
regression that adjusts for it would hold it.

All regressions are part of the standard error, each passing on what it owes to those after it. A
count over person-time is the ratio of the two means so made, both on the linear scale.

Reference: Robins (1986), Mathematical Modelling 7:1393-1512; Bang & Robins (2005), Biometrics
61:962-973; Zivich, Ross, Shook-Sa et al. (2024), Statistics in Medicine 43:5562-5572.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.course import Course
from fingerpost.core.errors import NotFitted, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import (
    CONSISTENCY,
    EXCHANGEABLE,
    KINDS,
    OUTCOME_MODEL,
    POSITIVITY_OVER_TIME,
)
from fingerpost.estimators._censoring import seen
from fingerpost.estimators._course import history
from fingerpost.estimators._models import outcome_terms
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.carried import carried
from fingerpost.kernels.design import Terms
from fingerpost.kernels.glm import GlmFit, fit, mean

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
NAME = "time_varying"
# A count has no logarithm here: what few children with a long history are expected to have, passed
# back through decision after decision, would outgrow all that was seen.
FAMILIES = {"continuous": "linear", "binary": "logit", "count": "linear"}


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """The regression at one decision.

    faced: (m,) rows of the arm that faced it; fitted: (f,) places in `faced` of those whose later
    value it was fitted to. design (m, p), fit; residual (m,), zero off `fitted`. expected,
    slope: (m,) the prediction and its derivative in the linear predictor. weight: (m,) of the fit.
    """

    faced: Rows
    fitted: Rows
    design: Terms
    fit: GlmFit
    residual: Array
    expected: Array
    slope: Array
    weight: Array


def run(task: Task) -> Answer:
    """Return contrasts of the means of strategies, for every term of the task."""
    return answer_from_means(
        task, NAME, lambda term, arm: strategy_mean(task, term, arm), weighted=False
    )


def strategy_mean(task: Task, term: Term, arm: int) -> Mean:
    """Return the mean outcome (or rate) had everybody kept to the strategy of an arm."""
    outcome = outcome_of(task)
    top = iterated(task, arm, outcome.value, FAMILIES[outcome.kind])
    if outcome.exposure is None:
        return top
    time = iterated(task, arm, np.where(seen(task), outcome.exposure, 0.0), FAMILIES["count"])
    value = top.value / time.value
    return Mean(value, (top.influence - value * time.influence) / time.value)


def iterated(task: Task, arm: int, value: Array, family: str) -> Mean:
    """Return the mean of a value (n,) under an arm's strategy, with its stacked influence (n,)."""
    course = course_of(task)
    steps: list[Step] = []
    later = value
    for at in range(course.stays.shape[1] - 1, -1, -1):
        steps.append(step(task, course, arm, later, at=at, family=family))
        later = np.zeros(task.cohort.n)
        later[steps[-1].faced] = steps[-1].expected
    first = steps[-1]
    weight = survey_weight(task)[first.faced]
    total = float(weight.sum())
    found = float(weight @ first.expected) / total
    influence = np.zeros(task.cohort.n)
    influence[first.faced] = weight * (first.expected - found) / total
    owed = np.zeros(task.cohort.n)
    owed[first.faced] = weight / total
    for one in reversed(steps):
        owed = passed_on(one, owed, influence)
    return Mean(found, influence)


def step(task: Task, course: Course, arm: int, later: Array, *, at: int, family: str) -> Step:
    """Return the regression at one decision of the value that came later, (n,), among those of an
    arm who went on, predicted for all of it who faced the decision.
    """
    cohort, own = task.cohort, task.cohort.arm == arm
    faced = np.flatnonzero(course.at_risk[:, at] & own)
    goes_on = course.stays[faced, at]
    if at == course.stays.shape[1] - 1:
        goes_on = goes_on & seen(task)[faced]
    fitted = np.flatnonzero(goes_on)
    label = course.labels[at] if course.labels else f"decision {at + 1}"
    what = f"{NAME}: in arm {cohort.arms[arm]} at {label}"
    if not len(fitted):
        raise NotFitted(f"{what} nobody goes on. Widen the strategy or its grace.")
    design = design_at(task, course, faced, fitted, at=at)
    weight = survey_weight(task)[faced]
    told = fit(design.take(fitted), later[faced[fitted]], family=family, weights=weight[fitted])
    if told.separated or not told.converged:
        raise NotFitted(
            f"{what} the regression did not settle. Mend: use fewer terms in models: {{outcome: …}}"
            "."
        )
    expected = mean(design, told)
    residual = np.zeros(len(faced))
    residual[fitted] = weight[fitted] * (later[faced[fitted]] - expected[fitted])
    slope = expected * (1 - expected) if family == "logit" else np.ones_like(expected)
    return Step(faced, fitted, design, told, residual, expected, slope, weight)


def design_at(task: Task, course: Course, faced: Rows, fitted: Rows, *, at: int) -> Terms:
    """Return the design of those who faced a decision, of columns the fitted can tell apart."""
    terms, columns = outcome_terms(task), task.cohort.covariates
    rows = faced[fitted]
    told = history(course, columns, terms, rows=rows, at=np.full(len(rows), at))
    return history(course, columns, terms, rows=faced, at=np.full(len(faced), at), kept=told.terms)


def passed_on(one: Step, owed: Array, influence: Array) -> Array:
    """Add to the influence what comes by way of one regression, and return (n,) what the estimate
    owes to each value that it was fitted to.

    owed: (n,) derivative of the estimate in each prediction of the step.
    """
    moved = carried(one.fit, owed[one.faced] * one.slope, of=one.design)
    influence[one.faced] += one.residual * moved
    back = np.zeros(len(owed))
    back[one.faced[one.fitted]] = (one.weight * moved)[one.fitted]
    return back


def course_of(task: Task) -> Course:
    """Return the course of the task's cohort."""
    if task.cohort.course is None:
        raise UsageError(f"estimators: {MISSING}")
    return task.cohort.course


MISSING = (
    f"{NAME} answers of strategies sustained over time, and the study has none. Write arms: "
    "{sustained: {sustained: SEN Support, through: year 3}, never: {never: SEN Support, …}}."
)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError where the arms are not strategies sustained over time."""
    if study.linked is None or study.linked.through is None:
        raise UsageError(f"estimators: {MISSING}")


TIME_VARYING = Estimator(
    title="G-formula over time",
    short="g-formula over time",
    summary="Averages what is expected under a sustained strategy, decision by decision from the "
    "last to the first.",
    reference="Robins (1986), Mathematical Modelling 7:1393-1512; Bang & Robins (2005), Biometrics "
    "61:962-973",
    targets=("ate",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(EXCHANGEABLE, POSITIVITY_OVER_TIME, CONSISTENCY, OUTCOME_MODEL),
    run=run,
    trimmed=False,
    censoring=True,
    over_time=True,
    check=check,
)
