"""Instruments as numbers: columns of the records, or how often others of a school, or an area,
received the arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError, listed
from fingerpost.estimators._columns import numeric, option_columns
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import survey_weight
from fingerpost.kernels.absorb import nested
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
MISSING = "missing"
SAY = "Write {iv: {instrument: COLUMN}}, or {iv: {preference: LEVEL}} with a level of clusters."


@dataclass(frozen=True, eq=False, slots=True)
class Instruments:
    """Instruments of the children who have them.

    task: of those children; its cluster is at least as coarse as the level of a preference.
    z: (n, q). names: of the q columns. told: of the columns as a fault may name them.
    without: children who have none, left out. shared: the level whose children share a preference,
    if its clusters cut across the study's.
    """

    task: Task
    z: Array
    names: tuple[str, ...]
    told: str
    without: int
    shared: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The options: the columns, or the level of a preference instead, and the cut-point."""

    columns: tuple[str, ...]
    level: str | None
    above: float | None


def read(
    options: Mapping[str, object], levels: tuple[str, ...] | None, given: tuple[str, ...]
) -> Said:
    """Return the options; levels: of clusters, None where unknown yet; given: the covariates.

    Raises UsageError with every fault.
    """
    reads = Options("iv", options)
    columns, level = options.get("instrument"), options.get("preference")
    if (columns is None) == (level is None):
        found = "neither" if columns is None else "both"
        reads.blame(f"takes either `instrument` or `preference`; found {found}. {SAY}")
    names = reads.names("instrument") if columns is not None else ()
    for name in names:
        if name in given:
            reads.blame(
                f"instrument: {name} is also a covariate (`given`), so nothing of it is left to "
                "move children. Leave it out of one of the two."
            )
    named = level if isinstance(level, str) and levels is None else None
    if level is not None and levels is not None:
        named = reads.level("preference", levels)
    said = Said(names, named, reads.number("above", "a number, such as 1.5"))
    reads.finish()
    return said


def instruments(task: Task) -> Instruments:
    """Return the instruments that a study's options name.

    Raises UsageError for options that do not fit together, TooFew where no child has a value, and
    Unanswerable where all have the same.
    """
    said = read(task.analysis.options, tuple(task.cohort.clusters), task.analysis.given)
    name, shared = said.level, None
    if name is None:
        z, names, told = _columns(task)
    else:
        z, names = preference(task, name)[:, None], (f"others of the same {name}",)
        told = f"the preference of each {name}"
        task, shared = _clustered(task, name)
    here = np.asarray(np.isfinite(z).all(axis=1))
    z = _above(said.above, z[here], names, told)
    if not here.any():
        raise TooFew(
            f"iv: no child has a value of {told}. Mend: another instrument, or leave iv out."
        )
    varies = z.max(axis=0) > z.min(axis=0)
    flat = [name for name, moves in zip(names, varies, strict=True) if not moves]
    # A level of a category that nobody has here is passed over; a number that is constant is not.
    if not varies.any() or any(" = " not in name for name in flat):
        raise Unanswerable(
            f"iv: {told if not varies.any() else listed(flat)} is the same for every child who has "
            "a value, so it moves nobody. Mend: name an instrument that differs between children, "
            "or leave iv out."
        )
    used = np.flatnonzero(varies)
    own = task if here.all() else _part(task, here)
    chosen = tuple(names[at] for at in used)
    return Instruments(own, z[:, used], chosen, told, int((~here).sum()), shared)


def _part(task: Task, rows: NDArray[np.bool_]) -> Task:
    return replace(task, cohort=task.cohort.take(np.flatnonzero(rows)), fits=Fits())


def _columns(task: Task) -> tuple[Array, tuple[str, ...], str]:
    """Return (n, q) values, NaN where missing, the names of the q columns, and of the columns."""
    found = option_columns(task, "iv", "instrument")
    parts, names = [], []
    for name, column in found.items():
        values, own = _indicators(name, column)
        parts.append(values)
        names += own
    return np.concatenate(parts, axis=1), tuple(names), listed(found).replace(" or ", " and ")


def _indicators(name: str, column: Column) -> tuple[Array, list[str]]:
    """Return a column as numbers (n, w): itself, or one indicator per level but the first that
    anybody has; the level `missing` is no level.
    """
    if not column.categorical:
        return numeric(name, column, where="iv: instrument")[:, None], [name]
    codes = np.asarray(column.values).astype(np.int64)
    absent = column.levels.index(MISSING) if MISSING in column.levels else -1
    seen = [level for level in np.unique(codes) if level not in (-1, absent)]
    if len(seen) < 2:
        values = np.where(np.isin(codes, seen), 0.0, np.nan)[:, None]
        return values, [name]
    shown = (codes[:, None] == np.array(seen[1:])).astype(np.float64)
    shown[~np.isin(codes, seen)] = np.nan
    return shown, [f"{name} = {column.levels[level]}" for level in seen[1:]]


def _above(above: float | None, z: Array, names: tuple[str, ...], told: str) -> Array:
    """Return the instruments, or 1 where they reach the cut-point `above` and 0 where not."""
    if above is None:
        return z
    if z.shape[1] != 1 or (names[0] != told and not told.startswith("the preference")):
        raise UsageError(
            f"estimators: iv: above needs one instrument that is a number; {told} is not. "
            "Leave `above` out."
        )
    cut = (z >= above).astype(np.float64)
    if len(cut) and cut.min() == cut.max():
        side = "reaches" if cut.max() == 0 else "lies below"
        raise Unanswerable(
            f"iv: no child {side} the cut-point {above:g} of {told}, so it moves "
            "nobody. Mend: another cut-point in {iv: {above: …}}, or leave `above` out."
        )
    return cut


# ------------------------------------------------------------------ preference


def preference(task: Task, level: str) -> Array:
    """Return (n,) the mean arm (its place in order) of the other children of a child's cluster; NaN
    where there is no other. The child itself is left out, all its rows and copies, so that its own
    arm does not predict itself (a jackknife: Angrist, Imbens & Krueger 1999, Journal of Applied
    Econometrics 14:57-67).
    """
    cohort, weight = task.cohort, survey_weight(task)
    place, keys = recode(cohort.cluster_codes(level))
    unit, units = recode(cohort.unit)
    own, pairs = recode(place.astype(np.int64) * len(units) + unit)
    dose = cohort.arm.astype(np.float64)

    def others(values: Array) -> Array:
        whole = sum_by(place, values, n_groups=len(keys))[place]
        mine = sum_by(own, values, n_groups=len(pairs))[own]
        found: Array = whole - mine
        return found

    total = others(weight)
    alone = others(np.ones(cohort.n)) < 0.5
    found: Array = np.full(cohort.n, np.nan)
    usable = ~alone & (total > 0.0)
    np.divide(others(weight * dose), total, out=found, where=usable)
    return found


def _clustered(task: Task, level: str) -> tuple[Task, str | None]:
    """Return the task clustered at the coarser of the study's level and the preference's, whose
    children share an instrument; and the level, where the two cut across each other.
    """
    cohort, analysis = task.cohort, task.analysis
    mine = cohort.cluster_codes(level)
    theirs = cohort.cluster_codes(analysis.cluster)
    if analysis.cluster is not None and nested(mine, theirs):
        return task, None
    own = replace(task, analysis=replace(analysis, cluster=level))
    return own, None if nested(theirs, mine) else level
