"""Standard errors, intervals, contrasts, joint bands and pooling, written once over Estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence, Matrix, Replicates

Array = NDArray[np.float64]


def covariance(estimate: Estimate) -> Array | None:
    """Return the (q, q) covariance on the scale of `value`, or None where there is no spread."""
    spread = estimate.spread
    if spread is None:
        return None
    found: Array
    if isinstance(spread, Influence):
        sums = _centred(spread)
        found = spread.correction * (sums.T @ sums)
    elif isinstance(spread, Replicates):
        away = spread.values - spread.values.mean(axis=0)
        factor = spread.factor if spread.factor is not None else 1.0 / (len(away) - 1)
        found = factor * (away.T @ away)
    else:
        found = spread.covariance
    return found if estimate.extra is None else found + estimate.extra


def _centred(spread: Influence) -> Array:
    """Return sums, centred within strata where there are strata."""
    if spread.strata is None:
        return spread.sums
    keys, at = np.unique(spread.strata, return_inverse=True)
    counts = np.bincount(at, minlength=len(keys))
    means = np.stack(
        [np.bincount(at, weights=column, minlength=len(keys)) / counts for column in spread.sums.T],
        axis=1,
    )
    centred: Array = spread.sums - means[at]
    return centred


def standard_errors(estimate: Estimate) -> Array | None:
    """Return (q,) standard errors on the scale of `value`."""
    found = covariance(estimate)
    return None if found is None else np.sqrt(np.maximum(np.diag(found), 0.0))


def critical_values(estimate: Estimate, level: float) -> Array:
    """Return (q,) critical values: given ones, or of t with df, or of the normal."""
    if estimate.critical is not None:
        return estimate.critical
    tail = 0.5 + level / 2
    if estimate.df is None:
        return np.full(len(estimate.value), float(ndtri(tail)))
    df = np.asarray(estimate.df, dtype=float)
    finite = np.isfinite(df)
    return np.where(finite, stdtrit(np.where(finite, df, 1.0), tail), float(ndtri(tail)))


def intervals(estimate: Estimate, level: float = 0.95) -> Array | None:
    """Return (q, 2) intervals on the scale of `value`, or None where none is justified."""
    if estimate.bounds is not None:
        return estimate.bounds
    errors = standard_errors(estimate)
    if errors is None:
        return None
    reach = critical_values(estimate, level) * errors
    return np.stack([estimate.value - reach, estimate.value + reach], axis=1)


def contrast(estimate: Estimate, weights: Array, *, terms: tuple[Term, ...]) -> Estimate:
    """Return linear combinations: weights (r, q) give r new terms. Influence is carried over."""
    weights = np.atleast_2d(weights)
    spread = estimate.spread
    if isinstance(spread, Influence):
        moved: Influence | Replicates | Matrix | None = replace(
            spread, sums=spread.sums @ weights.T
        )
    elif isinstance(spread, Replicates):
        moved = replace(spread, values=spread.values @ weights.T)
    elif isinstance(spread, Matrix):
        moved = Matrix(weights @ spread.covariance @ weights.T)
    else:
        moved = None
    extra = None if estimate.extra is None else weights @ estimate.extra @ weights.T
    return Estimate(terms, weights @ estimate.value, moved, extra=extra)


def select(estimate: Estimate, keep: Sequence[int]) -> Estimate:
    """Return the estimate of some of its terms, all else of them kept."""
    at = np.asarray(keep, dtype=np.intp)
    spread = estimate.spread
    if isinstance(spread, Influence):
        spread = replace(spread, sums=spread.sums[:, at])
    elif isinstance(spread, Replicates):
        spread = replace(spread, values=spread.values[:, at])
    elif isinstance(spread, Matrix):
        spread = Matrix(spread.covariance[np.ix_(at, at)])
    return replace(
        estimate,
        terms=tuple(estimate.terms[place] for place in keep),
        value=estimate.value[at],
        spread=spread,
        extra=None if estimate.extra is None else estimate.extra[np.ix_(at, at)],
        interval=tuple(estimate.interval[place] for place in keep) if estimate.interval else (),
        df=None if estimate.df is None else estimate.df[at],
        n=None if estimate.n is None else estimate.n[at],
        arm_n=None if estimate.arm_n is None else estimate.arm_n[at],
        clusters=None if estimate.clusters is None else estimate.clusters[at],
        bounds=None if estimate.bounds is None else estimate.bounds[at],
        critical=None if estimate.critical is None else estimate.critical[at],
    )


def joint_covariance(estimates: Sequence[Estimate]) -> Array:
    """Return the covariance of all terms of all estimates, stacked in order.

    Estimates with influence at the same level are joined by unit key (a unit absent from one adds
    nothing there). Where two estimates share no influence the entry is NaN.
    """
    sizes = [len(estimate.value) for estimate in estimates]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    joint = np.full((starts[-1], starts[-1]), np.nan)
    for i, first in enumerate(estimates):
        rows = slice(starts[i], starts[i + 1])
        own = covariance(first)
        if own is not None:
            joint[rows, rows] = own
        for j in range(i):
            block = _cross(first, estimates[j])
            if block is not None:
                columns = slice(starts[j], starts[j + 1])
                joint[rows, columns], joint[columns, rows] = block, block.T
    return joint


def _cross(first: Estimate, second: Estimate) -> Array | None:
    """Return the covariance between two estimates, or None where they share no influence."""
    a, b = first.spread, second.spread
    if not (isinstance(a, Influence) and isinstance(b, Influence)) or a.level != b.level:
        return None
    _, at_a, at_b = np.intersect1d(a.units, b.units, assume_unique=True, return_indices=True)
    factor = np.sqrt(a.correction * b.correction)
    found: Array = factor * (_centred(a)[at_a].T @ _centred(b)[at_b])
    return found


def joint_bands(
    estimate: Estimate, generator: Generator, *, level: float = 0.95, draws: int = 20_000
) -> Array:
    """Return (q, 2) bands that hold all q terms at once (sup-t; Montiel Olea & Plagborg-Møller
    2019), from `draws` of the normal with the estimate's correlation.
    """
    found = covariance(estimate)
    if found is None:
        raise ValueError("joint bands need a covariance")
    errors = np.sqrt(np.diag(found))
    correlation = found / np.outer(errors, errors)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.abs(generator.standard_normal((draws, len(errors))) @ root.T).max(axis=1)
    reach = float(np.quantile(largest, level)) * errors
    return np.stack([estimate.value - reach, estimate.value + reach], axis=1)


RUBIN = "t (Rubin, Barnard–Rubin df)"
RESAMPLED = ", widened as resampling widens the t of single copies"


def complete_df(estimates: Sequence[Estimate]) -> Array:
    """Return (q,) degrees of freedom that complete data would have: of the replicate with the
    fewest, its variance units (children, or clusters) less one, or fewer where it says so.
    """

    def own(estimate: Estimate) -> Array:
        count = estimate.clusters if estimate.clusters is not None else estimate.n
        units = np.full(len(estimate.value), np.inf) if count is None else np.asarray(count) - 1.0
        return units if estimate.df is None else np.fmin(units, estimate.df)

    found: Array = np.maximum(np.min([own(estimate) for estimate in estimates], axis=0), 1.0)
    return found


def pool(
    estimates: Sequence[Estimate], complete_df: float | Array = np.inf, *, level: float = 0.95
) -> Estimate:
    """Return the estimate pooled over replicates (imputations, linkage spines) by Rubin's rules.

    Covariance is the mean replicate covariance + (1 + 1/M) B; degrees of freedom are Barnard &
    Rubin (1999), with `complete_df` those of complete data (G − 1 for G clusters), one for all
    terms or (q,). level: of the intervals: of their critical values, and of their own centres.

    Where replicates have critical values of their own (by a wild bootstrap of few clusters: Kline &
    Santos 2012), t is widened by as much as theirs are on average beyond their own t, and to no
    less than the widest of them: what few clusters do to the law of the estimate they do in every
    replicate, and Barnard & Rubin's degrees of freedom know nothing of it.
    """
    m = len(estimates)
    values = np.stack([estimate.value for estimate in estimates])
    covariances = [covariance(estimate) for estimate in estimates]
    if m < 2 or any(found is None for found in covariances):
        raise ValueError("pooling needs two or more replicates, each with a covariance")
    within = np.mean(np.stack([c for c in covariances if c is not None]), axis=0)
    away = values - values.mean(axis=0)
    between = (1 + 1 / m) * (away.T @ away) / (m - 1)
    df = barnard_rubin(np.diag(within), np.diag(between), m=m, complete_df=complete_df)
    resampled = any(estimate.critical is not None for estimate in estimates)
    pooled = replace(
        estimates[0],
        value=values.mean(axis=0),
        spread=Matrix(within),
        extra=between,
        df=df,
        interval=(RUBIN + RESAMPLED * resampled,) * len(values[0]),
        bounds=None,
        critical=None,
    )
    if resampled:
        pooled = replace(pooled, critical=_widened(pooled, estimates, level))
    limits = [one.bounds for one in estimates if one.bounds is not None]
    if len(limits) < m:
        return pooled
    # An interval that is not centred on its value (bias-corrected, say) keeps its own centre.
    centre = np.mean([own.mean(axis=1) for own in limits], axis=0)
    reach = intervals(pooled, level)
    assert reach is not None
    return replace(pooled, bounds=reach + (centre - pooled.value)[:, None])


def _widened(pooled: Estimate, estimates: Sequence[Estimate], level: float) -> Array:
    """Return (q,) critical values of a pooled estimate whose replicates have resampled ones."""
    own = np.stack([critical_values(one, level) for one in estimates])
    plain = [critical_values(replace(one, critical=None), level) for one in estimates]
    times = (own / np.stack(plain)).mean(axis=0)
    found: Array = np.maximum(critical_values(pooled, level) * times, own.max(axis=0))
    return found


def barnard_rubin(within: Array, between: Array, *, m: int, complete_df: float | Array) -> Array:
    """Return (q,) Barnard–Rubin (1999) degrees of freedom, from the variances of each term."""
    total = within + between
    share = np.divide(between, total, out=np.zeros_like(between), where=total > 0)
    whole = np.broadcast_to(np.asarray(complete_df, dtype=float), share.shape)
    known = np.where(np.isinf(whole), 1.0, whole)
    with np.errstate(divide="ignore"):
        old = (m - 1) / share**2
        seen = (known + 1) / (known + 3) * known * (1 - share)
        found: Array = np.where(np.isinf(whole), old, 1 / (1 / old + 1 / seen))
    return found
