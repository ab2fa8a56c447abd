"""Effects in standard deviations: Hedges' correction, and intervals."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, stdtrit


def hedges(df: float) -> float:
    """Return Hedges' (1981) exact correction of a standardised difference with `df` degrees of
    freedom of its standard deviation: near 1 − 3 / (4 df − 1).

    >>> round(hedges(18), 4)
    0.9576
    """
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) * np.sqrt(2 / df))


def scaled(
    value: float, error: float, *, sd: float, df: float, level: float
) -> tuple[float, float, float]:
    """Return an effect over a standard deviation that is taken as known, and its interval by t."""
    reach = float(stdtrit(df, 0.5 + level / 2)) * error
    return value / sd, (value - reach) / sd, (value + reach) / sd
