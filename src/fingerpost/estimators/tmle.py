"""Targeted maximum likelihood.

It first predicts every child's outcome under each arm, as the g-formula does; it then moves the
predictions, by one number an arm, until they agree with the outcomes of the children who did
receive that arm, weighted to resemble the target; and it averages the moved predictions over the
target. It is right if either the exposure model or the outcome model is right. It answers for the
same children as `aipw`, and the two agree closely where arms overlap. Where they do not, `aipw` may
leave the outcome's range and this cannot: a risk stays between 0 and 1, a rate above 0, a score
between the ends of its scale. That steadies a number; it does not make it trustworthy, and the
guard rails refuse the same targets.

How it is computed. The move is a logistic regression on an intercept alone, with the first
predictions as offset and the tilting weights as weights; of a log-linear model for counts. A
continuous outcome is put on 0 to 1 between the ends of its range for that step (Gruber & van der
Laan 2010), and first predictions beyond the range are drawn in to it. Standard errors come from the
stacked influence of the score, the outcome model and the move.

What it assumes: exchangeability, positivity, consistency, and one of the two models right. The ends
of the range are taken as known: as they are in these children, unless the option says otherwise.

Options. `range`: the two ends of a continuous outcome's scale, such as [0, 100].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, EITHER_MODEL, KINDS, STANDARD_TARGETS
from fingerpost.estimators._censoring import Censoring, censoring, seen, through_censoring
from fingerpost.estimators._options import Options, is_number
from fingerpost.estimators._outcome import (
    ArmModel,
    Array,
    arm_models,
    outcome_of,
    person_time,
    survey_weight,
    through_outcome,
)
from fingerpost.estimators._score import score, tilt
from fingerpost.estimators._standardise import Mean, through_score
from fingerpost.kernels.families import logistic
from fingerpost.kernels.fluctuation import logistic_intercept
from fingerpost.kernels.tilting import Tilt

# First predictions stay this share of the range away from its ends (Gruber & van der Laan 2010).
MARGIN = 0.0005
TINY = 1e-12
FARTHEST = 1e15  # beyond it a double cannot tell outcomes apart by fractions
OUTSIDE = (
    "some outcomes lie outside the two ends of range. Give the ends of the outcome's whole scale."
)


@dataclass(frozen=True, eq=False, slots=True)
class Moved:
    """The moved predictions of one arm: mean (n,), and its derivatives (n,) in the linear predictor
    of the outcome model and in the size of the move.
    """

    mean: Array
    in_outcome: Array
    in_move: Array


def run(task: Task) -> Answer:
    """Return contrasts of targeted means, for every term of the task."""
    ends = range_of(task)
    return answer_from_means(
        task, "tmle", lambda term, arm: targeted_mean(task, term, arm, ends), weighted=True
    )


def targeted_mean(task: Task, term: Term, arm: int, ends: tuple[float, float]) -> Mean:
    """Return the mean outcome (or rate) under an arm among the target of a term, with influence.

    van der Laan & Rubin (2006); weights in the move rather than in a covariate: Robins, Sued,
    Lei-Gomez & Rotnitzky (2007). ends: of the outcome's range, where it is not a count.
    """
    tilted, model, censored = tilt(task, term), arm_models(task)[arm], censoring(task)
    outcome = outcome_of(task)
    time = person_time(outcome)
    weight = survey_weight(task) * tilted.weight(arm) * (task.cohort.arm == arm)
    weight = weight if censored is None else weight * censored.weight
    moved = move(task, arm, model, weight=weight, ends=ends)
    target, by_seen = _target(task, tilted, censored)
    total = float(target.sum())
    value = float(target @ moved.mean) / total
    # How the mean answers to the move, over how the move answers to its own equation.
    lever = float(target @ moved.in_move) / total / float((weight * time) @ moved.in_move)
    base = target * (moved.mean - value) / total
    rest = lever * weight * (outcome.value - time * moved.mean)
    influence = base + rest
    in_outcome = (target / total - lever * weight * time) * moved.in_outcome
    influence += through_outcome(model, in_outcome)
    in_score = rest[:, None] * tilted.slope(arm)
    member_slope = tilted.member_slope
    if member_slope is not None:
        in_score += base[:, None] * member_slope
    if censored is not None:
        in_seen = rest + base if by_seen else rest
        influence += through_censoring(censored, in_seen * censored.slope)
    return Mean(value, influence + through_score(score(task), in_score))


def _target(task: Task, tilted: Tilt, censored: Censoring | None) -> tuple[Array, bool]:
    """Return (n,) how much each child counts in the target, and whether by way of being seen: the
    time at risk of a child who was not seen is not known, and those who were stand for it.
    """
    outcome = outcome_of(task)
    found = survey_weight(task) * tilted.member * person_time(outcome)
    if censored is None or outcome.exposure is None:
        return found, False
    return found * censored.weight, True


def move(
    task: Task, arm: int, model: ArmModel, *, weight: Array, ends: tuple[float, float]
) -> Moved:
    """Return an arm's predictions moved until Σ w (y − t Q) = 0. weight: (n,), nought off the arm.

    Raises Unanswerable where no finite move does it.
    """
    outcome, rows = outcome_of(task), np.flatnonzero(weight)
    own, y = weight[rows], outcome.value[rows]
    if outcome.kind == "count":
        return _scaled(task, arm, model, events=float(own @ y), rows=rows, own=own)
    low, high = ends
    span, binary = high - low, outcome.kind == "binary"
    margin = TINY if binary else MARGIN
    first = np.clip((model.mean - low) / span, margin, 1 - margin)
    offset = np.log(first / (1 - first))
    try:
        step = logistic_intercept(offset[rows], (y - low) / span, weights=own)
    except NotFitted as fault:
        raise Unanswerable(
            f"tmle: arm {task.cohort.arms[arm]}: {fault} Its predictions cannot be moved there. "
            "Mend: use g_formula or ipw, or give `range` the ends of the outcome's own scale."
        ) from None
    mean = logistic(offset + step)
    in_move = span * mean * (1 - mean)
    if binary:
        return Moved(mean, in_move, in_move)
    inside = (first > margin) & (first < 1 - margin)
    bent = np.where(inside, mean * (1 - mean) / (first * (1 - first)), 0.0)
    return Moved(low + span * mean, bent * model.slope, in_move)


def _scaled(
    task: Task, arm: int, model: ArmModel, *, events: float, rows: NDArray[Any], own: Array
) -> Moved:
    """Return a log-linear model's predictions times the one number that brings them to the events;
    rows: of the children with weight `own`.
    """
    if events <= 0:
        raise Unanswerable(
            f"tmle: no child of arm {task.cohort.arms[arm]} has an event. "
            "Mend: a longer follow-up, a wider outcome, or leave the arm out."
        )
    expected = float((own * person_time(outcome_of(task))[rows]) @ model.mean[rows])
    mean = model.mean * (events / expected)
    return Moved(mean, mean, mean)


def range_of(task: Task) -> tuple[float, float]:
    """Return the ends of the outcome's range: as the study says, or as the children have it.

    Raises UsageError for an option that is not two rising numbers, and Unanswerable where an
    outcome lies outside them, all children have the same outcome, or none was seen.
    """
    kind, said = outcome_of(task).kind, ends_said(task.analysis.options)
    values = outcome_of(task).value[seen(task)]
    if not len(values):
        raise TooFew("tmle: no child's outcome was seen, so there is nothing to move.")
    if kind != "continuous":
        return 0.0, 1.0
    if said is not None and (values.min() < said[0] or values.max() > said[1]):
        raise Unanswerable(f"tmle: {OUTSIDE}")
    if said is not None:
        return said
    low, high = float(values.min()), float(values.max())
    if not low < high:
        raise Unanswerable("tmle: every child has the same outcome, so there is nothing to move.")
    return low, high


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Options("tmle", options)
    said = ends_said(options)
    for spec in study.outcomes if said is not None else ():
        if spec.kind != "continuous":
            reads.blame(
                f"range is for continuous outcomes; {spec.name} is of kind {spec.kind}. Leave it "
                "out."
            )
    reads.finish()


def check_cohort(task: Task) -> None:
    """Raise UsageError where an outcome lies outside the ends that the option says."""
    said, outcome = ends_said(task.analysis.options), outcome_of(task)
    values = outcome.value[seen(task)]
    if said is None or outcome.kind != "continuous" or not len(values):
        return
    if values.min() < said[0] or values.max() > said[1]:
        raise UsageError(f"estimators: tmle: {task.terms[0].outcome}: {OUTSIDE}")


def ends_said(options: Mapping[str, object]) -> tuple[float, float] | None:
    """Return the ends that the option says, None unless given; UsageError for what is none."""
    reads = Options("tmle", options)
    if not reads.has("range"):
        return None
    said = options["range"]
    numbers = said if isinstance(said, tuple | list) and len(said) == 2 else ()
    ends = [
        float(str(one)) for one in numbers if is_number(one) and abs(float(str(one))) < FARTHEST
    ]
    if len(ends) != 2 or not ends[0] < ends[1]:
        reads.wrong(
            "range",
            "two rising numbers, the ends of the outcome's scale, such as [0, 100]",
        )
    reads.finish()
    return ends[0], ends[1]


TMLE = Estimator(
    title="Targeted maximum likelihood",
    short="TMLE",
    summary="Predicts every child's outcome, then moves the predictions to agree with weighted "
    "outcomes, within the outcome's range.",
    reference="van der Laan & Rubin (2006), International Journal of Biostatistics 2(1):11; "
    "continuous outcomes: Gruber & van der Laan (2010), International Journal of Biostatistics "
    "6(1):26",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, EITHER_MODEL),
    run=run,
    censoring=True,
    options=(("range", "the two ends of a continuous outcome's scale; as observed unless given"),),
    check=check,
    check_cohort=check_cohort,
)
