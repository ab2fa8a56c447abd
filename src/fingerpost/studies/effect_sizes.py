"""Effects of a trial in standard deviations, and in months of progress where that means anything.

Hedges' g over the total variance, which is how trials in schools are compared with one another:
the effect over the standard deviation of the outcome among all children of the arms, whatever
schools they are in. It says nothing that the effect in the outcome's own unit does not; that comes
first. Months of progress are a conversion of the Education Endowment Foundation's for attainment of
children in general: for nothing else are they given. A crossover has neither: its outcome is half
of a difference within a child, whose standard deviation is not that of children.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.inference import intervals
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._drawn_units import of_halves
from fingerpost.kernels.effect_sizes import hedges, months_of_progress
from fingerpost.studies.plan import spec_of

ATTAINMENT = "attainment"
TITLE = "Effects in standard deviations"
HALVES = (
    "none is given: the outcome is half of the difference between a child's two periods, which "
    "children differ in far less than in the outcome itself, so that an effect over its standard "
    "deviation (and in months of progress) would be too large"
)
UNITS = dict.fromkeys(("g", "lo", "hi"), "standard deviations")
UNITS |= dict.fromkeys(("months", "months_lo", "months_hi"), "months of progress")


def table(study: Study, task: Task, answers: Iterable[Answer]) -> Table | None:
    """Return every difference of a trial's continuous outcome in standard deviations; None where
    there is none, or nothing was drawn, or missing values are imputed.
    """
    spec = spec_of(study, task.terms[0].outcome)
    drawn = study.assignment.randomised and study.rollout is None and study.imputation is None
    if not drawn or spec.kind != "continuous":
        return None
    if of_halves(study.assignment):
        return _none(spec.name)
    sd, children = spread_of(task)
    if not sd > 0:
        return None
    months = spec.measure.domain == ATTAINMENT
    rows: list[tuple[Cell, ...]] = []
    for answer in answers:
        found = answer.estimate
        if found is None:
            continue
        bounds = intervals(found, study.level)
        for at, term in enumerate(found.terms):
            if term.scale != "difference":
                continue
            ends = (None, None) if bounds is None else tuple(float(one) for one in bounds[at])
            g = [scaled(one, sd, children) for one in (float(found.value[at]), *ends)]
            row: tuple[Cell, ...] = (answer.leaf, term.words(), term.label(), *g)
            if months:
                row += tuple(None if one is None else months_of_progress(one) for one in g)
            rows.append(row)
    return _table(spec.name, rows, children, months) if rows else None


def spread_of(task: Task) -> tuple[float, int]:
    """Return the standard deviation of the outcome within arms, of all children together, and how
    many they are.
    """
    outcome = task.cohort.outcomes[task.terms[0].outcome]
    stages = task.cohort.stages
    seen = np.isfinite(outcome.value)
    seen &= True if outcome.observed is None else outcome.observed
    seen &= True if stages is None else stages.leads
    y = outcome.value[seen]
    arm = (task.cohort.arm if stages is None else stages.first)[seen]
    many = np.bincount(arm)
    left = y - (np.bincount(arm, weights=y) / np.maximum(many, 1))[arm]
    df = len(y) - int(np.count_nonzero(many))
    return (float(np.sqrt(left @ left / df)) if df > 0 else 0.0), len(y)


def scaled(value: float | None, sd: float, children: int) -> float | None:
    """Return an effect as Hedges' g."""
    return None if value is None else hedges(children - 2) * value / sd


def _none(outcome: str) -> Table:
    """Return a table that says why there is no effect in standard deviations."""
    kinds = ("label", "label")
    return Table("effect_sizes", TITLE, ("outcome", "why"), kinds, ((outcome, HALVES),))


def _table(outcome: str, rows: list[tuple[Cell, ...]], children: int, months: bool) -> Table:
    names: tuple[str, ...] = ("estimator", "contrast", "target", "g", "lo", "hi")
    kinds: tuple[str, ...] = ("number",) * 3
    context = (
        "Hedges' g: the effect over the standard deviation of all children within arms, as they "
        "are, which counts as known. "
    )
    note = "An effect in standard deviations depends on who was tested and with what."
    if months:
        names += ("months", "months_lo", "months_hi")
        kinds += ("number",) * 3
        context += (
            "months: of progress, as the Toolkit of the Education Endowment Foundation converts "
            "g; 12 stands for 12 or more."
        )
        note = (
            "Months are a way of speaking, made for attainment of children in general; reports of "
            "single trials convert small effects a little differently."
        )
    return Table(
        "effect_sizes",
        TITLE,
        names,
        (*("label",) * 3, *kinds),
        tuple(rows),
        tells=Tells(units=tuple((name, UNITS[name]) for name in names if name in UNITS)),
        counts=(children,) * len(rows),
        tags=(("outcome", outcome),),
        context=context,
        note=note,
    )
