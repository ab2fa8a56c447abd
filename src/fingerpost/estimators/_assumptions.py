"""Assumptions that leaves share, each in a sentence a policy analyst understands."""

from fingerpost.core.leaves import Assumption

EXCHANGEABLE = Assumption(
    "exchangeability",
    "children of different arms who are alike on the covariates would have done alike under the "
    "same arm: nothing unrecorded decides both provision and outcome",
)
POSITIVITY = Assumption(
    "positivity",
    "every child the answer is for could have received any of the arms compared",
    diagnostic="overlap",
)
POSITIVITY_OVER_TIME = Assumption(
    "positivity over time",
    "at every decision, children who had followed either strategy so far could have gone on with "
    "it, whatever was known of them by then",
)
CONSISTENCY = Assumption(
    "consistency",
    "an arm means the same provision for every child who received it, and one child's provision "
    "does not change another's outcome",
)
SCORE_MODEL = Assumption(
    "exposure model",
    "the model of who receives which arm has the right form",
    diagnostic="model_form",
)
OUTCOME_MODEL = Assumption(
    "outcome model",
    "the model of the outcome given covariates and arm has the right form",
    diagnostic="model_form",
)
EITHER_MODEL = Assumption(
    "one of two models",
    "the exposure model or the outcome model has the right form, not necessarily both",
    diagnostic="model_form",
)
CAUSAL = (EXCHANGEABLE, POSITIVITY, CONSISTENCY)
STANDARD_TARGETS = ("ate", "att", "atu", "overlap", "received")
KINDS = ("continuous", "binary", "count")
