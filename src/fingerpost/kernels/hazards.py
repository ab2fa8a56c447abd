"""Hazards in discrete time: one logit over intervals, never a row for each child and interval.

A child at risk in J intervals would be J rows of a table; here it stays one row, and the sums over
its intervals are made block by block, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.arrays import Array, Codes, block_rows, one_thread, spans
from fingerpost.kernels.design import Design, check, moments
from fingerpost.kernels.glm import singular_message
from fingerpost.kernels.newton import Optimum, Pass, Singular, maximise
from fingerpost.kernels.products import cross, times

TOLERANCE = 1e-8
EDGE = 1e-6  # a starting hazard stays this far from 0 and 1


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """J intervals, each up to and with its end.

    ends: (J,) rising. exact: whether all that happens does so at the ends, in which case a row is
    at risk of an end that it is under observation at; otherwise for the share of the interval that
    it was under observation.
    """

    ends: Array
    exact: bool

    @property
    def starts(self) -> Array:
        """(J,) where the intervals begin: the first at nought, or at its end if that is before."""
        first = np.minimum(self.ends[:1], 0.0)
        return np.concatenate([first, self.ends[:-1]])

    @property
    def turns(self) -> Array:
        """(J,) when what an interval's hazard does is counted as done: at its end where all happens
        there, else half-way, so that what is done late and early within it cancels.
        """
        return self.ends if self.exact else (self.starts + self.ends) / 2


def grid_of(happened: Array, most: int) -> Grid:
    """Return the grid of the times at which something happened: the distinct times where these are
    at most `most`, else intervals with as near as can be the same number of distinct times.

    >>> grid_of(np.array([2.0, 1.0, 2.0]), 5)
    Grid(ends=array([1., 2.]), exact=True)
    >>> grid_of(np.arange(1.0, 7.0), 3).ends.tolist()
    [2.0, 4.0, 6.0]
    """
    distinct = np.unique(happened)
    if len(distinct) <= most:
        return Grid(distinct, True)
    # Of distinct times, not of rows: a weight of two is then a row twice.
    last = np.ceil(len(distinct) * np.arange(1, most + 1) / most).astype(np.intp) - 1
    return Grid(distinct[last], False)


@dataclass(frozen=True, eq=False, slots=True)
class AtRisk:
    """When each of n rows is at risk of what happens on a grid.

    start: (n,) at risk just after it. until: (n,) at risk up to and with it. place: (n,) the
    interval in which it happened to the row at `until`, -1 where it did not.
    """

    start: Array
    until: Array
    place: Codes
    grid: Grid

    def take(self, rows: NDArray[np.generic]) -> AtRisk:
        """Return the chosen rows (indices or a mask)."""
        return replace(self, start=self.start[rows], until=self.until[rows], place=self.place[rows])

    def share(self, lo: int, hi: int) -> Array:
        """Return (hi - lo, J) the share of each interval that rows lo to hi are at risk in."""
        ends, start, until = self.grid.ends, self.start[lo:hi, None], self.until[lo:hi, None]
        if self.grid.exact:
            return ((start < ends) & (ends <= until)).astype(np.float64)
        begin = self.grid.starts
        width = np.maximum(ends - begin, np.finfo(float).tiny)
        inside: Array = (np.minimum(until, ends) - np.maximum(start, begin)) / width
        np.clip(inside, 0.0, 1.0, out=inside)
        rows, place = self.happened(lo, hi)
        inside[rows, place] = 1.0
        return inside

    def happened(self, lo: int, hi: int) -> tuple[Codes, Codes]:
        """Return (row within lo to hi, interval) of all that happened to rows lo to hi."""
        place = self.place[lo:hi]
        rows = np.flatnonzero(place >= 0)
        return rows, place[rows]


def at_risk(start: Array, until: Array, *, happened: NDArray[np.bool_], grid: Grid) -> AtRisk:
    """Return who is at risk on a grid; happened: (n,) whether it happened at `until`."""
    place = np.searchsorted(grid.ends, until)
    return AtRisk(start, until, np.where(happened & (place < len(grid.ends)), place, -1), grid)


@dataclass(frozen=True, eq=False, slots=True)
class Hazards:
    """A fitted logit of the hazard in each interval: level of the interval + (x - centre) slope.

    level: (J,). slope, centre: (p - 1,), of the design's columns but the first, the constant.
    bread: (J + p - 1, J + p - 1) inverse information. risk, design, weights: of the n rows fitted.
    """

    level: Array
    slope: Array
    centre: Array
    bread: Array
    risk: AtRisk
    design: Design
    weights: Array
    settled: bool

    def predictor(self, design: Design) -> Array:
        """Return (n,) the part of the linear predictor that is the same in every interval."""
        if not len(self.slope):
            return np.zeros(design.n)
        return times(design, np.append(0.0, self.slope)) - float(self.centre @ self.slope)

    def project(self, lean: Array) -> Array:
        """Return (n, q) each fitted row's score times q vectors of the parameters (P, q)."""
        size = len(self.level)
        out = np.empty((self.design.n, lean.shape[1]))
        with one_thread():
            for (lo, hi), x, eta, share in self._blocks():
                residual = -share * expit(eta)
                rows, place = self.risk.happened(lo, hi)
                residual[rows, place] += self.weights[lo:hi][rows]
                out[lo:hi] = residual @ lean[:size]
                out[lo:hi] += residual.sum(axis=1)[:, None] * (x @ lean[size:])
        return out

    def _blocks(self) -> Iterator[tuple[tuple[int, int], Array, Array, Array]]:
        """Yield ((lo, hi), centred columns, linear predictors, weighted shares at risk)."""
        for lo, hi in spans(self.design.n, block_rows(self.design.p, 12 + 4 * len(self.level))):
            x = self.design.block(lo, hi)[:, 1:] - self.centre
            eta = (x @ self.slope)[:, None] + self.level
            yield (lo, hi), x, eta, self.risk.share(lo, hi) * self.weights[lo:hi, None]

    def in_parameters(self, design: Design, by_level: Array, *, by_row: Array) -> Array:
        """Return (P, q) a gradient from its sums over rows (J, q) and over intervals (n, q)."""
        return np.concatenate([by_level, self.in_slopes(design, by_row)])

    def in_slopes(self, design: Design, by_row: Array) -> Array:
        """Return (p - 1, q) a gradient in the slopes from its sums over intervals (n, q)."""
        if not len(self.slope):
            return np.empty((0, by_row.shape[1]))
        return cross(design, by_row)[1:] - np.outer(self.centre, by_row.sum(axis=0))


def expit(eta: Array) -> Array:
    """Return 1 / (1 + exp(-eta)) without overflow."""
    small = np.exp(-np.abs(eta))
    found: Array = np.where(eta >= 0, 1.0, small) / (1.0 + small)
    return found


def fit_hazards(design: Design, risk: AtRisk, *, weights: Array) -> Hazards:
    """Return the maximum-likelihood fit of logit hazard = level of interval + covariates.

    design: (n, p) with the constant first, which the levels replace. weights: (n,). A row counts in
    an interval for its share at risk, so that rows which come or leave within one are neither
    dropped nor counted whole (the actuary's convention). Allison (1982), Sociological Methodology
    13:61-98. Raises NotFitted for collinear columns; `settled` tells of separation.
    """
    size = len(risk.grid.ends)
    centre = moments(design, weights).mean[1:]
    level = _start(design, risk, weights)
    blank = np.empty((0, 0))
    model = Hazards(level, np.zeros(len(centre)), centre, blank, risk, design, weights, False)

    def evaluate(parameters: Array, step: Array) -> Pass:
        return _one_pass(replace(model, level=parameters[:size], slope=parameters[size:]), step)

    try:
        with one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore"):
            best = maximise(
                evaluate,
                np.concatenate([level, np.zeros(len(centre))]),
                tolerance=TOLERANCE,
                unit=min(1.0, float(weights.sum()) / design.n),
            )
    except Singular:
        raise NotFitted(singular_message(check(design, weights))) from None
    return _fitted(model, best)


def _fitted(model: Hazards, best: Optimum) -> Hazards:
    size = len(model.level)
    return replace(
        model,
        level=best.parameters[:size],
        slope=best.parameters[size:],
        bread=best.inverse,
        settled=best.converged and not best.separated,
    )


def _start(design: Design, risk: AtRisk, weights: Array) -> Array:
    """Return (J,) logits of the hazards without covariates."""
    size = len(risk.grid.ends)
    exposed, seen = np.zeros(size), np.zeros(size)
    for lo, hi in spans(design.n, block_rows(0, 4 * size)):
        exposed += weights[lo:hi] @ risk.share(lo, hi)
        rows, place = risk.happened(lo, hi)
        seen += np.bincount(place, weights=weights[lo:hi][rows], minlength=size)
    rate = np.clip(seen / np.maximum(exposed, 1e-300), EDGE, 1.0 - EDGE)
    return np.log(rate / (1.0 - rate))


def _one_pass(model: Hazards, step: Array) -> Pass:
    """Return value, gradient and information of the fit at the model's parameters."""
    size, width = len(model.level), len(model.slope)
    value, moved, gradient = 0.0, 0.0, np.zeros(size + width)
    information = np.zeros((size + width, size + width))
    levels, both, slopes = slice(0, size), slice(size, None), slice(size, None)
    for (lo, hi), x, eta, share in model._blocks():
        small = np.exp(-np.abs(eta))
        hazard = np.where(eta >= 0, 1.0, small) / (1.0 + small)
        rows, place = model.risk.happened(lo, hi)
        own = model.weights[lo:hi][rows]
        value += float(own @ eta[rows, place])
        value -= float(np.sum(share * (np.maximum(eta, 0.0) + np.log1p(small))))
        bent = share * small / (1.0 + small) ** 2
        residual = -share * hazard
        residual[rows, place] += own
        gradient[levels] += residual.sum(axis=0)
        gradient[slopes] += residual.sum(axis=1) @ x
        information[range(size), range(size)] += bent.sum(axis=0)
        information[levels, both] += bent.T @ x
        information[slopes, slopes] += x.T @ (x * bent.sum(axis=1)[:, None])
        drift = x @ step[slopes]
        most = float(np.abs(step[levels]).max(initial=0.0) + np.abs(drift).max(initial=0.0))
        moved = max(moved, most)
    information[slopes, levels] = information[levels, both].T
    curvature = float(np.trace(information[levels, levels]))
    return Pass(value, gradient, information, curvature, moved)
