"""The past of a roll-out's units: what their outcomes are like before anything begins.

What a planner has to guess for power (how much units differ, how much of it lasts) is written in
the years that have passed, wherever a panel of the units is held. Estimates here are of means of
units: what averaging over few children adds is part of what does not last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.panel import Read, complete, read_panel
from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import Malformed
from fingerpost.core.panel import Panel
from fingerpost.core.study import Study
from fingerpost.engines._shared import collected
from fingerpost.kernels.exposure_gls import moments
from fingerpost.kernels.within_cells import within_cells
from fingerpost.studies import plan
from fingerpost.studies.rollouts.analysing import columns
from fingerpost.studies.rollouts.units import rollout_of

Floats = NDArray[np.floating[Any]]
TERM = re.compile(r"(\d{4}) (spring|summer|autumn)")
IN_YEAR = ("spring", "summer", "autumn")


@dataclass(frozen=True, slots=True)
class Lag:
    """How alike a unit is to itself so many periods apart, and the pairs of cells that tell."""

    apart: int
    correlation: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Drift:
    """One form in which levels drift: what is left of a level (`kept`) from one period to the next
    (decay) or between any two (nested), and how far its correlations lie from those seen.
    """

    structure: str
    kept: float
    misfit: float


@dataclass(frozen=True, slots=True)
class Past:
    """What one outcome's past is like.

    units, left: complete units, and those that are not. periods; unseen: periods of the panel in
    which no unit's outcome is recorded. mean: over cells. between: standard deviation between units
    of what lasts over the periods; within: of a unit about it; sd: of units in one period. Periods
    are taken off first. icc: of children, None where the records hold no children. size_cv: of the
    number of children, None where none is held. drifts: nested and decay, the nearer first.
    """

    outcome: str
    units: int
    left: int
    periods: tuple[str, ...]
    unseen: tuple[str, ...]
    mean: float
    between: float
    within: float
    sd: float
    lags: tuple[Lag, ...]
    drifts: tuple[Drift, ...]
    icc: float | None
    size_cv: float | None


def check_past(study: Study) -> None:
    """Raise Malformed where a plan does not say how its past is read, or of which outcomes."""
    rollout = rollout_of(study)
    if not study.records.unit or not rollout.period:
        raise Malformed(
            f"{study.name}: the plan does not say how its past is read. Add records: "
            "{table: FILE, unit: COLUMN} and, under rollout, period: COLUMN."
        )
    if not study.outcomes:
        raise Malformed(f"{study.name}: it names no outcome, so there is nothing to rehearse.")


def read_past(study: Study, records: TableRecords) -> Read:
    """Return the panel of a plan's units before it begins: nothing has begun in it.

    The plan's own periods lie ahead; those of the past are the records', in their order. Raises
    Malformed where the plan does not say how records are read, with every fault of them.
    """
    check_past(study)
    rollout = rollout_of(study)
    asked = replace(
        rollout,
        periods=past_periods(study, records),
        waves=(),
        adopted="",
        starts=None,
        never=(),
    )
    assignment = study.assignment
    if isinstance(assignment, Randomised):
        held = tuple(name for name in assignment.strata if name in records.columns)
        assignment = replace(assignment, strata=held)
    told = replace(study, rollout=asked, assignment=assignment)
    covariates = columns(study, plan.estimators(study))
    return read_panel(told, records, covariates=covariates, past=True)


def past_periods(study: Study, records: TableRecords) -> tuple[str, ...]:
    """Return the periods of the records in order, where it takes more than the alphabet to tell:
    terms (2024 autumn), or the plan's own names. Else none, and they are read in their own order.
    """
    rollout = rollout_of(study)
    if rollout.period not in records.columns:
        return ()
    table: pl.DataFrame = collected(records.frame.select(rollout.period), records.words)
    names = [name for name in table[rollout.period].cast(pl.String).unique().to_list() if name]
    if names and all(TERM.fullmatch(name) for name in names):
        return tuple(sorted(names, key=term_place))
    own = tuple(name for name in rollout.periods if name in set(names))
    return own if len(own) == len(names) else ()


def term_place(name: str) -> tuple[int, int]:
    """Return where a term lies: its year, and its place in it.

    >>> sorted(["2024 autumn", "2024 spring", "2023 autumn"], key=term_place)
    ['2023 autumn', '2024 spring', '2024 autumn']
    """
    found = TERM.fullmatch(name)
    assert found is not None
    return int(found[1]), IN_YEAR.index(found[2])


def past_of(whole: Panel, outcome: str, *, sizes: Floats | None = None) -> tuple[Panel, Past]:
    """Return an outcome's complete units over the periods in which it was recorded, and what their
    past is like. sizes: of units, where a register holds them and the records do not.
    """
    seen = complete(whole, outcome)
    panel, left = seen.panel, seen.left
    # A plan is laid on periods of which something is known, as if they followed one another.
    panel = panel.over(np.flatnonzero(panel.told(outcome)))
    if len(panel.units) < 2 or len(panel.periods) < 2:
        raise Malformed(
            f"{outcome}: {len(panel.units)} units were seen in every one of {len(panel.periods)} "
            "periods. A past needs two or more of each."
        )
    own = panel.outcomes[outcome]
    mean = own.mean
    residual = mean - mean.mean(axis=0)
    spread = np.sqrt(float((residual**2).sum()) / ((len(mean) - 1) * mean.shape[1]))
    between, within = components(residual)
    child = within_cells(own)
    noise = float(np.mean(child / own.count)) if child is not None else 0.0
    shared = spread**2 - noise
    counts = own.count if (own.count > 1).any() else None
    found = Past(
        outcome,
        len(panel.units),
        left,
        panel.periods,
        tuple(name for name in whole.periods if name not in panel.periods),
        float(mean.mean()),
        between,
        within,
        float(spread),
        lags_of(residual),
        drifts_of(residual),
        max(shared, 0.0) / (max(shared, 0.0) + child) if child else None,
        variation(sizes if counts is None else counts.mean(axis=1)),
    )
    return panel, found


def components(residual: Floats) -> tuple[float, float]:
    """Return the standard deviations of what lasts of a unit's level and of what does not, by
    analysis of variance; residual: (u, t) less the periods' means.
    """
    u, t = residual.shape
    own = residual.mean(axis=1)
    within = float(((residual - own[:, None]) ** 2).sum()) / ((u - 1) * (t - 1))
    between = float((own**2).sum()) / (u - 1) - within / t
    return float(np.sqrt(max(between, 0.0))), float(np.sqrt(within))


def lags_of(residual: Floats) -> tuple[Lag, ...]:
    """Return the autocorrelation at every lag, pooled over periods."""
    u, t = residual.shape
    products = residual.T @ residual
    level = np.trace(products) / t
    return tuple(
        Lag(apart, float(np.trace(products, apart) / (t - apart) / level), u * (t - apart))
        for apart in range(1, t)
    )


def drifts_of(residual: Floats) -> tuple[Drift, ...]:
    """Return the nested and the decaying form that fit the correlations best, the nearer first."""
    seen = np.ones(residual.shape, dtype=bool)
    lags = lags_of(residual)
    apart = np.array([lag.apart for lag in lags])
    pairs = np.array([lag.pairs for lag in lags], dtype=float)
    known = np.array([lag.correlation for lag in lags])
    found = []
    for structure in ("nested", "decay"):
        working = moments(
            np.asarray(residual, dtype=np.float64),
            seen,
            children=np.ones(residual.shape),
            child=0.0,
            structure=structure,
        )
        whole = working.lasting + working.own
        kept = working.fade if structure == "decay" else working.lasting / whole
        fitted = kept**apart if structure == "decay" else np.full(len(apart), kept)
        misfit = float(np.sqrt(pairs @ (known - fitted) ** 2 / pairs.sum()))
        found.append(Drift(structure, float(kept), misfit))
    return tuple(sorted(found, key=lambda one: one.misfit))


def variation(sizes: Floats | None) -> float | None:
    """Return the coefficient of variation of sizes."""
    if sizes is None or len(sizes) < 2 or sizes.mean() <= 0:
        return None
    return float(sizes.std(ddof=1) / sizes.mean())
