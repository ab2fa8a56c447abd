"""Multiple imputation by chained equations: arrays in, drawn values out.

Each variable with missing values is regressed on all others, its missing values are drawn anew, and
so on round, several times over (Van Buuren, Boshuizen & Knook 1999; Van Buuren 2007; White, Royston
& Wood 2011). Within each arm the regressions are that arm's own where every arm holds children
enough, so that what differs by arm in the analysis may differ in the imputation; elsewhere one
regression serves all arms, with the arm and its products with the outcomes among the predictors.

Only rows with a missing value are drawn, and the sums of products that linear regressions need are
kept up to date by those rows alone: a pass costs what is missing, not what is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fingerpost.kernels import chained_clusters as clusters
from fingerpost.kernels import chained_draws as draws
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.chained_clusters import Levels

LINEAR, MATCHING, LOGIT, MULTINOMIAL = "linear", "matching", "logit", "multinomial"
MODELS = (LINEAR, MATCHING, LOGIT, MULTINOMIAL)
ENOUGH = 5  # recorded children an arm needs for each column of a regression of its own
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class Variable:
    """One variable with missing values.

    values: (n,) numbers, or codes from 0 where `levels` is above 0; anything where missing.
    missing: (n,). model: one of MODELS; `logit` for two levels, `multinomial` for more. outcome:
    whether its products with the arm are predictors where arms share a regression.
    """

    name: str
    values: Array
    missing: Mask
    model: str
    levels: int = 0
    outcome: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """What is recorded for all n children: `columns` (n, f) of predictors, which of them are
    outcomes, (n,) codes of the arm and of the cluster (None where clusters play no part).
    """

    columns: Array
    outcomes: tuple[int, ...]
    arm: NDArray[np.integer]
    arms: int
    cluster: NDArray[np.integer] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """One completed copy.

    values: name → (m,) drawn for the children without a value, in their order. donors: name → (m,)
    row of the child whose value was taken, for variables matched. means: (cycles, v) mean of the
    drawn values after each cycle, a level being 1 where it is the most common.
    """

    values: dict[str, Array]
    donors: dict[str, Places]
    means: Array


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """Rows that share regressions: `rows` of the children, and places of columns in the matrix."""

    rows: Places
    missing: tuple[Places, ...]
    recorded: tuple[Places, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Where everything stands in the matrix of predictors, the same for every copy.

    start: (n, p) matrix, missing values at nought. columns: of each variable; predictors: of each
    variable's regression. products: of each variable (column, arm) that follow it. scale: (mean,
    standard deviation) of each variable. common: the most common level of each. by_arm: whether
    each arm has regressions of its own. parts: (g,) which constant a cluster's children share.
    """

    variables: tuple[Variable, ...]
    known: Known
    start: Array
    blocks: tuple[Block, ...]
    columns: tuple[Places, ...]
    predictors: tuple[Places, ...]
    products: tuple[tuple[tuple[int, int], ...], ...]
    scale: tuple[tuple[float, float], ...]
    common: tuple[int, ...]
    by_arm: bool
    parts: Places


def layout(variables: Sequence[Variable], known: Known) -> Layout:
    """Return the layout of the equations, variables in order of how many values are missing."""
    ordered = tuple(sorted(variables, key=lambda one: int(one.missing.sum())))
    width = 1 + known.columns.shape[1] + sum(max(one.levels - 1, 1) for one in ordered)
    by_arm = _arms_hold(ordered, known, width)
    base, columns, scale = _own_columns(ordered, known)
    parts, products, at = [base], [], base.shape[1]
    outcomes = [1 + place for place in known.outcomes]
    if not by_arm:
        dummies = (known.arm[:, None] == np.arange(1, known.arms)[None, :]).astype(float)
        parts.append(dummies)
        at += known.arms - 1
        for place in outcomes:
            parts.append(base[:, [place]] * dummies)
            at += known.arms - 1
    for one in ordered:
        own: list[tuple[int, int]] = []
        if one.outcome and not by_arm:
            own = [(at + arm - 1, arm) for arm in range(1, known.arms)]
            parts.append(np.zeros((len(known.arm), known.arms - 1)))
            at += known.arms - 1
        products.append(tuple(own))
    start = np.ascontiguousarray(np.hstack(parts))
    predictors = tuple(
        np.setdiff1d(np.arange(start.shape[1]), [*mine, *(place for place, _ in own)])
        for mine, own in zip(columns, products, strict=True)
    )
    groups = [known.arm == a for a in range(known.arms)] if by_arm else [known.arm >= 0]
    blocks = tuple(_block(np.flatnonzero(mask), ordered) for mask in groups)
    common = tuple(_most_common(one) for one in ordered)
    return Layout(
        *(ordered, known, start, blocks, tuple(columns), predictors, tuple(products), tuple(scale)),
        *(common, by_arm, _parts(known)),
    )


def _parts(known: Known) -> Places:
    """Return (g,) which constant the children of a cluster share: where every cluster is of one
    arm, that of the arm; elsewhere one for all.
    """
    if known.cluster is None:
        return np.zeros(0, dtype=np.intp)
    count = int(known.cluster.max()) + 1
    lowest = np.full(count, known.arms, dtype=np.intp)
    highest = np.zeros(count, dtype=np.intp)
    np.minimum.at(lowest, known.cluster, known.arm)
    np.maximum.at(highest, known.cluster, known.arm)
    return lowest if (lowest == highest).all() else np.zeros(count, dtype=np.intp)


def _arms_hold(variables: tuple[Variable, ...], known: Known, width: int) -> bool:
    fewest = min(
        int(np.bincount(known.arm[~one.missing], minlength=known.arms).min()) for one in variables
    )
    return fewest >= ENOUGH * width


def _own_columns(
    variables: tuple[Variable, ...], known: Known
) -> tuple[Array, list[Places], list[tuple[float, float]]]:
    """Return the constant, the known columns and the variables' own, standardised; where each
    variable stands; its mean and standard deviation.
    """
    n, f = known.columns.shape
    mean, spread = known.columns.mean(axis=0), known.columns.std(axis=0)
    parts = [np.ones((n, 1)), (known.columns - mean) / np.where(spread > 0, spread, 1.0)]
    columns, scale, at = [], [], 1 + f
    for one in variables:
        width = max(one.levels - 1, 1)
        columns.append(np.arange(at, at + width))
        parts.append(np.zeros((n, width)))
        recorded = one.values[~one.missing]
        middle, sd = float(recorded.mean()), float(recorded.std())
        scale.append((0.0, 1.0) if one.levels else (middle, sd if sd > 0 else 1.0))
        at += width
    return np.hstack(parts), columns, scale


def _block(rows: Places, variables: tuple[Variable, ...]) -> Block:
    return Block(
        rows,
        tuple(np.flatnonzero(one.missing[rows]) for one in variables),
        tuple(np.flatnonzero(~one.missing[rows]) for one in variables),
    )


def _most_common(one: Variable) -> int:
    if not one.levels:
        return 0
    codes = one.values[~one.missing].astype(np.intp)
    return int(np.bincount(codes, minlength=one.levels).argmax())


@dataclass(eq=False, slots=True)
class State:
    """One copy on its way: the matrix of each block, its sums of products, current values."""

    layout: Layout
    generator: Generator
    donors_count: int
    matrix: list[Array]
    gram: list[Array]
    current: list[Array]
    donor: list[Places]
    best: dict[tuple[int, int], Array] = field(default_factory=dict)
    levels: dict[int, Levels] = field(default_factory=dict)


def draw(plan: Layout, generator: Generator, *, cycles: int = 10, donors: int = 5) -> Drawn:
    """Return one completed copy.

    generator: of this copy alone, so that copies are independent and each can be drawn again.
    cycles: passes over the variables. donors: children among whom matching draws.
    """
    state = begun(plan, generator, donors)
    means = np.empty((cycles, len(plan.variables)))
    for cycle in range(cycles):
        for place in range(len(plan.variables)):
            _redraw(state, place)
            means[cycle, place] = _mean_drawn(state, place)
    names = [one.name for one in plan.variables]
    values = {
        name: state.current[place][one.missing]
        for place, (name, one) in enumerate(zip(names, plan.variables, strict=True))
    }
    taken = {
        name: state.donor[place][one.missing]
        for place, (name, one) in enumerate(zip(names, plan.variables, strict=True))
        if one.model == MATCHING
    }
    return Drawn(values, taken, means)


def begun(plan: Layout, generator: Generator, donors: int) -> State:
    """Return the start: values taken at random from those recorded in the same block."""
    current, donor = [], []
    for place, one in enumerate(plan.variables):
        values = np.where(one.missing, 0.0, one.values)
        source = np.arange(len(values))
        for block in plan.blocks:
            mine, known = block.rows[block.missing[place]], block.rows[block.recorded[place]]
            source[mine] = known[generator.integers(len(known), size=len(mine))]
        current.append(values[source])
        donor.append(source)
    matrix = [plan.start[block.rows] for block in plan.blocks]
    state = State(plan, generator, donors, matrix, [], current, donor)
    for place in range(len(plan.variables)):
        for at, block in enumerate(plan.blocks):
            _write(state, place, at, np.arange(len(block.rows)))
    state.gram = [own.T @ own for own in matrix]
    return state


def _shown(plan: Layout, place: int, values: Array) -> Array:
    """Return (m, width) of a variable as predictors."""
    one = plan.variables[place]
    if one.levels:
        found: Array = (values[:, None] == np.arange(1, one.levels)[None, :]).astype(float)
        return found
    middle, spread = plan.scale[place]
    return ((values - middle) / spread)[:, None]


def _write(state: State, place: int, at: int, rows: Places) -> None:
    """Write a variable's current values into rows of a block's matrix, and what follows it."""
    plan, matrix = state.layout, state.matrix[at]
    whole = plan.blocks[at].rows[rows]
    shown = _shown(plan, place, state.current[place][whole])
    matrix[np.ix_(rows, plan.columns[place])] = shown
    for column, arm in plan.products[place]:
        matrix[rows, column] = shown[:, 0] * (plan.known.arm[whole] == arm)


def _redraw(state: State, place: int) -> None:
    """Draw a variable's missing values anew in every block."""
    one = state.layout.variables[place]
    fit = _logits if one.levels else _numbers
    for at, drawn in enumerate(fit(state, place)):
        block = state.layout.blocks[at]
        rows = block.missing[place]
        if not len(rows):
            continue
        whole = block.rows[rows]
        values, source = drawn
        state.current[place][whole] = values
        state.donor[place][whole] = source
        columns = [*state.layout.columns[place], *(c for c, _ in state.layout.products[place])]
        before = state.matrix[at][rows]
        _write(state, place, at, rows)
        _follow(state, at, np.array(columns), before, state.matrix[at][rows])


def _follow(state: State, at: int, columns: Places, before: Array, after: Array) -> None:
    """Bring the sums of products of a block up to date with rows that changed."""
    gram = state.gram[at]
    change = after.T @ after[:, columns] - before.T @ before[:, columns]
    gram[:, columns] += change
    gram[columns, :] = gram[:, columns].T


Found = list[tuple[Array, Places]]


def _numbers(state: State, place: int) -> Found:
    """Return the draws of a number, block by block: from the normal, or from matched donors."""
    plan, one = state.layout, state.layout.variables[place]
    predictors, column = plan.predictors[place], plan.columns[place][0]
    fits = []
    level = _level(state, place)
    for at, block in enumerate(plan.blocks):
        found = _products(state, place, at)
        if level is not None:
            share = np.where(one.missing[block.rows], 0.0, level[_codes(plan)[block.rows]])
            lean = state.matrix[at].T @ share
            square = found.square - 2 * float(lean[column]) + float(share @ share)
            found = draws.Products(found.gram, found.cross - lean[predictors], square, found.n)
        fits.append(draws.linear(found, state.generator))
    if plan.known.cluster is not None:
        level = _numbers_level(state, place, fits)
    middle, spread = plan.scale[place]
    result: Found = []
    for at, (block, fit) in enumerate(zip(plan.blocks, fits, strict=True)):
        mine = block.missing[place]
        own = block.rows[mine]
        told = state.matrix[at][mine] @ _wide(plan, predictors, fit.drawn)
        told = told if level is None else told + level[_codes(plan)[own]]
        if one.model == LINEAR:
            noise = fit.scale * state.generator.standard_normal(len(mine))
            result.append((middle + spread * (told + noise), own))
            continue
        known = block.recorded[place]
        donors = (state.matrix[at] @ _wide(plan, predictors, fit.best))[known]
        donors = donors if level is None else donors + level[_codes(plan)[block.rows[known]]]
        taken = draws.matched(donors, told, count=state.donors_count, generator=state.generator)
        source = block.rows[known[taken]]
        result.append((one.values[source], source))
    return result


def _wide(plan: Layout, predictors: Places, coefficients: Array) -> Array:
    """Return coefficients of every column of the matrix, nought off the predictors."""
    found = np.zeros(plan.start.shape[1])
    found[predictors] = coefficients
    return found


def _products(state: State, place: int, at: int) -> draws.Products:
    """Return the sums over the recorded: those over all less those over the missing."""
    plan, block = state.layout, state.layout.blocks[at]
    predictors, column = plan.predictors[place], plan.columns[place][0]
    absent = state.matrix[at][block.missing[place]]
    gram = state.gram[at] - absent.T @ absent
    return draws.Products(
        gram[np.ix_(predictors, predictors)],
        gram[predictors, column],
        float(gram[column, column]),
        len(block.recorded[place]),
    )


def _codes(plan: Layout) -> NDArray[np.integer]:
    assert plan.known.cluster is not None
    return plan.known.cluster


def _level(state: State, place: int) -> Array | None:
    """Return the clusters' levels of the cycle before, None in the first or without clusters."""
    found = state.levels.get(place)
    return None if found is None else found.carried


def _numbers_level(state: State, place: int, fits: list[draws.Drawn]) -> Array:
    """Draw the clusters' levels given the coefficients."""
    plan, column = state.layout, state.layout.columns[place][0]
    residual, noise, codes = [], [], []
    for at, (block, fit) in enumerate(zip(plan.blocks, fits, strict=True)):
        known = block.recorded[place]
        told = state.matrix[at] @ _wide(plan, plan.predictors[place], fit.drawn)
        residual.append((state.matrix[at][:, column] - told)[known])
        noise.append(np.full(len(known), fit.scale**2))
        codes.append(_codes(plan)[block.rows[known]])
    left, own = np.concatenate(residual), np.concatenate(codes)
    before = state.levels.get(place) or clusters.start(left, own, plan.parts)
    state.levels[place] = clusters.linear_levels(
        left, np.concatenate(noise), own, before, state.generator
    )
    return state.levels[place].level


def _logits(state: State, place: int) -> Found:
    """Return the draws of a category, block by block."""
    plan, one = state.layout, state.layout.variables[place]
    predictors, level = plan.predictors[place], _level(state, place)
    fits, told = [], []
    for at, block in enumerate(plan.blocks):
        known = block.recorded[place]
        x = state.matrix[at][np.ix_(known, predictors)]
        codes = one.values[block.rows[known]].astype(np.intp)
        offset = None if level is None else level[_codes(plan)[block.rows[known]]]
        response = draws.Response(x, codes, one.levels, offset)
        fit = draws.logit(response, state.best.get((place, at)), state.generator)
        state.best[place, at] = fit.best
        fits.append(fit)
        told.append((x @ fit.drawn[:, 0], codes == 1, block.rows[known]))
    if plan.known.cluster is not None and one.levels == 2:
        predictor, response_, rows = (np.concatenate(part) for part in zip(*told, strict=True))
        codes = _codes(plan)[rows]
        before = state.levels.get(place) or clusters.start(
            4 * (response_ - 1 / (1 + np.exp(-predictor))), codes, plan.parts
        )
        state.levels[place] = clusters.logit_levels(
            predictor, response_.astype(float), codes, before, state.generator
        )
        level = state.levels[place].level
    result: Found = []
    for at, (block, fit) in enumerate(zip(plan.blocks, fits, strict=True)):
        mine = block.missing[place]
        own = block.rows[mine]
        x = state.matrix[at][np.ix_(mine, predictors)]
        offset = None if level is None else level[_codes(plan)[own]]
        result.append((draws.drawn_levels(x, fit.drawn, offset, state.generator), own))
    return result


def _mean_drawn(state: State, place: int) -> float:
    one = state.layout.variables[place]
    values = state.current[place][one.missing]
    if one.levels:
        # Of two levels the second, as a share is read; of more the most common.
        shown = 1 if one.levels == 2 else state.layout.common[place]
        return float((values == shown).mean())
    return float(values.mean())
