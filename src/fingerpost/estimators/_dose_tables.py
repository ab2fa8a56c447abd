"""What was drawn of a dose beside what was not: by offer, by dose taken, by age at the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from fingerpost.core.analysis import Task
from fingerpost.core.inference import intervals
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._columns import numeric, option_column
from fingerpost.estimators._doses import Curve, curve, dose_columns, held_alike
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
Rows = list[tuple[Cell, ...]]
LEAF = "dose_response"
MOST = 6  # values of a dose or an age that are shown one by one; more are shown in fifths
FEWEST = 3
DRAWN, CHOSEN, BY_DRAW = "drawn", "not drawn", "by the draw"


def dose_tables(task: Task, doses: Array, form: str) -> Iterator[Table]:
    """Yield the tables, each row of which says whether its comparison was drawn."""
    arms = curve(task, _indicators(task.cohort.arm, len(doses)))
    taken = _column(task, "taken")
    yield _form_table(task, doses, form, arms)
    yield _doses_table(task, doses, arms, taken)
    yield _slopes_table(task, doses, taken)
    start = _column(task, "start")
    if start is not None:
        yield _start_table(task, doses, start)


def _column(task: Task, option: str) -> Array | None:
    if option not in task.analysis.options:
        return None
    name, column = option_column(task, LEAF, option)
    return numeric(name, column, where=f"{LEAF}: {option}")


def _indicators(codes: NDArray[np.generic], levels: int) -> Array:
    found: Array = (np.asarray(codes)[:, None] == np.arange(levels)).astype(np.float64)
    return found


def _limits(task: Task, value: float, influence: Array) -> tuple[float | None, float | None]:
    """Return the interval of one number by its influence."""
    one = Uncertain(np.array([value]), influence[:, None], weighted=False)
    bounds = intervals(estimate(_single(task), one), task.analysis.level)
    return (None, None) if bounds is None else (float(bounds[0, 0]), float(bounds[0, 1]))


def _single(task: Task) -> Task:
    return replace(task, terms=(replace(task.terms[0], scale="difference"),))


def _form_table(task: Task, doses: Array, form: str, arms: Curve) -> Table:
    """Return the test of the curve against one mean an arm: a Wald test on the clusters."""
    columns = dose_columns(doses, form)
    outside = np.linalg.svd(columns)[0][:, columns.shape[1] :]
    rows: Rows = []
    codes, keys = recode(task.cohort.cluster_codes(task.analysis.cluster))
    many = len(np.unique(doses))
    left, g = many - columns.shape[1], len(keys)
    if left > 0 and many == len(doses) and g > left + FEWEST:
        sums = sum_by(codes, arms.influence @ outside, n_groups=g) * np.sqrt(g / (g - 1))
        away = arms.best @ outside
        wald = float(away @ np.linalg.pinv(sums.T @ sums) @ away) / left
        rows.append((LEAF, form, left, wald, float(fdtrc(left, g - left, wald))))
    return Table(
        "dose_form",
        "Whether the curve holds",
        ("estimator", "form", "df", "f", "p"),
        ("label", "label", "number", "number", "number"),
        tuple(rows),
        counts=(task.cohort.n,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="The curve against one mean an arm: a small p says that the outcome does not go "
        "with the dose in this form. No row: the doses are too few to tell.",
    )


def _doses_table(task: Task, doses: Array, arms: Curve, taken: Array | None) -> Table:
    """Return means by the dose that was offered, and by the dose that was taken."""
    rows: Rows = []
    for at, name in enumerate(task.cohort.arms):
        value, influence = arms.at(np.eye(len(doses))[at])
        many = int(np.count_nonzero(task.cohort.arm == at))
        rows.append((DRAWN, f"offered: {name}", float(doses[at]), many))
        rows[-1] += (value, *_limits(task, value, influence))
    for label, middle, members in _bands(taken):
        found = curve(task, members.astype(np.float64)[:, None], rest=_without(members))
        value, influence = found.at(np.ones(1))
        rows.append((CHOSEN, f"taken: {label}", middle, int(members.sum())))
        rows[-1] += (value, *_limits(task, value, influence))
    return Table(
        "doses",
        "The outcome by dose offered, and by dose taken",
        ("part", "dose", "at", "children", "mean", "lo", "hi"),
        ("label", "label", "number", "count", "number", "number", "number"),
        tuple(rows),
        tells=Tells(keys=("at",), outcomes=("mean", "lo", "hi")),
        counts=tuple(int(str(row[3])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="drawn: chance decided what was offered, strata and covariates held alike. not "
        "drawn: children took what they chose to, nothing held alike: no effect of the dose.",
    )


def _without(members: NDArray[np.bool_]) -> Array:
    """Return what makes the mean of some children be of them alone: an indicator of the others."""
    found: Array = (~members).astype(np.float64)[:, None]
    return found


def _bands(values: Array | None) -> Iterator[tuple[str, float, NDArray[np.bool_]]]:
    """Yield (label, mean value, who) of the values of a column, or of its fifths."""
    if values is None:
        return
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    if len(distinct) <= MOST:
        for one in distinct:
            members = values == one
            if members.sum() >= FEWEST:
                yield f"{one:g}", float(one), members
        return
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, 6)))
    place = np.clip(np.searchsorted(edges, values, side="right"), 1, len(edges) - 1)
    for at in range(1, len(edges)):
        members = known & (place == at)
        if members.sum() >= FEWEST:
            yield f"fifth {at}", float(values[members].mean()), members


def _slopes_table(task: Task, doses: Array, taken: Array | None) -> Table:
    """Return what goes with a unit more: offered, taken, and taken as the offer moved it."""
    offered = doses[task.cohort.arm]
    rows = [_slope(task, DRAWN, "a unit more offered", offered)]
    if taken is not None and np.isfinite(taken).all() and np.ptp(taken) > 0:
        rows.append(_slope(task, CHOSEN, "a unit more taken", taken))
        rows.append(_by_draw(task, offered, taken))
    return Table(
        "dose_slopes",
        "What goes with a unit more of the dose",
        ("part", "dose", "slope", "lo", "hi"),
        ("label", "label", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("slope", "lo", "hi")),
        counts=(task.cohort.n,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="drawn: an effect of the offer. not drawn: children alike in strata and covariates "
        "who took more, who may differ in what was not recorded. by the draw: an effect of the "
        "dose taken, on children whom the offer moved, if it did nothing else.",
    )


def _slope(task: Task, part: str, words: str, dose: Array) -> tuple[Cell, ...]:
    found = curve(task, dose_columns(dose, "line"))
    value, influence = found.apart(np.array([0.0, 1.0]))
    return (part, words, value, *_limits(task, value, influence))


def _by_draw(task: Task, offered: Array, taken: Array) -> tuple[Cell, ...]:
    """Return the ratio of what the offer does to the outcome and to the dose taken."""
    first = curve(task, dose_columns(offered, "line"))
    second = curve(_of(task, taken), dose_columns(offered, "line"))
    moved, by = second.apart(np.array([0.0, 1.0]))
    gained, of = first.apart(np.array([0.0, 1.0]))
    if moved == 0:
        return (BY_DRAW, "a unit more taken, as offered", None, None, None)
    value = gained / moved
    limits = _limits(task, value, (of - value * by) / moved)
    return (BY_DRAW, "a unit more taken, as offered", value, *limits)


def _of(task: Task, values: Array) -> Task:
    """Return the task with the dose taken in the place of the outcome."""
    name = task.terms[0].outcome
    own = replace(task.cohort.outcomes[name], kind="continuous", value=values, exposure=None)
    outcomes = {**task.cohort.outcomes, name: own}
    return replace(task, cohort=replace(task.cohort, outcomes=outcomes))


def _start_table(task: Task, doses: Array, start: Array) -> Table:
    """Return, within each age at the start, each dose against the least."""
    rest = held_alike(task)
    rows: Rows = []
    least = int(doses.argmin())
    arms = [at for at in range(len(doses)) if at != least]
    for label, _, members in _bands(start):
        shown = [at for at in (least, *arms) if (members & (task.cohort.arm == at)).any()]
        if least not in shown or len(shown) < 2:
            continue
        columns = np.concatenate(
            [members[:, None] * _indicators(task.cohort.arm, len(doses))[:, shown]], axis=1
        )
        found = curve(task, columns, rest=np.concatenate([_without(members), rest], axis=1))
        for place, at in enumerate(shown[1:], start=1):
            contrast = np.zeros(len(shown))
            contrast[[0, place]] = -1.0, 1.0
            value, influence = found.apart(contrast)
            many = int(np.count_nonzero(members & (task.cohort.arm == at)))
            name = f"{task.cohort.arms[at]} v {task.cohort.arms[least]}"
            head = (DRAWN, label, name, float(doses[at] - doses[least]), many, value)
            rows.append((*head, *_limits(task, value, influence)))
    return Table(
        "start_and_dose",
        "By age at the start and dose",
        ("part", "start", "contrast", "more", "children", "difference", "lo", "hi"),
        ("label", "label", "label", "number", "count", "number", "number", "number"),
        tuple(rows),
        tells=Tells(keys=("more",), outcomes=("difference", "lo", "hi")),
        counts=tuple(int(str(row[4])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Within children of one age at the start the dose was drawn. That lines of "
        "different ages differ was not: who begins when may differ in other ways.",
    )
