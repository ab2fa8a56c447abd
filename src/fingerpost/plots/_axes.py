"""Axes and looks that several pictures share: round ends, lines told apart by more than colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import altair as alt

from fingerpost.plots._theme import BLUE, GREY, INK, ORANGE, TEAL, TEXT, Drawing, Rows, data

COLOURS = (ORANGE, BLUE, TEAL, GREY)
# Each line has a dash of its own, so that it is told apart without its colour.
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])
AXIS_ROOM = 90


def padded(values: Iterable[float | None], *, least: Sequence[float] = ()) -> list[float]:
    """Return the ends of an axis that holds every value, and `least`, with room at both ends."""
    found = [value for value in (*values, *least) if value is not None]
    low, high = min(found, default=0.0), max(found, default=1.0)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return [low - room, high + room]


def axis_y(field: str, ends: Sequence[float], title: str | list[str]) -> alt.Y:
    """Return a vertical axis of numbers."""
    scale = alt.Scale(domain=list(ends), nice=False, zero=False)
    return alt.Y(field, scale=scale, axis=alt.Axis(title=title, tickCount=5))


def axis_x(field: str, ends: Sequence[float], title: str | list[str], *, ticks: int = 6) -> alt.X:
    """Return a horizontal axis of numbers."""
    scale = alt.Scale(domain=list(ends), nice=False, zero=False)
    return alt.X(field, scale=scale, axis=alt.Axis(title=title, tickCount=ticks))


def titled(text: str, width: int) -> str | list[str]:
    """Return an axis title in lines that fit the plot."""
    from fingerpost.plots._rows import wrapped

    lines = wrapped(text, width - AXIS_ROOM)
    return lines if len(lines) > 1 else text


def colour_of(names: Sequence[str], *, columns: int = 0) -> alt.Color:
    """Return a colour a name, in their order; columns: of the legend of lines, 0 for one row."""
    scale = alt.Scale(domain=list(names), range=list(COLOURS[: len(names)]))
    return alt.Color("name:N", scale=scale, legend=key_of_lines(columns))


def dash_of(names: Sequence[str], *, columns: int = 0) -> alt.StrokeDash:
    """Return a dash a name, in their order, in the same legend as its colour."""
    scale = alt.Scale(domain=list(names), range=list(DASHES[: len(names)]))
    return alt.StrokeDash("name:N", scale=scale, legend=key_of_lines(columns))


def key_of_lines(columns: int) -> alt.Legend:
    """Return a legend that shows lines, long enough for their dashes to be seen."""
    return alt.Legend(columns=columns, symbolType="stroke", symbolSize=900, symbolStrokeWidth=2.5)


def rule_at(field: str, value: float, axis: alt.X | alt.Y, *, dashed: bool = False) -> Drawing:
    """Return a line across the plot at one value of an axis."""
    dash = [5, 4] if dashed else [1, 0]
    mark = alt.Chart(data([{field: value}])).mark_rule(
        color=GREY if dashed else INK, strokeWidth=1.2, strokeDash=dash
    )
    return mark.encode(x=axis) if isinstance(axis, alt.X) else mark.encode(y=axis)


def lettered(rows: Rows, x: alt.X, y: alt.Y, *, dy: int = -14) -> list[Drawing]:
    """Return words at points, on a halo that keeps them legible."""
    base = alt.Chart(data(rows))
    return [
        base.mark_text(dy=dy, fontSize=TEXT, stroke="white", strokeWidth=4).encode(
            x=x, y=y, text=alt.Text("text:N")
        ),
        base.mark_text(dy=dy, fontSize=TEXT, color=INK).encode(x=x, y=y, text=alt.Text("text:N")),
    ]
