"""Tipping point: what would be left of an answer by an unrecorded cause's imbalance and effect."""

from __future__ import annotations

import math

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_x, axis_y, titled
from fingerpost.plots._theme import GREY, INK, Drawing, Rows, data, picture, slug
from fingerpost.plots.contour import Grid, crossings, named
from fingerpost.plots.numbers import number, plain
from fingerpost.plots.picture import Picture

HEIGHT = 340
CURVES = 7


def draw_tipping(table: Table, *, unit: str, times: float, ratio: bool) -> Picture | None:
    """Return lines of equal adjusted answer; the bold one is no difference.

    unit, times: of the answer and of the effect, as they are shown; of a ratio both are ratios.
    """
    by = 1.0 if ratio else times
    grid: Grid = {
        (float(gap), float(effect) * by): float(left) * by
        for gap, effect, left in table.rows
        if isinstance(gap, int | float)
        and isinstance(effect, int | float)
        and isinstance(left, int | float)
    }
    if len(grid) < 4:
        return None
    null = 1.0 if ratio else 0.0
    start = grid[min(grid, key=lambda at: (at[0], abs(at[1] - null)))]
    whole = curve(grid, null)
    told = "; ".join(
        f"a gap of {plain(point['x'])} with an effect of {number(point['y'])}"
        for point in whole[:: max(1, len(whole) // 3)]
    )
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"tipping-{slug(tags)}",
        lambda width: chart(grid, null=null, unit=unit, width=width),
        title="What an unrecorded cause would leave of the answer",
        description=(
            f"Lines of equal adjusted answer ({unit}) by the imbalance of an unrecorded cause "
            f"between the arms and its effect on the outcome; {number(start)} with none. No "
            f"difference is left by: {told or 'nothing within the picture'}."
        ),
        source=table.name,
    )


def curve(grid: Grid, level: float) -> Rows:
    """Return where what is left equals `level`: what is left moves one way in gap and in effect."""
    xs, ys = sorted({x for x, _ in grid}), sorted({y for _, y in grid})
    points: set[tuple[float, float]] = set()
    for x in xs:
        points |= {(x, y) for y in crossings(ys, [grid.get((x, y)) for y in ys], level)}
    for y in ys:
        points |= {(x, y) for x in crossings(xs, [grid.get((x, y)) for x in xs], level)}
    return [{"x": x, "y": y} for x, y in sorted(points)]


def levels(grid: Grid, null: float) -> list[float]:
    """Return round values of what is left at which lines are drawn; no difference is among them."""
    low, high = min(*grid.values(), null), max(*grid.values(), null)
    rough = (high - low) / CURVES or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
    first, last = math.ceil((low - null) / step), math.floor((high - null) / step)
    return [null + step * at for at in range(first, last + 1)]


def chart(grid: Grid, *, null: float, unit: str, width: int) -> Drawing:
    """Return the chart at a width."""
    xs, ys = [x for x, _ in grid], [y for _, y in grid]
    gap = "gap between the arms, in standard deviations of the cause"
    x = axis_x("x:Q", [min(xs), max(xs)], titled(gap, width))
    effect = f"effect of the cause, {unit} a standard deviation"
    y = axis_y("y:Q", [min(ys), max(ys)], titled(effect, HEIGHT + AXIS_ROOM))
    lines: Rows = []
    names: Rows = []
    for level in levels(grid, null):
        points = curve(grid, level)
        zero = math.isclose(level, null, abs_tol=1e-9)
        if len(points) < 2:
            continue
        lines += [{**point, "level": plain(level), "zero": zero} for point in points]
        text = "no difference" if zero else plain(level)
        names.append({**middle(points, max(xs), (min(ys), max(ys))), "text": text})
    base = alt.Chart(data(lines))
    encoded = {"x": x, "y": y, "detail": "level:N", "order": alt.Order("x:Q")}
    layers: list[Drawing] = [
        base.transform_filter("!datum.zero")
        .mark_line(color=GREY, strokeWidth=1.2)
        .encode(**encoded),
        base.transform_filter("datum.zero").mark_line(color=INK, strokeWidth=3).encode(**encoded),
        *named(names, x, y),
    ]
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)


def middle(points: Rows, right: float, ends: tuple[float, float]) -> dict[str, float]:
    """Return the point of a line nearest to the diagonal, where its value is written."""
    low, high = ends
    wide = (high - low) or 1.0
    # Effects may be negative: the diagonal runs away from no effect.
    down = abs(low) > abs(high)

    def off(point: dict[str, float]) -> float:
        share = (point["y"] - low) / wide
        return abs((1 - share if down else share) - point["x"] / right)

    return min(points, key=off)
