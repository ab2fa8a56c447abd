"""Generalised least squares of cell means on periods and periods since provision began.

Means of one unit hang together: a part that fades from period to period (or lasts), a part of each
period's own, and what averaging so many children leaves. The parts are told by moments of the
residuals. Standard errors lean on none of it: scores are summed by cluster, each corrected for what
the cluster itself did to the fit (CR2: Kauermann & Carroll 2001, JASA 96:1387-1396; Bell &
McCaffrey 2002, Survey Methodology 28:169), so that they are unbiased where the working model holds,
with degrees of freedom by Satterthwaite under that model. With M the inverse of the information, A
that of one cluster, and U Λ U' = √M A √M, the correction of its score s is √M U (1 - Λ)^-½ U' √M s:
nothing larger than p × p is formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes, one_thread, spans
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.newton import inverse_of

STRUCTURES = ("nested_decay", "nested", "decay", "independent")
ROUNDS = 3
MOST_LEVERAGE = 2**24  # numbers of all clusters' p × p leverage: above, clusters are many enough
UNITS = 512
FASTEST, LASTING = 0.0, 0.999
NONE_LEFT = 1e-9


@dataclass(frozen=True, slots=True)
class Working:
    """Working covariance of a unit's means: `lasting` × `fade`^|t − s|, plus `own` of each period,
    plus `child` over the number of children of the cell.
    """

    lasting: float = 0.0
    fade: float = 1.0
    own: float = 1.0
    child: float = 0.0

    def matrices(self, children: Array, seen: NDArray[np.bool_]) -> Array:
        """Return (u, t, t); the identity in rows and columns of cells that are not seen."""
        at = np.arange(children.shape[1])
        shared = self.lasting * self.fade ** np.abs(at[:, None] - at) + self.own * np.eye(len(at))
        both = seen[:, :, None] & seen[:, None, :]
        found: Array = np.where(both, shared, 0.0)
        noise = np.where(seen, self.child / np.where(seen, children, 1.0), 1.0)
        found[:, at, at] += noise
        return found


@dataclass(frozen=True, eq=False, slots=True)
class ExposureFit:
    """coefficients: (p,). influence: (g, p) corrected sums by cluster: the sum of their products is
    the covariance. bread: (p, p). leverage, corrected: (g, p, p) information of each cluster, and
    what turns its score to influence; None where clusters are many.
    """

    coefficients: Array
    influence: Array
    bread: Array
    leverage: Array | None
    corrected: Array | None
    working: Working

    def freedom(self, contrasts: Array) -> Array:
        """Return (q,) Satterthwaite degrees of freedom of contrasts (q, p): of clusters less
        coefficients where clusters are many.
        """
        g, p = self.influence.shape
        if self.leverage is None or self.corrected is None:
            return np.full(len(contrasts), float(g - p))
        turned = np.matmul(self.corrected, contrasts.T)
        pulled = np.matmul(self.leverage, turned)
        own = (turned * pulled).sum(axis=1)
        taken = (pulled * np.matmul(self.bread, pulled)).sum(axis=1)
        # Of the (g, g) form of each variance only traces are needed: of it and of its square.
        crossed = np.einsum("gpq,grq->qpr", pulled, pulled, optimize=True)
        crossed = np.matmul(self.bread, crossed)
        square = (own**2).sum(axis=0) - 2 * (own * taken).sum(axis=0)
        square += np.einsum("qpr,qrp->q", crossed, crossed)
        found: Array = (own - taken).sum(axis=0) ** 2 / np.maximum(square, 1e-300)
        return found


def fit_exposure(
    y: Array,
    x: Array,
    *,
    seen: NDArray[np.bool_],
    children: Array,
    cluster: Codes,
    structure: str,
    child: float = 0.0,
    weight: Array | None = None,
) -> ExposureFit:
    """Return the fit. y: (u, t). x: (u, t, p). seen: (u, t) cells that count. children: (u, t)
    behind each. cluster: (u,) codes. structure: one of STRUCTURES. child: variance of children
    within a cell, 0 where it is not told apart. weight: (u,) what units count, None for alike.
    Raises NotFitted for collinear columns.
    """
    counts = np.ones(len(y)) if weight is None else np.sqrt(weight)
    y = np.where(seen, y, 0.0) * counts[:, None]
    x = np.where(seen[:, :, None], x, 0.0) * counts[:, None, None]
    working = Working()
    with one_thread():
        for _ in range(1 if structure == "independent" else ROUNDS):
            coefficients, bread = _solve(y, x, seen, children, working)
            residual = np.where(seen, y - x @ coefficients, 0.0)
            if not residual.any():  # outcomes that never differ tell of no covariance
                break
            working = moments(residual, seen, children=children, child=child, structure=structure)
        coefficients, bread = _solve(y, x, seen, children, working)
        scores, leverage = _scores(y, x, seen, children, working, coefficients, cluster)
        corrected = None if leverage is None else _corrected(bread, leverage)
        if corrected is None:
            g, p = scores.shape
            influence = scores @ bread * np.sqrt(g / max(g - p, 1))
        else:
            influence = np.matmul(corrected, scores[:, :, None])[:, :, 0]
    return ExposureFit(coefficients, influence, bread, leverage, corrected, working)


def _corrected(bread: Array, leverage: Array) -> Array:
    """Return (g, p, p) what turns each cluster's score to influence. Directions that a cluster fits
    alone have no residual and count nothing.
    """
    values, vectors = np.linalg.eigh(bread)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # Clusters alike in all that the fit sees of them, as units of one wave are, share a correction.
    alike: dict[bytes, int] = {}
    place = np.array([alike.setdefault(own.tobytes(), len(alike)) for own in leverage])
    first = np.unique(place, return_index=True)[1]
    shares, axes = np.linalg.eigh(root @ leverage[first] @ root)
    left = 1 - shares
    scale = np.where(left > NONE_LEFT, 1 / np.sqrt(np.maximum(left, NONE_LEFT)), 0.0)
    wide = root @ axes
    found: Array = np.matmul(wide * scale[:, None, :], wide.transpose(0, 2, 1))
    each: Array = found[place]
    return each


def _solve(
    y: Array, x: Array, seen: NDArray[np.bool_], children: Array, working: Working
) -> tuple[Array, Array]:
    p = x.shape[2]
    gram = np.zeros((p + 1, p + 1))
    for _, white in _whitened(y, x, seen, children, working):
        flat = white.reshape(-1, p + 1)
        gram += flat.T @ flat
    bread = inverse_of(gram[:p, :p])
    if bread is None:
        raise NotFitted("periods, exposures and covariates are collinear.")
    return bread @ gram[:p, p], bread


def _scores(
    y: Array, x: Array, seen: NDArray[np.bool_], children: Array, working: Working,
    coefficients: Array, cluster: Codes,
) -> tuple[Array, Array | None]:  # fmt: skip
    """Return (g, p) scores and (g, p, p) information by cluster."""
    g, p = int(cluster.max()) + 1, x.shape[2]
    keep = g * p * p <= MOST_LEVERAGE
    scores = np.zeros((g, p))
    leverage = np.zeros((g, p * p)) if keep else None
    for rows, white in _whitened(y, x, seen, children, working):
        own = white[:, :, :p]
        left = white[:, :, p] - own @ coefficients
        scores += sum_by(cluster[rows], np.einsum("utp,ut->up", own, left), n_groups=g)
        if leverage is not None:
            square = np.matmul(own.transpose(0, 2, 1), own).reshape(-1, p * p)
            leverage += sum_by(cluster[rows], square, n_groups=g)
    return scores, None if leverage is None else leverage.reshape(g, p, p)


def _whitened(
    y: Array, x: Array, seen: NDArray[np.bool_], children: Array, working: Working
) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, (b, t, p + 1)) of columns and outcome, made independent, block by block. Units
    that are alike in what was seen of them share a covariance, so that few roots are made.
    """
    told = np.where(seen, children, 0.0) if working.child > 0 else seen
    if (told == told[:1]).all():
        own = np.asarray(told[:1], float)
        root = np.linalg.inv(np.linalg.cholesky(working.matrices(own, own > 0)))[0]
        for lo, hi in spans(len(y), UNITS):
            rows = slice(lo, hi)
            yield rows, root @ np.concatenate([x[rows], y[rows, :, None]], axis=2)
        return
    alike, kind = np.unique(told, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    for lo, hi in spans(len(y), UNITS):
        rows = slice(lo, hi)
        here, place = np.unique(kind[rows], return_inverse=True)
        several = np.asarray(alike[here], float)
        roots = np.linalg.inv(np.linalg.cholesky(working.matrices(several, several > 0)))
        wide = np.concatenate([x[rows], y[rows, :, None]], axis=2)
        yield rows, np.matmul(roots[place], wide)


def moments(
    residual: Array, seen: NDArray[np.bool_], *, children: Array, child: float, structure: str
) -> Working:
    """Return the working covariance whose parts fit the mean products of residuals by lag.

    residual: (u, t), 0 where not seen. Of lags without a pair of cells nothing is asked.
    """
    pairs = seen.astype(float).T @ seen.astype(float)
    products = residual.T @ residual
    t = residual.shape[1]
    lags = np.arange(t)
    count = np.array([np.trace(pairs, lag) for lag in lags])
    mean = np.array([np.trace(products, lag) for lag in lags]) / np.maximum(count, 1.0)
    noise = float(np.mean(child / children[seen])) if seen.any() else 0.0
    whole = max(mean[0] - noise, 0.0)
    floor = max(1e-8 * mean[0], 1e-300)
    if structure == "independent" or not count[1:].any() or whole <= floor:
        return Working(0.0, 1.0, max(whole, floor), child)
    if structure == "nested":
        lasting = float(np.clip(count[1:] @ mean[1:] / count[1:].sum(), 0.0, whole))
        return Working(lasting, 1.0, max(whole - lasting, floor), child)
    since = 0 if structure == "decay" else 1
    target = np.concatenate([[whole], mean[1:]])[since:]
    weight, away = count[since:], lags[since:]

    def level(fade: float) -> float:
        shape = fade**away
        found = float(weight * shape @ target) / max(float(weight * shape @ shape), 1e-300)
        return float(min(max(found, 0.0), whole))

    def misfit(fade: float) -> float:
        return float(weight @ (target - level(fade) * fade**away) ** 2)

    best = minimize_scalar(misfit, bounds=(FASTEST, LASTING), method="bounded")
    fade = float(best.x) if misfit(float(best.x)) <= misfit(LASTING) else LASTING
    lasting = whole if structure == "decay" else level(fade)
    return Working(lasting, fade, max(whole - lasting, floor), child)
