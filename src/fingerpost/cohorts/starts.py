"""When provision began in units of a panel, as the records say, or a table of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.periods import SHOWN, start_of
from fingerpost.cohorts.reading import TableRecords, read_records, unknown
from fingerpost.cohorts.unit_cells import Cells
from fingerpost.cohorts.values import codes
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.rollout import NEVER, Rollout
from fingerpost.core.study import Study
from fingerpost.engines._shared import collected

Ints = NDArray[np.int64]


def starts(
    study: Study,
    table: pl.DataFrame,
    cells: Cells,
    *,
    base: Path,
    units: tuple[str, ...],
    periods: tuple[str, ...],
    to: list[str],
) -> Ints:
    """Return (u,) the period in which provision began by the records: NEVER where it did not by the
    last, 0 where it had begun before the second. to: where faults go.
    """
    rollout, faults = study.rollout or Rollout(), to
    if rollout.starts is not None:
        own = read_records(rollout.starts.table, base=base)
        return from_table(rollout, own, units=units, periods=periods, faults=faults)
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
    blank = int(np.count_nonzero(code < 0))
    if blank and "" not in rollout.never:
        faults.append(
            f"rollout.adopted: {blank} rows have no {rollout.adopted}. Fill it; or, where an empty "
            'cell says that it never began, write never: [""].'
        )
    known = np.array([NEVER if at is None else at for at in onto] + [NEVER], dtype=np.int64)
    return cells.one_of(known[code], "rollout.adopted", faults)


def start_names(study: Study, table: pl.DataFrame, *, base: Path) -> tuple[str, ...]:
    """Return every period in which provision begins somewhere, as the records call it; none of
    those that say that it never does.
    """
    rollout = study.rollout or Rollout()
    if rollout.starts is not None:
        told = rollout.starts
        own = read_records(told.table, base=base)
        if told.begins not in own.columns:
            return ()  # told by `from_table`
        column, called = (
            collected(own.frame.select([told.begins]), own.words)[told.begins],
            dict(told.periods),
        )
    elif rollout.adopted:
        column, called = table[rollout.adopted], {}
    else:
        return ()
    names = (called.get(name, name) for name in codes(column.unique())[1])
    return tuple(name for name in names if name not in rollout.never)


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
    if absent:
        raise Malformed(
            unknown(column, "rollout.starts", columns=records.columns, words=records.words)
            for column in absent
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
