"""Rows of tables that are estimates with errors and limits: pooled by Rubin's rules, not averaged.

A table holds no covariance, but an estimate, its standard error and its limits hold all that one
number's pooling needs: what of the limits is not error is the critical value, and that tells the
degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats

from fingerpost.core.inference import barnard_rubin
from fingerpost.core.table import Cell
from fingerpost.sensitivity._control import verdict

Row = dict[str, Cell]
PARTS = ("estimate", "se", "lo", "hi")
CONTROLS = ("control", "control before")
DIFFERS = "differs by copy"
UNEVEN = 1e-6  # of a limit's reach: more than rounding between the two sides
MANY_DF = 1e6


def pooled_row(rows: Sequence[Row], level: float) -> Row | None:
    """Return estimate, se, lo and hi of one row pooled over its fellows in two or more copies.

    None where a copy lacks one of them, or its limits do not lie evenly about its estimate: nothing
    is known then of the law they come from.
    """
    cells = [[row.get(name) for name in PARTS] for row in rows]
    if not all(isinstance(cell, int | float) for own in cells for cell in own):
        return None
    found = np.array(cells, dtype=float)
    value, error, low, high = found.T
    uneven = np.abs(low + high - 2 * value) > UNEVEN * np.abs(high - low)
    if not np.isfinite(found).all() or (error <= 0).any() or uneven.any():
        return None
    m = len(rows)
    within = np.mean(error**2, keepdims=True)
    between = (1 + 1 / m) * np.var(value, ddof=1, keepdims=True)
    complete = min(_df(float(one), level) for one in (high - low) / 2 / error)
    df = float(barnard_rubin(within, between, m=m, complete_df=complete)[0])
    se = float(np.sqrt(within + between)[0])
    reach = se * float(stats.t.ppf((1 + level) / 2, df))
    mean = float(value.mean())
    return dict(zip(PARTS, (mean, se, mean - reach, mean + reach), strict=True))


def _df(critical: float, level: float) -> float:
    """Return the degrees of freedom at which t has this critical value; at least 1.

    >>> round(_df(2.228139, 0.95), 3)
    10.0
    """
    share = (1 + level) / 2
    if critical <= stats.t.ppf(share, MANY_DF):
        return np.inf
    if critical >= stats.t.ppf(share, 1.0):
        return 1.0
    found = optimize.brentq(lambda df: stats.t.ppf(share, df) - critical, 1.0, MANY_DF)
    return float(found)


def pooled_verdict(role: str, rows: Sequence[Row], pooled: Row | None) -> Cell:
    """Return the words that judge a row over all copies: of a control, anew from its pooled limits;
    else those of every copy, where all say the same and the pooled limits do not gainsay them.
    """
    if role in CONTROLS:
        low, high = ((pooled or {}).get(name) for name in ("lo", "hi"))
        known = isinstance(low, float) and isinstance(high, float)
        return verdict(low, high) if known else verdict(None, None)  # type: ignore[arg-type]
    words = {row.get("verdict") for row in rows}
    if len(words) == 1 and (pooled is None or len({_clear(row) for row in (*rows, pooled)}) == 1):
        return words.pop()
    return DIFFERS


def _clear(row: Row) -> bool:
    """Return whether a row's limits leave zero out."""
    low, high = row.get("lo"), row.get("hi")
    return isinstance(low, float) and isinstance(high, float) and (low > 0 or high < 0)
