"""Negative-control outcome: does the method find an effect where there can be none?

**What it asks.** Provision cannot change what happened before it. Take such a thing, a test score
from before provision say, treat it as if it were the outcome, and run the same estimators again. An
honest comparison finds nothing. If it finds a difference, the children with and without provision
differed already, in ways the covariates left out do not make up for; the real comparison, with its
full covariates, may suffer from the same.

**How it is computed.** The named column becomes the outcome. It leaves the covariates, and so do
those named under `without`: repeated measures of the control itself, which would hide what
we look for. Every estimator of the study runs again on the same children, with the same target and
the same guard rails; the answers are differences of means (of shares for a yes-or-no control),
whatever the study's scale.

**What it assumes.** That provision has no effect on the control, and that whatever confounds the
real comparison bears on the control too. An interval that includes zero is no proof: the control
may miss the confounding, or be too imprecise to show it. As fewer covariates are adjusted for than
in the study, a difference is a warning, not a measure of the study's own bias.

**Options.** `outcome`: the column that is the control. `without`: covariates left out besides.

Reference: Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21(3), 383-388.
"""

from __future__ import annotations

from collections.abc import Mapping

from fingerpost.core.answer import Answer
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.sensitivity._control import (
    CLEAN,
    CONFOUNDED,
    UNSURE,
    control_answer,
    control_terms,
    named,
    prepare,
    verdict,
)
from fingerpost.sensitivity._task import SensitivityTask, asked_before, check_options

__all__ = ["CLEAN", "CONFOUNDED", "NEGATIVE_CONTROL", "UNSURE", "run", "verdict"]

OPTIONS = (
    ("outcome", "the column that provision cannot have changed"),
    ("without", "covariates left out besides it: other measures of the same thing"),
)
WORDS = "that provision cannot have changed, such as a score from before it"


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    named(asked_before(study, options), "negative_control", WORDS)


def run(task: SensitivityTask) -> Answer:
    """Return the study's answers on the control, one table `negative_control` a contrast.

    estimate: of the first primary estimator. refusals: what the guard rails refused.
    """
    check_options(
        "negative_control", given=task.spec_options, allowed=(name for name, _ in OPTIONS)
    )
    control = prepare(task, "negative_control", WORDS)
    answers = task.refit(control.cohort, control.given, control_terms(task, control))
    title = f"The same comparison on {control.name}, which provision cannot have changed"
    return control_answer(task, control, answers, title=title)


NEGATIVE_CONTROL = Sensitivity(
    title="Negative-control outcome",
    summary="The study's own estimators on something that provision cannot have changed.",
    reference="Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21(3), 383-388",
    question="Does the method find an effect where there can be none?",
    run=run,
    options=OPTIONS,
    columns=("outcome", "without"),
    check=check,
)
