"""Local polynomials at a cut-off: limits from either side, their bias, and residuals.

A limit is linear in the outcomes, so it is held as one number a child: limit = weights @ values.
The same weights carry residuals into variances, of one outcome, of several, or by cluster.

Sources: Hahn, Todd & van der Klaauw (2001), Econometrica 69:201-209, for local linear limits;
Calonico, Cattaneo & Titiunik (2014), Econometrica 82:2295-2326, for the correction of their bias
and the variance that counts it; Abadie & Imbens (2006), Econometrica 74:235-267, for residuals from
nearest neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew
from fingerpost.kernels.arrays import Array, Codes, Numbers

KERNELS = ("triangular", "uniform")
NEIGHBOURS = 3
WORST_CONDITION = 1e12  # of the (order + 1)-square matrix of moments, on the scale of the window


@dataclass(frozen=True, slots=True)
class Window:
    """How far from the cut-off children count: `h` for the limit, `b` for its bias.

    order: of the polynomial of the limit; that of its bias is one higher.
    """

    h: float
    b: float
    order: int = 1
    kernel: str = "triangular"

    @property
    def reach(self) -> float:
        """The farther of the two bandwidths."""
        return max(self.h, self.b)


@dataclass(frozen=True, eq=False, slots=True)
class Jump:
    """Jumps of d outcomes at the cut-off: the limit from above less the limit from below.

    plain, corrected: (d,) before and after the bias is taken out. plain_weights, weights: (n,) that
    give each. plain_influence, influence: (n, d), whose sums of squares (over children, or over
    clusters of them) are the variances of each.
    """

    plain: Array
    corrected: Array
    plain_weights: Array
    weights: Array
    plain_influence: Array
    influence: Array


def kernel_weights(distance: Numbers, h: float, *, kernel: str) -> Array:
    """Return (n,) weights that fall from one at the cut-off to zero at h (triangular), or are one
    up to h and with it (uniform).
    """
    share: NDArray[np.floating[Any]] = np.abs(distance) / h
    if kernel == "uniform":
        return (share <= 1.0).astype(np.float64)
    return np.asarray(np.maximum(1.0 - share, 0.0), dtype=np.float64)


def powers(distance: Array, h: float, *, order: int) -> Array:
    """Return (n, order + 1) powers of distance / h."""
    found: Array = np.vander(distance / h, order + 1, increasing=True)
    return found


def coefficient_weights(distance: Array, weight: Array, *, h: float, order: int) -> Array:
    """Return (order + 1, n) weights that give each coefficient of a weighted polynomial in
    distance / h.

    Raises TooFew where the distances with weight do not determine it.
    """
    design = powers(distance, h, order=order)
    weighted = design * weight[:, None]
    moments = weighted.T @ design
    scale = float(weight.sum())
    if scale <= 0 or np.linalg.cond(moments / scale) > WORST_CONDITION:
        raise TooFew(
            f"the values of the running variable within {h:g} of the cut-off, on one side, do not "
            f"determine a curve of order {order}. Mend: a wider bandwidth."
        )
    return np.asarray(np.linalg.solve(moments, weighted.T), dtype=np.float64)


def limit_weights(distance: Array, weight: Array, *, window: Window) -> tuple[Array, Array]:
    """Return (n,) weights of the limit at the cut-off from one side, plain and bias-corrected.

    distance: (n,) of one side. weight: (n,) survey weights. The corrected limit is the plain one
    less its bias, taken from a polynomial of one order more within `b` (Calonico et al. 2014,
    section 3): the two are the same weights of a polynomial of that order where b = h.
    """
    p = window.order
    near = weight * kernel_weights(distance, window.h, kernel=window.kernel)
    plain = coefficient_weights(distance, near, h=window.h, order=p)[0]
    far = weight * kernel_weights(distance, window.b, kernel=window.kernel)
    curve = coefficient_weights(distance, far, h=window.b, order=p + 1)[p + 1]
    bias = float(plain @ (distance / window.h) ** (p + 1)) * (window.h / window.b) ** (p + 1)
    return plain, plain - bias * curve


def polynomial_residuals(
    distance: Array, values: Array, weight: Array, *, h: float, order: int
) -> Array:
    """Return (n, d) residuals from the weighted polynomial of each of d outcomes (n, d)."""
    fitted = powers(distance, h, order=order) @ (
        coefficient_weights(distance, weight, h=h, order=order) @ values
    )
    found: Array = values - fitted
    return found


def neighbour_residuals(distance: Array, values: Array, *, matches: int = NEIGHBOURS) -> Array:
    """Return (n, d) residuals from the mean of the nearest `matches` children, and all as near.

    distance: (n,), sorted. values: (n, d). Scaled by √(J / (J + 1)) with J neighbours, so that the
    mean square is the variance around the curve (Calonico et al. 2014, section 5.1).
    """
    n = len(distance)
    new = np.append(True, distance[1:] != distance[:-1])
    group = np.cumsum(new) - 1
    place = distance[new]
    m = len(place)
    size = np.bincount(group, minlength=m)
    ends = np.concatenate([[0], np.cumsum(size)])
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    lo, hi = _nearest(place, size, min(matches, n - 1))
    total = (sums[ends[hi + 1]] - sums[ends[lo]])[group]
    others = (ends[hi + 1] - ends[lo] - 1)[group].astype(np.float64)[:, None]
    if others.min(initial=1.0) < 1:
        raise TooFew("one child on a side of the cut-off has no neighbour to be compared with.")
    found: Array = np.sqrt(others / (others + 1)) * (values - (total - values) / others)
    return found


def _nearest(place: Array, size: Codes, wanted: int) -> tuple[Codes, Codes]:
    """Return (m,) first and last of the distinct places that hold each place's neighbours."""
    m = len(place)
    at = np.arange(m)
    lo, hi, held = at.copy(), at.copy(), size - 1
    # Every step takes in at least one child, so there are at most as many steps as are wanted.
    for _ in range(wanted):
        short = (held < wanted) & ((lo > 0) | (hi < m - 1))
        left = np.where(lo > 0, place - place[np.maximum(lo - 1, 0)], np.inf)
        right = np.where(hi < m - 1, place[np.minimum(hi + 1, m - 1)] - place, np.inf)
        nearer = np.minimum(left, right) * (1 + np.sqrt(np.finfo(float).eps))
        go_left, go_right = short & (left <= nearer), short & (right <= nearer)
        lo, hi = lo - go_left, hi + go_right
        held = held + np.where(go_left, size[lo], 0) + np.where(go_right, size[hi], 0)
    return lo, hi


def jump(
    distance: Array, values: Array, *, weight: Array, window: Window, clustered: bool = False
) -> Jump:
    """Return the jumps of d outcomes where distance passes from below zero to zero.

    distance: (n,) from the cut-off. values: (n, d). weight: (n,) survey weights, none negative.
    clustered: residuals are from the polynomials, as sums over clusters need; otherwise from
    nearest neighbours, which are robust to a curve of any shape.
    Raises TooFew where a side does not determine its polynomials.
    """
    n, d = values.shape
    weights, influence = np.zeros((2, n)), np.zeros((2, n, d))
    for sign, side in ((1.0, distance >= 0), (-1.0, distance < 0)):
        rows = np.flatnonzero(side & (weight > 0) & (np.abs(distance) <= window.reach))
        rows = rows[np.argsort(distance[rows], kind="stable")]
        x, y, w = distance[rows], values[rows], weight[rows]
        check_distinct(x, w, window)
        both = limit_weights(x, w, window=window)
        near, far = (w * kernel_weights(x, h, kernel=window.kernel) for h in (window.h, window.b))
        if clustered:
            p = window.order
            residuals = (
                polynomial_residuals(x, y, near, h=window.h, order=p),
                polynomial_residuals(x, y, far, h=window.b, order=p + 1),
            )
        else:
            counts = (near > 0) | (far > 0)
            found = np.zeros_like(y)
            found[counts] = neighbour_residuals(x[counts], y[counts])
            residuals = (found, found)
        for kind in range(2):
            weights[kind, rows] = sign * both[kind]
            influence[kind, rows] = sign * both[kind][:, None] * residuals[kind]
    plain, corrected = weights @ values
    return Jump(plain, corrected, weights[0], weights[1], influence[0], influence[1])


def check_distinct(distance: Array, weight: Array, window: Window) -> None:
    """Raise TooFew where a side has fewer distinct values with weight than its curves need."""
    for h, order in ((window.h, window.order), (window.b, window.order + 1)):
        held = distance[weight * kernel_weights(distance, h, kernel=window.kernel) > 0]
        distinct = len(np.unique(held))
        if distinct < order + 1:
            raise TooFew(
                f"on one side, {distinct} distinct values of the running variable lie within {h:g} "
                f"of the cut-off; a curve of order {order} needs {order + 1}. Mend: a wider "
                "bandwidth."
            )
