"""The naive comparison: means as observed, nothing adjusted for.

What a reader would see who compared children by arm and nothing else. Where life assigned the arms
it is an association, shown so that the effect of adjusting can be seen; where a simple draw
assigned them it answers the effect for all children. Where the ledger of the draw says that units'
chances of an arm differed, each child then counts by one over the chance of its own.
"""

from dataclasses import replace

import numpy as np

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CONSISTENCY, KINDS
from fingerpost.estimators._drawn_units import draw_weight
from fingerpost.estimators._least_squares import least_squares_spread, ordinary_table
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._standardise import Mean


def run(task: Task) -> Answer:
    """Return contrasts of observed means (rates, risks)."""
    if any(term.target.causal for term in task.terms):
        cohort = replace(task.cohort, weight=draw_weight(task))
        task = replace(task, cohort=cohort, fits=Fits())
    answer = answer_from_means(
        task, "naive", lambda term, arm: observed_mean(task, term, arm), weighted=False
    )
    x = (task.cohort.arm[:, None] == np.arange(len(task.cohort.arms))).astype(float)
    answer = least_squares_spread(task, answer, x)
    return ordinary_table(task, answer, x)


def observed_mean(task: Task, term: Term, arm: int) -> Mean:
    """Return Σ y / Σ t over children of the arm."""
    outcome = outcome_of(task)
    weight = survey_weight(task) * (task.cohort.arm == arm)
    time = weight * person_time(outcome)
    total = float(time.sum())
    if not total > 0:
        raise TooFew(f"naive: no child here has the arm {task.cohort.arms[arm]}.")
    value = float(weight @ outcome.value) / total
    return Mean(value, (weight * outcome.value - value * time) / total)


NAIVE = Estimator(
    title="Naive comparison",
    summary="Compares means as observed; nothing is adjusted for.",
    reference="Neyman (1923), translated in Statistical Science 5:465-472 (1990)",
    targets=("association",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(CONSISTENCY,),
    run=run,
    trimmed=False,
    spread="influence; CR2 with Satterthwaite df below 50 clusters",
    guard="exempt",
    adjusts=False,
    randomised=("ate",),
    chances=True,
    over_time=True,
)
