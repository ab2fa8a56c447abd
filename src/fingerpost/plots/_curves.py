"""Lines over a number, told apart by colour and dash, with one value marked by a dashed rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from fingerpost.plots._axes import AXIS_ROOM, axis_x, axis_y, colour_of, dash_of, rule_at
from fingerpost.plots._theme import RIGHT, Drawing, Rows, data

NARROW = 600


@dataclass(frozen=True, slots=True)
class Lines:
    """What lines are drawn over. x, y: fields of the points, beside their `name`. x_ends, y_ends:
    of the axes; x_title, x_short: on a wide and a narrow picture. mark: a value of y to be marked.
    """

    x: str
    y: str
    x_ends: Sequence[float]
    y_ends: Sequence[float]
    x_title: str
    x_short: str
    y_title: str | list[str]
    mark: float | None = None


def draw_lines(
    points: Rows, names: Sequence[str], *, lines: Lines, width: int, height: int
) -> Drawing:
    """Return a line for each name, with a legend that shows its colour and its dash."""
    narrow = width < NARROW
    x = axis_x(f"{lines.x}:Q", lines.x_ends, lines.x_short if narrow else lines.x_title)
    y = axis_y(f"{lines.y}:Q", lines.y_ends, lines.y_title)
    columns = 2 if narrow else 0
    layers: list[Drawing] = [
        alt.Chart(data(points))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x,
            y=y,
            color=colour_of(names, columns=columns),
            strokeDash=dash_of(names, columns=columns),
        )
    ]
    if lines.mark is not None:
        layers.append(rule_at(lines.y, lines.mark, y, dashed=True))
    return alt.layer(*layers).properties(width=width - AXIS_ROOM - RIGHT, height=height)
