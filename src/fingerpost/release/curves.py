"""Curves as they may leave: at few times, each telling of many children."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from fingerpost.core.table import Table

T = TypeVar("T")


def coarse(table: Table) -> Table:
    """Return a curve at those of its times alone that have a standard error: of steps close
    together, each would tell of few children.
    """
    if not {"time", "se", "at_risk"} <= set(table.columns):
        return table
    at = table.columns.index("se")
    sure = [place for place, row in enumerate(table.rows) if row[at] is not None]
    if not sure or len(sure) == len(table.rows):
        return table
    return replace(
        table,
        rows=of(sure, table.rows),
        counts=of(sure, table.counts),
        clusters=of(sure, table.clusters),
        shares=of(sure, table.shares),
    )


def of(places: list[int], cells: tuple[T, ...]) -> tuple[T, ...]:
    """Return what stands at places, nothing where nothing is told."""
    return tuple(cells[place] for place in places) if cells else ()
