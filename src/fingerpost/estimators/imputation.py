"""What would have been, filled in from units and periods without provision (Borusyak, Jaravel &
Spiess).

An effect of each unit and of each period is fitted on the cells without provision alone. Their sum
says what a cell with provision would have been; what it is more is the effect there, and effects
are averaged as asked. It leans on parallel trends over every period, and uses all of them, so that
it is sharper than group_time where shocks do not last from period to period, and leans on them
more. Effects may differ from unit to unit and grow as they will. Cells without which a unit or a
period cannot be filled in are left out; missing cells are no trouble.

The standard error is conservative: effects are taken about the mean of their wave and period, so
that differences of effects between units of one wave make it wider, never too small. Waves of
fewer than five clusters share their mean with their neighbours in time; an answer that rests on one
cluster is refused.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.estimand import PANEL_TARGETS, Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators._event_study import event_study
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
    terms_found,
    uncompared,
    unit_weights,
    units_of,
    without_comparison,
)
from fingerpost.estimators._trends_before import trends_before
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import Found, about_shared_means
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.staggered import since
from fingerpost.kernels.two_way import TwoWay

Array = NDArray[np.float64]


def run(task: PanelTask) -> Answer:
    """Return effects of every term, an event study, and what trends did before."""
    error, option = _read(task.analysis.options)
    units, later = begin_later(task, units_of(task, "imputation"), option)
    filled = Filled(units)
    found, refused = terms_found(task.terms, filled.target)
    answered = answer(
        "imputation",
        task,
        units,
        found,
        refusals=refused,
        tables=[] if task.bare else _tables(task, filled),
        note="conservative",
        error=error,
    )
    alone = uncompared(units, exposures(filled.usable, units.begins), found)
    return replace(answered, warnings=(*answered.warnings, *later, *alone))


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> tuple[str, str]:
    """Return which standard error is told, and whether units that begin later stay."""
    reads = Options("imputation", options)
    error = reads.word("error", ERROR_KINDS)
    later = reads.word("later", LATER_KINDS)
    reads.finish()
    return error, later


def _tables(task: PanelTask, filled: "Filled") -> list[Table]:
    """Return an event study, and what trends did before."""
    tables = [
        event_study("imputation", task, filled.units, filled.by_exposure()),
        trends_before(task, filled.units, leaf="imputation"),
    ]
    return [table for table in tables if table is not None]


class Filled:
    """Cells with provision, less what they would have been.

    effect: (u, t); usable: (u, t) cells that can be filled in; residual: (u, t) of clean cells.
    """

    def __init__(self, units: Units) -> None:
        self.units, self.waves = units, Waves.of(units)
        self.grid = TwoWay.of(units.clean & units.seen)
        values = np.where(units.seen, units.mean, 0.0)
        by_unit, by_period = self.grid.effects(values)
        self.residual = self.grid.residual(values)
        self.usable = units.treated & units.seen & self.grid.known()
        away = values - by_unit[:, None] - by_period
        self.effect = np.where(self.usable, away, 0.0)

    def target(self, term: Term) -> Found | Refusal:
        """Return one target's value and influence."""
        weights = unit_weights(term, self.usable, self.waves)
        if weights is None:
            have = exposures(self.usable, self.units.begins)
            return without_comparison("imputation", term, have)
        return self.mean(weights)

    def mean(self, weights: Array) -> Found:
        """Return the mean of effects by (u, t) weights, with the influence of every unit."""
        value = float(np.sum(weights * self.effect))
        squares = weights**2
        member, count = self.waves.member, len(self.waves.begins)
        heavy = sum_by(member, squares, n_groups=count)
        mean = sum_by(member, squares * self.effect, n_groups=count)
        mean = np.divide(mean, heavy, out=np.zeros_like(mean), where=heavy > 0)
        own = np.where(self.usable, mean[member], 0.0)
        left = np.where(self.usable, self.effect - own, 0.0)
        influence = (weights * left).sum(axis=1)
        lean = weights.sum(axis=1)
        influence, group, _ = about_shared_means(
            self.units, self.waves, influence, moved=(weights * own).sum(axis=1), lean=lean
        )
        influence = influence - (self.grid.borrowed(weights) * self.residual).sum(axis=1)
        return Found(value, influence, lean, self._against(weights), group)

    def _against(self, weights: Array) -> Array:
        """Return (u,) what units count among those without provision in the same periods."""
        clean = self.grid.seen
        share = weights.sum(axis=0) / np.maximum(clean.sum(axis=0), 1)
        found: Array = (clean * share).sum(axis=1)
        return found

    def by_exposure(self) -> list[tuple[int, Found]]:
        """Return effects by periods since provision began."""
        ages = since(self.units.begins, self.usable.shape[1])
        rows = []
        for at in exposures(self.usable, self.units.begins):
            here = self.usable & (ages == at)
            rows.append((at, self.mean(here / here.sum())))
        return rows


IMPUTATION = Estimator(
    title="Imputation from cells without provision",
    short="imputation",
    summary="Fits units and periods where there is no provision, and fills in the rest.",
    reference="Borusyak, Jaravel & Spiess (2024), Review of Economic Studies 91:3253-3285",
    targets=PANEL_TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(PARALLEL, NO_ANTICIPATION, ONE_UNIT),
    run=run,
    takes="panel",
    adjusts=False,
    trimmed=False,
    spread="conservative influence by unit, summed by cluster; t with Welch's df over waves",
    guard="exempt",
    options=(ERROR_OPTION, LATER_OPTION),
    check=check,
)
