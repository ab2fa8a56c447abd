"""Inverse probability weighting with regression adjustment.

An outcome model is fitted in each arm to children weighted towards the target; its predictions are
averaged over the target. Right if either model is right.
"""

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import standardise
from fingerpost.estimators._assumptions import CAUSAL, EITHER_MODEL, KINDS, STANDARD_TARGETS
from fingerpost.estimators._standardise import Recipe


def run(task: Task) -> Answer:
    """Return contrasts of standardised predictions of the weighted models."""
    return standardise(task, "ipw_ra", Recipe(outcome=True, residual=False, weighted=True))


IPW_RA = Estimator(
    title="Weighting with regression adjustment",
    short="IPW-RA",
    summary="Fits the outcome in children weighted to the target, then averages its predictions.",
    reference="Wooldridge (2007), Journal of Econometrics 141:1281-1301",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, EITHER_MODEL),
    run=run,
    censoring=True,
    over_time=True,
)
