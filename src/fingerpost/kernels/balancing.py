"""Weights of least relative entropy that give rows the column means of a target, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.arrays import Array, Codes, Numbers, block_rows, one_thread, spans
from fingerpost.kernels.design import COLLINEAR, Design, Moments, moments
from fingerpost.kernels.newton import Pass, Singular, inverse_of, maximise
from fingerpost.kernels.products import times

BALANCE = 1e-9  # standard deviations from the target's mean that count as none
SAMPLE = 25_000  # rows of the first search, whose answer starts the search on all rows
POLISH = 4


@dataclass(frozen=True, eq=False, slots=True)
class Balanced:
    """What balancing found.

    weights: (n,), zero where the base weight is; they sum to the target's total. columns: (q,)
    places of the columns that were needed, the constant first. shift, scale: (q,) what is taken off
    and what divides them. inverse: (q, q) of Σ weight z zᵀ over the rows in those units. unmet:
    the columns whose means cannot be given, as `Design.told` words them, empty where all are met;
    the weights then mean nothing.
    """

    weights: Array
    columns: Codes
    shift: Array
    scale: Array
    inverse: Array
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Dual:
    """The dual: total × β₀ − Σ base exp(zβ), whose gradient is how far the means are from met.

    rows: the design of the rows that are weighted. base: (m,) their base weights, which sum to
    `total`. columns, shift, scale as in `Balanced`.
    """

    rows: Design
    base: Array
    total: float
    columns: Codes
    shift: Array
    scale: Array

    def block(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi of the columns used, in standard units."""
        return _standard(self.rows.block(lo, hi), self.columns, self.shift, self.scale)

    def evaluate(self, parameters: Array, step: Array) -> Pass:
        """Return value, gradient and information at the parameters, reached by the step."""
        q = len(parameters)
        gradient, information = np.zeros(q), np.zeros((q, q))
        gradient[0], value, moved = self.total, self.total * float(parameters[0]), 0.0
        for lo, hi in spans(self.rows.n, block_rows(self.rows.p)):
            block = self.block(lo, hi)
            moved = max(moved, float(np.abs(block @ step).max(initial=0.0)))
            weight = self.base[lo:hi] * np.exp(block @ parameters)
            value -= float(weight.sum())
            gradient -= weight @ block
            bent = block * np.sqrt(weight)[:, None]
            information += bent.T @ bent
        return Pass(value, gradient, information, float(information[0, 0]), moved)

    def weights(self, parameters: Array) -> Array:
        """Return (m,) the weights at the parameters."""
        out = np.empty(self.rows.n)
        for lo, hi in spans(self.rows.n, block_rows(self.rows.p)):
            out[lo:hi] = self.base[lo:hi] * np.exp(self.block(lo, hi) @ parameters)
        return out

    def start(self) -> Array:
        """Return parameters from which few passes over all rows are needed."""
        nothing = np.zeros(len(self.columns))
        if self.rows.n <= 4 * SAMPLE:
            return nothing
        some = np.arange(0, self.rows.n, self.rows.n // SAMPLE)
        base = self.base[some]
        part = Dual(
            self.rows.take(some),
            base * (self.total / base.sum()),
            self.total,
            self.columns,
            self.shift,
            self.scale,
        )
        try:
            best = maximise(part.evaluate, nothing, tolerance=1e-4)
        except Singular:
            return nothing
        return best.parameters if best.converged else nothing


def _standard(block: Array, columns: Codes, shift: Array, scale: Array) -> Array:
    """Return the chosen columns of a block, less their shift, in their unit."""
    if not np.array_equal(columns, np.arange(block.shape[1])):
        block = block[:, columns]
    out = block - shift
    out /= scale
    return out


def balance(design: Design, *, base: Numbers, target: Numbers) -> Balanced:
    """Return weights of least relative entropy to the base weights under which the rows have the
    target's total and its mean of every column.

    design: (n, p) with a constant column. base: (n,), zero for the rows that are not to be
    weighted. target: (n,) how much each row counts in the target. Hainmueller (2012), Political
    Analysis 20:25-46, equations 5-8, by Newton's method on the dual. Columns that repeat others
    among the weighted rows are left out of the search and must then agree too.
    Raises TooFew where no row has base weight, or no row counts in the target.
    """
    own, whole = np.asarray(base, np.float64), np.asarray(target, np.float64)
    used = np.flatnonzero(own > 0)
    if not len(used) or not float(whole.sum()) > 0:
        raise TooFew("balancing needs children with weight, and a target of at least one child.")
    with one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore"):
        goal, rows = moments(design, whole), design.take(used)
        if goal.constant is None:
            raise UsageError("balancing needs a design with a constant column.")
        start = own[used] * (float(whole.sum()) / float(own[used].sum()))
        here = moments(rows, start)
        dual = _dual(rows, start, here, goal)
        solved = _solve(dual)
        if solved is None:
            return _failed(dual, design.n, _outside(rows, goal, here))
        parameters, inverse = solved
        mine = dual.weights(parameters)
        unmet = _left(rows, mine, goal, here)
    weights = np.zeros(design.n)
    weights[used] = mine
    return Balanced(weights, dual.columns, dual.shift, dual.scale, inverse, unmet)


def explained(found: Balanced, design: Design, *, values: Numbers) -> Array:
    """Return (n,) fitted values of the regression of the values on the columns, weighted by the
    balancing weights. It is what balancing adds to an influence: a weighted mean's error is, to
    first order, that of weighted residuals plus that of the fitted values' mean in the target
    (Zhao & Percival 2017, Journal of Causal Inference 5:20160010, section 3).
    """
    cross = np.zeros(len(found.columns))
    rows = np.flatnonzero(found.weights)
    part = design.take(rows)
    bent = found.weights[rows] * np.asarray(values, np.float64)[rows]
    with one_thread():
        for lo, hi in spans(part.n, block_rows(part.p)):
            block = _standard(part.block(lo, hi), found.columns, found.shift, found.scale)
            cross += bent[lo:hi] @ block
    lean = found.inverse @ cross
    spread = np.zeros(design.p)
    spread[found.columns] = lean / found.scale
    level: Array = times(design, spread) - float(lean @ (found.shift / found.scale))
    return level


def _dual(rows: Design, base: Array, here: Moments, goal: Moments) -> Dual:
    """Return the dual on columns that do not repeat each other among the rows."""
    constant = int(goal.constant or 0)
    scale = np.where(here.deviation > 1e-14 * np.abs(here.mean), here.deviation, 0.0)
    moving = [j for j in range(rows.p) if j != constant and scale[j] > 0]
    columns = np.array([constant, *moving])
    shift, size = here.mean.copy(), scale.copy()
    shift[constant], size[constant] = 0.0, 1.0
    centred = Dual(rows, base, float(base.sum()), columns, shift[columns], size[columns])
    q = len(columns)
    gram = centred.evaluate(np.zeros(q), np.zeros(q)).information / centred.total
    kept = columns[_independent(gram)]
    shift = goal.mean.copy()
    # In the unit of the constant column itself, so that its coefficient is the weights' level.
    shift[constant], size[constant] = 0.0, float(goal.mean[constant])
    return Dual(rows, base, float(base.sum()), kept, shift[kept], size[kept])


def _independent(gram: Array) -> list[int]:
    """Return the places of columns that no earlier ones repeat, from mean cross-products in
    standard units.
    """
    kept: list[int] = []
    root = np.zeros_like(gram)
    for j in range(len(gram)):
        left = float(gram[j, j] - root[j] @ root[j])
        if left < COLLINEAR:
            continue
        root[j:, j] = (gram[j:, j] - root[j:] @ root[j]) / np.sqrt(left)
        kept.append(j)
    return kept


def _solve(dual: Dual) -> tuple[Array, Array] | None:
    """Return parameters and inverse information where the means are met, or None."""
    try:
        best = maximise(dual.evaluate, dual.start(), tolerance=1e-8)
    except Singular:
        return None
    at = best.parameters
    if not best.converged or not np.all(np.isfinite(at)):
        return None
    for _ in range(POLISH):
        here = dual.evaluate(at, np.zeros_like(at))
        inverse = inverse_of(here.information)
        if inverse is None:
            return None
        if float(np.abs(here.gradient).max()) <= BALANCE * dual.total:
            return at, inverse
        at = at + inverse @ here.gradient
    return None


def _left(rows: Design, weights: Array, goal: Moments, here: Moments) -> tuple[str, ...]:
    """Return the columns whose means are not met: those that were left out of the search."""
    found = moments(rows, weights)
    size = np.maximum(np.maximum(goal.deviation, here.deviation), 1e-12 * np.abs(goal.mean))
    away = np.abs(found.mean - goal.mean) > 1e-7 * np.where(size > 0, size, 1.0)
    return tuple(dict.fromkeys(rows.told[j] for j in np.flatnonzero(away)))


def _outside(rows: Design, goal: Moments, here: Moments) -> tuple[str, ...]:
    """Return the columns whose target mean is not strictly within what the rows hold, or, where
    each is by itself, all that were asked of them together.
    """
    low, high = np.full(rows.p, np.inf), np.full(rows.p, -np.inf)
    for lo, hi in spans(rows.n, block_rows(rows.p)):
        block = rows.block(lo, hi)
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    size = 1e-9 * np.maximum(goal.deviation, here.deviation)
    fixed = (high <= low) & (np.abs(goal.mean - low) <= size)
    beyond = ~fixed & ((goal.mean <= low + size) | (goal.mean >= high - size))
    if goal.constant is not None:
        beyond[goal.constant] = False
    named = np.flatnonzero(beyond)
    if not len(named):
        away = np.abs(goal.mean - here.mean) / np.where(size > 0, 1e9 * size, np.inf)
        named = np.argsort(-away)[: min(3, rows.p - 1)]
    return tuple(dict.fromkeys(rows.told[j] for j in named))


def _failed(dual: Dual, n: int, unmet: tuple[str, ...]) -> Balanced:
    """Return the finding that no weights give the means asked."""
    q = len(dual.columns)
    return Balanced(np.zeros(n), dual.columns, dual.shift, dual.scale, np.zeros((q, q)), unmet)
