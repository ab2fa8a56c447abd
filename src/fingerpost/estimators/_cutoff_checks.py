"""What must not jump at a cut-off: covariates, and the density of the running variable itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from fingerpost.core.analysis import Task
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._bandwidth import select
from fingerpost.estimators._cutoff import SIDES, Children, Plan, variance_of, window_for
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.local_linear import Window, jump, kernel_weights
from fingerpost.kernels.multiplicity import holm

ALARM = 0.05
LEAST_FOR_DENSITY = 100
MOST_BINS = 4000


@dataclass(frozen=True, slots=True)
class Check:
    """A jump that ought to be none: its size, standard error, window and smaller side."""

    name: str
    jump: float
    se: float
    h: float
    children: int

    @property
    def p(self) -> float:
        """Two-sided p-value, by the normal."""
        return two_sided(self.jump / self.se)


def two_sided(z: float) -> float:
    """Return the two-sided p-value of a normal deviate."""
    return float(2 * ndtr(-abs(z)))


def placebos(columns: dict[str, Column]) -> Iterator[tuple[str, Array]]:
    """Yield each covariate as numbers: a category gives one 0-1 column a level but the first."""
    for name, column in columns.items():
        if not column.categorical:
            yield name, np.asarray(column.values, dtype=np.float64)
            continue
        for level in range(1, len(column.levels)):
            yield f"{name}: {column.levels[level]}", (column.values == level).astype(np.float64)


def smaller_side(distance: Array, h: float, kernel: str) -> int:
    """Return the number of children with weight within h on the side that has fewer."""
    near = kernel_weights(distance, h, kernel=kernel) > 0
    return int(min(np.sum(near & (distance < 0)), np.sum(near & (distance >= 0))))


def placebo_table(checks: list[Check], missed: list[str]) -> Table | None:
    """Return the covariates' jumps, or None where there is no covariate to look at."""
    if not checks:
        return None
    adjusted = holm(np.array([one.p for one in checks])).tolist()
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.jump, one.se, one.h, one.p, all_of, all_of < ALARM)
        for one, all_of in zip(checks, adjusted, strict=True)
    ]
    left = f" Not judged, as they hardly vary near it: {', '.join(missed)}." if missed else ""
    return Table(
        "rdd_placebo",
        "Covariates at the cut-off, where none should jump",
        ("covariate", "jump", "se", "h", "p", "p_holm", "jumps"),
        ("label", "number", "number", "number", "number", "number", "flag"),
        tuple(rows),
        tells=Tells(
            role="cut-off placebo",
            units=(
                ("h", "unit of the running column"),
                ("jump", "unit of the covariate"),
                ("se", "unit of the covariate"),
            ),
        ),
        counts=tuple(one.children for one in checks),
        context=(
            "The same method with each covariate as the outcome: bias-corrected jumps of all on "
            "the "
            f"side at the cut-off, whatever their arm, each with a bandwidth of its own.{left}"
        ),
        note="`jumps` is told from p-values adjusted for their number (Holm), at .05.",
    )


def density_check(distance: Array) -> Check:
    """Return the jump of the density of the running variable at the cut-off, in children a unit
    as a share of all.

    McCrary (2008, Journal of Econometrics 142:698-714): children are counted in narrow bins that
    meet at the cut-off, and curves are drawn through the counts from either side; here with the
    bias taken out. The variance is that of counts. Repeated values are binned whole.
    Raises TooFew below 100 children, Unanswerable where the bins do not determine the curves.
    """
    n = len(distance)
    if n < LEAST_FOR_DENSITY:
        raise TooFew(f"{n} children are too few to judge a density ({LEAST_FOR_DENSITY} needed).")
    height, middle, width = histogram(distance)
    even = np.ones(len(middle))
    h, b = select(middle, height, even)
    found = jump(middle, height[:, None], weight=even, window=Window(h, b))
    variance = float(found.weights**2 @ height) / (n * width)
    if not variance > 0:
        raise Unanswerable("the density near the cut-off cannot be judged: the bins are empty.")
    children = smaller_side(distance, h, "triangular")
    return Check("density", float(found.corrected[0]), float(np.sqrt(variance)), h, children)


def histogram(distance: Array) -> tuple[Array, Array, float]:
    """Return heights and middles of bins that meet at zero, and their width.

    The width is McCrary's, two standard deviations over √n, or whole steps of a running variable
    that moves in steps. The outermost bins may be cut short by the data's ends: they are left out.
    """
    n = len(distance)
    width = 2 * float(np.std(distance, ddof=1)) / np.sqrt(n)
    width = max(width, float(np.ptp(distance)) / MOST_BINS)
    distinct = np.unique(distance)
    slack = 0.0
    if len(distinct) < 0.8 * n:
        step = float(np.median(np.diff(distinct)))
        width = step * max(1.0, np.ceil(width / step - 1e-9))
        slack = 1e-6
    place = np.floor(distance / width + slack).astype(np.int64)
    first = int(place.min())
    counts = np.bincount(place - first).astype(np.float64)
    middle = (np.arange(len(counts)) + first + 0.5) * width
    return counts[1:-1] / (n * width), middle[1:-1], width


def density_table(check: Check, sides: tuple[str, str]) -> Table:
    """Return the test of the density as a table."""
    row: tuple[Cell, ...] = (check.jump, check.se, check.h, check.p, check.p < ALARM)
    return Table(
        "rdd_density",
        "Children at the cut-off: as many just on one side as on the other?",
        ("jump", "se", "h", "p", "jumps"),
        ("number", "number", "number", "number", "flag"),
        (row,),
        tells=Tells(
            role="cut-off density",
            units=(
                ("h", "unit of the running column"),
                ("jump", "log of the ratio of densities"),
                ("se", "log of the ratio of densities"),
            ),
        ),
        counts=(check.children,),
        context=(
            f"Density of the running variable {sides[1]} the cut-off less that {sides[0]} it, from "
            "counts in narrow bins (McCrary 2008), the bias taken out. A jump says that children "
            "were sorted around the cut-off."
        ),
        note="No jump is no proof: sorting both ways at once cancels in the density.",
    )


def checks(task: Task, children: Children, plan: Plan) -> tuple[Table | None, ...]:
    """Return the tables of the covariates and of the density."""
    covariates = {
        name: task.cohort.covariates[name].take(children.rows)
        for name in task.analysis.given
        if name != plan.running and name in task.cohort.covariates
    }
    judged, missed = [], []
    for name, values in placebos(covariates):
        try:
            judged.append(_placebo(children, plan, name, values))
        except Unanswerable:
            missed.append(name)
    try:
        density = density_table(density_check(children.distance), SIDES[plan.at])
    except Unanswerable:
        density = None
    return placebo_table(judged, missed), density


def _placebo(children: Children, plan: Plan, name: str, values: Array) -> Check:
    known = np.isfinite(values)
    codes = None if children.codes is None else children.codes[known]
    own = replace(
        children,
        distance=children.distance[known],
        values=values[known, None],
        weight=children.weight[known],
        codes=codes,
    )
    window = window_for(own, plan, values[known])
    clustered = codes is not None
    found = jump(own.distance, own.values, weight=own.weight, window=window, clustered=clustered)
    variance = variance_of(found.influence[:, 0], codes)
    if not variance > 0:
        raise Unanswerable(f"rdd: {name} does not vary near the cut-off.")
    fewest = smaller_side(own.distance, window.h, window.kernel)
    return Check(name, float(found.corrected[0]), float(np.sqrt(variance)), window.h, fewest)
