"""The panel of one roll-out from one table: units over periods, and who left on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.drawn import Placed, placed, started_faults, strata_faults, with_missing
from fingerpost.cohorts.periods import periods_of
from fingerpost.cohorts.reading import TableRecords, unknown
from fingerpost.cohorts.starts import start_names, starts
from fingerpost.cohorts.unit_cells import Cells
from fingerpost.cohorts.values import codes, numbers
from fingerpost.core.assignment import Randomised
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed
from fingerpost.core.flow import Flow
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.rollout import Rollout
from fingerpost.core.study import Study
from fingerpost.core.words import counted
from fingerpost.engines._shared import collected

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
KEYS = {
    "period": "rollout.period",
    "adopted": "rollout.adopted",
    "children": "rollout.children",
    "measure": "rollout.measures.column",
    "value": "rollout.measures.value",
}
LARGEST = 1e15  # in size, of any outcome: beyond it sums of squares are no longer numbers


@dataclass(frozen=True, eq=False, slots=True)
class Read:
    """A panel as it was read: every unit of the table whose start is known.

    flow: counts units, from those that were drawn on. whole: the panel with the drawn units of
    which the records hold no row.
    """

    panel: Panel
    flow: Flow
    whole: Panel


def read_panel(
    study: Study,
    records: TableRecords,
    *,
    drawn: Drawn | None = None,
    covariates: tuple[str, ...] = (),
    past: bool = False,
) -> Read:
    """Return the panel of a study of a roll-out.

    records: one row a unit and period, or several (children, schools), which are summed. drawn: the
    draw, where a ledger holds it: units begin when their wave does, whatever the records say, and
    records that say otherwise, or hold other strata, are a fault. covariates: columns of numbers
    that leaves name. past: whether the panel lies before the roll-out, so that it begins nowhere.
    Raises Malformed with every fault found.
    """
    rollout = study.rollout
    if rollout is None or not study.records.unit or not rollout.period:
        raise Malformed(
            "records: a roll-out is read by records.unit and rollout.period. Name both."
        )
    unit_column = study.records.unit
    if drawn is not None:
        study = ledger_strata(study, records, drawn)
    check_columns(study, records, covariates)
    table = whole(study, records, covariates)
    faults: list[str] = []
    unit, units = codes(table[unit_column])
    named = start_names(study, table, base=records.base)
    period, periods = periods_of(rollout, table[rollout.period], faults, starts=named)
    stop(faults)
    check_size(units, periods)
    flow = Flow(len(units), counts="units")
    cells = Cells(unit, period, len(units), len(periods))
    faults += cells.told_twice()
    adopted = starts(
        study, table, cells, base=records.base, units=units, periods=periods, to=faults
    )
    held = held_of(study, table, cells, faults)
    at: Placed | None = None
    if drawn is not None and not faults:
        at = on_draw(study, table, cells, drawn, held=held, units=units, periods=periods)
        faults += at.faults + started_faults(rollout, adopted, at.adopted)
        adopted = at.adopted
    stop(faults)
    panel = Panel(
        units=units,
        periods=periods,
        arms=study.arms.names,
        arm=begun(adopted, len(periods)),
        adopted=adopted,
        covariates={name: cells.mean(table[name]) for name in covariates},
        drawn=None if at is None else at.places,
        begins=None if at is None else at.begins,
        **held,
    )
    every, flow = with_drawn(panel, at, drawn, flow)
    return left_over(panel, every, flow, past=past)


def with_drawn(
    panel: Panel, at: Placed | None, drawn: Drawn | None, flow: Flow
) -> tuple[Panel, Flow]:
    """Return the panel with the drawn units of which no row came, and a flow that begins with all
    that were drawn.
    """
    if at is None or drawn is None:
        return panel, flow
    every, missing = with_missing(panel, at, drawn), len(at.missing)
    flow = replace(flow, start=len(every.units))
    return every, flow.then("drawn, and no row in the records", missing) if missing else flow


def check_size(units: tuple[str, ...], periods: tuple[str, ...]) -> None:
    """Raise Malformed where there are too few units or periods for a roll-out."""
    if min(len(units), len(periods)) < 2:
        raise Malformed(
            f"records: {len(units)} units and {len(periods)} periods. A roll-out needs two or more "
            "of each."
        )


def on_draw(
    study: Study,
    table: pl.DataFrame,
    cells: Cells,
    drawn: Drawn,
    *,
    held: Held,
    units: tuple[str, ...],
    periods: tuple[str, ...],
) -> Placed:
    """Return where units stand in their draw, and give `held` its strata."""
    seen = np.isin(np.arange(len(periods)), cells.period)
    at = placed(drawn, called_in_draw(study, held, units), periods=periods, seen=seen)
    told = [one_word(table[name], cells) for name in study.assignment.strata]
    held["strata"] = at.strata if at.strata is not None else held["strata"]
    return replace(at, faults=[*at.faults, *strata_faults(drawn.allocation, at.places, told)])


def left_over(panel: Panel, every: Panel, flow: Flow, *, past: bool) -> Read:
    """Return a panel without the units that had provision from the first period on."""
    always = np.asarray(panel.adopted) == 0
    if always.any():
        flow = flow.then("provision had begun before the second period", int(always.sum()))
        panel = panel.take(np.flatnonzero(~always))
        every = every.take(np.flatnonzero(np.asarray(every.adopted) != 0))
    if not past and not (np.asarray(panel.adopted) > 0).any():
        raise Malformed("records: provision began in no unit after the first period.")
    return Read(panel, flow, every)


def ledger_strata(study: Study, records: TableRecords, drawn: Drawn) -> Study:
    """Return a study whose strata come from its ledger: of the columns that it names, those stay
    that the records hold too, all or none, to be held against it.
    """
    assignment = study.assignment
    if not isinstance(assignment, Randomised):
        return study
    names = assignment.strata
    same = names == drawn.allocation.stratum and all(name in records.columns for name in names)
    if same or not drawn.allocation.strata:
        return study
    return replace(study, assignment=replace(assignment, strata=()))


def one_word(series: pl.Series, cells: Cells) -> list[str]:
    """Return (u,) the word that all rows of a unit hold."""
    code, levels = codes(series)
    return [levels[at] for at in cells.one_of(code, series.name, [])]


class Held(TypedDict):
    """What a panel holds of its cells and units, by the names of its fields."""

    outcomes: dict[str, PanelOutcome]
    clusters: dict[str, Ints]
    strata: Ints | None
    cluster_names: dict[str, tuple[str, ...]]


def held_of(study: Study, table: pl.DataFrame, cells: Cells, faults: list[str]) -> Held:
    """Return outcomes, clusters and strata; faults where they are not what they are to be."""
    children = study.rollout.children if study.rollout else ""
    levels = dict(study.records.clusters)
    return Held(
        outcomes={
            spec.name: outcome(table, spec.column, children, cells=cells, faults=faults)
            for spec in study.outcomes
        },
        clusters={
            level: constant(table[column], cells, f"records.clusters.{level}", faults)
            for level, column in levels.items()
        },
        strata=strata_of(study, table, cells, faults),
        cluster_names={level: codes(table[column])[1] for level, column in levels.items()},
    )


def called_in_draw(study: Study, held: Held, units: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the drawn unit of each unit of the panel is called: the unit itself, or, where
    what was drawn lies above it, its cluster.
    """
    level = study.cluster
    if level is None or level not in held["clusters"]:
        return units
    names = held["cluster_names"][level]
    return tuple(names[code] for code in held["clusters"][level])


def stop(faults: list[str]) -> None:
    """Raise Malformed if any fault was noted."""
    if faults:
        raise Malformed(dict.fromkeys(faults))


def wanted(study: Study, covariates: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each column that is read, and where the study names it."""
    rollout = study.rollout or Rollout()
    yield study.records.unit or "", "records.unit"
    for key, place in KEYS.items():
        if getattr(rollout, key):
            yield getattr(rollout, key), place
    for level, column in study.records.clusters:
        yield column, f"records.clusters.{level}"
    for spec in study.outcomes if not rollout.measure else ():
        yield spec.column, f"outcomes.{spec.name}.column"
    for name in getattr(study.assignment, "strata", ()):
        yield name, "assignment.randomised.strata"
    for name in covariates:
        yield name, "assignment.given"


def check_columns(study: Study, records: TableRecords, covariates: tuple[str, ...]) -> None:
    """Raise Malformed for every column that is named and not there."""
    faults = [
        unknown(column, place, columns=records.columns, words=records.words)
        for column, place in wanted(study, covariates)
        if column not in records.columns
    ]
    if not study.outcomes:
        faults.append("outcomes: none is named. Write outcomes: {absence: {column: absence}}.")
    stop(faults)


def whole(study: Study, records: TableRecords, covariates: tuple[str, ...]) -> pl.DataFrame:
    """Return the columns that are read, in the order of the file."""
    names = list(dict.fromkeys(column for column, _ in wanted(study, covariates)))
    table: pl.DataFrame = collected(records.frame.select(names), records.words)
    if not len(table):
        raise Malformed(f"records: {records.words} has 0 rows. Name a table that holds units.")
    keys = ((study.records.unit or "", "records.unit"), (period_of(study), "rollout.period"))
    for column, place in keys:
        absent = table[column].null_count()
        if absent:
            raise Malformed(f"{place}: {absent} rows of {records.words} have no {column}.")
    return measured(study, table) if study.rollout and study.rollout.measure else table


def measured(study: Study, table: pl.DataFrame) -> pl.DataFrame:
    """Return records with a row for each unit, period and measure as a row a unit and period, with
    a column for each outcome's measure. Malformed where a measure is not there, or is told twice.
    """
    rollout = study.rollout or Rollout()
    named = [spec.column for spec in study.outcomes]
    known = table[rollout.measure].cast(pl.String)
    absent = [name for name in named if name not in set(known.unique())]
    stop([f'outcomes: no row of column "{rollout.measure}" is of "{name}".' for name in absent])
    own = table.filter(known.is_in(named))
    keys = [column for column in table.columns if column not in (rollout.measure, rollout.value)]
    again = own.select(*keys, rollout.measure).is_duplicated().sum()
    if again:
        raise Malformed(
            f"records: {again} rows tell one measure of one unit and period more than once."
        )
    return own.pivot(on=rollout.measure, index=keys, values=rollout.value, maintain_order=True)


def period_of(study: Study) -> str:
    """Return the column of the period."""
    return study.rollout.period if study.rollout else ""


def constant(series: pl.Series, cells: Cells, what: str, faults: list[str]) -> Ints:
    """Return (u,) codes of a column that is the same in all rows of a unit."""
    code, _ = codes(series)
    if (code < 0).any():
        faults.append(f"{what}: {int((code < 0).sum())} rows have no {series.name}.")
    return cells.one_of(code, what, faults)


def strata_of(study: Study, table: pl.DataFrame, cells: Cells, faults: list[str]) -> Ints | None:
    """Return (u,) codes of the strata within which the order was drawn; None without strata."""
    names = study.assignment.strata
    if not names:
        return None
    each = [constant(table[name], cells, "assignment.randomised.strata", faults) for name in names]
    _, found = np.unique(np.stack(each, axis=1), axis=0, return_inverse=True)
    return found.astype(np.int64).reshape(-1)


def begun(adopted: Ints, periods: int) -> Ints:
    """Return (u, t) 1 where provision has begun."""
    at = np.arange(periods)
    found: Ints = ((adopted[:, None] >= 0) & (at >= adopted[:, None])).astype(np.int64)
    return found


def outcome(
    table: pl.DataFrame, column: str, children: str, *, cells: Cells, faults: list[str]
) -> PanelOutcome:
    """Return count, sum and sum of squares by unit and period.

    Without a column of children each row counts one; with it, a row is a mean of so many, and its
    sum of squares is that of the means alone.
    """
    values, wrong = numbers(table[column])
    if wrong is not None:
        none = np.zeros((cells.units, cells.periods))
        faults.append(f"outcomes: {int(wrong.sum())} rows of column {column} hold no number.")
        return PanelOutcome(none, none, none)
    values = sized(values, f"outcomes: column {column}", faults)
    weight = np.ones(len(values))
    if children:
        weight, bad = numbers(table[children])
        if bad is not None or (weight[np.isfinite(weight)] < 0).any():
            faults.append(
                f"rollout.children: column {children} holds what is no number of children."
            )
        weight = sized(weight, f"rollout.children: column {children}", faults)
    if not children and np.isfinite(values).all():
        return PanelOutcome(cells.rows(), cells.sum(values), cells.sum(values**2))
    seen = np.where(np.isfinite(values) & np.isfinite(weight), weight, 0.0)
    told = np.where(seen > 0, values, 0.0)
    return PanelOutcome(
        cells.sum(seen),
        cells.sum(seen * told),
        cells.sum(seen * told**2),
        children=not children,
    )


def sized(values: Floats, where: str, faults: list[str]) -> Floats:
    """Return numbers that can be summed, NaN in place of others, which are a fault: an infinite one
    is not the same as none.
    """
    beyond = np.abs(values) > LARGEST
    if not beyond.any():
        return values
    faults.append(
        f"{where} holds infinite numbers, or ones above {LARGEST:,.0f} in size, in "
        f"{counted(int(beyond.sum()), 'row')}. Correct them, or leave their cells empty where "
        "nothing is known."
    )
    return np.where(beyond, np.nan, values)


@dataclass(frozen=True, eq=False, slots=True)
class Complete:
    """A panel whose units were all seen. left: how many units were not. anticipated: names of the
    last periods, which are left out: units that begin soon after them may have behaved otherwise.
    """

    panel: Panel
    left: int
    anticipated: tuple[str, ...] = ()


def complete(panel: Panel, name: str, *, anticipation: int = 0) -> Complete:
    """Return the units whose outcome is recorded in every period in which any unit's is.

    Periods before the first and after the last in which one is are left out; one between them in
    which none is keeps its place, as time since a start is counted by the calendar. anticipation:
    so many periods before a start that the records do not reach are left out too, for all units.
    """
    seen = panel.outcomes[name].count > 0
    told = np.flatnonzero(seen.any(axis=0))
    whole_units = np.flatnonzero(seen[:, told].all(axis=1))
    first, last = int(told.min(initial=0)), int(told.max(initial=-1))
    begins = np.asarray(panel.adopted)[whole_units] if panel.adopted is not None else told[:0]
    soon = begins[begins > last].min(initial=last + 1 + anticipation) - anticipation
    end = min(last + 1, int(soon))
    return Complete(
        panel.take(whole_units).over(np.arange(first, end)),
        len(panel.units) - len(whole_units),
        tuple(panel.periods[at] for at in range(max(end, first), last + 1)),
    )
