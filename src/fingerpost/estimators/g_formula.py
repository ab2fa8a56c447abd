"""The g-formula: standardisation by an outcome model.

The outcome model says what each child's outcome would be under each arm; the predictions are
averaged over the target. It needs no weights, and so answers even where no comparable children were
seen: such an answer is the model's, and is shown only as model extrapolation.

Where arms were drawn and units are fewer than 100 a coefficient, errors allow for what the model
took of its residuals (HC2), and intervals are Student's t.
"""

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._answer import standardise
from fingerpost.estimators._assumptions import CAUSAL, KINDS, OUTCOME_MODEL, STANDARD_TARGETS
from fingerpost.estimators._standardise import Recipe


def run(task: Task) -> Answer:
    """Return contrasts of standardised predictions."""
    return standardise(task, "g_formula", Recipe(outcome=True, residual=False))


G_FORMULA = Estimator(
    title="g-formula",
    short="g-formula",
    summary="Predicts every child's outcome under each arm and averages over the target.",
    reference="Robins (1986), Mathematical Modelling 7:1393-1512; Snowden, Rose & Mortimer (2011), "
    "American Journal of Epidemiology 173:731-738",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, OUTCOME_MODEL),
    run=run,
    censoring=True,
    extrapolates=True,
)
