"""Sensitivity contour: the estimate that would be left if an unrecorded cause were so strong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from fingerpost.core.table import Table
from fingerpost.core.words import listing
from fingerpost.plots._rows import wrapped
from fingerpost.plots._theme import (
    BLUE,
    GREY,
    INK,
    SMALL,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import number, percent, plain
from fingerpost.plots.picture import Picture

HEIGHT = 380
AXIS_ROOM = 84
LABELS_WIDE, LABELS_NARROW = 250, 130
LINE = 14
# Leaders lead from a mark to its label: lighter than anything that is data.
LEADER = "#8c8c8c"
STEPS = 60
MOST_LABELS = 12
CURVES = 9
Grid = dict[tuple[float, float], float]


def draw_contour(
    contour: Table, benchmarks: Table | None, *, unit: str, estimate: float | None = None
) -> Picture | None:
    """Return lines of equal adjusted estimate with the benchmarks marked.

    estimate: with no unrecorded cause; read from the grid's corner where it is not given.
    """
    grid: Grid = {
        (float(d), float(y)): float(left)
        for d, y, left in contour.rows
        if isinstance(d, int | float)
        and isinstance(y, int | float)
        and isinstance(left, int | float)
    }
    if len(grid) < 4:
        return None
    start = grid[min(grid)] if estimate is None else estimate
    marks = marked(benchmarks)
    ends = cropped(grid, marks, start)
    tags = "-".join(str(value) for _, value in contour.tags)
    return picture(
        f"contour-{slug(tags)}",
        lambda width: chart(grid, marks, ends=ends, start=start, width=width),
        title="What an unrecorded cause would leave of the estimate",
        description=described(marks, start, unit),
        source=contour.name,
    )


def marked(benchmarks: Table | None) -> Rows:
    """Return the benchmarks as points: strength with exposure and outcome, and what is left."""
    rows = benchmarks.records() if benchmarks else []
    return [
        {
            "d": float(row["r2_exposure"] or 0),
            "y": float(row["r2_outcome"] or 0),
            "label": f"{row['covariate']}" + (f" × {row['times']:g}" if row.get("times") else ""),
            "adjusted": row["adjusted"],
        }
        for row in rows
        if isinstance(row["r2_exposure"], int | float)
        and isinstance(row["r2_outcome"], int | float)
    ][:MOST_LABELS]


def described(marks: Rows, start: float, unit: str) -> str:
    """Return the picture in words: the estimate, and what each benchmark would leave of it."""
    told = "; ".join(
        f"as strong as {mark['label']} ({percent(mark['d'])} of the exposure, {percent(mark['y'])} "
        f"of the outcome): {number(mark['adjusted'])}"
        for mark in marks
    )
    return (
        f"Lines of equal adjusted estimate ({unit}) by the share of exposure and of outcome that "
        f"an unrecorded cause would explain; {number(start)} with none; the bold line is no "
        f"difference. {told or 'No benchmark is named'}."
    )


def cropped(grid: Grid, marks: Rows, start: float) -> tuple[float, float]:
    """Return the far ends of both axes: room for every mark and for the line of no difference."""
    xs, ys = sorted({d for d, _ in grid}), sorted({y for _, y in grid})
    zero = curve(grid, 0.0, (xs[-1], ys[-1]))
    balanced = [max(point["d"], point["y"]) for point in zero]
    middle = min(balanced) if balanced and start else 0.0
    far_x = 1.15 * max([middle * 1.6, *(mark["d"] for mark in marks)], default=0.0)
    far_y = 1.15 * max([middle * 1.6, *(mark["y"] for mark in marks)], default=0.0)
    return (min(xs[-1], far_x) if far_x else xs[-1], min(ys[-1], far_y) if far_y else ys[-1])


def curve(grid: Grid, level: float, ends: tuple[float, float]) -> Rows:
    """Return where the adjusted estimate equals `level`, from top to right.

    What is left moves one way in both shares, so each row and each column crosses a level at most
    once.
    """
    xs, ys = sorted({d for d, _ in grid}), sorted({y for _, y in grid})
    points: list[tuple[float, float]] = []
    for d in xs:
        found = crossings([bent_y(y) for y in ys], [grid.get((d, y)) for y in ys], level)
        points += [(d, u * u) for u in found]
    for y in ys:
        found = crossings([bent_x(d) for d in xs], [grid.get((d, y)) for d in xs], level)
        points += [(v * v / (1 + v * v), y) for v in found]
    kept = [(d, y) for d, y in points if d <= ends[0] and y <= ends[1]]
    return [{"d": d, "y": y} for d, y in sorted(set(kept), key=lambda point: (point[0], -point[1]))]


def bent_x(share: float) -> float:
    """Return the share of the exposure on the scale in which the adjusted estimate is linear."""
    return math.sqrt(share / (1 - share)) if share < 1 else math.inf


def bent_y(share: float) -> float:
    """Return the share of the outcome on the scale in which the adjusted estimate is linear."""
    return math.sqrt(share)


def refined(grid: Grid, ends: tuple[float, float]) -> Grid:
    """Return the grid at finer, even steps within the ends of the axes.

    The bias is a constant times √(y·d / (1 − d)) (Cinelli & Hazlett 2020, equation 8), so that
    interpolation which is linear on the bent scales adds no error of its own.
    """
    xs, ys = sorted({d for d, _ in grid}), sorted({y for _, y in grid})
    bent_xs, bent_ys = np.array([bent_x(d) for d in xs]), np.array([bent_y(y) for y in ys])
    values = np.array([[grid.get((d, y), math.nan) for y in ys] for d in xs])
    fine_x = np.linspace(xs[0], ends[0], STEPS + 1)
    fine_y = np.linspace(ys[0], ends[1], STEPS + 1)
    at_x, at_y = np.sqrt(fine_x / (1 - fine_x)), np.sqrt(fine_y)
    rows = np.array([np.interp(at_y, bent_ys, row) for row in values])
    table = np.array([np.interp(at_x, bent_xs, column) for column in rows.T]).T
    return {
        (float(d), float(y)): float(table[i, j])
        for i, d in enumerate(fine_x)
        for j, y in enumerate(fine_y)
    }


def crossings(at: Sequence[float], values: Sequence[float | None], level: float) -> list[float]:
    """Return where a sequence of values crosses a level, by linear interpolation."""
    found = []
    for left, right, a, b in zip(at, at[1:], values, values[1:], strict=False):
        if a is None or b is None or a == b:
            continue
        share = (level - a) / (b - a)
        if 0 <= share < 1:
            found.append(left + share * (right - left))
    return found


def levels(grid: Grid, ends: tuple[float, float], start: float) -> list[float]:
    """Return round values at which curves are drawn; 0 is always among them."""
    inside = [value for (d, y), value in grid.items() if d <= ends[0] and y <= ends[1]]
    lo, hi = min([*inside, 0.0]), max([*inside, 0.0])
    rough = (hi - lo) / CURVES or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
    first = math.ceil(lo / step)
    found = [step * at for at in range(first, math.floor(hi / step) + 1)]
    return [level for level in found if abs(level - start) > step / 10]


def chart(
    grid: Grid, marks: Rows, *, ends: tuple[float, float], start: float, width: int
) -> Drawing:
    """Return the chart at a width."""
    room = LABELS_WIDE if width > 600 else LABELS_NARROW
    plot = width - AXIS_ROOM - room
    grid = refined(grid, ends)
    x = axis("d:Q", ends[0], "share of the exposure explained")
    y = axis("y:Q", ends[1], "share of the outcome explained")
    lines: Rows = []
    names: Rows = []
    for level in levels(grid, ends, start):
        points = curve(grid, level, ends)
        zero = abs(level) < 1e-12
        lines += [{**point, "level": plain(level), "zero": zero} for point in points]
        if points:
            slope = ends[1] / ends[0]
            middle = min(points, key=lambda point: abs(point["y"] - slope * point["d"]))
            names.append({**middle, "text": "no difference" if zero else plain(level)})
    base = alt.Chart(data(lines))
    encoded = {"x": x, "y": y, "detail": "level:N", "order": alt.Order("d:Q")}
    layers: list[Drawing] = [
        base.transform_filter("!datum.zero")
        .mark_line(color=GREY, strokeWidth=1.2)
        .encode(**encoded),
        base.transform_filter("datum.zero").mark_line(color=INK, strokeWidth=3).encode(**encoded),
        *benchmark_layers(marks, ends, {"x": x, "y": y}, room),
        *named(names, x, y),
    ]
    return alt.layer(*layers).properties(width=plot, height=HEIGHT)


def axis(field: str, end: float, title: str) -> Any:
    """Return one axis of shares, from none to `end`."""
    kind = alt.X if field.startswith("d") else alt.Y
    return kind(
        field,
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(title=title, tickCount=4, format="~%"),
    )


def named(names: Rows, x: Any, y: Any) -> list[Drawing]:
    """Return the value of each curve upon it, on a halo that keeps it legible."""
    base = alt.Chart(data(names))
    return [
        base.mark_text(fontSize=SMALL, stroke="white", strokeWidth=5).encode(
            x=x, y=y, text=alt.Text("text:N")
        ),
        base.mark_text(fontSize=SMALL, color=INK).encode(x=x, y=y, text=alt.Text("text:N")),
    ]


def benchmark_layers(
    marks: Rows, ends: tuple[float, float], axes: dict[str, Any], room: int
) -> list[Drawing]:
    """Return the benchmarks with labels at the right, led to their points, none over another."""
    if not marks:
        return []
    marks = [within(mark, ends) for mark in marks]
    labels = placed_labels(marks, ends[1], room)
    leads: Rows = [
        {"d": d, "y": level, "label": label["label"], "order": place}
        for label in labels
        for place, (d, level) in enumerate(((label["d"], label["y"]), (ends[0], label["at"])))
    ]
    lines: Rows = [
        {"end": ends[0], "at": top, "text": text}
        for label in labels
        for top, text in label["lines"]
    ]
    right = alt.X("end:Q", scale=alt.Scale(domain=[0, ends[0]], nice=False))
    high = alt.Y("at:Q", scale=alt.Scale(domain=[0, ends[1]], nice=False))
    return [
        alt.Chart(data(leads))
        .mark_line(color=LEADER, strokeWidth=1, strokeDash=[1, 3])
        .encode(**axes, detail=alt.Detail("label:N"), order=alt.Order("order:Q")),
        alt.Chart(data(marks))
        .mark_point(shape="diamond", filled=True, color=BLUE, size=90, opacity=1)
        .encode(**axes),
        alt.Chart(data(lines))
        .mark_text(align="left", baseline="middle", dx=6, fontSize=SMALL)
        .encode(x=right, y=high, text=alt.Text("text:N")),
    ]


def within(mark: dict[str, Any], ends: tuple[float, float]) -> dict[str, Any]:
    """Return a mark as it is drawn: one that lies beyond the axes stands at their end, which its
    label says.

    >>> within({"d": 0.1, "y": 1.0, "label": "age × 3"}, (0.2, 0.95))["label"]
    'age × 3 (beyond: 100% of the outcome)'
    """
    shares = (("d", ends[0], "exposure"), ("y", ends[1], "outcome"))
    beyond = [f"{percent(mark[at])} of the {of}" for at, end, of in shares if mark[at] > end]
    if not beyond:
        return mark
    label = f"{mark['label']} (beyond: {listing(beyond)})"
    return {**mark, "d": min(mark["d"], ends[0]), "y": min(mark["y"], ends[1]), "label": label}


def placed_labels(marks: Rows, top: float, room: int) -> Rows:
    """Return each mark with its label's lines placed, from the bottom up, none over another; those
    that then stand above the top are moved down, and what is in their way with them.
    """
    pixel = top / HEIGHT
    placed: Rows = []
    floor = 0.0
    for mark in sorted(marks, key=lambda each: each["y"]):
        texts = wrapped(mark["label"], room - 10)
        half = (LINE * len(texts) / 2 + 2) * pixel
        at = max(mark["y"], floor + half)
        floor = at + half
        placed.append({**mark, "at": at, "half": half, "texts": texts})
    ceiling = top
    for mark in reversed(placed):
        mark["at"] = min(mark["at"], ceiling - mark["half"])
        ceiling = mark["at"] - mark["half"]
    for mark in placed:
        first = mark["at"] + LINE * (len(mark["texts"]) - 1) / 2 * pixel
        mark["lines"] = [
            (first - LINE * pixel * place, text) for place, text in enumerate(mark["texts"])
        ]
    return placed
