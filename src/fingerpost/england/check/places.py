"""How much of who is provided for lies between local authorities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from fingerpost.core.errors import FingerpostError
from fingerpost.england.check.children import Children, Mask
from fingerpost.england.check.measured import Measured
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.random_intercept import LATENT_VARIANCE, RandomIntercept, random_intercept

SUPPORT, PLAN = 1, 2
QUARTILE = float(norm.ppf(0.75))
Measure = Callable[[Children, Mask], Measured]
# From a fit, the error of its variance and the share of children that it is of: value and error.
Reading = Callable[[RandomIntercept, float, float], tuple[float, float]]


def between(level: int, read: Reading) -> Measure:
    """Return a measure read from a model of a level against none, an intercept an authority.

    No covariates (the null model): log-odds = intercept + that of the authority of Year 1.
    """

    def measure(of: Children, who: Mask) -> Measured:
        first = of["level_1_spring"]
        kept = who & ((first == level) | (first == 0))
        if not kept.any():
            return Measured(float("nan"), float("nan"), 0)
        codes, keys = recode(of.la[kept])
        events = np.bincount(codes, first[kept] == level, len(keys))
        size = np.bincount(codes, minlength=len(keys)).astype(np.float64)
        try:
            fit = random_intercept(
                np.ones((len(keys), 1)),
                events,
                codes=np.arange(len(keys)),
                names=("intercept",),
                trials=size,
            )
        except FingerpostError:  # all or none are at the level
            return Measured(float("nan"), float("nan"), int(size.sum()))
        value, error = read(fit, variance_error(fit, size), float(kept.sum() / who.sum()))
        return Measured(value, error, int(size.sum()))

    return measure


def variance_error(fit: RandomIntercept, size: np.ndarray) -> float:
    """Return the standard error of the variance; near nought not below that under no variance.

    Under none the score of the variance is half of (squared residual sum - information) an
    authority, whose variance is half the squared information.
    """
    chance = expit(float(fit.coefficients[0]))
    under_none = float(1 / np.sqrt(0.5 * np.sum((size * chance * (1 - chance)) ** 2)))
    if fit.at_zero:
        return under_none
    own = 2 * fit.sd * fit.sd_error
    return own if fit.variance > under_none else max(own, under_none)


def icc(fit: RandomIntercept, error: float, of: float) -> tuple[float, float]:
    """Return the share of the variance of log-odds between authorities, and its error."""
    return fit.icc, error * LATENT_VARIANCE / (fit.variance + LATENT_VARIANCE) ** 2


def quantile(place: float) -> Reading:
    """Return the reading: percentage in the authority `place` standard deviations from the middle.

    Of all children, as published, and so times the share of them that the model is of. Its error is
    that of the middle of the log-odds alone.
    """

    def read(fit: RandomIntercept, error: float, of: float) -> tuple[float, float]:
        chance = float(expit(fit.coefficients[0] + place * fit.sd))
        middle = float(np.sqrt(fit.covariance[0, 0]))
        return 100 * of * chance, 100 * of * chance * (1 - chance) * middle

    return read


def counted(name: str) -> Measure:
    """Return a measure: what the register of schools holds."""
    return lambda of, who: Measured(float(of.counts[name]), 0.0, of.counts[name])


MEASURES: Mapping[str, Measure] = {
    "icc_support": between(SUPPORT, icc),
    "icc_plan": between(PLAN, icc),
    "median_support": between(SUPPORT, quantile(0.0)),
    "lower_support": between(SUPPORT, quantile(-QUARTILE)),
    "upper_support": between(SUPPORT, quantile(QUARTILE)),
    "median_plan": between(PLAN, quantile(0.0)),
    "lower_plan": between(PLAN, quantile(-QUARTILE)),
    "upper_plan": between(PLAN, quantile(QUARTILE)),
    "authorities": counted("authorities"),
    "primary_schools": counted("primary_schools"),
}
