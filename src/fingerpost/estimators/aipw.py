"""Augmented inverse probability weighting.

The predictions of the g-formula are corrected by the weighted residuals of the children who did
receive each arm: right if either the exposure model or the outcome model is right. The answer is
the plain mean of the efficient influence function; the option `normalised` divides the residuals
by the sum of their weights instead. Where arms were drawn and units are fewer than 100 a
coefficient, errors allow for what the outcome model took of its residuals (HC2), and intervals are
Student's t.
"""

from collections.abc import Mapping

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.estimators._answer import standardise
from fingerpost.estimators._assumptions import CAUSAL, EITHER_MODEL, KINDS, STANDARD_TARGETS
from fingerpost.estimators._options import Options
from fingerpost.estimators._standardise import Recipe


def run(task: Task) -> Answer:
    """Return contrasts of augmented means."""
    normalised = _normalised(task.analysis.options)
    return standardise(task, "aipw", Recipe(outcome=True, residual=True, normalised=normalised))


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _normalised(options)


def _normalised(options: Mapping[str, object]) -> bool:
    reads = Options("aipw", options)
    found = reads.flag("normalised")
    reads.finish()
    return found


AIPW = Estimator(
    title="Augmented inverse probability weighting",
    short="AIPW",
    summary="Predicts every child's outcome and corrects the predictions by weighted residuals.",
    reference="Robins, Rotnitzky & Zhao (1994), JASA 89:846-866; Bang & Robins (2005), Biometrics "
    "61:962-973",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, EITHER_MODEL),
    run=run,
    censoring=True,
    options=(("normalised", "true: divide weighted residuals by their weights' sum (Hajek)"),),
    check=check,
)
