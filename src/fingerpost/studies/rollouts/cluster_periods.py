"""Units and rows by wave and period: what a stepped wedge's readers ask to see of its records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.panel import Panel
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells

Ints = NDArray[np.int64]
LAST = "not by the last period"


def cluster_periods(panel: Panel, outcome: str) -> Table:
    """Return, by the period in which provision began and by period, how many units there are, of
    how many the outcome was recorded, and in how many rows.

    panel: as it was read, with units that are not always seen.
    """
    told = panel.outcomes[outcome]
    count = np.asarray(told.count)
    # Where a column tells how many children a row is of, they are what is summed.
    summed = "rows" if told.children else "children"
    rows: list[tuple[Cell, ...]] = []
    for words, begins, units in waves_of(panel):
        for at, period in enumerate(panel.periods):
            own = count[units, at]
            begun = begins is not None and at >= begins
            seen, records = int((own > 0).sum()), int(own.sum())
            rows.append((words, period, begun, len(units), seen, records))
    return Table(
        "cluster_periods",
        f"Units and {summed} by wave and period",
        ("provision began", "period", "begun", "units", "with the outcome", summed),
        ("label", "label", "flag", "count", "count", "count"),
        tuple(rows),
        counts=tuple(int(str(row[5])) for row in rows),
        context="Units that were drawn and of which the records hold no row are counted among the "
        f"units; {summed} are those with the outcome.",
        tells=Tells(units=((summed, summed),)),
        tags=(("outcome", outcome),),
    )


def waves_of(panel: Panel) -> list[tuple[str, int | None, Ints]]:
    """Return each wave in words, the place of its first period, and its units."""
    adopted = np.asarray(panel.adopted)
    starts = [int(one) for one in np.unique(adopted[adopted >= 0])]
    found: list[tuple[str, int | None, Ints]] = [
        (panel.periods[at], at, np.flatnonzero(adopted == at)) for at in starts
    ]
    never = np.flatnonzero(adopted < 0)
    return [*found, (LAST, None, never)] if len(never) else found
