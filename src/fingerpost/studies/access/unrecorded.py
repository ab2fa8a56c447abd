"""What need that nobody recorded could explain of a gap.

Had the first group d standard deviations more unrecorded need than the second, alike in all that
was recorded, and did a standard deviation of it raise the log-odds of provision by b, then at equal
need the first group's log-odds would be lower by b × d. The gap is standardised again with its
log-odds so moved: the line that results says how large a difference it would take to leave no gap
(the logic of Cornfield et al. 1959 and Rosenbaum & Rubin 1983, on the logit scale and without a
change of scale for what is averaged over). The slope is that of recorded need where there is any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from fingerpost.core.analysis import Task
from fingerpost.core.estimand import Term
from fingerpost.core.inference import critical_values, intervals, standard_errors
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._outcome import arm_models, outcome_of
from fingerpost.estimators._standardise import Mean
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit
from fingerpost.studies.access.cohort import Array
from fingerpost.studies.access.gaps import NEED, Gaps, averaged, averages, measured, mixed

DIFFERENCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5)
ASSUMED_SLOPE = 0.8  # where the records give none, and the study says none
FACTORS = (0.5, 1.0, 2.0)
FARTHEST = 20.0  # log-odds beyond which no difference of need is thinkable


@dataclass(frozen=True, slots=True)
class Slope:
    """Log-odds of provision a standard deviation of need, and where it is from, in words."""

    value: float
    words: str


def unrecorded(study: Study, found: Gaps) -> tuple[Table, ...]:
    """Return how each adjusted gap of one characteristic would move with unrecorded need, and how
    large a difference in it would leave none; no table where nothing was answered.
    """
    if not found.tasks:
        return ()
    setting = found.setting
    given = measured(study, setting)
    task = found.tasks[(*given, NEED) if setting.with_need else given]
    slope = slope_of(study, task)
    terms = [term for term in found.terms if term.target.label() == "association"]
    kind = "equal_need" if setting.with_need else "alike"
    curve: list[tuple[Cell, ...]] = []
    needed: list[tuple[Cell, ...]] = []
    behind: list[int] = []
    for term in terms:
        counts = behind_pair(task, term)
        rows = curve_rows(study, task, term, slope)
        curve += [(term.words(), setting.among or "all children", kind, *row) for row in rows]
        needed += breakdown(task, found, term, slope, kind)
        behind.append(counts)
    return (curve_table(curve, behind, len(DIFFERENCES)), needed_table(needed, behind, slope))


def slope_of(study: Study, task: Task) -> Slope:
    """Return the slope of need: the study's own, that of recorded need, or an assumed one."""
    access = study.access
    if access is not None and access.slope is not None:
        return Slope(access.slope, "as the study says")
    column = task.cohort.covariates.get(NEED)
    if column is None:
        return Slope(ASSUMED_SLOPE, "assumed, for no need is on record")
    arms = task.cohort.arm[:, None] == np.arange(1, len(task.cohort.arms))
    others = [
        each.values.astype(np.float64)[:, None]
        if not each.categorical
        else (each.values[:, None] == np.arange(1, len(each.levels))).astype(np.float64)
        for name, each in task.cohort.covariates.items()
        if name != NEED
    ]
    need = column.values.astype(np.float64)[:, None]
    x = np.hstack([need, np.ones_like(need), arms, *others])
    names = tuple(f"column {at}" for at in range(x.shape[1]))
    found = fit(Dense(x, names), outcome_of(task).value, family="logit")
    return Slope(float(found.coefficients[0]), "as measured of recorded need")


def moved(task: Task, term: Term, by: Array) -> list[Mean]:
    """Return the adjusted gap with the first group's log-odds lower by each of `by` (m,), with its
    influence.
    """
    (first, _), (second, _) = term.contrast
    models, arms = arm_models(task), task.cohort.arms
    model = models[arms.index(first)]
    means = lowered(model.mean, by)
    theirs = averaged(task, models[arms.index(second)])
    mine = averages(task, model, means, means * (1 - means))
    return [mixed((1.0, each), (-1.0, theirs)) for each in mine]


def lowered(mean: Array, by: Array) -> Array:
    """Return (n, m) probabilities whose log-odds are lower by each of `by`."""
    found: Array = expit(logit(np.clip(mean, 1e-12, 1 - 1e-12))[:, None] - by)
    return found


def curve_rows(study: Study, task: Task, term: Term, slope: Slope) -> list[tuple[Cell, ...]]:
    """Return (difference, gap, lo, hi) along the line; a gap against the first group is explained
    by less need of its children, so differences have the sign of the gap.
    """
    (start,) = moved(task, term, np.zeros(1))
    sign = np.sign(start.value) or 1.0
    means = moved(task, term, sign * slope.value * np.array(DIFFERENCES))
    found = Uncertain(
        np.array([each.value for each in means]),
        np.stack([each.influence for each in means], axis=1),
        weighted=False,
    )
    ends = intervals(estimate(replace(task, terms=(term,) * len(means)), found), study.level)
    rows: list[tuple[Cell, ...]] = []
    for at, each in enumerate(DIFFERENCES):
        low, high = (None, None) if ends is None else (float(ends[at, 0]), float(ends[at, 1]))
        rows.append((float(sign * each), means[at].value, low, high))
    return rows


def breakdown(
    task: Task, found: Gaps, term: Term, slope: Slope, kind: str
) -> list[tuple[Cell, ...]]:
    """Return the differences in unrecorded need that would leave no gap, and that would bring none
    into the interval, for slopes of half, the same and double; beside the recorded difference.
    """
    rows: list[tuple[Cell, ...]] = []
    none, limit = shifts(task, term)
    recorded = recorded_difference(task, term)
    among = found.setting.among or "all children"
    for factor in FACTORS:
        each = factor * slope.value
        none_at = None if none is None or each == 0 else none / each
        limit_at = None if limit is None or each == 0 else limit / each
        rows.append((term.words(), among, kind, each, none_at, limit_at, recorded))
    return rows


def shifts(task: Task, term: Term) -> tuple[float | None, float | None]:
    """Return the shifts of log-odds that leave no gap, and that bring none into the interval; how
    far the interval reaches is taken to change evenly between the two.
    """
    (first, _), (second, _) = term.contrast
    models, arms = arm_models(task), task.cohort.arms
    mine, theirs = models[arms.index(first)].mean, models[arms.index(second)].mean.mean()

    def gap(by: float) -> float:
        return float(lowered(mine, np.array([by])).mean() - theirs)

    start = gap(0.0)
    sign = float(np.sign(start)) or 1.0
    if gap(sign * FARTHEST) * sign > 0:
        return None, None
    none = float(brentq(gap, 0.0, sign * FARTHEST, xtol=1e-6)) if start else 0.0
    reach = reaches(task, moved(task, term, np.array([0.0, none])))
    if reach is None or not none:
        return none, None

    def edge(by: float) -> float:
        return sign * gap(by) - float(np.interp(by / none, [0.0, 1.0], reach))

    return none, float(brentq(edge, 0.0, none, xtol=1e-4)) if edge(0.0) > 0 else 0.0


def reaches(task: Task, means: list[Mean]) -> Array | None:
    """Return how far the intervals of means reach, by as many clusters as the analysis has."""
    found = Uncertain(
        np.array([each.value for each in means]),
        np.stack([each.influence for each in means], axis=1),
        weighted=False,
    )
    told = estimate(replace(task, terms=task.terms[:1] * len(means)), found)
    errors = standard_errors(told)
    return None if errors is None else critical_values(told, task.analysis.level) * errors


def recorded_difference(task: Task, term: Term) -> float | None:
    """Return by how many standard deviations the recorded need of two groups differs."""
    column = task.cohort.covariates.get(NEED)
    if column is None:
        return None
    values, arms = column.values.astype(np.float64), task.cohort.arms
    first, second = (values[task.cohort.arm == arms.index(label)] for label, _ in term.contrast)
    return float(first.mean() - second.mean())


def behind_pair(task: Task, term: Term) -> int:
    """Return the smallest number of children, with or without provision, behind a pair's gap."""
    value, arms = outcome_of(task).value, task.cohort.arms
    own = [value[task.cohort.arm == arms.index(label)] for label, _ in term.contrast]
    return int(min(min(each.sum(), len(each) - each.sum()) for each in own))


def curve_table(rows: list[tuple[Cell, ...]], behind: list[int], each: int) -> Table:
    """Return the gaps along differences in unrecorded need."""
    return Table(
        "access_unrecorded",
        "Gaps, had the groups differed in unrecorded need",
        ("contrast", "among", "gap_kind", "difference", "gap", "lo", "hi"),
        ("label", "label", "label", "number", "number", "number", "number"),
        tuple(rows),
        tells=Tells(
            keys=("difference",),
            units=(("gap", "share of 1"), ("lo", "share of 1"), ("hi", "share of 1")),
        ),
        counts=tuple(count for count in behind for _ in range(each)),
        context="Difference: how many standard deviations more unrecorded need the first group had "
        "than the second, alike in all that was recorded.",
    )


def needed_table(rows: list[tuple[Cell, ...]], behind: list[int], slope: Slope) -> Table:
    """Return how large a difference in unrecorded need would leave no gap."""
    return Table(
        "access_needed",
        "Unrecorded need that would leave no gap",
        ("contrast", "among", "gap_kind", "slope", "needed", "needed_interval", "recorded"),
        ("label", "label", "label", "number", "number", "number", "number"),
        tuple(rows),
        tells=Tells(
            keys=("slope",),
            units=(
                ("needed", "standard deviations of need"),
                ("needed_interval", "standard deviations of need"),
                ("recorded", "standard deviations of need"),
            ),
        ),
        counts=tuple(count for count in behind for _ in FACTORS),
        context="Needed: the difference, in standard deviations, that would explain all of the "
        "gap; needed interval: that which would bring no gap into its interval; slope: log-odds of "
        f"provision a standard deviation ({slope.words}, with half and double of it); recorded: "
        "how far the groups lie apart in recorded need.",
    )
