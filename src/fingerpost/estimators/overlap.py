"""Overlap weighting.

Children count by how much their arm was in doubt, h(x) = 1/Σ 1/e_a(x): those who would surely have
received one arm hardly count. The answer is for that group, which the report describes; it needs no
trimming and its covariate means balance exactly where the exposure model is a logit.
"""

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import standardise
from fingerpost.estimators._assumptions import CAUSAL, KINDS, SCORE_MODEL
from fingerpost.estimators._standardise import Recipe


def run(task: Task) -> Answer:
    """Return contrasts of overlap-weighted means, for every term of the task."""
    return standardise(task, "overlap", Recipe(outcome=False, residual=True))


OVERLAP = Estimator(
    title="Overlap weighting",
    summary="Weights children by how much their arm was in doubt, then compares means.",
    reference="Li, Morgan & Zaslavsky (2018), JASA 113:390-400; k arms: Li & Li (2019), Annals of "
    "Applied Statistics 13:2389-2415",
    targets=("overlap",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, SCORE_MODEL),
    run=run,
    trimmed=False,
    censoring=True,
)
