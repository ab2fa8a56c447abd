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


# The Education Endowment Foundation's Toolkit: the least effect, in standard deviations rounded to
# two places, that counts as so many months of progress, from 0 to 12.
MONTHS = (0.0, 0.02, 0.10, 0.19, 0.27, 0.36, 0.45, 0.53, 0.62, 0.70, 0.79, 0.88, 0.96)


def months_of_progress(g: float) -> int:
    """Return the months of progress of an effect on attainment, as the EEF's Toolkit converts them;
    12 stands for 12 or more, and losses mirror gains.

    >>> [months_of_progress(g) for g in (0.014, 0.016, 0.09, 0.1, -0.2, 1.4)]
    [0, 1, 1, 2, -3, 12]
    """
    size = round(abs(g), 2)
    found = sum(size >= least for least in MONTHS) - 1
    return found if g >= 0 else -found
