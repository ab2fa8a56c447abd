"""Rows of a table as cells of a panel: units by periods."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.values import numbers

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SEVERAL = 0.2  # of units and periods: fewer that hold several rows were told twice


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Where rows lie: (rows,) unit and period, NEVER where a period is not the study's."""

    unit: Ints
    period: Ints
    units: int
    periods: int
    # Each row's cell, and whether all rows lie in a period of the study: asked of in every sum.
    cell: Ints = field(init=False)
    whole: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell", self.unit * self.periods + self.period)
        object.__setattr__(self, "whole", bool(self.inside.all()))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(rows,) whether a row lies in a period of the study."""
        found: NDArray[np.bool_] = self.period >= 0
        return found

    def told_twice(self) -> list[str]:
        """Return the fault of a few units and periods that hold several rows, where others hold
        one; where many do, rows are children or schools.
        """
        rows = self.rows()
        seen, several = int(np.count_nonzero(rows)), int(np.count_nonzero(rows > 1))
        if not several or several > SEVERAL * seen:
            return []
        return [
            f"records: {several} of {seen} units and periods hold several rows, where others hold "
            "one. Were they told twice? Leave one row of each, or write a row for each child."
        ]

    def rows(self) -> Floats:
        """Return (u, t) how many rows a cell holds."""
        cell = self.cell if self.whole else self.cell[self.inside]
        found: Floats = np.bincount(cell, minlength=self.units * self.periods).astype(np.float64)
        return found.reshape(self.units, self.periods)

    def sum(self, values: Floats) -> Floats:
        """Return (u, t) sums; rows without a value add nothing."""
        known, size = np.isfinite(values), self.units * self.periods
        if self.whole and known.all():
            total = np.bincount(self.cell, weights=values, minlength=size)
        else:
            keep = self.inside & known
            total = np.bincount(self.cell[keep], weights=values[keep], minlength=size)
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
