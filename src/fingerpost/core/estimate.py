"""Numbers with what is needed to say how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.estimand import Term

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Influence:
    """Influence already summed within the finest variance unit.

    sums: (g, q), scaled so that the error of the estimate is their sum over units; covariance is
    `correction` × sumsᵀ sums (within strata, centred, where strata are given).
    units: (g,) keys of the variance unit, so that two estimates on the same children can be joined.
    level: what the unit is (school, child). correction: the small-sample factor, named by `note`.
    """

    sums: Array
    units: NDArray[np.generic]
    level: str = "child"
    strata: NDArray[np.generic] | None = None
    correction: float = 1.0
    note: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Replicates:
    """(B, q) values of a resampling (bootstrap, jackknife with its `factor`)."""

    values: Array
    factor: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Matrix:
    """(q, q) covariance, where a method gives nothing finer."""

    covariance: Array


Spread = Influence | Replicates | Matrix


@dataclass(frozen=True, eq=False, slots=True)
class Estimate:
    """q terms and their values.

    value: (q,), on the log scale for terms whose scale is `ratio`. spread: None where there is no
    standard error. extra: (q, q) covariance to add (between imputations, say). df: (q,) degrees of
    freedom, infinite for the normal. n: (q,) children; arm_n: (q, k) by arm; clusters: (q,) number
    of variance units. bounds: (q, 2) where the interval is not value ± critical × standard error,
    on the scale of `value`. critical: (q,) where a resampling gives the critical value.
    interval: the interval's method in words, one a term.
    """

    terms: tuple[Term, ...]
    value: Array
    spread: Spread | None
    extra: Array | None = None
    df: Array | None = None
    n: NDArray[np.integer[Any]] | None = None
    arm_n: NDArray[np.integer[Any]] | None = None
    arms: tuple[str, ...] = ()
    clusters: NDArray[np.integer[Any]] | None = None
    bounds: Array | None = None
    critical: Array | None = None
    interval: tuple[str, ...] = ()
