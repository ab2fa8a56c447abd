"""G-estimation of a structural nested mean model.

It asks which effect, if it were taken out of every child's outcome, would leave nothing to tell the
arms apart among children alike on the covariates. That effect is the answer. One number is
estimated (the blip), or a few, if the effect is to differ by named covariates (`modifiers`). Only
the exposure model has to be right, and children whose arm is nearly certain carry almost nothing,
so the answer is steady where weighting is not. The price is the form of the effect: without
modifiers it is taken to be the same for all children, so the answer is labelled `conditional`, as a
regression's coefficient is. Where effects do differ it is an average over children weighted by how
uncertain their arm was (with two arms, the children whom `overlap` answers for), and it misleads
whoever reads it as the effect for all. Say `homogeneous: true` only if you would defend that the
effect has this form both for those who received the arm and for those who did not.

How it is computed. The solution of Σ w (S − E[S | L]) (1, V)ᵀ (Y − S (1, V) ψ) = 0, in closed form;
S is the arm in declared order, from 0. With more than two arms each step up is taken to do the
same. On the ratio scale the blip is log-linear: Σ w (S − E[S | L]) (1, V)ᵀ Y exp(−S (1, V) ψ) = 0
by Newton's method. Where the study has a model of who was seen to the end, w holds the inverse of
that probability, and the exposure model is fitted with the same weights to those seen. Standard
errors come from the stacked influence of all of these models.

What the answer is. Without modifiers, ψ for one step, times the steps between the arms compared.
With modifiers, the blip averaged over the children of the study (for a ratio: its logarithm,
averaged); the parameters are in the table `blip`, its first row the blip where every modifier is
nought (or its first level). Under `homogeneous: true` the answer is the ATE: the same average for
differences, and for ratios the ratio of the two mean outcomes.

What it assumes: exchangeability, consistency, the exposure model and the form of the blip.

Options. `modifiers`: covariates, among those given, by which the effect differs. `homogeneous`:
true: answer the ATE. `outcome_model`: true: take off a linear prediction of the outcome too, by the
terms of the study's outcome model (differences only); then either that or the exposure model need
be right, and the answer is usually more precise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError, listed
from fingerpost.core.estimand import Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._assumptions import CONSISTENCY, EXCHANGEABLE, KINDS, SCORE_MODEL
from fingerpost.estimators._blip import Array, Blip, Setting, difference, ratio, setting
from fingerpost.estimators._censoring import censoring, through_censoring
from fingerpost.estimators._columns import option_columns
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.estimators._standardise import Mean

BLIP_FORM = Assumption(
    "form of the effect",
    "the effect of an arm is of the declared form: the same for all children, or linear in the "
    "named modifiers, and the same for each step up in dose",
)

NO_LINE = "outcome_model is for differences; on the ratio scale leave it out."


def run(task: Task) -> Answer:
    """Return the blip's contrasts, and its parameters in a table."""
    columns, taken_off = modifiers_of(task), outcome_model(task.analysis.options)
    names = ["blip", *(f"blip × {name}" for name in columns)]
    told = setting(task, np.column_stack([np.ones(task.cohort.n), *columns.values()]))
    scales = {term.scale for term in task.terms}
    blips = {scale: solve(task, told, scale, taken_off=taken_off) for scale in scales}
    found = [contrast_of(task, told, term, blips[term.scale]) for term in task.terms]
    uncertain = Uncertain(
        np.array([one.value for one in found]),
        np.stack([one.influence for one in found], axis=1),
        weighted=False,
    )
    tables = tuple(blip_table(task, names, scale, blip) for scale, blip in sorted(blips.items()))
    return Answer("g_estimation", estimate=estimate(task, uncertain), tables=tables)


def solve(task: Task, told: Setting, scale: str, *, taken_off: bool) -> Blip:
    """Return the blip on a scale; taken_off: whether a line of the outcome is taken off."""
    if scale == "ratio" and taken_off:
        raise UsageError(f"estimators: g_estimation: {NO_LINE}")
    if scale == "ratio":
        return ratio(task, told)
    return difference(task, told, outcome_model=taken_off)


def contrast_of(task: Task, told: Setting, term: Term, blip: Blip) -> Mean:
    """Return a contrast with influence: steps × the blip averaged over the study's children, or,
    for the ATE on the ratio scale, the log of the ratio of mean outcomes.
    """
    if term.scale == "ratio" and term.target.kind == "ate" and len(blip.value) > 1:
        return _log_of_means(task, told, term, blip)
    steps = sum(weight * task.cohort.arms.index(name) for name, weight in term.contrast)
    weight, censored = survey_weight(task), censoring(task)
    by_seen = censored is not None and outcome_of(task).exposure is not None
    weight = weight * told.time if censored is None or not by_seen else told.weight * told.time
    total = float(weight.sum())
    middle = weight @ told.modifiers / total
    value = float(middle @ blip.value)
    own = weight * (told.modifiers @ blip.value - value) / total
    if censored is not None and by_seen:
        own = own + through_censoring(censored, own * censored.slope)
    return Mean(steps * value, steps * (own + blip.influence @ middle))


def _log_of_means(task: Task, told: Setting, term: Term, blip: Blip) -> Mean:
    """Return Σ weight × log of the mean outcome under each arm: every child's outcome with the
    effect of its own dose taken out and that of the arm's put in.
    """
    value, own = 0.0, np.zeros(task.cohort.n)
    slope, each = np.zeros(len(blip.value)), told.modifiers @ blip.value
    for name, weight in term.contrast:
        away = task.cohort.arms.index(name) - told.dose
        moved = told.weight * told.value * np.exp(away * each)
        total = float(moved.sum())
        value += weight * float(np.log(total))
        own += weight * moved / total
        slope += weight * ((moved * away) @ told.modifiers) / total
    censored = censoring(task)
    if censored is not None:
        own = own + through_censoring(censored, own * censored.slope)
    return Mean(value, own + blip.influence @ slope)


def modifiers_of(task: Task) -> dict[str, Array]:
    """Return the modifiers as columns of numbers, one for each level but the first of a category.

    Raises UsageError for what is not a covariate of the study, and Unanswerable for one that is the
    same for all its children.
    """
    if task.analysis.options.get("modifiers") is None:
        return {}
    found: dict[str, Array] = {}
    for name, column in option_columns(task, "g_estimation", "modifiers").items():
        if name not in task.cohort.covariates or _outside(task, name, column):
            raise UsageError(
                f"estimators: g_estimation: modifiers: {name} is not among the covariates given, "
                "and the effect can differ only by those. "
                f"There are: {listed(task.analysis.given)}."
            )
        found.update(_numbers(name, column))
    return found


def _outside(task: Task, name: str, column: Column) -> bool:
    """Return whether a covariate that varies is not given: a constant one leaves by itself."""
    varies = bool((column.values != column.values[0]).any()) if len(column.values) else False
    return varies and name not in task.analysis.given


def _numbers(name: str, column: Column) -> dict[str, Array]:
    """Return one covariate as columns of numbers."""
    if column.categorical:
        return {
            f"{name} = {level}": (column.values == code).astype(np.float64)
            for code, level in enumerate(column.levels)
            if code
        }
    values = np.asarray(column.values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise Unanswerable(
            f"g_estimation: modifiers: {name} is missing for some children. "
            "Mend: say in the study how its missing values are handled, or choose another."
        )
    return {name: values}


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    reads = Options("g_estimation", options)
    reads.flag("homogeneous")
    line = reads.flag("outcome_model")
    reads.names("modifiers")
    if line and "ratio" in {spec.scale or study.estimand.scale for spec in study.outcomes}:
        reads.blame(NO_LINE)
    reads.finish()


def outcome_model(options: Mapping[str, object]) -> bool:
    """Return whether a line of the outcome is taken off; raise UsageError for a flag that is none.

    Every flag is read, so that all are told at once.
    """
    reads = Options("g_estimation", options)
    reads.flag("homogeneous")
    found = reads.flag("outcome_model")
    reads.finish()
    return found


def blip_table(task: Task, names: list[str], scale: str, blip: Blip) -> Table:
    """Return the blip's parameters for one step up in dose, with intervals."""
    own = replace(task, terms=(task.terms[0],) * len(names))
    found = estimate(own, Uncertain(blip.value, blip.influence, weighted=False))
    errors, bounds = standard_errors(found), intervals(found, task.analysis.level)
    rows: list[tuple[Cell, ...]] = []
    for at, name in enumerate(names):
        se = None if errors is None else float(errors[at])
        lo, hi = (None, None) if bounds is None else (float(each) for each in bounds[at])
        rows.append((name, scale, float(blip.value[at]), se, lo, hi))
    children = np.bincount(task.cohort.arm, minlength=len(task.cohort.arms))
    return Table(
        "blip",
        "The blip: how the effect of one step depends on the child",
        ("parameter", "scale", "estimate", "se", "lo", "hi"),
        ("label", "label", "number", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "se", "lo", "hi")),
        counts=(int(children.min()),) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="The effect of one step up from an arm to the next, for a child whose modifiers "
        "are all nought, and what each unit of a modifier adds to it; of ratios, in logarithms.",
    )


G_ESTIMATION = Estimator(
    title="G-estimation",
    short="g-estimation",
    summary="Finds the effect that, taken out of every outcome, leaves nothing to tell the arms "
    "apart among children alike.",
    reference="Robins (1994), Communications in Statistics 23:2379-2412; Hernán & Robins (2020), "
    "Causal Inference: What If, chapter 14; Vansteelandt & Joffe (2014), Statistical Science "
    "29:707-731",
    targets=("conditional",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(EXCHANGEABLE, CONSISTENCY, SCORE_MODEL, BLIP_FORM),
    run=run,
    trimmed=False,
    levels="ordered",
    censoring=True,
    instead=(("homogeneous", ("ate",)),),
    options=(
        ("modifiers", "covariates, among those given, by which the effect differs"),
        ("homogeneous", "true: declare the effect of one form for all, and answer the ATE"),
        ("outcome_model", "true: take off a linear prediction of the outcome too (differences)"),
    ),
    columns=("modifiers",),
    covariates=("modifiers",),
    check=check,
)
