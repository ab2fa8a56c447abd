"""What comes by way of a fitted model: how its linear predictors move as its equations are pulled.

A child's influence by way of a model is its residual times a row of X B X'v: X the columns, B the
bread (the inverse of the information), v (n,) what the estimate owes to each row's linear
predictor. Columns whose mean is far from nought, a calendar year and its square, are taken about
the means of the fit in both X and B: on the raw columns the product is a small difference of large
numbers, and standard errors came out wrong in the sixth digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array, Numbers
from fingerpost.kernels.design import Design, Within
from fingerpost.kernels.glm import GlmFit
from fingerpost.kernels.products import cross, times


@dataclass(frozen=True, eq=False, slots=True)
class Centred(Within):
    """A design with multiples (p,) of its constant column, that at `constant`, taken off."""

    shift: Array
    constant: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.design.n

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi, newly built."""
        block = self.design.block(lo, hi)
        centred: Array = block - block[:, [self.constant]] * self.shift
        return centred

    def take(self, rows: NDArray[Any]) -> Centred:
        """Return the design of the chosen rows (indices or a mask)."""
        return Centred(self.design.take(rows), self.shift, self.constant)


def centred(design: Design, fit: GlmFit) -> Design:
    """Return a design as the fit's `inverse` takes it: about the means of the columns far from
    nought, and as it is where there are none.
    """
    if not fit.shift.any():
        return design
    return Centred(design, fit.shift, fit.constant)


def carried(fit: GlmFit, pull: Numbers, *, of: Design, to: Design | None = None) -> Array:
    """Return how the linear predictors of the rows of `to` move as the rows of `of` are pulled.

    pull: (n,) for a model of one linear predictor; (n, m q) for q pulls of a model of m, the m of
    one pull side by side. to: the rows of `of` where left out. Shaped as `pull`.

    >>> from fingerpost.kernels.design import Dense
    >>> from fingerpost.kernels.glm import fit
    >>> x = Dense(np.array([[1.0, 0.0], [1.0, 1.0]]), ("one", "boy"))
    >>> found = fit(x, np.array([3.0, 5.0]), family="linear")
    >>> carried(found, np.array([1.0, 0.0]), of=x).round(9).tolist()
    [1.0, 0.0]
    """
    return spread(fit, cross(centred(of, fit), pull), to=of if to is None else to)


def spread(fit: GlmFit, pulled: Array, *, to: Design) -> Array:
    """Return how the linear predictors of the rows of `to` move as the equations are pulled.

    pulled: (p,) or (p, m q) sums over rows of a `centred` column times what pulls it.
    """
    p, m = len(pulled), len(fit.inverse) // len(pulled)
    sets = pulled.reshape(p, -1, m).transpose(2, 0, 1).reshape(m * p, -1)
    lean = (fit.inverse.T @ sets).reshape(m, p, -1).transpose(1, 2, 0)
    moved: Array = times(centred(to, fit), np.ascontiguousarray(lean).reshape(pulled.shape))
    return moved
