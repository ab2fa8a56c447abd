"""Many answers at once: estimates drawn towards their common centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class Shrunken:
    """Estimates drawn towards `centre`: (k,) values, their errors and the share of each kept.

    spread: the standard deviation of the true effects, as estimated.
    """

    value: Array
    error: Array
    kept: Array
    centre: float
    spread: float


def between_variance(value: Array, error: Array, *, centre: float | None) -> float:
    """Return the variance of true effects by (restricted) maximum likelihood, 0 at least.

    value, error: (k,) estimates and standard errors, normal and independent. centre: a known mean,
    or None where it is estimated too (then restricted likelihood). The score is solved for its
    largest root, where the likelihood is no lower than at 0.
    """
    top = float(np.max((value - (np.mean(value) if centre is None else centre)) ** 2))
    top = 4 * top + float(np.max(error) ** 2)

    def score(variance: float) -> float:
        w = 1 / (variance + error**2)
        mean = float(np.sum(w * value) / np.sum(w)) if centre is None else centre
        told = float(np.sum(w**2 * (value - mean) ** 2) - np.sum(w))
        return told if centre is not None else told + float(np.sum(w**2) / np.sum(w))

    def likelihood(variance: float) -> float:
        w = 1 / (variance + error**2)
        mean = float(np.sum(w * value) / np.sum(w)) if centre is None else centre
        found = 0.5 * float(np.sum(np.log(w)) - np.sum(w * (value - mean) ** 2))
        return found if centre is not None else found - 0.5 * math.log(float(np.sum(w)))

    steps = np.concatenate([[0.0], np.geomspace(1e-8, 1.0, 60)]) * top
    signs = [score(float(step)) for step in steps]
    roots = [
        float(brentq(score, float(lo), float(hi)))
        for lo, hi, a, b in zip(steps[:-1], steps[1:], signs[:-1], signs[1:], strict=True)
        if a > 0 >= b
    ]
    return max([0.0, *roots], key=likelihood)


def shrink(value: Array, error: Array, *, centre: float | None) -> Shrunken:
    """Return empirical-Bayes estimates and errors that allow for the estimated spread.

    value, error: (k,), on one scale; centre: what they are drawn to, None for their own mean. True
    effects are taken to be normal about it. Morris (1983), Journal of the American Statistical
    Association 78(381), 47-55, section 5: shares shrunk by (m − 2)/m, m = k less the number
    of means estimated, and errors widened for the spread's own.
    """
    means = 1 if centre is None else 0
    k = len(value)
    variance = between_variance(value, error, centre=centre)
    own = error**2
    w = 1 / (variance + own)
    middle = float(np.sum(w * value) / np.sum(w)) if centre is None else centre
    m = k - means
    drawn = (m - 2) / m * own * w
    typical = float(np.sum(w * own) / np.sum(w))
    extra = 2 / (m - 2) * drawn**2 * (typical + variance) * w
    at_mean = means * w / np.sum(w)  # an estimated mean is uncertain too
    errors = np.sqrt(own * (1 - (1 - at_mean) * drawn) + extra * (value - middle) ** 2)
    return Shrunken(
        (1 - drawn) * value + drawn * middle, errors, 1 - drawn, middle, math.sqrt(variance)
    )
