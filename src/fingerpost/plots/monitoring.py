"""Boundaries of looks on the way, by how much is known at each."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.core.words import counted
from fingerpost.plots._axes import (
    AXIS_ROOM,
    COLOURS,
    axis_x,
    axis_y,
    colour_of,
    dash_of,
    lettered,
    padded,
    rule_at,
    titled,
)
from fingerpost.plots._theme import RIGHT, Drawing, Rows, data, picture
from fingerpost.plots.numbers import number, percent
from fingerpost.plots.picture import Picture

HEIGHT = 280
BENEFIT, WORSE, HARM = "benefit", "worse", "harm (binds nobody)"
AXIS = "standardised effect, positive for benefit"


def draw_boundaries(table: Table, *, sides: int = 2, of: str = "roll-out") -> Picture | None:
    """Return the boundary of benefit, its mirror where both sides are tested, and the bound for
    harm, a point a look; None where there is no look at which anything can stop.

    table: look, after, information (a share), bound, harm. of: what would be stopped.
    """
    points = bounds_of(table, sides=sides)
    if not points:
        return None
    names = list(dict.fromkeys(row["name"] for row in points))
    looks = table.records()
    return picture(
        "looks",
        lambda width: chart(points, names, width=width),
        title=f"Where a look on the way would stop the {of}",
        description=f"{counted(len(looks), 'look')}, the last analysis counted. "
        + "; ".join(described(row) for row in looks)
        + f". Numbers in the picture are those of the looks; along the bottom, {AXIS_X}.",
        source=table.name,
    )


AXIS_X = "share of all information, %"


def bounds_of(table: Table, *, sides: int) -> Rows:
    """Return a point for each look and boundary that can be crossed there."""
    found: Rows = []
    for name, column, sign in ((BENEFIT, "bound", 1), (WORSE, "bound", -1), (HARM, "harm", -1)):
        if name == WORSE and sides < 2:
            continue
        for row in table.records():
            value, share = row[column], row["information"]
            if isinstance(value, int | float) and isinstance(share, int | float):
                found.append(
                    {
                        "name": name,
                        "text": f"{row['look']}",
                        "information": 100 * share,
                        "z": sign * value,
                    }
                )
    return found


def described(row: dict[str, str | int | float | bool | None]) -> str:
    """Return one look in words."""
    share = row["information"]
    said = f"look {row['look']}, after {row['after']}, at {percent(as_number(share))}"
    if row["bound"] is None:
        said += ": benefit cannot stop it"
    else:
        said += f": benefit from {number(as_number(row['bound']), 2)}"
    harm = as_number(row["harm"])
    return said if harm is None else f"{said}, harm from {number(-harm, 2)}"


def as_number(cell: object) -> float | None:
    """Return a cell as a number, None where it is none."""
    return float(cell) if isinstance(cell, int | float) else None


def chart(points: Rows, names: list[str], *, width: int) -> Drawing:
    """Return the chart at a width."""
    x = axis_x("information:Q", [0.0, 105.0], AXIS_X)
    y = axis_y("z:Q", padded([row["z"] for row in points], least=(0.0,)), titled(AXIS, HEIGHT))
    layers: list[Drawing] = [
        rule_at("z", 0.0, y, dashed=True),
        alt.Chart(data(points))
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=colour_of(names, columns=1), strokeDash=dash_of(names, columns=1)),
    ]
    for name, shade in zip(names, COLOURS, strict=False):
        own = [row for row in points if row["name"] == name]
        marks = alt.Chart(data(own)).mark_point(filled=True, size=50, opacity=1, color=shade)
        layers.append(marks.encode(x=x, y=y))
    layers += lettered([row for row in points if row["name"] == BENEFIT], x, y)
    return alt.layer(*layers).properties(width=width - AXIS_ROOM - RIGHT, height=HEIGHT)
