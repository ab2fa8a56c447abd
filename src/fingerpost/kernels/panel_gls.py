"""Generalised least squares on the means of units by period, summed by sequence, not by unit.

Units of one sequence (one wave) share a design and a covariance, so that what they tell is so many
times what one of them tells (Hussey & Hughes 2007, Contemporary Clinical Trials 28:182-191).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array, Numbers

RANK = 1e-9


def period_columns(waves: int, periods: int) -> Array:
    """Return (w, t, t): an effect of each period, alike in every wave."""
    return np.broadcast_to(np.eye(periods), (waves, periods, periods)).copy()


def exposure_columns(
    exposure: NDArray[np.integer], observed: NDArray[np.bool_]
) -> tuple[Array, tuple[int, ...]]:
    """Return (w, t, e), a column of each exposure that is seen, and which exposures those are.

    exposure: (w, t) periods since provision began, from 0; negative where it has not.
    """
    seen = np.unique(exposure[observed & (exposure >= 0)])
    columns = (exposure[:, :, None] == seen).astype(np.float64)
    return columns, tuple(int(each) for each in seen)


def information(
    design: Array,
    covariance: Array,
    *,
    units: Numbers,
    observed: NDArray[np.bool_] | None = None,
) -> Array:
    """Return (p, p), the information of the coefficients: the sum of units × D′V⁻¹D.

    design: (w, t, p); covariance: (w, t, t), or (1, t, t) of all; units: (w,); observed: (w, t),
    all where left out. Cells that are not observed drop out of both.
    """
    if observed is not None:
        pairs = observed[:, :, None] & observed[:, None, :]
        covariance = np.where(pairs, covariance, np.eye(covariance.shape[-1]))
        design = design * observed[:, :, None]
    columns = design.shape[2]
    solved = np.linalg.solve(covariance, design)
    counted = design * np.asarray(units, np.float64)[:, None, None]
    found: Array = counted.reshape(-1, columns).T @ solved.reshape(-1, columns)
    return (found + found.T) / 2


def by_sequence(
    design: Array, covariance: Array, *, observed: NDArray[np.bool_] | None = None
) -> Array:
    """Return (w, p, p), what one unit of each sequence tells of the coefficients: D′V⁻¹D.

    design: (w, t, p); covariance: (w, t, t), or (1, t, t) of all; observed: (w, t).
    """
    if observed is not None:
        pairs = observed[:, :, None] & observed[:, None, :]
        covariance = np.where(pairs, covariance, np.eye(covariance.shape[-1]))
        design = design * observed[:, :, None]
    found: Array = design.transpose(0, 2, 1) @ np.linalg.solve(covariance, design)
    return (found + found.transpose(0, 2, 1)) / 2


def mean_variance(each: Array, weights: Array, *, counts: Numbers, expected: Numbers) -> Array:
    """Return (k,) variances of k weighted sums of coefficients, averaged over draws of units.

    each: (s, p, p), what a unit of each sort tells; counts: (r, s), how many units of each sort
    there are in a draw; expected: (s,), the mean of counts; weights: (k, p). Infinite where the
    draws do not tell one. A variance is one over what is told, so that its mean is more than that
    at the mean of what is told (Jensen): the draws are averaged themselves, less what the mean owes
    to draws that tell more or less than expected (to the first order, with a known mean).
    """
    many, sure = np.asarray(counts, np.float64), np.asarray(expected, np.float64)
    whole = np.tensordot(sure, each, axes=1)
    found = contrast_variance(whole, weights)
    scale = np.sqrt(np.maximum(np.diag(whole), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(whole / np.outer(safe, safe))
    kept = vectors[:, values > RANK * max(float(values[-1]), 1e-300)] / safe[:, None]
    along = kept.T @ weights.T
    small = (kept.T @ each @ kept).reshape(len(each), -1)
    drawn = (many @ small).reshape(len(many), len(along), len(along))
    solved = np.linalg.solve(drawn, np.broadcast_to(along, (len(many), *along.shape)))
    value = (solved * along).sum(axis=1)
    middle = (sure @ small).reshape(len(along), len(along))
    first = np.linalg.solve(middle, along)
    told = ((drawn @ first) * first).sum(axis=1)
    away = told - told.mean(axis=0)
    slope = (away * value).sum(axis=0) / np.maximum((away**2).sum(axis=0), 1e-300)
    mean = value.mean(axis=0) - slope * (told.mean(axis=0) - (along * first).sum(axis=0))
    return np.where(np.isfinite(found), mean, found)


def information_beside_periods(columns: Array, precision: Array, *, units: Numbers) -> Array:
    """Return (e, e), the information of columns beside an effect of each period, which drops out,
    where every wave is seen in every period and shares one precision.

    columns: (w, t, e); precision: (t, t), the inverse of the covariance (or its mean over units
    that differ); units: (w,). With X summed over units, the sum of X′MX less (ΣX)′M(ΣX) / N.
    What is told of a column only to the last digits of arithmetic is told not at all.
    """
    counts = np.asarray(units, np.float64)
    counted = columns * counts[:, None, None]
    weighed = np.matmul(precision, columns)
    e = columns.shape[2]
    whole: Array = counted.reshape(-1, e).T @ weighed.reshape(-1, e)
    total = counted.sum(axis=0)
    found: Array = whole - total.T @ precision @ total / counts.sum()
    untold = np.diag(found) <= RANK * np.diag(whole)
    found[untold], found[:, untold] = 0.0, 0.0
    even: Array = (found + found.T) / 2
    return even


def contrast_variance(told: Array, weights: Array) -> Array:
    """Return (k,) variances of k weighted sums of coefficients; infinite where one is not told.

    told: (p, p) information; weights: (k, p).
    """
    scale = np.sqrt(np.maximum(np.diag(told), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(told / np.outer(safe, safe))
    kept = values > RANK * max(float(values[-1]), 1e-300)
    along = (weights / safe) @ vectors
    unseen = np.linalg.norm(along[:, ~kept], axis=1) + np.abs(weights) @ (scale == 0)
    found: Array = np.sum(along[:, kept] ** 2 / values[kept], axis=1)
    size = np.linalg.norm(along, axis=1)
    return np.where(unseen > 1e-6 * np.maximum(size, 1e-300), np.inf, found)
