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
from scipy.sparse import coo_array

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes, one_thread, spans
from fingerpost.kernels.clusters import add_by, alike, sum_by
from fingerpost.kernels.newton import inverse_of

STRUCTURES = ("nested_decay", "nested", "decay", "independent")
ROUNDS = 3
MOST_LEVERAGE = 2**24  # numbers of all clusters' p × p leverage: above, clusters are many enough
UNITS = 512
FASTEST, LASTING = 0.0, 0.999
GRID, FINER = 33, 5  # fades looked at, each time within a sixteenth of what was
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


@dataclass(frozen=True, eq=False, slots=True)
class Kinds:
    """Units alike in their columns, in what was seen of them and in the children behind it: they
    share a covariance, and most of the work. x: (k, t, p). seen, children: (k, t). place: (u,) the
    kind of each unit. units: (k,) how many are of each.
    """

    x: Array
    seen: NDArray[np.bool_]
    children: Array
    place: Codes
    units: Codes

    def fitted(self, coefficients: Array) -> Array:
        """Return (u, t) what coefficients expect of each unit."""
        found: Array = (self.x @ coefficients)[self.place]
        return found

    def whitened(self, working: Working) -> Iterator[tuple[slice, Array, Array]]:
        """Yield (kinds, (b, t, t) roots, (b, t, p) columns made independent by them), by block."""
        for lo, hi in spans(len(self.x), UNITS):
            block = slice(lo, hi)
            covariances = working.matrices(self.children[block], self.seen[block])
            roots = np.linalg.inv(np.linalg.cholesky(covariances))
            yield block, roots, np.matmul(roots, self.x[block])


def kinds_of(x: Array, seen: NDArray[np.bool_], children: Array) -> Kinds:
    """Return the kinds of units. x: (u, t, p), 0 where not seen. children: (u, t), alike where
    nothing hangs on them.
    """
    told = np.concatenate([x.reshape(len(x), -1), seen, children], axis=1)
    first, place = alike(told)
    return Kinds(x[first], seen[first], children[first], place, np.bincount(place))


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
    kinds = kinds_of(x, seen, np.where(seen, children, 1.0) if child > 0 else np.ones_like(y))
    working = Working()
    with one_thread():
        for _ in range(1 if structure == "independent" else ROUNDS):
            coefficients, bread = _solve(y, kinds, working)
            residual = np.where(seen, y - kinds.fitted(coefficients), 0.0)
            if not residual.any():  # outcomes that never differ tell of no covariance
                break
            working = moments(residual, seen, children=children, child=child, structure=structure)
        coefficients, bread = _solve(y, kinds, working)
        scores, leverage = _scores(y - kinds.fitted(coefficients), kinds, working, cluster)
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
    first, place = alike(leverage.reshape(len(leverage), -1))
    shares, axes = np.linalg.eigh(root @ leverage[first] @ root)
    left = 1 - shares
    scale = np.where(left > NONE_LEFT, 1 / np.sqrt(np.maximum(left, NONE_LEFT)), 0.0)
    wide = root @ axes
    found: Array = np.matmul(wide * scale[:, None, :], wide.transpose(0, 2, 1))
    each: Array = found[place]
    return each


def _solve(y: Array, kinds: Kinds, working: Working) -> tuple[Array, Array]:
    p = kinds.x.shape[2]
    gram, right = np.zeros((p, p)), np.zeros(p)
    sums = sum_by(kinds.place, y, n_groups=len(kinds.x))
    for block, roots, white in kinds.whitened(working):
        flat = white.reshape(-1, p)
        counted = (white * kinds.units[block, None, None]).reshape(-1, p)
        gram += flat.T @ counted
        right += flat.T @ np.matmul(roots, sums[block, :, None]).ravel()
    bread = inverse_of(gram)
    if bread is None:
        raise NotFitted("periods, exposures and covariates are collinear.")
    return bread @ right, bread


def _scores(
    residual: Array, kinds: Kinds, working: Working, cluster: Codes
) -> tuple[Array, Array | None]:
    """Return (g, p) scores and (g, p, p) information by cluster."""
    g, (k, _, p) = int(cluster.max()) + 1, kinds.x.shape
    scores = np.zeros((g, p))
    leverage = np.zeros((g, p * p)) if g * p * p <= MOST_LEVERAGE else None
    held = coo_array((np.ones(len(cluster)), (cluster, kinds.place)), shape=(g, k)).tocsc()
    order = np.argsort(kinds.place, kind="stable")
    ends = np.concatenate([[0], np.cumsum(kinds.units)])
    for block, roots, white in kinds.whitened(working):
        across = white.transpose(0, 2, 1)
        pull = np.matmul(across, roots)
        if leverage is not None:
            leverage += held[:, block] @ np.matmul(across, white).reshape(-1, p * p)
        units = order[ends[block.start] : ends[block.stop]]
        for lo, hi in spans(len(units), UNITS):
            rows = units[lo:hi]
            kind = kinds.place[rows] - block.start
            own = np.matmul(pull[kind], residual[rows, :, None])[:, :, 0]
            add_by(scores, own, codes=cluster[rows])
    return scores, None if leverage is None else leverage.reshape(g, p, p)


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
    apart = np.abs(lags[:, None] - lags)
    twice = np.where(apart > 0, 0.5, 1.0)  # both halves of a symmetric matrix hold each pair
    count = np.bincount(apart.ravel(), weights=(pairs * twice).ravel()).astype(np.float64)
    mean = np.bincount(apart.ravel(), weights=(products * twice).ravel()) / np.maximum(count, 1.0)
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

    fade, level = _fading(target, weight, away, most=whole)
    lasting = whole if structure == "decay" else level
    return Working(lasting, fade, max(whole - lasting, floor), child)


def _fading(target: Array, weight: Array, away: Codes, *, most: float) -> tuple[float, float]:
    """Return the fade and the level (0 to most) of level × fade^away that is nearest to a target by
    weighted squares: of a grid, which is made finer about the best.
    """
    low, high = FASTEST, LASTING
    for _ in range(FINER):
        fades = np.linspace(low, high, GRID)
        shapes = fades[:, None] ** away
        counted = weight * shapes
        level = (counted @ target) / np.maximum((counted * shapes).sum(axis=1), 1e-300)
        level = np.clip(level, 0.0, most)
        best = int(np.argmin((target - level[:, None] * shapes) ** 2 @ weight))
        low, high = float(fades[max(best - 1, 0)]), float(fades[min(best + 1, GRID - 1)])
    return float(fades[best]), float(level[best])
