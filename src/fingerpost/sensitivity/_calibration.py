"""Systematic error, as estimates on things that provision cannot have changed show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri, stdtr, stdtrit

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Systematic:
    """The distribution of systematic error over controls: normal, with mean and sd.

    mean_error: standard error of the mean; 0 where it is taken as known. controls: their number;
    infinite where mean and sd are taken as known.
    """

    mean: float
    sd: float
    mean_error: float = 0.0
    controls: float = math.inf

    @property
    def df(self) -> float:
        """Degrees of freedom of a prediction from it."""
        return self.controls - 1


def fit_systematic(value: Array, error: Array, *, restricted: bool = False) -> Systematic:
    """Return the likeliest normal distribution of systematic error.

    value, error: (k,) estimates on controls and their standard errors, on one scale, taken to be
    independent: value ~ N(mean, sd² + error²). Schuemie, Ryan, DuMouchel, Suchard & Madigan (2014),
    Statistics in Medicine 33(2), 209-218. The variance is sought on its profile, on a grid and then
    between the grid's neighbours. restricted: by restricted likelihood, which does not make it too
    small where controls are few.
    """

    def mean_at(variance: float) -> float:
        return float(np.average(value, weights=1 / (variance + error**2)))

    def minus(variance: float) -> float:
        total = variance + error**2
        found = float(np.sum(np.log(total) + (value - mean_at(variance)) ** 2 / total))
        return found + math.log(float(np.sum(1 / total))) if restricted else found

    top = float(np.ptp(value) ** 2 + np.max(error) ** 2)
    grid = np.concatenate([[0.0], np.geomspace(1e-8, 1.0, 200)]) * top
    at = int(np.argmin([minus(float(one)) for one in grid]))
    variance = float(grid[at])
    if at > 0:
        ends = (float(grid[at - 1]), float(grid[min(at + 1, len(grid) - 1)]))
        best = minimize_scalar(minus, bounds=ends, method="bounded", options={"xatol": 1e-12 * top})
        variance = float(best.x) if best.fun <= minus(variance) else variance
    weight = float(np.sum(1 / (variance + error**2)))
    return Systematic(mean_at(variance), math.sqrt(variance), weight**-0.5, float(len(value)))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An answer without the systematic error that the controls lead one to expect."""

    value: float
    lo: float
    hi: float
    p: float


def calibrate(value: float, error: float, found: Systematic, *, level: float) -> Calibrated:
    """Return an answer less the mean systematic error, with the interval and p that allow for it.

    The spread is √(error² + sd² + mean_error²), with the t distribution of k − 1 degrees of freedom
    (normal where mean and sd are taken as known, as in Schuemie, Hripcsak, Ryan, Madigan & Suchard
    2018, PNAS 115(11), 2571-2577).

    >>> known = Systematic(0.7922, 0.2834)
    >>> round(calibrate(0.7326235, 0.07371708, known, level=0.95).p, 3)
    0.839
    """
    centre = value - found.mean
    spread = math.sqrt(error**2 + found.sd**2 + found.mean_error**2)
    tail = 0.5 + level / 2
    z = -abs(centre) / spread
    if math.isfinite(found.df):
        critical, p = float(stdtrit(found.df, tail)), 2 * float(stdtr(found.df, z))
    else:
        critical, p = float(ndtri(tail)), 2 * float(ndtr(z))
    return Calibrated(centre, centre - critical * spread, centre + critical * spread, p)
