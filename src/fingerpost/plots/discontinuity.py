"""Regression discontinuity: mean outcomes on either side of a cut-off, and the lines drawn."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_x, axis_y, padded, titled
from fingerpost.plots._theme import BLUE, GREY, INK, ORANGE, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, plain
from fingerpost.plots.picture import Picture

HEIGHT = 280


def draw_discontinuity(
    bins: Table, lines: Table | None, *, unit: str, running: str, cutoff: float
) -> Picture | None:
    """Return the means of bins with the local lines. unit: of the outcome; running: the column."""
    points = numbered(bins, "mean")
    fits = numbered(lines, "fitted") if lines else []
    if len(points) < 2:
        return None
    sides = list(dict.fromkeys(point["side"] for point in points))
    at = [row for row in fits if row["x"] == cutoff]
    told = "; ".join(f"{row['side']} it the line meets {number(row['y'])}" for row in at)
    return picture(
        f"discontinuity-{slug('-'.join(str(value) for _, value in bins.tags))}",
        lambda width: chart(points, fits, unit=unit, running=running, cutoff=cutoff, width=width),
        title=f"Means either side of the cut-off {plain(cutoff)} of {running}: {unit}",
        description=(
            f"Means of {len(points)} groups of children by {running}, {' and '.join(sides)} the "
            f"cut-off {plain(cutoff)}, with the line drawn on each side. At the cut-off: "
            f"{told or 'no line was drawn'}."
        ),
        source=bins.name,
    )


def numbered(table: Table, column: str) -> Rows:
    """Return the rows of a table that have both numbers."""
    found: Rows = []
    for row in table.records():
        x, y = row["running"], row[column]
        if isinstance(x, int | float) and isinstance(y, int | float):
            found.append({"side": str(row["side"]), "x": float(x), "y": float(y)})
    return found


def chart(
    points: Rows, fits: Rows, *, unit: str, running: str, cutoff: float, width: int
) -> Drawing:
    """Return the chart at a width."""
    both = [*points, *fits]
    title = f"{running} (the cut-off, {plain(cutoff)}, is the vertical line)"
    x = axis_x("x:Q", padded((row["x"] for row in both), least=[cutoff]), titled(title, width))
    y = axis_y("y:Q", padded(row["y"] for row in both), unit)
    sides = list(dict.fromkeys(point["side"] for point in points))
    layers: list[Drawing] = [
        alt.Chart(data([{"x": cutoff}])).mark_rule(color=INK, strokeWidth=1.5).encode(x=x)
    ]
    names = [f"children {side} the cut-off" for side in sides]
    named: Rows = [{**row, "name": f"children {row['side']} the cut-off"} for row in points]
    shape = alt.Shape(
        "name:N", scale=alt.Scale(domain=names, range=["circle", "diamond"]), legend=alt.Legend()
    )
    stroke = alt.Stroke("name:N", scale=alt.Scale(domain=names, range=[ORANGE, BLUE]))
    fill = alt.Fill("name:N", scale=alt.Scale(domain=names, range=["white", BLUE]))
    layers.append(
        alt.Chart(data(named))
        .mark_point(size=55, opacity=1, strokeWidth=1.8)
        .encode(x=x, y=y, shape=shape, stroke=stroke, fill=fill)
    )
    if fits:
        layers.append(
            alt.Chart(data(fits))
            .mark_line(color=GREY, strokeWidth=3)
            .encode(x=x, y=y, detail=alt.Detail("side:N"))
        )
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)
