"""The panel of one roll-out from one table: units over periods, and who left on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.reading import TableRecords, read_records, unknown
from fingerpost.cohorts.values import codes, numbers
from fingerpost.core.allocation import Allocation
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.flow import Flow
from fingerpost.core.moment import NUMBER
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.rollout import NEVER, Rollout
from fingerpost.core.study import Study
from fingerpost.engines._shared import collected

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Names of periods whose alphabet is their order: 2016, 2015/16, 2015-16, 2027-03, 2027-03-31.
ORDERED = re.compile(r"\d{4}([-/]\d{2}(-\d{2})?)?")
SHOWN = 5
KEYS = {
    "period": "rollout.period",
    "adopted": "rollout.adopted",
    "children": "rollout.children",
    "measure": "rollout.measures.column",
    "value": "rollout.measures.value",
}


@dataclass(frozen=True, eq=False, slots=True)
class Read:
    """A panel as it was read: every unit of the table whose start is known.

    flow: counts units. columns: of covariates, by name, as the panel holds them.
    """

    panel: Panel
    flow: Flow


def read_panel(
    study: Study,
    records: TableRecords,
    *,
    allocation: Allocation | None = None,
    covariates: tuple[str, ...] = (),
    past: bool = False,
) -> Read:
    """Return the panel of a study of a roll-out.

    records: one row a unit and period, or several (children, schools), which are summed.
    allocation: the draw, where a ledger holds it: units begin when their wave does, whatever the
    records say, and records that say otherwise are a fault. covariates: columns of numbers that
    leaves name. past: whether the panel lies before the roll-out, so that it begins nowhere. Units
    that had provision from the first period on leave: nothing is known of them without it. Raises
    Malformed with every fault found.
    """
    rollout = study.rollout
    if rollout is None or not study.records.unit or not rollout.period:
        raise Malformed(
            "records: a roll-out is read by records.unit and rollout.period. Name both."
        )
    check_columns(study, records, covariates)
    table = whole(study, records, covariates)
    faults: list[str] = []
    unit, units = codes(table[study.records.unit])
    period, periods = periods_of(rollout, table[rollout.period], faults)
    stop(faults)
    if min(len(units), len(periods)) < 2:
        raise Malformed(
            f"records: {len(units)} units and {len(periods)} periods. A roll-out needs two or more "
            "of each."
        )
    flow = Flow(len(units), counts="units")
    cells = Cells(unit, period, len(units), len(periods))
    adopted = starts(study, table, cells, units=units, periods=periods, faults=faults)
    if rollout.starts is not None:
        own = read_records(rollout.starts.table, base=records.base)
        adopted = from_table(rollout, own, units=units, periods=periods, faults=faults)
    held = held_of(study, table, cells, faults)
    if allocation is not None and not faults:
        called = called_in_draw(study, held, units)
        adopted = drawn(rollout, allocation, adopted, units=called, periods=periods, faults=faults)
    stop(faults)
    panel = Panel(
        units=units,
        periods=periods,
        arms=study.arms.names,
        arm=begun(adopted, len(periods)),
        adopted=adopted,
        covariates={name: cells.mean(table[name]) for name in covariates},
        **held,
    )
    always = adopted == 0
    if always.any():
        flow = flow.then("provision had begun before the second period", int(always.sum()))
        panel = panel.take(np.flatnonzero(~always))
    if not past and not (adopted > 0).any():
        raise Malformed("records: provision began in no unit after the first period.")
    return Read(panel, flow)


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


def periods_of(
    rollout: Rollout, series: pl.Series, faults: list[str]
) -> tuple[Ints, tuple[str, ...]]:
    """Return (rows,) codes of the period, NEVER for one that the study does not name, and the
    periods in order.
    """
    code, levels = codes(series)
    if not rollout.periods:
        if not all(NUMBER.fullmatch(one) or ORDERED.fullmatch(one) for one in levels):
            faults.append(
                f'rollout.periods: the column "{series.name}" holds words whose order nothing '
                "tells. Name the periods in order: periods: [2027 autumn, 2028 spring, …]."
            )
        return code, levels
    place = {name: at for at, name in enumerate(rollout.periods)}
    if not set(levels) & set(place):
        faults.append(
            f"rollout.periods: none of {listed(rollout.periods[:SHOWN])} is in column "
            f'"{series.name}".'
        )
    onto = np.array([place.get(level, NEVER) for level in levels] + [NEVER], dtype=np.int64)
    return onto[code], rollout.periods


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Where rows lie: (rows,) unit and period, NEVER where a period is not the study's."""

    unit: Ints
    period: Ints
    units: int
    periods: int

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(rows,) whether a row lies in a period of the study."""
        found: NDArray[np.bool_] = self.period >= 0
        return found

    def sum(self, values: Floats) -> Floats:
        """Return (u, t) sums; rows without a value add nothing."""
        keep = self.inside & np.isfinite(values)
        flat = self.unit[keep] * self.periods + self.period[keep]
        total = np.bincount(flat, weights=values[keep], minlength=self.units * self.periods)
        found: Floats = total.astype(np.float64).reshape(self.units, self.periods)
        return found

    def mean(self, series: pl.Series) -> Floats:
        """Return (u, t) means of a column of numbers, NaN where nothing is recorded."""
        values, _ = numbers(series)
        count = self.sum(np.where(np.isfinite(values), 1.0, np.nan))
        with np.errstate(invalid="ignore"):
            found: Floats = np.where(count > 0, self.sum(values) / np.maximum(count, 1), np.nan)
        return found

    def one_of(self, code: Ints, what: str, faults: list[str]) -> Ints:
        """Return (u,) the one code that all rows of a unit hold; a fault where they differ."""
        low, high = np.full(self.units, np.iinfo(np.int64).max), np.full(self.units, -2)
        np.minimum.at(low, self.unit, code)
        np.maximum.at(high, self.unit, code)
        mixed = int(np.count_nonzero(low != high))
        if mixed:
            faults.append(
                f"{what}: {mixed} of {self.units} units hold more than one value over their rows. "
                "It is one for each unit."
            )
        return low


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


def starts(
    study: Study,
    table: pl.DataFrame,
    cells: Cells,
    *,
    units: tuple[str, ...],
    periods: tuple[str, ...],
    faults: list[str],
) -> Ints:
    """Return (u,) the period in which provision began by the records: NEVER where it did not by the
    last, 0 where it had begun before the second.
    """
    rollout = study.rollout or Rollout()
    if not rollout.adopted:
        return np.full(len(units), NEVER, dtype=np.int64)
    code, levels = codes(table[rollout.adopted])
    place = {name: at for at, name in enumerate(periods)}
    onto = [start_of(level, place, rollout.never) for level in levels]
    strange = [level for level, at in zip(levels, onto, strict=True) if at is None]
    if strange:
        faults.append(
            f"rollout.adopted: {len(strange)} values of {rollout.adopted} are no period of the "
            f"panel ({listed(strange[:SHOWN])}). Name those of units where it never began: "
            "never: [0]."
        )
    known = np.array([NEVER if at is None else at for at in onto] + [NEVER], dtype=np.int64)
    return cells.one_of(known[code], "rollout.adopted", faults)


def from_table(
    rollout: Rollout,
    records: TableRecords,
    *,
    units: tuple[str, ...],
    periods: tuple[str, ...],
    faults: list[str],
) -> Ints:
    """Return (u,) the period in which provision began by a table of its own: NEVER for units that
    are not in it.
    """
    told = rollout.starts
    assert told is not None
    absent = [column for column in (told.unit, told.begins) if column not in records.columns]
    stop(
        [
            unknown(column, "rollout.starts", columns=records.columns, words=records.words)
            for column in absent
        ]
    )
    table = collected(records.frame.select([told.unit, told.begins]), records.words)
    names, periods_of_it = dict(told.names), dict(told.periods)
    place, at = (
        {name: i for i, name in enumerate(periods)},
        {name: i for i, name in enumerate(units)},
    )
    found = np.full(len(units), NEVER, dtype=np.int64)
    for column in (told.unit, told.begins):
        if table[column].null_count():
            faults.append(f"rollout.starts: {table[column].null_count()} rows have no {column}.")
    strange, twice = list[str](), list[str]()
    for unit, begins in zip(
        *(table[one].cast(pl.String) for one in (told.unit, told.begins)), strict=True
    ):
        if unit is None or begins is None:
            continue
        unit, when = names.get(unit, unit), periods_of_it.get(begins, begins)
        start = start_of(when, place, rollout.never)
        if unit not in at:
            strange.append(unit)
        elif start is None:
            faults.append(f'rollout.starts: "{when}" is no period of the panel.')
        else:
            twice += [unit] if found[at[unit]] != NEVER else []
            found[at[unit]] = start
    if strange:
        faults.append(
            f"rollout.starts: {len(strange)} units of {records.words} are not in the records "
            f"({listed(strange[:SHOWN])}). Write names: {{theirs: ours}} where a unit is called "
            "otherwise."
        )
    if twice:
        faults.append(f"rollout.starts: {listed(twice[:SHOWN])} stand more than once.")
    return found


def start_of(level: str, place: Mapping[str, int], never: tuple[str, ...]) -> int | None:
    """Return where a start lies among the periods; None where nothing tells.

    A number before the first period is a start before the panel begins, one after the last a
    start that the panel does not see.
    """
    if level in never:
        return NEVER
    if level in place:
        return place[level]
    every = list(place)
    if NUMBER.fullmatch(level) and all(NUMBER.fullmatch(one) for one in every):
        value, known = float(level), [float(one) for one in every]
        if value < known[0]:
            return 0
        # A start between two periods is seen from the later one on.
        return next((at for at, one in enumerate(known) if one >= value), NEVER)
    return None


def drawn(
    rollout: Rollout,
    allocation: Allocation,
    told: Ints,
    *,
    units: tuple[str, ...],
    periods: tuple[str, ...],
    faults: list[str],
) -> Ints:
    """Return (u,) the period in which provision was drawn to begin; faults where units of the
    records were not drawn, or the records say another period.
    """
    begins = {wave.name: wave.begins for wave in rollout.waves}
    place = {name: at for at, name in enumerate(periods)}
    wave = dict(zip(allocation.units, allocation.code, strict=True))
    strangers = [unit for unit in units if unit not in wave]
    if strangers:
        faults.append(
            f"records.unit: {len(strangers)} units of the records are not in the draw "
            f"({listed(strangers[:SHOWN])})."
        )
    of_wave = [place.get(begins.get(name, ""), NEVER) for name in allocation.arms]
    found = np.array([of_wave[wave[unit]] if unit in wave else NEVER for unit in units])
    wrong = np.count_nonzero(found != told)
    if rollout.adopted and wrong:
        faults.append(
            f"rollout.adopted: {wrong} of {len(units)} units began, by the records, in another "
            "period than the ledger drew. They are analysed as drawn: leave `adopted` out, and "
            "write who slipped in the ledger."
        )
    return found.astype(np.int64)


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
        faults.append(f"outcomes: {int(wrong.sum())} rows of column {column} hold no number.")
        return PanelOutcome(*(np.zeros((cells.units, cells.periods)) for _ in range(3)))
    weight = np.ones(len(values))
    if children:
        weight, bad = numbers(table[children])
        if bad is not None or (weight[np.isfinite(weight)] < 0).any():
            faults.append(
                f"rollout.children: column {children} holds what is no number of children."
            )
    seen = np.where(np.isfinite(values) & np.isfinite(weight), weight, 0.0)
    told = np.where(seen > 0, values, 0.0)
    return PanelOutcome(cells.sum(seen), cells.sum(seen * told), cells.sum(seen * told**2))


def complete(panel: Panel, name: str) -> tuple[Panel, int]:
    """Return the units whose outcome is recorded in every period in which any unit's is, without
    the periods in which none is, and how many units left.
    """
    seen = panel.outcomes[name].count > 0
    kept = np.flatnonzero(seen.any(axis=0))
    whole_units = np.flatnonzero(seen[:, kept].all(axis=1))
    return panel.take(whole_units).over(kept), len(panel.units) - len(whole_units)
