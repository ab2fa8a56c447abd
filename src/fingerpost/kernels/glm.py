"""Generalised linear models by one blocked Newton: linear, logit, Poisson, multinomial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.design import Design, Moments, check, moments
from fingerpost.kernels.families import (
    MULTINOMIAL,
    Family,
    check_response,
    family_named,
    probabilities_of,
)
from fingerpost.kernels.likelihood import FAR, Likelihood
from fingerpost.kernels.newton import Singular, maximise
from fingerpost.kernels.products import times

TOLERANCE = 1e-8  # in units of the linear predictor


@dataclass(frozen=True, eq=False, slots=True)
class GlmFit:
    """A fitted model.

    family: linear, logit, poisson or multinomial. names: of the p columns. levels: the k arms of a
    multinomial, the first the reference. coefficients: (p,), or (p, k - 1) against the reference.
    bread: (P, P) inverse of minus the Hessian of the (penalised) log-likelihood summed over rows;
    P = p (k - 1), arm-major: the p coefficients of the second arm, then those of the third.
    inverse: (P, P) as bread, of the columns less `shift` (p,) times the column `constant`: means
    far from nought, with which bread is a small difference of large numbers (see `carried`).
    separated: whether a linear predictor was still on its way to infinity when the likelihood no
    longer rose; the coefficients are then where the search stopped. log_likelihood: at the
    coefficients, with penalty; without constants (log y! and the normal's variance).
    """

    family: str
    names: tuple[str, ...]
    coefficients: Array
    bread: Array
    converged: bool
    iterations: int
    separated: bool
    log_likelihood: float
    inverse: Array
    shift: Array
    constant: int
    levels: tuple[str, ...] = ()


def fit(
    design: Design,
    y: Numbers,
    *,
    family: str,
    weights: Numbers | None = None,
    offset: Numbers | None = None,
    ridge: float = 0.0,
    firth: bool = False,
    tolerance: float = TOLERANCE,
) -> GlmFit:
    """Return the maximum-likelihood fit of a linear, logit or poisson model.

    y: (n,). weights: (n,) of observation; cell means with cell counts as weights give the fit of
    the ungrouped rows. offset: (n,) added to the linear predictor (log person-time for a rate).
    ridge: subtracts ½ · ridge · (coefficient × standard deviation of its column)² for every column
    but the constant one. firth: Jeffreys' penalty (Firth 1993), which keeps estimates finite under
    separation. tolerance: change of the linear predictor by the last step.
    Raises NotFitted for collinear or infinite columns; separation is a flag of the result.

    >>> from fingerpost.kernels.design import Dense
    >>> x = Dense(np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]]), ("intercept", "boy"))
    >>> fit(x, np.array([1.0, 3, 5, 9]), family="linear").coefficients.round(6).tolist()
    [2.0, 5.0]
    """
    chosen = family_named(family)
    values = check_response(y, chosen, n=design.n)
    offsets = None if offset is None else check_vector(offset, design.n, name="offset")
    model = Setting(chosen, 1, ridge, firth, tolerance)
    return solve(design, values, model=model, weights=weights, offset=offsets)


def fit_multinomial(
    design: Design,
    codes: Codes,
    *,
    levels: Sequence[str],
    weights: Numbers | None = None,
    ridge: float = 0.0,
    firth: bool = False,
    tolerance: float = TOLERANCE,
) -> GlmFit:
    """Return the maximum-likelihood fit of a multinomial logit of k arms (a logit where k = 2).

    codes: (n,) from 0 to k - 1. levels: names of the k arms; the first is the reference.
    weights, ridge, firth and tolerance as in `fit`. Raises TooFew for an arm without a row.
    """
    arms = np.asarray(codes)
    if arms.shape != (design.n,) or arms.dtype.kind not in "iu":
        raise UsageError(f"arm codes must be {design.n} integers, one a row of the design.")
    if len(levels) < 2 or (len(arms) and not 0 <= arms.min() <= arms.max() < len(levels)):
        raise UsageError(
            f"arm codes must lie between 0 and {len(levels) - 1}, for two arms or more."
        )
    counts = np.bincount(arms, weights=weights, minlength=len(levels))
    empty = [level for level, count in zip(levels, counts, strict=True) if not count > 0]
    if empty:
        raise TooFew(f"no child in arm {', '.join(empty)}: leave the arm out of the study.")
    model = Setting(MULTINOMIAL, len(levels) - 1, ridge, firth, tolerance)
    return solve(
        design, arms.astype(np.intp, copy=False), model=model, weights=weights, levels=tuple(levels)
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What is maximised: the family, its number of linear predictors, penalties, tolerance."""

    family: Family
    predictors: int
    ridge: float
    firth: bool
    tolerance: float


def solve(
    design: Design,
    y: Array | Codes,
    *,
    model: Setting,
    weights: Numbers | None = None,
    offset: Array | None = None,
    levels: tuple[str, ...] = (),
) -> GlmFit:
    """Return the fit of the model that the setting describes."""
    w = None if weights is None else check_weights(weights, design.n)
    with one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore"):
        found = moments(design, w)
        shift = far_means(found)
        penalty = model.ridge * found.deviation**2
        likelihood = Likelihood(
            design, model.family, model.predictors, y, w, offset, shift, penalty, model.firth
        )
        try:
            best = maximise(
                likelihood.evaluate,
                likelihood.start(found),
                tolerance=model.tolerance,
                unit=min(1.0, found.total / design.n),
                quadratic=model.family.quadratic,
                exact=not model.firth,
            )
        except Singular:
            raise NotFitted(singular_message(check(design, w))) from None
    back, constant = unshift(found, shift), found.constant or 0
    coefficients = back @ best.parameters.reshape(model.predictors, design.p).T
    whole = np.kron(np.eye(model.predictors), back)
    return GlmFit(
        family=model.family.name,
        names=design.names,
        coefficients=coefficients if levels else coefficients[:, 0],
        bread=whole @ best.inverse @ whole.T,
        converged=best.converged,
        iterations=best.iterations,
        separated=best.separated,
        log_likelihood=best.value,
        inverse=best.inverse,
        shift=-back[constant] * (np.arange(design.p) != constant),
        constant=constant,
        levels=levels,
    )


def far_means(found: Moments) -> Array:
    """Return what to take off each column: a mean far from zero, where a constant absorbs it."""
    far = np.abs(found.mean) > FAR * found.deviation
    far &= found.deviation > 0.0
    return np.where(far, found.mean, 0.0) if found.constant is not None else 0.0 * found.mean


def unshift(found: Moments, shift: Array) -> Array:
    """Return the (p, p) matrix from coefficients of shifted columns to those of the columns."""
    back = np.eye(len(shift))
    if found.constant is not None:
        back[found.constant] -= shift / found.mean[found.constant]
    return back


def check_vector(values: Numbers, n: int, *, name: str) -> Array:
    """Return finite float64 values of length n, or raise UsageError."""
    out = np.asarray(values, dtype=np.float64)
    if out.shape != (n,):
        raise UsageError(f"{name} has shape {out.shape}; the design has {n} rows.")
    if not np.isfinite(out.sum()):
        raise UsageError(f"{name} has missing or infinite values; leave those rows out first.")
    return out


def check_weights(weights: Numbers, n: int) -> Array:
    """Return weights of length n that are not negative and not all zero, or raise UsageError."""
    out = check_vector(weights, n, name="weights")
    if n and (out.min() < 0.0 or out.max() == 0.0):
        raise UsageError("weights must not be negative, and not all zero.")
    return out


def singular_message(dependent: tuple[str, ...]) -> str:
    """Return why the information has no inverse and what to do."""
    if dependent:
        return (
            f"{', '.join(dependent)}: constant, or a combination of the columns before it. "
            "Leave it out of the model."
        )
    return (
        "the model's information has no inverse: too few rows with weight for its columns. "
        "Use fewer terms, or a ridge."
    )


def mean(design: Design, fitted: GlmFit, *, offset: Numbers | None = None) -> Array:
    """Return the (n,) fitted means of a linear, logit or poisson model."""
    family = family_named(fitted.family)
    out = times(design, fitted.coefficients)
    if offset is not None:
        out += offset
    for lo, hi in spans(design.n, block_rows(0)):
        out[lo:hi] = family.mean(out[lo:hi])
    return out


def probabilities(design: Design, fitted: GlmFit) -> Array:
    """Return the (n, k) probability of each arm; (n, 2) for a logit, the second that of y = 1."""
    if fitted.family not in ("logit", "multinomial"):
        raise UsageError(f"a {fitted.family} model has no probabilities of arms; use `mean`.")
    coefficients = fitted.coefficients.reshape(design.p, -1)
    out = np.empty((design.n, coefficients.shape[1] + 1))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(design.p)):
            out[lo:hi] = probabilities_of(coefficients.T @ design.block(lo, hi).T).T
    return out
