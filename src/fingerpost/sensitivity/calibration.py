"""Calibration by negative controls: what is left once usual systematic error is taken away?

**What it asks.** One thing that provision cannot have changed may or may not share the confounding
of the outcome. Several tell more: the differences found on them, where there can be none, show how
large a systematic error this comparison usually makes and how much it varies. An answer that is no
larger than the errors on the controls is no evidence. The calibrated answer takes their mean away,
and its interval is wide enough for what is not known of the error on the outcome itself.

**How it is computed.** The study's primary estimators run on every control as if it were the
outcome, on the children who have it, behind the same guard rails. Differences are divided by the
standard deviation of the control, so that all are on one scale; ratios are compared as logarithms.
Systematic errors are taken to be normal, and their mean and spread found by restricted maximum
likelihood, with the estimates' own errors allowed for. The calibrated answer is the answer less
that mean; its variance is the answer's own, the errors' spread and the mean's variance, with the t
distribution of as many degrees of freedom as there are controls, less one. The covariates in
`without` leave every comparison: the answer is made again without them, so that answer and controls
are adjusted for the same things.

**What it assumes.** That provision has no effect on any control. That the error on the outcome is
like one drawn from the errors on the controls: choose controls that share its causes, from before
provision, and turn over those on which high is bad where it is good on the outcome. The estimates
on the controls, of the same children, are taken to be independent. Three controls are the least;
with fewer than five the interval says little. Neither a covariate nor an outcome of the study can
be a control.

**Options.** `controls`: the columns that provision cannot have changed, three or more. `without`:
covariates left out besides, such as other measures of the controls. `reverse`: controls and
outcomes to be turned over, so that up is better in all.

Reference: Schuemie, Ryan, DuMouchel, Suchard & Madigan (2014), Statistics in Medicine 33(2),
209-218; Schuemie, Hripcsak, Ryan, Madigan & Suchard (2018), PNAS 115(11), 2571-2577.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import TooFew, Unanswerable, UsageError, listed, nearest
from fingerpost.core.estimand import Contrast, Target, Term
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._answers import (
    Line,
    error_of,
    lines_of,
    natural,
    p_value,
    primary_lines,
    spread_of,
)
from fingerpost.sensitivity._calibration import Systematic, calibrate, fit_systematic
from fingerpost.sensitivity._control import column_outcome
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._task import (
    SensitivityTask,
    as_names,
    asked_before,
    check_names,
    check_options,
)

OPTIONS = (
    ("controls", "the columns that provision cannot have changed, three or more"),
    ("without", "covariates left out besides them: other measures of the same things"),
    ("reverse", "controls and outcomes to be turned over, so that up is better in all"),
)
FEWEST, FEW = 3, 5
SUMMARIES = {"binary": "risk", "count": "rate"}
Key = tuple[str, Contrast, Target]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked."""

    controls: tuple[str, ...]
    without: tuple[str, ...]
    reverse: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standard:
    """An estimate on a control in common units, and the children of the smaller arm."""

    control: str
    value: float
    error: float
    children: int


def known_columns(cohort: Cohort) -> tuple[str, ...]:
    """Return the names of every column that may be a control."""
    return tuple(dict.fromkeys((*cohort.covariates, *cohort.roles, *cohort.outcomes)))


def settings(
    given: Mapping[str, object],
    covariates: Iterable[str] | None,
    *,
    known: tuple[str, ...] | None = None,
) -> Settings:
    """Return the options, checked; UsageError with all their faults. covariates, known: the
    covariates and all columns that may be named; None where only the records tell.
    """
    reads = Reads()

    def controls() -> tuple[str, ...]:
        if "controls" not in given:
            raise UsageError(
                "sensitivity: calibration needs `controls`: three or more columns that provision "
                "cannot have changed, such as scores from before it."
            )
        asked = tuple(dict.fromkeys(as_names(given["controls"], "calibration: controls")))
        return columns(asked, known, where="calibration: controls")

    def without() -> tuple[str, ...]:
        asked = as_names(given.get("without", ()), "calibration: without")
        if covariates is not None:
            check_names(asked, covariates, where="calibration: without")
        return asked

    def reverse() -> tuple[str, ...]:
        asked = as_names(given.get("reverse", ()), "calibration: reverse")
        return columns(asked, known, where="calibration: reverse")

    found = Settings(reads.take(controls, ()), reads.take(without, ()), reads.take(reverse, ()))
    reads.finish()
    return found


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    chosen = settings(options, asked_before(study, options).given)
    if len(chosen.controls) < FEWEST:
        raise UsageError(f"sensitivity: {too_few(chosen.controls)}")


def too_few(controls: tuple[str, ...]) -> str:
    """Return why so few controls give no answer, and the mend."""
    return (
        f"calibration: {len(controls)} controls tell nothing of how errors vary; name {FEWEST} or "
        f"more, better {FEW}, or use negative_control for one."
    )


def columns(
    asked: tuple[str, ...], known: tuple[str, ...] | None, *, where: str
) -> tuple[str, ...]:
    """Return names of columns; UsageError for each that there is not."""
    faults = [
        f'sensitivity: {where}: there is no column "{name}".{nearest(name, known or ())} '
        f"There are: {listed(known or ())}."
        for name in asked
        if known is not None and name not in known
    ]
    if faults:
        raise UsageError(faults)
    return asked


def control_outcome(cohort: Cohort, name: str) -> Outcome:
    """Return a column as an outcome: yes or no where it holds 0 and 1 only, else a number."""
    if name in cohort.outcomes:
        return cohort.outcomes[name]
    return column_outcome({**cohort.roles, **cohort.covariates}[name], "calibration", name)


def cohort_of(task: SensitivityTask, name: str) -> Cohort:
    """Return the children who have a control, with it as their only outcome.

    Raises UsageError for a category or, on the scale of ratios, a column with negative values;
    TooFew where it does not vary.
    """
    outcome = control_outcome(task.cohort, name)
    cohort = replace(task.cohort, outcomes={name: outcome})
    if outcome.observed is not None:
        cohort = cohort.take(np.flatnonzero(outcome.observed))
        cohort = replace(cohort, outcomes={name: replace(cohort.outcomes[name], observed=None)})
    value = cohort.outcomes[name].value
    if cohort.n == 0 or np.ptp(value) == 0:
        raise TooFew(
            f"calibration: {name} does not vary among the {cohort.n:,} children studied; leave it "
            "out of `controls`."
        )
    if task.study.estimand.scale == "ratio" and float(value.min()) < 0:
        raise UsageError(
            f"sensitivity: calibration: controls: {name} has values below 0, and the study asks "
            "for ratios; name controls that cannot be negative."
        )
    return cohort


def left_in(task: SensitivityTask, chosen: Settings) -> tuple[str, ...]:
    """Return the covariates of every comparison: the study's but controls and `without`, and flags
    of missing values of these alone.
    """
    out = {*chosen.controls, *chosen.without}
    flags = {one: set(column.flag_of) for one, column in task.cohort.covariates.items()}
    out |= {one for one, flagged in flags.items() if flagged and flagged <= out}
    return tuple(name for name in task.study.given if name not in out)


def key_of(line: Line) -> Key:
    """Return what makes estimates on controls and outcome comparable."""
    return line.leaf, line.term.contrast, line.term.target


def standardised(
    line: Line, cohort: Cohort, *, level: float, turned: bool
) -> tuple[float, float, float] | None:
    """Return an estimate's value and error in common units, and the unit; None without an error."""
    error = error_of(line, level)
    unit = 1.0 if line.ratio else spread_of(cohort, line.term)
    if error is None or not unit > 0:
        return None
    sign = -1.0 if turned else 1.0
    return line.value / (sign * unit), error / unit, sign * unit


def on_controls(
    task: SensitivityTask, chosen: Settings, given: tuple[str, ...]
) -> tuple[dict[Key, list[Standard]], tuple[Answer, ...]]:
    """Return the estimates on every control by estimator, contrast and target, and all answers."""
    reads = Reads()
    cohorts = [reads.take(partial(cohort_of, task, name), task.cohort) for name in chosen.controls]
    reads.finish()
    asked = replace(task.study.estimand, summary=None, horizons=())
    found: dict[Key, list[Standard]] = {}
    answers: list[Answer] = []
    for name, cohort in zip(chosen.controls, cohorts, strict=True):
        summary = SUMMARIES.get(cohort.outcomes[name].kind, "mean")
        own = task.refit(cohort, given, asked.terms(name, summary))
        answers += own
        told = replace(task, cohort=cohort)
        for line in (line for answer in own for line in lines_of(told, answer)):
            one = standardised(line, cohort, level=task.level, turned=name in chosen.reverse)
            if one is not None:
                row = Standard(name, one[0], one[1], line.children)
                found.setdefault(key_of(line), []).append(row)
    return found, tuple(answers)


def own_lines(task: SensitivityTask, given: tuple[str, ...]) -> tuple[Line, ...]:
    """Return the study's primary answers, made again where the covariates are fewer."""
    lines = primary_lines(task)
    if given == task.study.given or not lines:
        return lines
    terms = tuple(dict.fromkeys(line.term for line in lines))
    wanted = {(line.leaf, line.term) for line in lines}
    found = [
        line
        for answer in task.refit(task.cohort, given, terms)
        for line in lines_of(task, answer)
        if (line.leaf, line.term) in wanted
    ]
    return tuple(found)


def row(
    task: SensitivityTask, line: Line, controls: list[Standard], *, turned: bool
) -> tuple[Cell, ...]:
    """Return one answer before and after calibration."""
    ratio = line.ratio
    shown = [natural(one, ratio=ratio) for one in (line.value, line.lo, line.hi)]
    start = (*line.words, *shown, p_value(line, task.level), len(controls))
    own = standardised(line, task.cohort, level=task.level, turned=turned)
    if own is None or len(controls) < FEWEST:
        why = "no interval is justified" if own is None else f"needs {FEWEST} controls or more"
        return (*start, *(None,) * 6, f"cannot tell: {why}")
    found = systematic(controls)
    after = calibrate(own[0], own[1], found, level=task.level)
    limits = sorted((after.lo * own[2], after.hi * own[2]))
    moved = [natural(one, ratio=ratio) for one in (after.value * own[2], *limits)]
    includes = limits[0] <= 0.0 <= limits[1]
    verdict = "no larger than the errors on controls" if includes else "larger than the errors"
    few = f"; only {len(controls)} controls" if len(controls) < FEW else ""
    return (*start, found.mean, found.sd, *moved, after.p, verdict + few)


def systematic(controls: list[Standard]) -> Systematic:
    """Return the distribution of systematic error over controls."""
    return fit_systematic(
        np.array([one.value for one in controls]),
        np.array([one.error for one in controls]),
        restricted=True,
    )


def run(task: SensitivityTask) -> Answer:
    """Return the tables `calibration` (the primary answers) and `calibration_controls`."""
    check_options("calibration", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    chosen = settings(task.spec_options, task.study.given, known=known_columns(task.cohort))
    if len(chosen.controls) < FEWEST:
        raise Unanswerable(too_few(chosen.controls))
    given = left_in(task, chosen)
    found, answers = on_controls(task, chosen, given)
    lines = [line for line in own_lines(task, given) if found.get(key_of(line))]
    if not lines:
        raise Unanswerable(
            "calibration: no primary estimator answers both on this outcome and on the controls "
            f"with the covariates {', '.join(given) or 'left (none)'}. See the refusals."
        )
    others = [
        [one for one in found[key_of(line)] if one.control != line.term.outcome] for line in lines
    ]
    rows = tuple(
        row(task, line, controls, turned=line.term.outcome in chosen.reverse)
        for line, controls in zip(lines, others, strict=True)
    )
    counts = tuple(
        min([line.children, *(one.children for one in controls)])
        for line, controls in zip(lines, others, strict=True)
    )
    keys = tuple(dict.fromkeys(key_of(line) for line in lines))
    return Answer(
        leaf="calibration",
        refusals=tuple(dict.fromkeys(one for answer in answers for one in answer.refusals)),
        tables=(
            table(task, chosen, rows, counts=counts, given=given),
            controls_table(task, {key: found[key] for key in keys}),
        ),
        warnings=tuple(few_warnings(lines, others)),
    )


def few_warnings(lines: list[Line], others: list[list[Standard]]) -> list[tuple[Term, str]]:
    """Return a warning for each answer calibrated by few controls."""
    return [
        (line.term, f"calibration: {len(controls)} controls say little of how errors vary")
        for line, controls in zip(lines, others, strict=True)
        if len(controls) < FEW
    ]


def table(
    task: SensitivityTask,
    chosen: Settings,
    rows: tuple[tuple[Cell, ...], ...],
    *,
    counts: tuple[int, ...],
    given: tuple[str, ...],
) -> Table:
    """Return the primary answers before and after calibration."""
    left = [name for name in task.study.given if name not in given]
    again = f" Made again without the covariates {', '.join(left)}, as on controls." if left else ""
    return Table(
        name="calibration",
        title="The answers, less the systematic error that controls show",
        columns=(
            *("estimator", "outcome", "contrast", "target", "estimate", "lo", "hi", "p"),
            *("controls", "error_mean", "error_sd", "calibrated", "calibrated_lo"),
            *("calibrated_hi", "calibrated_p", "verdict"),
        ),
        kinds=(*("label",) * 4, *("number",) * 11, "label"),
        rows=rows,
        tells=Tells(
            role="calibrated",
            answers=("estimate", "lo", "hi", "calibrated", "calibrated_lo", "calibrated_hi"),
            units=(("controls", "controls"),),
        ),
        counts=counts,
        context=(
            f"estimate: as asked, with its {task.level:.0%} interval.{again} error_mean, error_sd: "
            "of the systematic errors on "
            f"{', '.join(chosen.controls)}, in standard deviations (of differences) or logarithms "
            "(of ratios). calibrated: the answer less their mean, with an interval that allows "
            "for their spread."
        ),
        note=(
            "Calibration holds if provision changed no control and the error on the outcome is "
            "like those on the controls."
        ),
    )


def controls_table(task: SensitivityTask, found: dict[Key, list[Standard]]) -> Table:
    """Return the estimate on every control in common units."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for (leaf, contrast, target), controls in found.items():
        words = Term("", contrast, target).words()
        for one in controls:
            rows.append((leaf, words, target.label(), one.control, one.value, one.error))
            counts.append(one.children)
    return Table(
        name="calibration_controls",
        title="What the same comparison finds where there can be nothing",
        columns=("estimator", "contrast", "target", "control", "estimate", "se"),
        kinds=(*("label",) * 4, "number", "number"),
        rows=tuple(rows),
        tells=Tells(role="calibrating controls"),
        counts=tuple(counts),
        context=(
            "Each control as if it were the outcome, in its standard deviations (differences) or "
            "as logarithms (ratios), turned so that up is better where the study says so."
        ),
    )


CALIBRATION = Sensitivity(
    title="Calibration by negative controls",
    summary="The answers without the systematic error that several negative controls show.",
    reference="Schuemie et al. (2014), Statistics in Medicine 33(2), 209-218; (2018), PNAS 115(11)",
    question="What is left of the answers once usual systematic error is taken away?",
    run=run,
    options=OPTIONS,
    columns=("controls", "without", "reverse"),
    check=check,
)
