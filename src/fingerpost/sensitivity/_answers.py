"""The primary answers of a study, one line each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.table import Cell
from fingerpost.sensitivity._task import SensitivityTask, smallest_arm


@dataclass(frozen=True, slots=True)
class Line:
    """One answer: its value and interval on the scale of estimates (logarithms of ratios).

    se, lo, hi: None where no interval is justified. df: infinite for the normal. children: in the
    smaller arm behind it. bounded: whether the interval is other than value ± critical × se.
    """

    leaf: str
    term: Term
    value: float
    se: float | None
    lo: float | None
    hi: float | None
    df: float
    children: int
    bounded: bool = False

    @property
    def words(self) -> tuple[Cell, Cell, Cell, Cell]:
        """Estimator, outcome, contrast and target, as tables show them."""
        return (self.leaf, self.term.outcome, self.term.words(), self.term.label())

    @property
    def ratio(self) -> bool:
        """Whether the value is the logarithm of a ratio."""
        return self.term.scale == "ratio"


def natural(value: float | None, *, ratio: bool) -> float | None:
    """Return a value as results show it: a ratio, not its logarithm."""
    return value if value is None or not ratio else math.exp(min(value, 700.0))


def two_arms(term: Term) -> tuple[str, str] | None:
    """Return the first and second arm of a term that contrasts two, or None for any other."""
    if sorted(weight for _, weight in term.contrast) != [-1.0, 1.0]:
        return None
    (first, _), (second, _) = sorted(term.contrast, key=lambda part: -part[1])
    return first, second


def primary_leaves(task: SensitivityTask) -> tuple[str, ...]:
    """Return the estimators whose answers count: the primary ones that claim an effect, or, where
    none does, all that claim one, in the order of the answers.
    """
    causal = tuple(
        dict.fromkeys(
            answer.leaf
            for answer in task.answers
            if answer.estimate is not None
            and any(term.target.causal for term in answer.estimate.terms)
        )
    )
    return tuple(name for name in task.study.primary if name in causal) or causal


@dataclass(frozen=True, eq=False, slots=True)
class Leaning:
    """Primary answers that lean on likeness, and the others, each with what it rests on."""

    lines: tuple[Line, ...]
    others: tuple[tuple[Line, str], ...]


OTHERWISE = {
    "compliers": "rests on an instrument, not on children being alike",
    "cutoff": "rests on a rule at a cut-off, not on children being alike",
}


def leaning(task: SensitivityTask, leaf: str) -> Leaning:
    """Return the primary answers that a cause nobody recorded may undo, and those that lean on
    other things than likeness: an instrument, or a rule at a cut-off.

    Raises Unanswerable where there is none of the first: a coefficient is for no group.
    """
    found: list[Line] = []
    others: list[tuple[Line, str]] = []
    for line in primary_lines(task):
        why = OTHERWISE.get(line.term.target.kind, "")
        if not why and line.term.scale not in ("difference", "ratio"):
            why = "is neither a difference nor a ratio"
        if why:
            others.append((line, why))
        else:
            found.append(line)
    if not found:
        raise Unanswerable(
            f"{leaf}: no answer of this study leans on children being alike given the covariates. "
            "Mend: leave it out, or add an estimator that does, such as aipw."
        )
    return Leaning(tuple(found), tuple(others))


def primary_lines(task: SensitivityTask) -> tuple[Line, ...]:
    """Return every finite primary answer that claims an effect on someone."""
    wanted = primary_leaves(task)
    return tuple(
        line
        for leaf in wanted
        for answer in task.answers
        if answer.leaf == leaf and answer.estimate is not None
        for line in lines_of(task, answer)
        if line.term.target.causal and line.term.outcome in task.cohort.outcomes
    )


def lines_of(task: SensitivityTask, answer: Answer) -> tuple[Line, ...]:
    """Return the finite estimates of one answer as lines."""
    estimate = answer.estimate
    if estimate is None:
        return ()
    errors, limits = standard_errors(estimate), intervals(estimate, task.level)
    found = []
    for at, term in enumerate(estimate.terms):
        value = float(estimate.value[at])
        if not math.isfinite(value):
            continue
        se = None if errors is None or not math.isfinite(errors[at]) else float(errors[at])
        lo, hi = (None, None) if limits is None else (float(limits[at, 0]), float(limits[at, 1]))
        if lo is None or hi is None or not (math.isfinite(lo) and math.isfinite(hi) and lo <= hi):
            lo = hi = None
        df = math.inf if estimate.df is None else float(estimate.df[at])
        bounded = estimate.bounds is not None or estimate.critical is not None
        children = children_behind(task.cohort, estimate, at)
        found.append(Line(answer.leaf, term, value, se, lo, hi, df, children, bounded))
    return tuple(found)


def children_behind(cohort: Cohort, estimate: Estimate, at: int) -> int:
    """Return the number of children in the smaller arm of a term's contrast."""
    term = estimate.terms[at]
    if estimate.arm_n is None:
        return smallest_arm(cohort, term.contrast)
    arms = estimate.arms or cohort.arms
    return int(min(estimate.arm_n[at][arms.index(arm)] for arm, _ in term.contrast))


def error_of(line: Line, level: float) -> float | None:
    """Return the standard error behind a line's interval, as if the interval were normal.

    An interval of another kind (by resampling, or not symmetric) gives its half-width over the
    normal's critical value; None where there is neither interval nor error.
    """
    if line.bounded or line.se is None:
        if line.lo is None or line.hi is None:
            return None
        half = (line.hi - line.lo) / 2 / float(ndtri(0.5 + level / 2))
        return half if math.isfinite(half) and half > 0 else None
    return line.se if line.se > 0 else None


def p_value(line: Line, level: float) -> float | None:
    """Return the two-sided p-value of no effect, in keeping with the line's own interval."""
    error = error_of(line, level)
    if error is None:
        return None
    z = -abs(line.value) / error
    if line.bounded or not math.isfinite(line.df):
        return 2 * float(ndtr(z))
    return 2 * float(stdtr(line.df, z)) if line.df > 0 else None


def spread_of(cohort: Cohort, term: Term) -> float:
    """Return the standard deviation of a term's outcome among the children who have it (a rate's,
    where there is person-time; of a risk by a horizon that of having the event), by survey weight.
    """
    outcome, weight = cohort.outcomes[term.outcome], cohort.weight
    value = outcome.value if outcome.exposure is None else outcome.value / outcome.exposure
    if outcome.kind == "time" and outcome.event is not None and term.summary != "rmst":
        value = np.where(np.isfinite(outcome.value), outcome.event.astype(float), np.nan)
    base = np.ones(len(value)) if weight is None else np.asarray(weight, dtype=float)
    if outcome.exposure is not None:
        base = base * outcome.exposure
    seen = np.isfinite(value) & (base > 0)
    if outcome.observed is not None:
        seen &= outcome.observed
    if not seen.any():
        return 0.0
    mean = np.average(value[seen], weights=base[seen])
    return float(np.sqrt(np.average((value[seen] - mean) ** 2, weights=base[seen])))
