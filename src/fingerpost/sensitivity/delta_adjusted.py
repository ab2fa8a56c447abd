"""Delta-adjusted imputation: how unlike the rest must the unseen be for the conclusion to change?

**What it asks.** Imputation fills in an outcome as children alike in all that was recorded had it.
Perhaps those whose outcome is missing did worse than that, and perhaps more so in one arm than in
the other. By how much worse would they have to have done for the study to conclude something else?

**How it is computed.** In each copy of the imputed records the imputed outcomes of each arm are
shifted by δ: a number by δ units; a yes or no by δ on the scale of log odds, as many children
turned as that takes; a count multiplied by the exponential of δ. The first primary estimator runs
again on every copy, guard rails and all, and its answers are pooled by Rubin's rules. `delta_grid`
gives the answer for every pair of shifts, one for each arm. `delta_tipping` gives the shift, of the
first arm alone, of the second alone, of both alike, and of both in opposite ways (the first arm by
the shift, the second by as much the other way: the worst that shifts of that size can do), at which
the answer comes to no effect and at which the conclusion changes: the interval begins to hold no
effect, or ceases to. Each is looked for down and up. Where the answer is linear in the shifts (a
difference of means by linear models, which is checked), shifts beyond the grid are found too; else
only within the grid, by straight lines between its points.

**What it assumes.** That what was not recorded goes with being missing by a shift, the same for all
imputed children of an arm. With δ of 0 in both arms it is the imputed answer itself, which takes
outcomes to be missing at random given what the imputation models hold. No record tells δ: ask those
who know why the outcomes are missing which shifts are likely. Not answered: subgroups and trimmed
targets.

**Options.** `delta`: the shifts, in the unit of the outcome (log odds for a yes or no, the
logarithm of a ratio for a count), or {outcome: [−5, 0, 5], …}; if left out, a half and a whole
standard deviation (or log unit) down and up.

Reference: Van Buuren (2018), Flexible Imputation of Missing Data, 2nd edition, Chapman & Hall,
section 9.2; Cro, Morris, Kenward & Carpenter (2020), Statistics in Medicine 39(21), 2815-2842.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._answers import natural, primary_lines, spread_of, two_arms
from fingerpost.sensitivity._delta import Asking
from fingerpost.sensitivity._options import mapping, numbers
from fingerpost.sensitivity._standing import outcome_names
from fingerpost.sensitivity._task import (
    Asked,
    SensitivityTask,
    asked_before,
    asked_of,
    check_options,
)

LEAF = "delta_adjusted"
OPTIONS = (
    ("delta", "shifts of imputed outcomes, in their unit or as log odds, for all or each outcome"),
)
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
FARTHEST = 20.0  # times the largest shift of the grid, beyond which no shift is looked for
TURNS = 100  # points between which a change of conclusion is looked for
MOST_SHIFTS = 15
WORDS = ("estimator", "outcome", "contrast", "target")


def deltas(asked: Asked) -> dict[str, tuple[float, ...]]:
    """Return the option `delta` by outcome, checked; empty where it is left out."""
    if "delta" not in asked.options:
        return {}
    said = asked.options["delta"]
    block = mapping(said) or dict.fromkeys(asked.outcomes, said)
    outcome_names(tuple(block), asked.outcomes, f"{LEAF}: delta")
    words = f"up to {MOST_SHIFTS} numbers, in the unit of the outcome"
    found = {
        name: numbers(own, f"{LEAF}: delta", allowed=lambda v: True, words=words)
        for name, own in block.items()
    }
    if any(len(own) > MOST_SHIFTS for own in found.values()):
        raise UsageError(f"sensitivity: {LEAF}: delta must be {words}.")
    return {name: tuple(sorted({0.0, *own})) for name, own in found.items()}


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    deltas(asked_before(study, options))


@dataclass(frozen=True, slots=True)
class At:
    """One answer at a pair of shifts, on the natural scale."""

    value: float
    lo: float
    hi: float
    none: float

    @property
    def side(self) -> int:
        """1 where the interval is above no effect, −1 where it is below, 0 where it holds none."""
        return int(self.lo > self.none) - int(self.hi < self.none)


def answered(task: SensitivityTask, estimate: Estimate, place: int) -> At:
    """Return one term of a pooled estimate."""
    limits = intervals(estimate, task.level)
    if limits is None:
        raise Unanswerable(f"{LEAF}: the pooled answer has no interval.")
    ratio = estimate.terms[place].scale == "ratio"
    shown = [
        natural(float(one), ratio=ratio)
        for one in (estimate.value[place], limits[place, 0], limits[place, 1])
    ]
    value, lo, hi = (math.nan if one is None else one for one in shown)
    return At(value, lo, hi, 1.0 if ratio else 0.0)


def verdict(here: At, start: At) -> str:
    """Return what an answer says, and whether that is another conclusion than without shifts."""
    said = {1: "above no effect", 0: "we cannot tell: the interval holds no effect"}
    words = said.get(here.side, "below no effect")
    return words if here.side == start.side else f"changed: {words}"


def grid(task: SensitivityTask, asking: Asking, shifts: tuple[float, ...], children: int) -> Table:
    """Return the answer for every pair of shifts."""
    rows: list[tuple[Cell, ...]] = []
    start = asking.at(0.0, 0.0)
    for place, term in enumerate(asking.terms):
        plain = answered(task, start, place)
        for first in shifts:
            for second in shifts:
                here = answered(task, asking.at(first, second), place)
                who = (asking.leaf, term.outcome, term.words(), term.label())
                found = (first, second, here.value, here.lo, here.hi, verdict(here, plain))
                rows.append((*who, *found))
    return Table(
        name="delta_grid",
        title="The answer with imputed outcomes shifted",
        columns=(*WORDS, "delta_first", "delta_second", "value", "lo", "hi", "verdict"),
        kinds=(*("label",) * 4, *("number",) * 5, "label"),
        rows=tuple(rows),
        tells=Tells("shifts", keys=("delta_first", "delta_second"), answers=("value", "lo", "hi")),
        counts=(children,) * len(rows),
        context=(
            "delta_first, delta_second: by how much the imputed outcomes of the first and of the "
            f"second arm are shifted ({unit_words(task, asking)}); with none it is the imputed "
            "answer itself."
        ),
        note="No record tells which shifts are true.",
    )


# The scale on which the outcomes of a kind are shifted, where it is not their own.
SHIFTED = {"binary": "log odds", "count": "the logarithm of a ratio"}


def unit_words(task: SensitivityTask, asking: Asking) -> str:
    """Return what a shift is measured in."""
    kind = task.cohort.outcomes[asking.outcome].kind
    return SHIFTED.get(kind, "in the unit of the outcome")


def shifts_told(task: SensitivityTask, asking: Asking) -> Tells:
    """Return what the table of the shifts that matter tells, in the unit of the shifts."""
    role, columns = "shifts that matter", ("no_effect_at", "conclusion_changes_at", "looked_to")
    if task.cohort.outcomes[asking.outcome].kind in SHIFTED:
        unit = unit_words(task, asking)
        return Tells(role, units=tuple((name, unit) for name in columns))
    return Tells(role, outcomes=columns)


BOTH, OPPOSITE = "both alike", "opposite ways"


def tipping(
    task: SensitivityTask, asking: Asking, shifts: tuple[float, ...], children: int
) -> Table:
    """Return the smallest shift, down and up, at which an answer comes to nothing and at which the
    conclusion changes.
    """
    rows: list[tuple[Cell, ...]] = []
    first, second = asking.arms
    ways = {first: (1.0, 0.0), second: (0.0, 1.0), BOTH: (1.0, 1.0), OPPOSITE: (1.0, -1.0)}
    for place, term in enumerate(asking.terms):
        for who, way in ways.items():
            for sign in (-1.0, 1.0):
                points = line_points(asking, shifts, sign)
                if len(points) < 2:
                    continue
                found = [
                    answered(task, asking.at(way[0] * point, way[1] * point), place)
                    for point in points
                ]
                none = first_crossing(points, [one.value - one.none for one in found])
                change = first_change(points, found)
                words = (asking.leaf, term.outcome, term.words(), term.label())
                said = "down" if sign < 0 else "up"
                rows.append((*words, who, said, none, change, points[-1]))
    return Table(
        name="delta_tipping",
        title="How far imputed outcomes would have to be shifted",
        columns=(*WORDS, "shifted", "way", "no_effect_at", "conclusion_changes_at", "looked_to"),
        kinds=(*("label",) * 6, *("number",) * 3),
        rows=tuple(rows),
        tells=shifts_told(task, asking),
        counts=(children,) * len(rows),
        context=(
            "The smallest shift of the imputed outcomes of the arm `shifted`, or of both alike, at "
            "which the answer is no effect, and at which its interval begins, or ceases, "
            f"to hold none ({unit_words(task, asking)}). {OPPOSITE}: {first} is shifted as told "
            f"and {second} by as much the other way, the worst case of shifts of that size."
        ),
        note="Empty where no shift up to the farthest that was looked at (looked_to) does it.",
    )


def line_points(asking: Asking, shifts: tuple[float, ...], sign: float) -> list[float]:
    """Return shifts of one sign, from 0 on: those of the grid, or many where that costs nothing."""
    if asking.linear:
        end = FARTHEST * max(abs(shift) for shift in shifts)
        return [float(point) for point in sign * np.linspace(0.0, end, TURNS + 1)]
    return sorted((shift for shift in shifts if shift * sign >= 0), key=abs)


def first_crossing(points: list[float], values: list[float]) -> float | None:
    """Return where values first change sign along points, by straight lines between them.

    >>> first_crossing([0.0, -1.0, -2.0], [1.0, 0.5, -0.5])
    -1.5
    """
    for at in range(1, len(points)):
        before, here = values[at - 1], values[at]
        if before == 0:
            return points[at - 1]
        if before * here <= 0:
            share = before / (before - here)
            return points[at - 1] + share * (points[at] - points[at - 1])
    return None


def first_change(points: list[float], found: list[At]) -> float | None:
    """Return where the conclusion first changes along points: where the limit that keeps it apart
    from no effect crosses no effect, or, of an interval that holds none, where either limit does.

    The limit is followed, not the interval: between two points an interval may pass over no effect
    altogether, from above it to below.

    >>> first_change([0.0, -1.0], [At(3.0, 2.0, 4.0, 0.0), At(-3.0, -4.0, -2.0, 0.0)])
    -0.3333333333333333
    """
    lower = [one.lo - one.none for one in found]
    upper = [one.hi - one.none for one in found]
    watched = {1: (lower,), -1: (upper,)}.get(found[0].side, (lower, upper))
    places = [first_crossing(points, limit) for limit in watched]
    return min((place for place in places if place is not None), key=abs, default=None)


def asked_terms(task: SensitivityTask) -> tuple[str, dict[tuple[str, str], tuple[Term, ...]]]:
    """Return the first primary estimator and its terms, by the two arms that they compare: of all
    children studied, as each subgroup and each trimmed group is fitted apart.
    """
    lines = [
        line
        for line in primary_lines(task)
        if two_arms(line.term) is not None and _of_all(line.term)
    ]
    if not lines:
        raise Unanswerable(
            f"{LEAF}: no answer of this study is an effect between two arms among all children "
            "studied."
        )
    found: dict[tuple[str, str], tuple[Term, ...]] = {}
    for line in lines:
        arms = two_arms(line.term)
        if line.leaf == lines[0].leaf and arms is not None:
            found[arms] = (*found.get(arms, ()), line.term)
    return lines[0].leaf, found


def _of_all(term: Term) -> bool:
    return term.subgroup is None and term.target.trim is None


def shifts_of(task: SensitivityTask, outcome: str, term: Term) -> tuple[float, ...]:
    """Return the shifts of the grid: as the study says, or up to a standard deviation (or log
    unit) down and up.
    """
    told = deltas(asked_of(task))
    if outcome in told:
        return told[outcome]
    plain = task.cohort.outcomes[outcome].kind in ("binary", "count")
    unit = 1.0 if plain else spread_of(task.cohort, term) or 1.0
    return tuple(unit * step for step in STEPS)


def run(task: SensitivityTask) -> Answer:
    """Return the tables `delta_grid` and `delta_tipping`, a pair for each two arms compared.

    Raises Unanswerable where no outcome was imputed.
    """
    check_options(LEAF, given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    deltas(asked_of(task))
    name = task.outcomes[0]
    if len(task.copies) < 2 or not any(np.any(one.imputed.get(name)) for one in task.copies):
        raise Unanswerable(
            f"{LEAF}: no value of {name} was imputed, so there is none to shift. Mend: impute "
            "missing outcomes (fingerpost study run --impute 20), or leave the analysis out."
        )
    leaf, by_arms = asked_terms(task)
    tables: list[Table] = []
    for arms, terms in by_arms.items():
        shifts = shifts_of(task, name, terms[0])
        unit = max(abs(shift) for shift in shifts)
        if unit == 0:
            raise UsageError(f"sensitivity: {LEAF}: delta must hold a shift other than 0.")
        asking = Asking(task, name, leaf, terms, arms, unit)
        children = children_of(task, name, arms)
        tables += [grid(task, asking, shifts, children), tipping(task, asking, shifts, children)]
    return Answer(leaf=LEAF, tables=tuple(tables))


def children_of(task: SensitivityTask, outcome: str, arms: tuple[str, str]) -> int:
    """Return the number of children behind the tables: of an arm, those with the outcome recorded
    or, where any was imputed and they are fewer, those without.
    """
    cohort = task.copies[0]
    counts = []
    for arm in arms:
        imputed = int(
            np.count_nonzero(cohort.imputed[outcome] & (cohort.arm == cohort.arms.index(arm)))
        )
        whole = int(np.count_nonzero(cohort.arm == cohort.arms.index(arm)))
        counts += [whole - imputed, imputed] if imputed else [whole]
    return min(counts)


DELTA_ADJUSTED = Sensitivity(
    title="Delta-adjusted imputation",
    summary="The imputed answer with imputed outcomes shifted, and the shift that changes it.",
    reference="Van Buuren (2018), Flexible Imputation of Missing Data, 2nd edition, section 9.2; "
    "Cro, Morris, Kenward & Carpenter (2020), Statistics in Medicine 39(21), 2815-2842",
    question="How unlike the rest must children without an outcome be to change the conclusion?",
    run=run,
    options=OPTIONS,
    check=check,
    over_copies="all",
)
