"""Omitted-variable bias in terms of partial R² (Cinelli & Hazlett 2020, JRSS B 82(1), 39-67).

df: residual degrees of freedom of the regression without the omitted variable.
r2_exposure: share of the exposure's variance, left by the covariates, that the omitted variable
explains; r2_outcome: share of the outcome's variance, left by exposure and covariates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from fingerpost.core.errors import UsageError


def partial_r2(t: float, df: float) -> float:
    """Return the partial R² of a coefficient with statistic t: t² / (t² + df).

    >>> round(partial_r2(4.18445, 783), 4)
    0.0219
    """
    return t * t / (t * t + df)


def partial_f2(t: float, df: float) -> float:
    """Return Cohen's partial f² of a coefficient with statistic t: t² / df."""
    return t * t / df


def robustness_value(
    t: float, df: float, *, share: float = 1.0, alpha: float = 1.0, critical_df: float | None = None
) -> float:
    """Return the robustness value of a coefficient with statistic t.

    The least partial R², with exposure and outcome alike, of an omitted variable that takes away
    `share` of the estimate (alpha = 1), or leaves it no longer significant at `alpha`: with
    f = share |t| / √df less the critical value / √(df − 1), it is ½ (√(f⁴ + 4f²) − f²).
    critical_df: degrees of freedom of the critical value, df − 1 if left out. Where the outcome's
    share needs not be so large, the exposure's alone decides (the second formula of the paper).

    >>> round(robustness_value(4.18445, 783), 4)
    0.1388
    >>> robustness_value(1.5, 783, alpha=0.05)
    0.0
    """
    f = share * abs(t) / math.sqrt(df)
    degrees = df - 1 if critical_df is None else critical_df
    critical = abs(float(stdtrit(degrees, alpha / 2))) / math.sqrt(df - 1)
    left = f - critical
    if left <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return (f * f - critical * critical) / (1 + f * f)
    return 0.5 * (math.sqrt(left**4 + 4 * left**2) - left**2)


def bias(se: float, df: float, *, r2_exposure: float, r2_outcome: float) -> float:
    """Return the size of the bias that an omitted variable makes, in the unit of the estimate.

    se √(df × r2_outcome × r2_exposure / (1 − r2_exposure)), which for least squares is exact.
    Raises UsageError unless 0 ≤ r2_exposure < 1 and 0 ≤ r2_outcome ≤ 1.

    >>> bias(2.0, 100, r2_exposure=0.0, r2_outcome=0.5)
    0.0
    """
    if not (0 <= r2_exposure < 1 and 0 <= r2_outcome <= 1):
        raise UsageError("a partial R² lies between 0 and 1; with the exposure it is below 1.")
    return se * math.sqrt(df * r2_outcome * r2_exposure / (1 - r2_exposure))


def adjusted_estimate(
    estimate: float,
    se: float,
    *,
    df: float,
    r2_exposure: float,
    r2_outcome: float,
    reduce: bool = True,
) -> float:
    """Return the estimate that adjusting for the omitted variable too would give.

    reduce: whether the variable exaggerates the estimate (its removal moves towards zero and
    beyond) or hides it.
    """
    moved = bias(se, df, r2_exposure=r2_exposure, r2_outcome=r2_outcome)
    size = abs(estimate) - moved if reduce else abs(estimate) + moved
    return math.copysign(size, estimate) if size >= 0 else -math.copysign(size, estimate)


def adjusted_se(se: float, df: float, *, r2_exposure: float, r2_outcome: float) -> float:
    """Return the standard error that adjusting for the omitted variable too would give.

    se √((1 − r2_outcome) / (1 − r2_exposure) × df / (df − 1)), exact for least squares.
    """
    return se * math.sqrt((1 - r2_outcome) / (1 - r2_exposure) * df / (df - 1))


@dataclass(frozen=True, slots=True)
class Strength:
    """How strong an omitted variable is: its partial R² with exposure and with outcome."""

    r2_exposure: float
    r2_outcome: float


def benchmark(r2_exposure: float, r2_outcome: float, *, times: float) -> Strength | None:
    """Return the greatest strength of an omitted variable `times` as strong as a covariate.

    r2_exposure, r2_outcome: partial R² of the benchmark covariate itself, with the exposure given
    the other covariates, and with the outcome given exposure and the other covariates. None where
    no omitted variable can be that strong. Cinelli & Hazlett (2020), formal benchmarks; the same
    multiple is taken for exposure and outcome. r2_outcome is at most 1: there the bound says only
    "all that is left", and no standard error goes with it.
    """
    own = r2_exposure / (1 - r2_exposure)
    if times * own >= 1 or times * r2_exposure >= 1 or r2_outcome >= 1:
        return None
    shared = times * r2_exposure**2 / ((1 - times * r2_exposure) * (1 - r2_exposure))
    if shared >= 1:
        return None
    grown = (math.sqrt(times) + math.sqrt(shared)) / math.sqrt(1 - shared)
    return Strength(times * own, min(1.0, grown**2 * r2_outcome / (1 - r2_outcome)))
