"""Tables of several copies as one: estimates with errors pooled by Rubin's rules, other numbers
averaged, guard rails at their worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from fingerpost.core.table import Cell, Table
from fingerpost.studies.pooled_rows import PARTS, Row, pooled_row, pooled_verdict

T = TypeVar("T")
GUARDS = ("guard", "own_guard")
ORDER = {"ok": 0, "warn": 1, "refuse": 2}
# What no average over copies stands for: errors, limits and tests belong to one copy's variance.
NOT_AVERAGED = frozenset(
    {"p", "p_value", "wald", "df", "lo", "hi", "se", "statistic", "lower", "upper", "t", "f"}
)
VERDICT = "verdict"
LOOSE = frozenset({"words", VERDICT})  # labels that tell a number, and so differ by copy
AVERAGED = "Averages over {copies} imputed copies."
RUBIN = "Estimates with their errors and limits are pooled by Rubin's rules."
BLANK = "Errors, limits and tests of single copies are left out."
FIRST = "Of the first of {copies} imputed copies: the others have other rows."
WORST = "Each rule as it was at its worst over {copies} imputed copies."


def merged(copies: Sequence[tuple[Table, ...]], level: float) -> tuple[Table, ...]:
    """Return the tables of the first copy, each merged with its fellows in the others.

    Fellows have the same name, columns and tags; of several such, the same place among them. level:
    of limits.
    """
    shelves = [_by_key(tables) for tables in copies]
    return tuple(
        merge([shelf[key] for shelf in shelves if key in shelf], len(copies), level)
        for key in shelves[0]
    )


def _by_key(tables: Sequence[Table]) -> dict[tuple[object, ...], Table]:
    found: dict[tuple[object, ...], Table] = {}
    for table in tables:
        key = (table.name, table.columns, table.tags)
        count = sum(1 for known in found if known[:3] == key)
        found[*key, count] = table
    return found


def merge(tables: Sequence[Table], copies: int, level: float) -> Table:
    """Return fellows as one table: averaged where rows match, else the first, which is said."""
    first = tables[0]
    if len(tables) == copies and all(_aligned(first, other) for other in tables[1:]):
        if first.name in GUARDS:
            return _worst(tables, copies)
        return _averaged(tables, copies, level)
    if first.name in GUARDS:
        first = max(tables, key=_severity)
    return replace(first, note=_noted(first, FIRST.format(copies=copies)))


def _noted(table: Table, words: str) -> str:
    return f"{table.note} {words}".strip()


def _aligned(first: Table, other: Table) -> bool:
    """Return whether rows are about the same things in the same order."""
    if len(first.rows) != len(other.rows):
        return False
    fixed = [
        at
        for at, (name, kind) in enumerate(zip(first.columns, first.kinds, strict=True))
        if kind == "label" and name not in LOOSE
    ]
    return all(
        one[at] == two[at] for one, two in zip(first.rows, other.rows, strict=True) for at in fixed
    )


def _averaged(tables: Sequence[Table], copies: int, level: float) -> Table:
    first = tables[0]
    if all(table.rows == first.rows for table in tables[1:]):
        return _guarded(first, tables)
    rows, blank, pooled = [], False, False
    for fellows in zip(*(table.records() for table in tables), strict=True):
        found = pooled_row(fellows, level)
        row = tuple(
            _over(first, name, kind, fellows, found)
            for name, kind in zip(first.columns, first.kinds, strict=True)
        )
        rows.append(row)
        pooled |= found is not None
        blank |= any(
            cell is None and fellows[0][name] is not None
            for name, cell in zip(first.columns, row, strict=True)
        )
    words = " ".join(
        (AVERAGED.format(copies=copies), *([RUBIN] if pooled else ()), *([BLANK] if blank else ()))
    )
    return _guarded(replace(first, rows=tuple(rows), note=_noted(first, words)), tables)


def _over(table: Table, name: str, kind: str, fellows: Sequence[Row], pooled: Row | None) -> Cell:
    """Return one cell of a row over its fellows in all copies."""
    cells = [row[name] for row in fellows]
    if name == VERDICT and kind == "label":
        return pooled_verdict(table.tells.role, fellows, pooled)
    if pooled is not None and name in PARTS:
        return pooled[name]
    if name in NOT_AVERAGED and kind == "number" and not _same(cells):
        return None
    return _cell(cells, kind)


def _same(cells: Sequence[Cell]) -> bool:
    return all(cell == cells[0] for cell in cells)


def _cell(cells: Sequence[Cell], kind: str) -> Cell:
    """Return the average of numbers, and of anything else the first copy's."""
    if kind not in ("number", "share", "count") or _same(cells):
        return cells[0]
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    if len(numbers) < len(cells):
        return None
    mean = float(np.mean(numbers))
    return round(mean) if kind == "count" else mean


def _guarded(made: Table, tables: Sequence[Table]) -> Table:
    """Return a table with what disclosure control is to know of every copy: for each row the fewest
    children and clusters behind it in any copy that says, and the largest shares.
    """
    rows = len(made.rows)
    return replace(
        made,
        counts=_fewest([table.counts for table in tables], rows),
        clusters=_fewest([table.clusters for table in tables], rows),
        shares=_largest([table.shares for table in tables], rows),
    )


def _by_row(columns: Sequence[tuple[T | None, ...]], rows: int) -> list[list[T]]:
    """Return what copies say of each row; a copy need not say it of every row, or at all."""
    return [
        [one for own in columns for one in own[at : at + 1] if one is not None]
        for at in range(rows)
    ]


def _fewest(columns: Sequence[tuple[int | None, ...]], rows: int) -> tuple[int | None, ...]:
    if not any(columns):
        return ()
    return tuple(min(own, default=None) for own in _by_row(columns, rows))


def _largest(
    columns: Sequence[tuple[tuple[float, float] | None, ...]], rows: int
) -> tuple[tuple[float, float] | None, ...]:
    if not any(columns):
        return ()
    return tuple(max(own, default=None) for own in _by_row(columns, rows))


def _worst(tables: Sequence[Table], copies: int) -> Table:
    """Return guard rails, each rule as it was in the copy where it was at its worst."""
    first = tables[0]
    if all(table.rows == first.rows for table in tables[1:]):
        return _guarded(first, tables)
    rows = tuple(
        max((table.rows[at] for table in tables), key=lambda row: _rank(first, row))
        for at in range(len(first.rows))
    )
    made = replace(first, rows=rows, note=_noted(first, WORST.format(copies=copies)))
    return _guarded(made, tables)


def _rank(table: Table, row: tuple[Cell, ...]) -> tuple[int, float]:
    """Return how bad a judged rule is: its verdict, then how near or far beyond its threshold."""
    told = dict(zip(table.columns, row, strict=True))
    measured, threshold = told.get("measured"), told.get("threshold")
    verdict = ORDER.get(str(told.get("verdict")), 0)
    if not (isinstance(measured, int | float) and isinstance(threshold, int | float)):
        return verdict, 0.0
    away = abs(float(measured) - float(threshold))
    return verdict, -away if verdict == 0 else away


def _severity(table: Table) -> tuple[int, float]:
    return max((_rank(table, row) for row in table.rows), default=(0, 0.0))
