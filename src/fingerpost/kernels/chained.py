"""Multiple imputation by chained equations: arrays in, drawn values out.

Each variable with missing values is regressed on all others, its missing values are drawn anew, and
so on round, several times over (Van Buuren, Boshuizen & Knook 1999; Van Buuren 2007; White, Royston
& Wood 2011). `chained_layout` says which arms share regressions. Where they do, each has a residual
variance of its own, and matches within itself unless it holds few donors.

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
from fingerpost.kernels.chained_layout import MATCHING, Layout, Places

DONORS = 10  # times the donors sought, that an arm must hold to be matched within


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
    scales: dict[int, list[float]] = field(default_factory=dict)


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
    for column, arm, part in plan.products[place]:
        matrix[rows, column] = shown[:, part] * (plan.known.arm[whole] == arm)


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
        columns = [*state.layout.columns[place], *(c for c, *_ in state.layout.products[place])]
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
    sums = []
    level = _level(state, place)
    for at, block in enumerate(plan.blocks):
        found = _products(state, place, at)
        if level is not None:
            share = np.where(one.missing[block.rows], 0.0, level[_codes(plan)[block.rows]])
            lean = state.matrix[at].T @ share
            square = found.square - 2 * float(lean[column]) + float(share @ share)
            found = draws.Products(found.gram, found.cross - lean[predictors], square, found.n)
        sums.append(found)
    if plan.by_arm:
        fits = [draws.linear(found, state.generator) for found in sums]
    else:
        fits = draws.linear_shared(sums, state.scales.get(place), state.generator)
        state.scales[place] = [fit.scale for fit in fits]
    if plan.known.cluster is not None:
        level = _numbers_level(state, place, fits)
    told = [
        state.matrix[at] @ _wide(plan, predictors, fit.drawn) + _level_of(plan, level, at)
        for at, fit in enumerate(fits)
    ]
    if one.model == MATCHING:
        best = [
            state.matrix[at] @ _wide(plan, predictors, fit.best) + _level_of(plan, level, at)
            for at, fit in enumerate(fits)
        ]
        return _matches(state, place, told, best)
    middle, spread = plan.scale[place]
    result: Found = []
    for block, fit, own in zip(plan.blocks, fits, told, strict=True):
        mine = block.missing[place]
        noise = fit.scale * state.generator.standard_normal(len(mine))
        result.append((middle + spread * (own[mine] + noise), block.rows[mine]))
    return result


def _level_of(plan: Layout, level: Array | None, at: int) -> Array | float:
    """Return what clusters add for the children of a block; nothing without clusters."""
    return 0.0 if level is None else level[_codes(plan)[plan.blocks[at].rows]]


def _matches(state: State, place: int, told: Sequence[Array], best: Sequence[Array]) -> Found:
    """Return matched values, block by block. Donors are children of the seekers' own arm, or, where
    arms share a regression and the smallest has few, of any.
    """
    plan = state.layout
    known = [block.recorded[place] for block in plan.blocks]
    rows = [block.rows[own] for block, own in zip(plan.blocks, known, strict=True)]
    near = [own[mine] for own, mine in zip(best, known, strict=True)]
    few = min(len(own) for own in known) < DONORS * state.donors_count
    if few and not plan.by_arm:
        rows = [np.concatenate(rows)] * len(rows)
        near = [np.concatenate(near)] * len(near)
    result: Found = []
    for at, block in enumerate(plan.blocks):
        seekers = told[at][block.missing[place]]
        taken = draws.matched(
            near[at], seekers, count=state.donors_count, generator=state.generator
        )
        source = rows[at][taken]
        result.append((plan.variables[place].values[source], source))
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
    shown: list[draws.Response] = []
    for at, block in enumerate(plan.blocks):
        known = block.recorded[place]
        x = state.matrix[at][np.ix_(known, predictors)]
        codes = one.values[block.rows[known]].astype(np.intp)
        offset = None if level is None else level[_codes(plan)[block.rows[known]]]
        shown.append(draws.Response(x, codes, one.levels, offset))
    groups = shown if plan.by_arm else [_together(shown)]
    fits = []
    for at, response in enumerate(groups):
        fits.append(draws.logit(response, state.best.get((place, at)), state.generator))
        state.best[place, at] = fits[at].best
    if not plan.by_arm:
        fits *= len(plan.blocks)
    if plan.known.cluster is not None and one.levels == 2:
        level = _logits_level(state, place, shown, fits)
    result: Found = []
    for at, (block, fit) in enumerate(zip(plan.blocks, fits, strict=True)):
        mine = block.missing[place]
        own = block.rows[mine]
        x = state.matrix[at][np.ix_(mine, predictors)]
        offset = None if level is None else level[_codes(plan)[own]]
        result.append((draws.drawn_levels(x, fit.drawn, offset, state.generator), own))
    return result


def _together(parts: Sequence[draws.Response]) -> draws.Response:
    """Return the responses of all arms as one."""
    offsets = [part.offset for part in parts if part.offset is not None]
    return draws.Response(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.codes for part in parts]),
        parts[0].levels,
        np.concatenate(offsets) if offsets else None,
    )


def _logits_level(
    state: State, place: int, shown: Sequence[draws.Response], fits: Sequence[draws.Drawn]
) -> Array:
    """Draw the clusters' levels of two categories given the coefficients."""
    plan = state.layout
    predictor = np.concatenate(
        [part.x @ fit.drawn[:, 0] for part, fit in zip(shown, fits, strict=True)]
    )
    response = np.concatenate([part.codes == 1 for part in shown]).astype(float)
    rows = np.concatenate([block.rows[block.recorded[place]] for block in plan.blocks])
    codes = _codes(plan)[rows]
    before = state.levels.get(place) or clusters.start(
        4 * (response - 1 / (1 + np.exp(-predictor))), codes, plan.parts
    )
    state.levels[place] = clusters.logit_levels(predictor, response, codes, before, state.generator)
    return state.levels[place].level


def _mean_drawn(state: State, place: int) -> float:
    one = state.layout.variables[place]
    values = state.current[place][one.missing]
    if one.levels:
        # Of two levels the second, as a share is read; of more the most common.
        shown = 1 if one.levels == 2 else state.layout.common[place]
        return float((values == shown).mean())
    return float(values.mean())
