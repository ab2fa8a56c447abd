"""A linear model with a random intercept, by restricted likelihood, with small-sample inference.

y = Xb + v_g + e, v of variance t² between G groups, e of variance s² within. Given the ratio t²/s²
everything is in closed form, from sums by group; the ratio is found by one search. Covariances and
degrees of freedom are Kenward & Roger's (1997, Biometrics 53:983-997), with the expected
information: of one contrast the scale factor is one, and the degrees of freedom are those of
Fai & Cornelius (1996), so that a balanced trial of G groups in two arms has G − 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.kernels.arrays import Array, Codes, Numbers
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.glm import check_vector
from fingerpost.kernels.newton import inverse_of

MOST_SHARE = 1 - 1e-6  # of the variance that may lie between groups


@dataclass(frozen=True, eq=False, slots=True)
class MixedIntercept:
    """A fitted model.

    coefficients: (p,). covariance: (p, p) adjusted for small samples; plain: without. within,
    between: s² and t². spread: (2, 2) covariance of (s², t²). slopes: (2, p, p) of the covariance
    in each of these. groups: G. at_zero: whether the likelihood is highest at t² of nought.
    """

    coefficients: Array
    covariance: Array
    plain: Array
    within: float
    between: float
    spread: Array
    slopes: Array
    groups: int
    at_zero: bool

    @property
    def total(self) -> float:
        """Variance of a child's outcome within an arm."""
        return self.within + self.between

    @property
    def icc(self) -> float:
        """Intraclass correlation: the share of the variance that lies between groups."""
        return self.between / self.total

    def df(self, contrast: Array) -> float:
        """Return the degrees of freedom of a (p,) contrast of the coefficients."""
        size = float(contrast @ self.plain @ contrast)
        slope = np.array([float(contrast @ each @ contrast) for each in self.slopes])
        return 2 * size**2 / max(float(slope @ self.spread @ slope), 1e-300)


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """Sums of one data set: xx (p, p), xy (p,), yy, by group s (G, p), y (G,), n (G,)."""

    xx: Array
    xy: Array
    yy: float
    s: Array
    y: Array
    n: Array

    def cross(self, by: Array) -> Array:
        """Return Σ by × s sᵀ over groups."""
        found: Array = (self.s * by[:, None]).T @ self.s
        return found


def mixed_intercept(x: Array, y: Numbers, *, codes: Codes) -> MixedIntercept:
    """Return the restricted maximum-likelihood fit.

    x: (n, p) with its constant column; y: (n,); codes: (n,) group of each row, 0 to G − 1. Raises
    TooFew below three groups or where rows are no more than coefficients, NotFitted for collinear
    columns.

    >>> x = np.column_stack([np.ones(8), [0, 0, 0, 0, 1, 1, 1, 1]])
    >>> y = np.array([1.0, 2.0, 3.0, 4.0, 2.0, 4.0, 5.0, 7.0])
    >>> found = mixed_intercept(x, y, codes=np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    >>> round(float(found.coefficients[1]), 6), round(found.df(np.array([0.0, 1.0])), 6)
    (2.0, 2.0)
    """
    n, p = x.shape
    told = check_vector(y, n, name="y")
    groups = int(codes.max()) + 1 if n else 0
    if groups < 3 or n <= p:
        raise TooFew("a random intercept needs three groups or more, and more rows than columns.")
    count = np.bincount(codes, minlength=groups).astype(np.float64)
    sums = Sums(
        x.T @ x,
        x.T @ told,
        float(told @ told),
        sum_by(codes, x, n_groups=groups),
        sum_by(codes, told, n_groups=groups),
        count,
    )
    if inverse_of(sums.xx) is None:
        raise NotFitted("mixed: some columns tell one another, so no model can be fitted.")
    best = minimize_scalar(
        lambda share: criterion(sums, share / (1 - share), n),
        bounds=(0.0, MOST_SHARE),
        method="bounded",
        options={"xatol": 1e-6},
    )
    at_zero = bool(criterion(sums, 0.0, n) <= best.fun)
    ratio = 0.0 if at_zero else settled(sums, float(best.x), n)
    return finished(sums, ratio, n, at_zero)


def settled(sums: Sums, share: float, n: int) -> float:
    """Return the ratio at which the slope of the criterion is nought, near a share found by it."""

    def slope_at(place: float) -> float:
        return slope(sums, place / (1 - place), n)

    low, high = 0.5 * share, 0.5 * (share + 1)
    if slope_at(low) >= 0 or slope_at(high) <= 0:
        return share / (1 - share)
    found = float(brentq(slope_at, low, high, xtol=1e-15, rtol=1e-14))
    return found / (1 - found)


def slope(sums: Sums, ratio: float, n: int) -> float:
    """Return the derivative of the criterion in the ratio."""
    xwx, xwy, ywy = pulled(sums, ratio)
    inverse = np.linalg.inv(xwx)
    best = inverse @ xwy
    h = 1 / (1 + ratio * sums.n)
    left = h * (sums.y - sums.s @ best)
    quadratic = max(ywy - float(best @ xwy), 1e-300)
    leverage = float(np.sum(inverse * sums.cross(h**2)))
    return float((sums.n * h).sum()) - leverage - (n - len(best)) * float(left @ left) / quadratic


def pulled(sums: Sums, ratio: float) -> tuple[Array, Array, float]:
    """Return XᵀWX, XᵀWy and yᵀWy, W the inverse covariance over s⁻²."""
    a = ratio / (1 + ratio * sums.n)
    xwx = sums.xx - sums.cross(a)
    xwy = sums.xy - sums.s.T @ (a * sums.y)
    return xwx, xwy, sums.yy - float(a @ sums.y**2)


def criterion(sums: Sums, ratio: float, n: int) -> float:
    """Return minus twice the restricted log-likelihood, s² at its best, less a constant."""
    xwx, xwy, ywy = pulled(sums, ratio)
    best = np.linalg.solve(xwx, xwy)
    df = n - len(best)
    left = max(ywy - float(best @ xwy), 1e-300)
    determinant = float(np.linalg.slogdet(xwx)[1])
    return df * float(np.log(left / df)) + float(np.log1p(ratio * sums.n).sum()) + determinant


def finished(sums: Sums, ratio: float, n: int, at_zero: bool) -> MixedIntercept:
    """Return the fit at a ratio of variances, with Kenward and Roger's covariance."""
    xwx, xwy, ywy = pulled(sums, ratio)
    inverse = np.linalg.inv(xwx)
    best = inverse @ xwy
    within = max(ywy - float(best @ xwy), 0.0) / (n - len(best))
    phi: Array = np.asarray(inverse * within, dtype=np.float64)
    h = 1 / (1 + ratio * sums.n)

    def power(k: int) -> Array:  # XᵀV⁻ᵏX
        found: Array = (sums.xx - sums.cross((1 - h**k) / sums.n)) / within**k
        return found

    first = np.stack([power(2), sums.cross(h**2) / within**2])
    mixed = sums.cross(h**3) / within**3
    second = {(0, 0): power(3), (0, 1): mixed, (1, 0): mixed}
    second[1, 1] = sums.cross(sums.n * h**3) / within**3
    trace = {
        (0, 0): float((sums.n - 1 + h**2).sum()),
        (0, 1): float((sums.n * h**2).sum()),
        (1, 1): float((sums.n**2 * h**2).sum()),
    }
    information = np.zeros((2, 2))
    for i, j in ((0, 0), (0, 1), (1, 1)):
        own = trace[i, j] / within**2 - 2 * float(np.sum(phi * second[i, j].T))
        own += float(np.trace(phi @ first[i] @ phi @ first[j]))
        information[i, j] = information[j, i] = own / 2
    spread: Array = np.asarray(np.linalg.inv(information), dtype=np.float64)
    change = np.zeros_like(phi)
    for i in range(2):
        for j in range(2):
            change += spread[i, j] * (second[i, j] - first[i] @ phi @ first[j])
    slopes = np.stack([phi @ each @ phi for each in first])
    return MixedIntercept(
        best,
        phi + 2 * phi @ change @ phi,
        phi,
        within,
        ratio * within,
        spread,
        slopes,
        len(sums.n),
        at_zero,
    )
