"""Taking columns out of others: what covariates explain, and the means of groups (schools,
families), without an indicator a group and without a dense matrix of the children.

Frisch & Waugh (1933), Econometrica 1:387-401: what is left after both sides were cleared of some
columns gives the coefficients of the regression that holds them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Design, moments
from fingerpost.kernels.products import SCATTER_ROWS, cross, times

NONE_LEFT = 1e-10  # least eigenvalue, in correlation form, that counts as a direction of its own
FLAT = 1e-12  # share of a column's variance within groups below which it is constant within them
STEPS = 60
TOLERANCE = 1e-24  # mean square change of the linear predictor by the last step
FAR = 500.0  # linear predictor beyond which exp would overflow
UNSETTLED = 20.0  # distance within a group at which an effect is on its way to infinity


def half_inverse(gram: Array) -> Array:
    """Return T (p, r) of full column rank r such that T Tᵀ is a generalised inverse of `gram`.

    gram: (p, p), symmetric, not negative. Columns that are nought or repeat others are passed over,
    so that a contrast c is told by the data where gram T Tᵀ c = c (see `told`).
    """
    size = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    unit = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
    values, vectors = np.linalg.eigh(gram * np.outer(unit, unit))
    kept = values > NONE_LEFT
    root: Array = unit[:, None] * (vectors[:, kept] / np.sqrt(values[kept]))
    return root


def told(gram: Array, root: Array, *, contrasts: Array) -> NDArray[np.bool_]:
    """Return (q,) booleans: which contrasts (p, q) of the coefficients the data can tell."""
    away = gram @ (root @ (root.T @ contrasts)) - contrasts
    size = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    # In units of each column, so that what is measured in pence is judged as what is in pounds.
    unit = np.divide(1.0, size, out=np.full_like(size, 1.0), where=size > 0.0)[:, None]
    reach, least = np.abs(away * unit).max(axis=0), np.abs(contrasts * unit).max(axis=0)
    found: NDArray[np.bool_] = reach <= 1e-6 * least
    return found


def partial_out(design: Design, values: Array, *, weights: Array) -> Array:
    """Return (n, m) what is left of values (n, m) after weighted least squares on a design.

    The design needs a constant column; columns that repeat others do no harm. weights: (n,).
    Two passes: the second removes the rounding of the first.
    """
    found = moments(design, weights)
    scale = np.where(found.deviation > 1e-14 * np.abs(found.mean), found.deviation, np.inf)
    total = float(weights.sum())
    left = values - weights @ values / total
    gram = np.zeros((design.p, design.p))
    with one_thread():
        for lo, hi in spans(design.n, block_rows(design.p)):
            block = (design.block(lo, hi) - found.mean) / scale
            gram += block.T @ (block * weights[lo:hi, None])
        root = half_inverse(gram)
        for _ in range(2):
            product = np.zeros((design.p, left.shape[1]))
            for lo, hi in spans(design.n, block_rows(design.p)):
                block = (design.block(lo, hi) - found.mean) / scale
                product += block.T @ (left[lo:hi] * weights[lo:hi, None])
            slopes = root @ (root.T @ product)
            for lo, hi in spans(design.n, block_rows(design.p)):
                left[lo:hi] -= (design.block(lo, hi) - found.mean) / scale @ slopes
            left -= weights @ left / total
    return left


@dataclass(frozen=True, eq=False, slots=True)
class Groups:
    """G groups of n rows. codes: (n,) from 0 to G - 1. weight: (n,). total: (G,) its sums; a group
    without weight has mean nought.
    """

    codes: Codes
    count: int
    weight: Array
    total: Array

    @classmethod
    def of(cls, codes: Codes, weight: Array, *, count: int) -> Groups:
        """Return the groups of rows with their sums of weight."""
        return cls(codes, count, weight, sum_by(codes, weight, n_groups=count))

    def means(self, values: Numbers) -> Array:
        """Return (G,) or (G, q) weighted means of values (n,) or (n, q)."""
        weight = self.weight if values.ndim == 1 else self.weight[:, None]
        return self.over(sum_by(self.codes, values * weight, n_groups=self.count))

    def over(self, sums: Array) -> Array:
        """Return sums (G, …) over the groups' total weight."""
        total = self.total if sums.ndim == 1 else self.total[:, None]
        found: Array = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0.0)
        return found

    def demean(self, values: Array) -> Array:
        """Return values (n,) or (n, q) minus the mean of their group."""
        found: Array = values - self.means(values)[self.codes]
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Cross:
    """Products of a design's columns within groups.

    gram: (p, p) Σ w (x - x̄_g)(x - x̄_g)ᵀ; a column that is constant within groups has nought.
    mean: (G, p) of the columns by group, less `shift` (p,), their mean over all rows.
    """

    gram: Array
    mean: Array
    shift: Array


def within_products(design: Design, groups: Groups) -> Cross:
    """Return the products of a design's columns within groups, in one walk over its blocks.

    Memory is of order G p, not n p.
    """
    if float(groups.weight.sum()) <= 0.0:
        raise TooFew("no child has weight here.")
    found = moments(design, groups.weight)
    spread = np.where(found.deviation > 1e-14 * np.abs(found.mean), found.deviation, 0.0)
    scale = np.where(spread > 0.0, spread, np.inf)
    gram, sums = np.zeros((design.p, design.p)), np.zeros((groups.count, design.p))
    with one_thread():
        for start, stop in spans(design.n, SCATTER_ROWS):
            block = (design.block(start, stop) - found.mean) / scale
            weighted = block * groups.weight[start:stop, None]
            gram += block.T @ weighted
            sums += sum_by(groups.codes[start:stop], weighted, n_groups=groups.count)
        mean = groups.over(sums)
        gram -= mean.T @ sums
    flat = np.diagonal(gram) <= FLAT * float(groups.weight.sum())
    gram[flat], gram[:, flat] = 0.0, 0.0
    return Cross(gram * np.outer(spread, spread), mean * spread, found.mean)


def nested(fine: Codes, coarse: Codes) -> bool:
    """Return whether the rows of each fine group share one coarse group.

    >>> nested(np.array([0, 0, 1]), np.array([7, 7, 7]))
    True
    >>> nested(np.array([0, 0, 1]), np.array([7, 8, 8]))
    False
    """
    place, keys = recode(fine)
    outer, _ = recode(coarse)
    first = np.empty(len(keys), dtype=np.int64)
    first[place] = outer
    return bool((first[place] == outer).all())


# ------------------------------------------------------------------ regression within groups


@dataclass(frozen=True, eq=False, slots=True)
class WithinFit:
    """A regression with one effect a group, which is never written out.

    coefficients: (p,), those of columns constant within groups nought. gram: (p, p) information
    within groups. root: (p, r), root rootᵀ its generalised inverse. residual: (n,) weight ×
    (y - fitted). groups: whose weights centre the columns in a child's score.
    """

    coefficients: Array
    gram: Array
    root: Array
    residual: Array
    groups: Groups

    def influence(self, design: Design, contrasts: Array) -> Array:
        """Return (n, q) influence of contrasts (p, q): residual × what is left of x within its
        group, through the inverse information.
        """
        lean = self.root @ (self.root.T @ contrasts)
        found: Array = self.residual[:, None] * self.groups.demean(times(design, lean))
        return found


def least_squares_within(design: Design, y: Array, *, groups: Groups) -> WithinFit:
    """Return weighted least squares with one intercept a group (its weights: the groups')."""
    gram = within_products(design, groups).gram
    root = half_inverse(gram)
    coefficients, left = np.zeros(design.p), groups.demean(y)
    for _ in range(2):  # the second solve removes the rounding of the first
        step = root @ (root.T @ cross(design, groups.weight * left))
        coefficients = coefficients + step
        left = left - groups.demean(times(design, step))
    return WithinFit(coefficients, gram, root, groups.weight * left, groups)


def poisson_within(design: Design, y: Array, *, time: Array, groups: Groups) -> WithinFit:
    """Return a Poisson regression with one effect a group, which is conditioned out.

    y: (n,) not negative. time: (n,) person-time. The groups' weights are of observation. Maximises
    Σ_g Σ w y η - Y_g log Σ w t exp η (Hausman, Hall & Griliches 1984, Econometrica 52:909-938),
    which is the likelihood with an indicator a group maximised over them: no bias comes of many
    groups. Newton's method with halved steps. Raises TooFew without an event, NotFitted where an
    effect is on its way to infinity.
    """
    weight = groups.weight
    events = sum_by(groups.codes, weight * y, n_groups=groups.count)
    if not events.sum() > 0.0:
        raise TooFew("no child had an event, so there is no ratio.")

    def fitted(at: Array) -> tuple[float, Array]:
        """Return the log-likelihood and (n,) weight × fitted mean at linear predictor `at`."""
        raised = weight * time * np.exp(np.clip(at, -FAR, FAR))
        total = sum_by(groups.codes, raised, n_groups=groups.count)
        rate = np.divide(events, total, out=np.zeros_like(total), where=total > 0.0)
        value = float((weight * y) @ at) - float(events[events > 0] @ np.log(total[events > 0]))
        return value, raised * rate[groups.codes]

    coefficients, at = np.zeros(design.p), np.zeros(design.n)
    value, mean = fitted(at)
    for _ in range(STEPS):
        own = Groups.of(groups.codes, mean, count=groups.count)
        gram = within_products(design, own).gram
        root = half_inverse(gram)
        score = root.T @ cross(design, weight * y - mean)
        step, gain = root @ score, float(score @ score)
        if gain <= TOLERANCE * float(mean.sum()):
            break
        move = own.demean(times(design, step))
        share = 1.0
        ahead, next_mean = fitted(at + move)
        while not ahead >= value + 0.1 * share * gain - 1e-9 * abs(value) and share > 1e-6:
            share /= 2
            ahead, next_mean = fitted(at + share * move)
        coefficients, at = coefficients + share * step, at + share * move
        value, mean = ahead, next_mean
    if float(np.abs(at).max()) > UNSETTLED or gain > TOLERANCE * float(mean.sum()):
        raise NotFitted("an effect within clusters is on its way to infinity: events are too few.")
    return WithinFit(coefficients, gram, root, weight * y - mean, own)
