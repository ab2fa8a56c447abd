"""Two-stage least squares in which some regressors are stood for by others, and how well they are.

A design holds three groups of columns: `common` (intercept, exposure, covariates), `inside`
(regressors that are proxies of something hidden) and `outside` (instruments for them). Everything
is read off one matrix of cross-products; a second pass sums the scores by cluster, so that no
(n × p) matrix is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Design
from fingerpost.kernels.newton import inverse_of
from fingerpost.kernels.products import cross, gram, times


@dataclass(frozen=True, slots=True)
class Groups:
    """Numbers of columns of a design: common first, then outside, then inside."""

    common: int
    outside: int
    inside: int

    @property
    def given(self) -> Codes:
        """Places of what is known: common and outside."""
        return np.arange(self.common + self.outside)

    @property
    def regressors(self) -> Codes:
        """Places of what explains the outcome: common and inside."""
        inside = self.common + self.outside + np.arange(self.inside)
        return np.concatenate([np.arange(self.common), inside])


@dataclass(frozen=True, eq=False, slots=True)
class TwoStage:
    """coefficients: (r,) of the regressors. influence: (n, q) of q contrasts of them."""

    coefficients: Array
    influence: Array


@dataclass(frozen=True, slots=True)
class Strength:
    """How well the outside columns tell one inside column that the others do not: F, df, p."""

    f: float
    df: int
    p: float


@dataclass(frozen=True, eq=False, slots=True)
class Products:
    """Cross-products of a weighted design: (p, p), and the inverse of what is known."""

    gram: Array
    known: Array


def products_of(design: Design, weights: Array, *, groups: Groups) -> Products:
    """Return the cross-products. Raises NotFitted where known columns determine one another."""
    whole = gram(design, weights)
    inverse = inverse_of(whole[np.ix_(groups.given, groups.given)])
    if inverse is None:
        raise NotFitted(
            "the exposure, the covariates and the proxies of the exposure determine one another; "
            "leave one of them out."
        )
    return Products(whole, inverse)


def two_stage(
    design: Design, y: Array, *, weights: Array, groups: Groups, contrasts: Array
) -> TwoStage:
    """Return two-stage least squares of y, with inside columns predicted from the known ones.

    y, weights: (n,). contrasts: (r, q) of the regressors. The influence is that of both stages: the
    residual takes the inside columns as they are, not as predicted (Wooldridge 2010, Econometric
    Analysis of Cross Section and Panel Data, section 5.2).
    Raises NotFitted where the prediction leaves an inside column nothing of its own.
    """
    found = products_of(design, weights, groups=groups)
    projection, bread = _stages(found, groups, groups.regressors)
    towards = cross(design, weights * y)
    coefficients = bread @ (projection.T @ towards[groups.given])
    fitted = np.zeros(design.p)
    fitted[groups.regressors] = coefficients
    directions = np.zeros((design.p, contrasts.shape[1]))
    directions[groups.given] = projection @ bread @ contrasts
    residual = weights * (y - times(design, fitted))
    return TwoStage(coefficients, residual[:, None] * times(design, directions))


def _stages(found: Products, groups: Groups, regressors: Codes) -> tuple[Array, Array]:
    """Return the (k, r) projection of regressors on what is known, and the (r, r) bread."""
    across = found.gram[np.ix_(groups.given, regressors)]
    projection = found.known @ across
    bread = inverse_of(across.T @ projection)
    if bread is None:
        raise NotFitted(
            "as predicted by the proxies of the exposure, the proxies of the outcome are "
            "determined by the covariates or by one another."
        )
    return projection, bread


def least_squares(found: Products, towards: Array, *, places: Codes) -> Array | None:
    """Return the least-squares coefficients of the columns in `places`; None where they determine
    one another. towards: (p,) cross-products with the outcome.
    """
    inverse = inverse_of(found.gram[np.ix_(places, places)])
    return None if inverse is None else inverse @ towards[places]


def strengths(
    design: Design, *, weights: Array, groups: Groups, codes: Codes, count: int
) -> list[Strength]:
    """Return, for each inside column, how well the outside columns tell it from the other inside
    ones (Sanderson & Windmeijer 2016, Journal of Econometrics 190:212-221), by clusters.

    With one inside column it is the partial Wald statistic over the number of outside columns.
    """
    found = products_of(design, weights, groups=groups)
    first = groups.common + groups.outside
    outside = groups.common + np.arange(groups.outside)
    directions = np.zeros((design.p, groups.outside))
    directions[groups.given] = found.known[:, outside]
    reached = times(design, directions)
    told = []
    for at in range(groups.inside):
        others = np.setdiff1d(groups.regressors, [first + at])
        projection, bread = _stages(found, groups, others)
        goal = found.gram[groups.given, first + at]
        away = np.zeros(design.p)
        away[first + at] = 1.0
        away[others] -= bread @ (projection.T @ goal)
        own = found.known @ (found.gram[groups.given] @ away)
        left = away.copy()
        left[groups.given] -= own
        scores = sum_by(codes, (weights * times(design, left))[:, None] * reached, n_groups=count)
        told.append(_wald(own[groups.common :], scores, groups))
    return told


def _wald(own: Array, scores: Array, groups: Groups) -> Strength:
    g = len(scores)
    covariance = scores.T @ scores * g / max(g - 1, 1)
    df = groups.outside - groups.inside + 1
    inverse = inverse_of(covariance)
    if inverse is None:
        return Strength(float("nan"), df, float("nan"))
    wald = float(own @ inverse @ own)
    return Strength(wald / df, df, float(chdtrc(df, wald)))
