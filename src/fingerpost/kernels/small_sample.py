"""Cluster-robust least squares with few clusters: CR0, CR1, CR2 and Satterthwaite's df."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import NotFitted, TooFew, UsageError, listed
from fingerpost.kernels.arrays import Array, Codes, Numbers, one_thread
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.glm import check_vector, check_weights, singular_message
from fingerpost.kernels.newton import inverse_of

CORRECTIONS = ("CR0", "CR1", "CR2")
NONE_LEFT = 1e-10  # an eigenvalue of B below which the cluster fits that direction exactly


@dataclass(frozen=True, eq=False, slots=True)
class ClusteredFit:
    """Weighted least squares with a covariance robust to clustering.

    coefficients: (p,). covariance: (p, p). value, se, df: (q,) of the contrasts. influence: (G, p)
    corrected cluster sums, so that covariance is influenceᵀ influence. clusters: G.
    correction: CR0, CR1 (factor G / (G - 1)) or CR2.
    """

    coefficients: Array
    covariance: Array
    value: Array
    se: Array
    df: Array
    influence: Array
    clusters: int
    correction: str


def clustered_least_squares(
    x: Array,
    y: Numbers,
    *,
    codes: Codes,
    contrasts: Numbers | None = None,
    weights: Numbers | None = None,
    correction: str = "CR2",
) -> ClusteredFit:
    """Return weighted least squares with cluster-robust covariance and degrees of freedom.

    x: (n, p). y: (n,). codes: (n,) keys of the clusters. contrasts: (q, p); each coefficient
    where left out. weights: (n,). The working model of CR2 is independent residuals of one
    variance, weighted or not, under which CR2 is unbiased and the degrees of freedom are
    Satterthwaite's (Bell & McCaffrey 2002, Survey Methodology 28:169; Pustejovsky & Tipton 2018,
    Journal of Business & Economic Statistics 36:672). CR0 and CR1 have G - 1. No n × n or
    n_g × n_g matrix is formed: time is of order n p² + G² p q.
    Raises NotFitted for collinear columns, TooFew for one cluster.
    """
    if correction not in CORRECTIONS:
        raise UsageError(f'"{correction}" is no correction; allowed: {listed(CORRECTIONS)}.')
    n, p = x.shape
    w = np.ones(n) if weights is None else check_weights(weights, n)
    wanted = np.eye(p) if contrasts is None else np.atleast_2d(np.asarray(contrasts, np.float64))
    groups = rows_by_cluster(codes)
    if len(groups) < 2:
        raise TooFew("a clustered standard error needs at least two clusters; found one.")
    with one_thread():
        solved = least_squares(x, check_vector(y, n, name="y"), w=w)
        df = np.full(len(wanted), len(groups) - 1.0)
        scores = [solved.wx[rows] for rows in groups]
        if correction == "CR2":
            scores = [solved.adjusted(rows) for rows in groups]
            df = satterthwaite(solved, groups, scores=scores, contrasts=wanted)
        residuals = [solved.residual[rows] for rows in groups]
        sums = np.array([s.T @ r for s, r in zip(scores, residuals, strict=True)])
        influence = sums @ solved.bread
    if correction == "CR1":
        influence *= np.sqrt(len(groups) / (len(groups) - 1))
    covariance = influence.T @ influence
    return ClusteredFit(
        coefficients=solved.coefficients,
        covariance=covariance,
        value=wanted @ solved.coefficients,
        se=np.sqrt(np.einsum("qi,ij,qj->q", wanted, covariance, wanted)),
        df=df,
        influence=influence,
        clusters=len(groups),
        correction=correction,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """A weighted least-squares fit and what its clusters' corrections need.

    x, wx: (n, p) columns, and those times weight. w, residual: (n,). coefficients: (p,).
    bread: (p, p) M = (XᵀWX)⁻¹. square: (p, p) XᵀW²X.
    """

    x: Array
    wx: Array
    w: Array
    residual: Array
    coefficients: Array
    bread: Array
    square: Array

    def adjusted(self, rows: Codes) -> Array:
        """Return A W X of one cluster, A the symmetric inverse root of its residuals' covariance.

        That is B = I - X M XᵀW - W X M Xᵀ + X M (XᵀW²X) M Xᵀ, which differs from the identity
        only within the span of [X, W X]; with Q an orthonormal basis of it,
        A = I + Q ((I + K)^(-1/2) - I) Qᵀ, where K is at most 2p × 2p. Directions that the cluster
        fits exactly get weight 0 (pseudo-inverse).
        """
        p, wx = len(self.bread), self.wx[rows]
        basis, coordinates = np.linalg.qr(np.hstack([self.x[rows], wx]))
        plain, weighted = coordinates[:, :p], coordinates[:, p:]
        both = plain @ self.bread @ weighted.T
        kernel = plain @ self.middle @ plain.T - both - both.T
        values, vectors = np.linalg.eigh(np.eye(len(kernel)) + kernel)
        roots = np.where(values > NONE_LEFT, 1.0 / np.sqrt(np.maximum(values, NONE_LEFT)), 0.0)
        change: Array = basis @ ((vectors * (roots - 1.0)) @ (vectors.T @ (basis.T @ wx)))
        return wx + change

    @property
    def middle(self) -> Array:
        """(p, p) M (XᵀW²X) M."""
        product: Array = self.bread @ self.square @ self.bread
        return product


def least_squares(x: Array, y: Array, *, w: Array) -> Solved:
    """Return the weighted least-squares fit; raise NotFitted for collinear columns."""
    wide = np.ascontiguousarray(x, dtype=np.float64)
    wx = wide * w[:, None]
    bread = inverse_of(wide.T @ wx)
    if bread is None:
        raise NotFitted(singular_message(()))
    coefficients = bread @ (wx.T @ y)
    # A second solve on the residuals removes the rounding of the normal equations.
    coefficients = coefficients + bread @ (wx.T @ (y - wide @ coefficients))
    return Solved(wide, wx, w, y - wide @ coefficients, coefficients, bread, wx.T @ wx)


def rows_by_cluster(codes: Codes) -> list[Codes]:
    """Return the row indices of each cluster."""
    place, keys = recode(np.asarray(codes))
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=len(keys)))[:-1]
    return np.split(order, ends)


def satterthwaite(
    solved: Solved, groups: list[Codes], *, scores: list[Array], contrasts: Array
) -> Array:
    """Return (q,) degrees of freedom, (trace P)² / trace P², P the (G, G) form of the variance.

    P_gh = a_gᵀ [(I - H)(I - H)ᵀ]_gh a_h, with a = A W X M c of one cluster. Its parts need only
    aᵀa, Xᵀa and XᵀWa of each cluster. scores: A W X of each.
    """
    size, q = len(groups), len(contrasts)
    own, plain, weighted = np.empty((size, q)), [], []
    for place, (rows, score) in enumerate(zip(groups, scores, strict=True)):
        a = score @ (solved.bread @ contrasts.T)
        own[place] = (a**2).sum(axis=0)
        plain.append(solved.x[rows].T @ a)
        weighted.append(solved.wx[rows].T @ a)
    u, v = np.array(plain), np.array(weighted)
    out = np.empty(q)
    for one in range(q):
        crossed = u[:, :, one] @ solved.bread @ v[:, :, one].T
        form = np.diag(own[:, one]) - crossed - crossed.T
        form += u[:, :, one] @ solved.middle @ u[:, :, one].T
        out[one] = np.trace(form) ** 2 / np.sum(form**2)
    return out
