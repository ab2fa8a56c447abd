"""Prior-outcome placebo: the comparison as it was before provision, and the answer less that.

**What it asks.** Had the children who were to receive support already done better or worse before
they received it? The outcome is measured twice; the measure from before provision is treated as if
it were the outcome, and the same estimators run again. An honest comparison finds nothing there.

**How it is computed.** As the negative control is (`negative_control`), with the earlier measure as
the control: it leaves the covariates, with those named under `without`, and every estimator of the
study runs on the children who have it.

With `same_scale: true` the study says that the two measures are in the same unit. Then a second
table gives the answer less the placebo: the estimators run on the outcome itself once more, on the
same children and with the same covariates as the placebo, and the gap before provision is taken
from the gap after (difference in differences). The two are estimated on the same children, and the
interval counts that. Where the arms were alike before, nothing is taken away.

**What it assumes.** The placebo: that provision cannot have changed what came before it, and that
what confounds the outcome bears on the earlier measure too. The corrected answer assumes more, and
other things than the study does: that but for provision the gap between alike children of the two
arms would have stayed the same, in this very unit (parallel trends). Where children far below catch
up by themselves, or a test's scale is stretched, it is wrong. It is a second opinion, not a better
answer. A study whose covariates hold the earlier measure adjusts for it instead, and the two may
differ although each is right under its own assumption.

**Options.** `outcome`: the column of the earlier measure. `without`: covariates left out besides.
`same_scale`: whether the column is in the unit of the outcome; default false.

Reference: Imbens (2004), Review of Economics and Statistics 86(1), 4-29, section V.B, for the
placebo; Abadie (2005), Review of Economic Studies 72(1), 1-19, for the corrected answer; Lipsitch,
Tchetgen Tchetgen & Cohen (2010), Epidemiology 21(3), 383-388.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Contrast, Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import critical_values, joint_covariance, select
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._control import (
    Control,
    control_answer,
    control_outcome,
    control_terms,
    named,
    prepare,
)
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._task import SensitivityTask, asked_before, check_options, smallest_arm

LEAF = "prior_outcome"
OPTIONS = (
    ("outcome", "the column of the outcome as measured before provision"),
    ("without", "covariates left out besides it: other measures of the same thing"),
    ("same_scale", "whether the column is in the unit of the outcome (default: false)"),
)
WORDS = "with the outcome as measured before provision"


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Reads()
    reads.take(lambda: named(asked_before(study, options), LEAF, WORDS), ("", ()))
    reads.take(lambda: same_scale(options), False)
    reads.finish()


def same_scale(options: Mapping[str, object]) -> bool:
    """Return the option `same_scale`, checked."""
    same = options.get("same_scale", False)
    if not isinstance(same, bool):
        raise UsageError(f"sensitivity: {LEAF}: same_scale must be true or false.")
    return same


def run(task: SensitivityTask) -> Answer:
    """Return the study's answers on the earlier measure, one table `prior_outcome` a contrast, and
    the corrected answers, one table `prior_outcome_corrected` an outcome and contrast.

    estimate: of the first primary estimator on the earlier measure.
    """
    check_options(LEAF, given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    same = same_scale(task.spec_options)
    control = prepare(task, LEAF, WORDS)
    if same:
        _same_kind(task, control)
    placebo = task.refit(control.cohort, control.given, control_terms(task, control))
    more = tuple(_corrected(task, control, placebo)) if same else ()
    title = f"The same comparison on {control.name}, measured before provision"
    return control_answer(task, control, placebo, title=title, role="control before", more=more)


def _same_kind(task: SensitivityTask, control: Control) -> None:
    """Raise UsageError where an outcome cannot be in the unit of the earlier measure."""
    kind = control.cohort.outcomes[control.name].kind
    for name in task.outcomes:
        own = task.cohort.outcomes[name]
        if own.kind != kind or own.exposure is not None:
            raise UsageError(
                f"sensitivity: {LEAF}: same_scale: {name} is a {own.kind} outcome and "
                f"{control.name} is {kind}, so the one cannot be taken from the other. "
                "Mend: leave same_scale out."
            )


def _corrected(
    task: SensitivityTask, control: Control, placebo: tuple[Answer, ...]
) -> Iterator[Table]:
    """Yield the corrected answers of each outcome and contrast."""
    observed = control_outcome(task.cohort, LEAF, control.name).observed
    same = task.cohort if observed is None else task.cohort.take(np.flatnonzero(observed))
    for name in task.outcomes:
        outcome = same.outcomes[name]
        cohort = replace(same, outcomes={name: outcome})
        terms = control_terms(task, replace(control, name=name, cohort=cohort))
        after = task.refit(cohort, control.given, terms)
        by_contrast: dict[Contrast, list[tuple[Cell, ...]]] = {}
        for term, row in _rows(after, placebo, task.level):
            by_contrast.setdefault(term.contrast, []).append(row)
        for contrast, rows in by_contrast.items():
            children = smallest_arm(cohort, contrast)
            yield _table(control, Term(name, contrast, terms[0].target), rows, children)


def _rows(
    after: tuple[Answer, ...], before: tuple[Answer, ...], level: float
) -> Iterator[tuple[Term, tuple[Cell, ...]]]:
    """Yield, for each estimator and term answered both before and after, what was found."""
    known = {
        (answer.leaf, term.contrast, term.label()): select(answer.estimate, [at])
        for answer in before
        if answer.estimate is not None
        for at, term in enumerate(answer.estimate.terms)
    }
    for answer in after:
        if answer.estimate is None:
            continue
        for at, term in enumerate(answer.estimate.terms):
            earlier = known.get((answer.leaf, term.contrast, term.label()))
            if earlier is not None:
                own = select(answer.estimate, [at])
                numbers = difference(own, earlier, level)
                yield term, (answer.leaf, term.label(), *numbers)


def difference(after: Estimate, before: Estimate, level: float) -> tuple[Cell, ...]:
    """Return the value after, before, and after less before, its standard error and interval; None
    where one has no standard error or their covariance is not known.

    The covariance is that of their influence by child or cluster; the critical value is the larger
    of the two.
    """
    value = float(after.value[0] - before.value[0])
    shown = (float(after.value[0]), float(before.value[0]), value)
    if after.spread is None or before.spread is None:
        return (*shown, None, None, None)
    joint = joint_covariance([after, before])
    variance = float(joint[0, 0] + joint[1, 1] - 2 * joint[0, 1])
    if not variance >= 0:
        return (*shown, None, None, None)
    se = float(np.sqrt(variance))
    reach = se * max(float(critical_values(one, level)[0]) for one in (after, before))
    return (*shown, se, value - reach, value + reach)


def _table(control: Control, term: Term, rows: list[tuple[Cell, ...]], children: int) -> Table:
    """Return the corrected answers of one outcome and contrast."""
    return Table(
        name="prior_outcome_corrected",
        title=f"{term.outcome} less {control.name}: difference in differences",
        columns=("estimator", "target", "after", "before", "corrected", "se", "lo", "hi"),
        kinds=("label", "label", *("number",) * 6),
        rows=tuple(rows),
        tells=Tells(
            role="less the gap before",
            answers=("after", "before", "corrected", "lo", "hi"),
            logs=("se",),
        ),
        counts=(children,) * len(rows),
        context=(
            f"{term.words()}: the gap in {term.outcome} less the gap in {control.name} before "
            "provision, on the same children and with the same covariates. It assumes that but for "
            "provision the gap would have stayed the same, in this unit (parallel trends)."
        ),
        note="A second opinion under another assumption, not a better answer.",
        tags=(("outcome", term.outcome), ("contrast", term.words())),
    )


PRIOR_OUTCOME = Sensitivity(
    title="Prior-outcome placebo",
    summary="The study's own estimators on the outcome as it was before provision.",
    reference="Imbens (2004), Review of Economics and Statistics 86(1), 4-29; Abadie (2005), "
    "Review of Economic Studies 72(1), 1-19",
    question="Did the arms differ on the outcome before provision, and what is left without that?",
    run=run,
    options=OPTIONS,
    columns=("outcome", "without"),
    check=check,
)
