"""How children differ within the cells of a panel."""

from __future__ import annotations

import numpy as np

from fingerpost.core.panel import PanelOutcome

ROUNDING = 1e-9  # of the mean square: below it squares tell of rounding alone


def within_cells(outcome: PanelOutcome) -> float | None:
    """Return the variance of children within cells, pooled; None where records do not tell it: a
    row stands for many children, or every cell holds one row.

    >>> one = np.ones((1, 1))
    >>> within_cells(PanelOutcome(2 * one, 4 * one, 10 * one))
    2.0
    >>> within_cells(PanelOutcome(2 * one, 4 * one, 10 * one, children=False)) is None
    True
    """
    count = np.asarray(outcome.count, dtype=np.float64)
    more = count > 1
    spare = float(np.sum(count[more] - 1))
    if not outcome.children or spare <= 0 or not np.isfinite(outcome.squares[more]).all():
        return None
    mean = outcome.total[more] / count[more]
    found = float(np.sum(outcome.squares[more] - count[more] * mean**2)) / spare
    return found if found > ROUNDING * float(np.mean(mean**2)) else None
