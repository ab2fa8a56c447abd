"""A column treated as if it were the outcome: the estimators asked again, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError, listed, nearest
from fingerpost.core.estimand import Contrast, Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._task import (
    Asked,
    SensitivityTask,
    as_names,
    asked_of,
    check_names,
    smallest_arm,
)

CLEAN = "no sign of a difference (interval includes zero)"
CONFOUNDED = "a difference where there can be none: the covariates left in do not make arms alike"
UNSURE = "cannot tell: no interval is justified"


@dataclass(frozen=True, eq=False, slots=True)
class Control:
    """The control as an outcome, the children who have it, and the covariates that stay.

    leaf: the analysis that asks.
    """

    leaf: str
    name: str
    cohort: Cohort
    given: tuple[str, ...]


def verdict(lo: float | None, hi: float | None) -> str:
    """Return in words what the interval of a negative control says.

    >>> verdict(-0.2, 0.3)
    'no sign of a difference (interval includes zero)'
    """
    if lo is None or hi is None or not lo <= hi:
        return UNSURE
    return CLEAN if lo <= 0.0 <= hi else CONFOUNDED


def control_outcome(cohort: Cohort, leaf: str, name: str) -> Outcome:
    """Return the named column as an outcome; it is sought in covariates, roles and outcomes.

    Raises UsageError for a name that is not there or a category of more than two levels.
    """
    if name in cohort.covariates:
        return column_outcome(cohort.covariates[name], leaf, name)
    if name in cohort.roles:
        return column_outcome(cohort.roles[name], leaf, name)
    if name in cohort.outcomes:
        found = cohort.outcomes[name]
        if found.kind not in ("continuous", "binary", "count"):
            raise UsageError(
                f"sensitivity: {leaf}: outcome: {name} is of kind {found.kind}; name a number, a "
                "yes-or-no column or a count."
            )
        return found
    known = tuple(dict.fromkeys((*cohort.covariates, *cohort.roles, *cohort.outcomes)))
    raise UsageError(
        f'sensitivity: {leaf}: outcome: there is no column "{name}".'
        f"{nearest(name, known)} There are: {listed(known)}."
    )


def column_outcome(column: Column, leaf: str, name: str) -> Outcome:
    """Return a column as a yes-or-no outcome where it holds 0 and 1 only, else as a number."""
    if len(column.levels) > 2:
        raise UsageError(
            f"sensitivity: {leaf}: outcome: {name} is a category of "
            f"{len(column.levels)} levels; name a number or a yes-or-no column."
        )
    value = np.asarray(column.values, dtype=np.float64)
    seen = np.isfinite(value)
    binary = bool(np.isin(value[seen], (0.0, 1.0)).all())
    observed = None if seen.all() else seen
    return Outcome("binary" if binary else "continuous", value, observed=observed)


def named(asked: Asked, leaf: str, words: str) -> tuple[str, tuple[str, ...]]:
    """Return the options `outcome` and `without`, checked; UsageError with all their faults.

    words: what the option `outcome` must name.
    """
    reads = Reads()

    def outcome() -> str:
        name = asked.options.get("outcome")
        if not isinstance(name, str):
            raise UsageError(
                f"sensitivity: {leaf} needs `outcome`: the name of one column {words}."
            )
        return name

    def without() -> tuple[str, ...]:
        gone = as_names(asked.options.get("without", ()), f"{leaf}: without")
        if asked.given is not None:
            check_names(gone, asked.given, where=f"{leaf}: without")
        return gone

    found = reads.take(outcome, ""), reads.take(without, ())
    reads.finish()
    return found


def prepare(task: SensitivityTask, leaf: str, words: str) -> Control:
    """Return the control, with the children who have it and the covariates that stay.

    words: what the option `outcome` must name.

    A flag of missing values leaves once every covariate that it flags has left.
    """
    name, gone = named(asked_of(task), leaf, words)
    outcome = control_outcome(task.cohort, leaf, name)
    out = {name, *gone}
    flags = {one: set(column.flag_of) for one, column in task.cohort.covariates.items()}
    out |= {one for one, flagged in flags.items() if flagged and flagged <= out}
    cohort = replace(task.cohort, outcomes={name: outcome})
    if outcome.observed is not None:
        cohort = cohort.take(np.flatnonzero(outcome.observed))
        cohort = replace(cohort, outcomes={name: replace(cohort.outcomes[name], observed=None)})
    if cohort.n == 0 or np.ptp(cohort.outcomes[name].value) == 0:
        raise TooFew(
            f"sensitivity: {leaf}: {name} does not vary among the {cohort.n:,} children "
            "studied; name a column that does."
        )
    return Control(leaf, name, cohort, tuple(one for one in task.study.given if one not in out))


def control_terms(task: SensitivityTask, control: Control) -> tuple[Term, ...]:
    """Return the study's terms for the control: differences, over the whole of follow-up."""
    kind = control.cohort.outcomes[control.name].kind
    summary = {"binary": "risk", "count": "rate"}.get(kind, "mean")
    asked = replace(task.study.estimand, scale="difference", summary=None, horizons=())
    return asked.terms(control.name, summary)


def line(leaf: str, estimate: Estimate, at: int, *, level: float) -> tuple[Cell, ...]:
    """Return one line of the table: an estimate on the control, its interval and the verdict."""
    errors, limits = standard_errors(estimate), intervals(estimate, level)
    se = None if errors is None else float(errors[at])
    lo, hi = (None, None) if limits is None else (float(limits[at, 0]), float(limits[at, 1]))
    target = estimate.terms[at].label()
    return (leaf, target, float(estimate.value[at]), se, lo, hi, verdict(lo, hi))


def table(
    task: SensitivityTask,
    control: Control,
    answers: tuple[Answer, ...],
    *,
    contrast: Contrast,
    title: str,
    role: str,
) -> Table | None:
    """Return the answers on the control for one contrast, or None where there are none."""
    asked = [
        (answer.leaf, answer.estimate, at)
        for answer in answers
        if answer.estimate is not None
        for at, term in enumerate(answer.estimate.terms)
        if term.contrast == contrast
    ]
    if not asked:
        return None
    first = asked[0][1].terms[asked[0][2]]
    left = [name for name in task.study.given if name not in control.given]
    without = f" Left out of the covariates: {', '.join(left)}." if left else ""
    smallest = smallest_arm(control.cohort, contrast)
    return Table(
        name=control.leaf,
        title=title,
        columns=("estimator", "target", "estimate", "se", "lo", "hi", "verdict"),
        kinds=("label", "label", "number", "number", "number", "number", "label"),
        rows=tuple(line(leaf, one, at, level=task.level) for leaf, one, at in asked),
        tells=Tells(role),
        counts=(smallest,) * len(asked),
        context=(
            f"{first.words()} on {control.name} as if it were the outcome, among the "
            f"{control.cohort.n:,} children who have it; {task.level:.0%} intervals.{without}"
        ),
        note="An interval that includes zero is no proof that confounding is absent.",
        tags=(("outcome", control.name), ("contrast", first.words()), *beside(task)),
    )


def beside(task: SensitivityTask) -> tuple[tuple[str, Cell], ...]:
    """Return a tag that tells for whose outcome the children were seen, where a study has several:
    the control is then compared among the children of each.
    """
    several = len(task.study.outcomes) > 1
    return tuple(("beside", name) for name in task.outcomes[:1]) if several else ()


def first_primary(task: SensitivityTask, answers: tuple[Answer, ...]) -> Estimate | None:
    """Return the estimate of the first primary estimator that answers on the control."""
    by_leaf: dict[str, Estimate] = {}
    for answer in answers:
        if answer.estimate is not None:
            by_leaf.setdefault(answer.leaf, answer.estimate)
    causal = [
        leaf for leaf, one in by_leaf.items() if any(term.target.causal for term in one.terms)
    ]
    chosen = next((leaf for leaf in (*task.study.primary, *causal) if leaf in by_leaf), None)
    return None if chosen is None else by_leaf[chosen]


def contrasts_of(answers: tuple[Answer, ...]) -> tuple[Contrast, ...]:
    """Return every contrast that the answers estimate, once, in their order."""
    return tuple(
        dict.fromkeys(
            term.contrast
            for answer in answers
            if answer.estimate is not None
            for term in answer.estimate.terms
        )
    )


def control_answer(
    task: SensitivityTask,
    control: Control,
    answers: tuple[Answer, ...],
    *,
    title: str,
    role: str = "control",
    more: tuple[Table, ...] = (),
) -> Answer:
    """Return the estimators' answers on the control as one: a table a contrast, and more tables.

    estimate: of the first primary estimator. refusals: what the guard rails refused. role: that the
    tables play in a report.
    """
    found = [
        table(task, control, answers, contrast=contrast, title=title, role=role)
        for contrast in contrasts_of(answers)
    ]
    refused = tuple(dict.fromkeys(one for answer in answers for one in answer.refusals))
    if not found and not refused:
        kind = control.cohort.outcomes[control.name].kind
        raise Unanswerable(
            f"{control.leaf}: none of this study's estimators answers on {control.name}, a {kind} "
            "control. Mend: add one that does, such as aipw."
        )
    return Answer(
        leaf=control.leaf,
        estimate=first_primary(task, answers),
        refusals=refused,
        tables=(*(one for one in found if one is not None), *more),
        warnings=tuple(dict.fromkeys(one for answer in answers for one in answer.warnings)),
    )
