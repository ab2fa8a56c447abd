"""What an unrecorded cause would have to be to move one study's answer to another's.

Both readings ask of the same distance: the E-value's, with no model of the cause, on the scale of
risk ratios; and that of least squares, in shares of what the covariates leave unexplained.
"""

from __future__ import annotations

import math

from fingerpost.core.errors import UsageError
from fingerpost.sensitivity._formulas import bias
from fingerpost.sensitivity.e_value import PER_SD, e_value


def strength_to_move(se: float, df: float, *, by: float) -> float:
    """Return the partial R², with exposure and outcome alike, that moves an estimate by `by`.

    se, df: ordinary standard error and residual degrees of freedom of the regression; by: in the
    unit of the estimate, its sign of no account. Cinelli & Hazlett (2020): with f = |by| / (se √df)
    it is ½ (√(f⁴ + 4f²) − f²), the share at which `bias` is `by`. Raises UsageError unless se and
    df are above 0.

    >>> round(strength_to_move(2.0, 100, by=8.37), 3)
    0.34
    >>> strength_to_move(2.0, 100, by=0.0)
    0.0
    """
    if not (se > 0 and df > 0):
        raise UsageError("a regression's standard error and degrees of freedom are above 0.")
    f2 = (by / se) ** 2 / df
    return 0.5 * (math.sqrt(f2 * f2 + 4 * f2) - f2)


def moved_by(se: float, df: float, *, strength: float) -> float:
    """Return how far a cause of that strength, with exposure and outcome alike, moves an estimate.

    >>> round(moved_by(2.0, 100, strength=0.34), 2)
    8.37
    """
    return bias(se, df, r2_exposure=strength, r2_outcome=strength)


def ratio_to_move(by: float, *, sd: float) -> float:
    """Return the E-value of the distance between two differences of means.

    by: the distance, sd: the outcome's standard deviation, in one unit. Both differences are read
    as risk ratios exp(0.91 d), whose ratio depends on their distance alone. Raises UsageError
    unless sd is above 0.

    >>> round(ratio_to_move(0.5, sd=1.0), 4)
    2.5291
    """
    if not sd > 0:
        raise UsageError("an outcome that does not vary has no E-value.")
    return e_value(math.exp(PER_SD * abs(by) / sd))
