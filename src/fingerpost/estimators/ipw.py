"""Inverse probability weighting.

Each child is weighted by the inverse of the probability of the arm it received, tilted to the
target, so that the children of every arm come to resemble the target; the arms' weighted means
(Hajek) are then compared. The exposure model is part of the standard error.
"""

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import standardise
from fingerpost.estimators._assumptions import CAUSAL, KINDS, SCORE_MODEL, STANDARD_TARGETS
from fingerpost.estimators._standardise import Recipe


def run(task: Task) -> Answer:
    """Return contrasts of weighted means, for every term of the task."""
    return standardise(task, "ipw", Recipe(outcome=False, residual=True))


IPW = Estimator(
    title="Inverse probability weighting",
    short="IPW",
    summary="Weights children so that every arm resembles the target, then compares means.",
    reference="Robins, Hernán & Brumback (2000), Epidemiology 11:550-560; stacked variance: "
    "Stefanski & Boos (2002), The American Statistician 56:29-38",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, SCORE_MODEL),
    run=run,
    censoring=True,
    over_time=True,
)
