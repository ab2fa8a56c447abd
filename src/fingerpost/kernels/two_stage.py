"""Instrumental variables: two-stage least squares, how strong the first stage is, and confidence
sets that hold however weak it is.

Every array is cleared of the covariates first (`absorb.partial_out`), so that one exposure and q
instruments remain. y, a: (n,). z: (n, q). weights: (n,). codes: (n,) of the variance unit, from 0
to count - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import scipy.linalg
from scipy.special import chdtrc, chndtrix, fdtrc, fdtri

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.newton import inverse_of

BIAS = 0.10  # of the worst-case bias, above which an instrument counts as weak
SIZE = 0.05  # of the test of weakness
REAL = 1e-5  # imaginary part, against the size of a root, that is rounding

Pieces = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False, slots=True)
class FirstStage:
    """The regression of the exposure on the instruments, given the covariates.

    coefficient: (q,). covariance: (q, q), clustered. projected: (n,) fitted exposure.
    partial_r2: share of the exposure's variance, given the covariates, that the instruments tell.
    f: clustered Wald statistic / q. effective_f: Montiel Olea & Pflueger's. critical: what it must
    exceed for a worst-case bias of at most a tenth, by a test of 5%.
    """

    coefficient: Array
    covariance: Array
    projected: Array
    partial_r2: float
    f: float
    effective_f: float
    critical: float

    @property
    def weak(self) -> bool:
        """Whether weakness is not rejected."""
        return not self.effective_f > self.critical


def first_stage(
    a: Array, z: Array, *, weights: Array, codes: Codes, count: int, factor: float = 1.0
) -> FirstStage:
    """Return the first stage. factor: the small-sample factor of the covariance.

    Effective F = π̂ᵀ Q π̂ / tr(V Q), Q = Σ w z zᵀ and V the clustered covariance of π̂ (Montiel Olea
    & Pflueger 2013, Journal of Business & Economic Statistics 31:358-369, equation 5; with one
    instrument it is the clustered F). Raises NotFitted where instruments repeat each other.
    """
    gram = (z * weights[:, None]).T @ z
    inverse = inverse_of(gram)
    if inverse is None:
        raise NotFitted("the instruments repeat each other, given the covariates.")
    coefficient = inverse @ (z.T @ (weights * a))
    projected = z @ coefficient
    sums = sum_by(codes, z * (weights * (a - projected))[:, None], n_groups=count)
    middle = factor * (sums.T @ sums)
    covariance = inverse @ middle @ inverse
    explained = float(coefficient @ gram @ coefficient)
    half = scipy.linalg.cholesky(inverse, lower=True)
    standard = half.T @ middle @ half  # covariance of the coefficients of uncorrelated instruments
    spread = float(np.trace(standard))
    with np.errstate(divide="ignore", invalid="ignore"):
        f = float(coefficient @ np.linalg.pinv(covariance) @ coefficient) / len(coefficient)
        effective = float(np.divide(explained, spread))
    return FirstStage(
        coefficient,
        covariance,
        projected,
        explained / float(weights @ a**2),
        f,
        effective,
        weak_critical(standard),
    )


def weak_critical(covariance: Array, *, bias: float = BIAS, size: float = SIZE) -> float:
    """Return what the effective F must exceed for a worst-case bias of `bias` of the benchmark.

    covariance: (q, q) of the first-stage coefficients of uncorrelated instruments. The simplified
    value of Montiel Olea & Pflueger (2013, section 3 and theorem 1): Patnaik's approximation of the
    statistic by a non-central χ² with K degrees of freedom, with the bound on the bias 1 / bias,
    which is the largest for any correlation, so that the test is conservative. 23.1 for one
    instrument and a bias of a tenth.
    """
    x = 1.0 / bias
    trace = float(np.trace(covariance))
    if not trace > 0.0:
        return float("nan")
    square = float(np.sum(covariance**2))
    largest = float(np.linalg.eigvalsh(covariance)[-1])
    k = trace**2 * (1 + 2 * x) / (square + 2 * x * trace * largest)
    return float(chndtrix(1 - size, k, x * k)) / k


@dataclass(frozen=True, eq=False, slots=True)
class Slope:
    """A slope by one instrument (the projected exposure): its value, and influence (n,)."""

    value: float
    influence: Array


def slope_by(y: Array, a: Array, *, instrument: Array, weights: Array) -> Slope:
    """Return Σ w ẑ y / Σ w ẑ a and its influence w ẑ (y - value · a) / Σ w ẑ a.

    With ẑ the projected exposure this is two-stage least squares (Theil 1953; Basmann 1957).
    Raises NotFitted where the instrument does not move the exposure at all.
    """
    lean = weights * instrument
    bottom = float(lean @ a)
    size = np.sqrt(float(lean @ instrument) * float(weights @ a**2))
    if not abs(bottom) > 1e-12 * size:
        raise NotFitted("the instrument does not move the exposure at all.")
    value = float(lean @ y) / bottom
    return Slope(value, lean * (y - value * a) / bottom)


def hansen(
    y: Array, a: Array, *, z: Array, at: float, weights: Array, codes: Codes, count: int
) -> tuple[float, float]:
    """Return Hansen's J (1982, Econometrica 50:1029-1054) and its p: whether several instruments
    tell the same story. at: the first-step slope, at which moments are weighted; q ≥ 2.
    """
    sums = sum_by(codes, z * (weights * (y - at * a))[:, None], n_groups=count)
    inverse = inverse_of(sums.T @ sums)
    if inverse is None:
        return float("nan"), float("nan")
    of_y, of_a = z.T @ (weights * y), z.T @ (weights * a)
    best = float(of_a @ inverse @ of_y) / float(of_a @ inverse @ of_a)
    left = of_y - best * of_a
    j = float(left @ inverse @ left)
    return j, float(chdtrc(z.shape[1] - 1, j))


# ------------------------------------------------------------------ Anderson & Rubin


def score_sums(parts: Array, z: Array, *, weights: Array, codes: Codes, count: int) -> Array:
    """Return (m + 1, G, q) cluster sums of w z times each of parts (n, m + 1).

    The parts are coefficients of a polynomial in the unknown: y and -a for a slope.
    """
    return np.stack(
        [sum_by(codes, z * (weights * part)[:, None], n_groups=count) for part in parts.T]
    )


def p_at(sums: Array, value: float) -> float:
    """Return the p of the hypothesis that the unknown is `value`: Hotelling's T² of the cluster
    sums, whose mean is nought under it. sums: (m + 1, G, q).
    """
    powers = value ** np.arange(len(sums))
    own = np.tensordot(powers, sums, axes=1)
    g, q = own.shape
    total = own.sum(axis=0)
    inverse = inverse_of(own.T @ own)
    if inverse is None:
        return float("nan")
    raw = min(float(total @ inverse @ total) / g, 1.0 - 1e-15)
    hotelling = (g - 1) * raw / (1 - raw)
    return float(fdtrc(q, g - q, hotelling * (g - q) / (q * (g - 1))))


def not_rejected(sums: Array, *, level: float, centre: float = 0.0) -> Pieces:
    """Return the values of the unknown that are not rejected, as disjoint pieces in order.

    sums: (m + 1, G, q) cluster sums of the moments as a polynomial in the unknown. Under a value
    the G sums have mean nought, which Hotelling's T² tests at 1 - level (for one instrument, a t
    test with G - 1 degrees of freedom): Anderson & Rubin (1949), Annals of Mathematical Statistics
    20:46-63, with a covariance robust to clustering. Values with T² at its limit are roots of the
    determinant of u Σ s sᵀ - T Tᵀ, a matrix polynomial of degree 2m; they are found as eigenvalues,
    so nothing is searched over a grid. Pieces may be empty, unbounded (±inf) or several. centre: a
    value near which the roots lie, for precision.
    """
    form, step = rejection_form(sums, level=level, centre=centre)

    def inside(at: float) -> bool:
        value = np.tensordot(at ** np.arange(len(form)), form, axes=1)
        size = np.sqrt(np.maximum(np.abs(np.diagonal(value)), 1e-300))
        return bool(np.linalg.eigvalsh(value / np.outer(size, size))[0] >= 0.0)

    roots = real_roots(form)
    if not len(roots):
        return ((-np.inf, np.inf),) if inside(0.0) else ()
    reach = 1.0 + float(np.abs(roots).max())
    marks = np.concatenate([[-np.inf], roots, [np.inf]])
    middles = np.concatenate([[-2 * reach], (roots[1:] + roots[:-1]) / 2, [2 * reach]])
    pieces: list[tuple[float, float]] = []
    for lo, hi, middle in zip(marks[:-1], marks[1:], middles, strict=True):
        if not inside(float(middle)):
            continue
        ends = (float(centre + step * lo), float(centre + step * hi))
        if pieces and pieces[-1][1] == ends[0]:
            ends = (pieces.pop()[0], ends[1])
        pieces.append(ends)
    return tuple(pieces)


def rejection_form(sums: Array, *, level: float, centre: float) -> tuple[Array, float]:
    """Return (2m + 1, q, q) coefficients, in x = (value - centre) / step, of u Σ s sᵀ - T Tᵀ, which
    is not negative where the value is not rejected; and the step.
    """
    m, g, q = len(sums) - 1, sums.shape[1], sums.shape[2]
    moved = np.stack(
        [
            sum(comb(i, j) * centre ** (i - j) * sums[i] for i in range(j, m + 1))
            for j in range(m + 1)
        ]
    )
    # Instruments in units of their own spread, and steps such that all powers weigh alike.
    scale = np.sqrt((moved**2).sum(axis=(0, 1)))
    moved = moved / np.where(scale > 0.0, scale, 1.0)
    sizes = np.sqrt((moved**2).sum(axis=(1, 2)))
    step = float((sizes[0] / sizes[m]) ** (1.0 / m)) if sizes[0] > 0 and sizes[m] > 0 else 1.0
    moved = moved * (step ** np.arange(m + 1))[:, None, None]
    moved = moved / np.sqrt((moved**2).sum())
    hotelling = float(fdtri(q, g - q, level)) * q * (g - 1) / (g - q)
    limit = hotelling * g / (g - 1)
    limit = limit / (1.0 + limit / g)
    total = moved.sum(axis=1)
    form = np.zeros((2 * m + 1, q, q))
    for i in range(m + 1):
        for j in range(m + 1):
            form[i + j] += limit * (moved[i].T @ moved[j]) - np.outer(total[i], total[j])
    return form, step


def real_roots(form: Array) -> Array:
    """Return the real x, in order, at which the determinant of Σ xʲ form[j] is nought: eigenvalues
    of its companion pencil (Gohberg, Lancaster & Rodman 1982, Matrix Polynomials, chapter 1).
    """
    degree, q = len(form) - 1, form.shape[1]
    left, right = np.eye(degree * q, k=q), np.eye(degree * q)
    left[-q:] = -np.concatenate(list(form[:-1]), axis=1)
    right[-q:, -q:] = form[-1]
    top, bottom = scipy.linalg.eig(left, right, right=False, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-13 * np.abs(top)
    roots = top[finite] / bottom[finite]
    real = roots[np.abs(roots.imag) <= REAL * (1.0 + np.abs(roots))].real
    found: Array = np.unique(real)
    return found
