"""Effects by wave and period (Callaway & Sant'Anna).

For units where provision began in one period, the change of their outcome since the last period
before is compared with the change of units that never have provision, or do not have it yet. Such
effects by wave and period are then put together: over all of them (simple), by periods since
provision began, by wave, or by calendar period. No comparison ever uses units that have provision
already, which is what misleads a regression with unit and period effects (see did). It leans on
parallel trends: nobody needs to have drawn the order. Where it was drawn random_timing is sharper.
What trends did before provision is tested (pre_trends), and where the order was not drawn it is
said how much of an answer is left if trends go on to part (trend_bounds).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import PANEL_TARGETS, Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators._event_study import event_study
from fingerpost.estimators._group_time import (
    Cells,
    Way,
    all_cells,
    by_wave,
)
from fingerpost.estimators._options import Options
from fingerpost.estimators._panel import (
    ERROR_KINDS,
    ERROR_OPTION,
    KINDS,
    LATER_KINDS,
    LATER_OPTION,
    NO_ANTICIPATION,
    ONE_UNIT,
    PARALLEL,
    SUMMARIES,
    answer,
    begin_later,
    exposures,
    target_of,
    terms_found,
    uncompared,
    units_of,
    without_comparison,
)
from fingerpost.estimators._trends_before import drift_bounds, pre_trends
from fingerpost.estimators._units import Units
from fingerpost.estimators._wave_errors import Found
from fingerpost.kernels.staggered import NEVER, since
from fingerpost.kernels.two_periods import METHODS

Array = NDArray[np.float64]
COMPARISONS = ("never", "not_yet")
BASES = ("varying", "universal")
TIMES = (0.5, 1.0, 2.0)


def run(task: PanelTask) -> Answer:
    """Return effects of every term, an event study, and what trends did before."""
    told = _read(task.analysis.options)
    units, later = begin_later(task, units_of(task, "group_time"), told.later)
    way = _way(task.analysis.options, units)
    x = _covariates(task, units)
    cells = all_cells(units, way, x, before=not task.bare)
    found, refused = terms_found(task.terms, lambda term: _target(term, cells))
    against = "never-treated" if way.never else "not-yet-treated"
    answered = answer(
        "group_time",
        task,
        units,
        found,
        refusals=refused,
        tables=[] if task.bare else _tables(task, units, cells, way, x),
        note=f"{against} comparison",
        error=told.error,
    )
    alone = uncompared(units, exposures(cells.usable, cells.waves.begins), found)
    return replace(answered, warnings=(*answered.warnings, *later, *alone))


def _tables(task: PanelTask, units: Units, cells: Cells, way: Way, x: Array | None) -> list[Table]:
    """Return an event study, effects by wave, what trends did before, and bounds where they part
    that no draw keeps together.
    """
    tables = [
        event_study("group_time", task, units, _by_exposure(cells)),
        by_wave(task, units, cells),
        pre_trends(task, units, cells, way, leaf="group_time", x=x),
    ]
    if not task.analysis.assignment.randomised:
        wide = all_cells(units, Way(way.never, way.method, universal=True), x)
        tables.append(drift_bounds(task, units, wide, times=TIMES))
    return [table for table in tables if table is not None]


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


@dataclass(frozen=True, slots=True)
class Read:
    """The options: the comparison (None: not said), the method, whether the base is universal,
    which standard error is told, and whether units that begin after the last period stay.
    """

    comparison: str | None
    method: str
    universal: bool
    error: str
    later: str


def _read(options: Mapping[str, object]) -> Read:
    reads = Options("group_time", options)
    comparison = reads.word("comparison", COMPARISONS) if reads.has("comparison") else None
    method = reads.word("method", METHODS)
    universal = reads.word("base", BASES) == "universal"
    error = reads.word("error", ERROR_KINDS)
    later = reads.word("later", LATER_KINDS)
    reads.finish()
    return Read(comparison, method, universal, error, later)


def _way(options: Mapping[str, object], units: Units) -> Way:
    """Return how waves are compared; with units that never have provision where there are any."""
    told = _read(options)
    comparison = told.comparison
    never = bool(np.any(units.begins == NEVER))
    if comparison == "never" and not never:
        raise TooFew(
            "group_time: no unit stays without provision to the last period. Mend: {group_time: "
            "{comparison: not_yet}}."
        )
    return Way(comparison == "never" or (comparison is None and never), told.method, told.universal)


def _covariates(task: PanelTask, units: Units) -> Array | None:
    """Return (u, t, p) covariates, or None where none are given."""
    given = task.analysis.given
    if not given:
        return None
    found = np.stack(
        [np.asarray(task.panel.covariates[name], np.float64)[units.rows] for name in given], axis=2
    )
    # About their means, so that squares do not drown what tells units apart.
    centred: Array = found - np.nanmean(found, axis=(0, 1))
    return centred


def _target(term: Term, cells: Cells) -> Found | Refusal:
    parts = target_of(term, cells.usable, cells.waves.begins)
    if parts is None:
        return without_comparison("group_time", term, exposures(cells.usable, cells.waves.begins))
    return cells.mean(parts)


def _by_exposure(cells: Cells) -> list[tuple[int, Found]]:
    """Return effects by periods since provision began, before it too."""
    known = np.isfinite(cells.effect)
    ages = since(cells.waves.begins, known.shape[1])
    rows = []
    for at in exposures(known, cells.waves.begins):
        rows.append((at, cells.mean((known & (ages == at)).astype(float)[None])))
    return rows


GROUP_TIME = Estimator(
    title="Effects by wave and period",
    short="effects by wave and period",
    summary="Compares each wave's change with that of units without provision, and averages.",
    reference="Callaway & Sant'Anna (2021), Journal of Econometrics 225:200-230; Sant'Anna & Zhao "
    "(2020), Journal of Econometrics 219:101-122",
    targets=PANEL_TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(PARALLEL, NO_ANTICIPATION, ONE_UNIT),
    run=run,
    takes="panel",
    drift=True,
    trimmed=False,
    spread="influence by unit, summed by cluster; t with Welch's df over waves",
    guard="exempt",
    options=(
        ("comparison", "never (units that never have provision, where any) or not_yet"),
        ("method", "doubly_robust, regression or weighting: how covariates are used"),
        ("base", "varying or universal: the period that earlier periods are compared with"),
        ERROR_OPTION,
        LATER_OPTION,
    ),
    check=check,
)
