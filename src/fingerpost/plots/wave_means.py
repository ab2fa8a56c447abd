"""Means of every wave over the periods, and where provision began."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.core.words import counted
from fingerpost.plots._axes import AXIS_ROOM, COLOURS, axis_y, colour_of, dash_of, padded, titled
from fingerpost.plots._theme import BLUE, TEXT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 280
MOST_WAVES = 4  # in one plot; beyond it each wave has a plot of its own
MOST_PLOTS = 24
SMALL_HEIGHT = 110


def draw_wave_means(table: Table, *, unit: str, about: str) -> Picture | None:
    """Return a line for each wave; filled points are periods with provision.

    table: provision began, period, begun, units, mean. unit: of the outcome, for the axis. More
    than four waves are drawn in a small plot each, the last wave (units without provision to the
    end, where there are some) beside it in grey; beyond 24 those left out are counted.
    """
    rows = lines(table)
    every = list(dict.fromkeys(row["name"] for row in rows))
    waves = every if len(every) <= MOST_PLOTS else [*every[: MOST_PLOTS - 1], every[-1]]
    rows = [row for row in rows if row["name"] in waves]
    periods = list(dict.fromkeys(row["period"] for row in rows))
    if len(periods) < 2:
        return None
    told = "; ".join(
        f"{wave} from {number(own[0]['mean'])} to {number(own[-1]['mean'])}"
        for wave in waves
        if (own := [row for row in rows if row["name"] == wave])
    )
    left_out = len(every) - len(waves)
    apart = (
        f" Left out of the picture: {counted(left_out, 'wave')} between; the table has all."
        if left_out
        else ""
    )
    many = len(waves) > MOST_WAVES
    draw = small_plots if many else chart
    grey = f" In grey beside each: {waves[-1]}." if many else ""
    return picture(
        f"wave-means-{slug(about)}",
        lambda width: draw(rows, waves, periods=periods, unit=unit, width=width),
        title=f"Means by wave and period: {about}",
        description=f"From {periods[0]} to {periods[-1]}, by when provision began: {told}. Filled "
        f"points are periods with provision.{grey}{apart}",
        source=table.name,
    )


def lines(table: Table) -> Rows:
    """Return a point for each wave and period with a mean."""
    return [
        {
            "name": str(row["provision began"]),
            "period": str(row["period"]),
            "mean": float(row["mean"]),
            "begun": bool(row["begun"]),
        }
        for row in table.records()
        if isinstance(row["mean"], int | float)
    ]


def chart(rows: Rows, waves: list[str], *, periods: list[str], unit: str, width: int) -> Drawing:
    """Return the chart at a width."""
    room = padded([row["mean"] for row in rows])
    x = alt.X("period:O", sort=periods, axis=alt.Axis(title=None, labelAngle=0, labelOverlap=True))
    y = axis_y("mean:Q", room, titled(unit, HEIGHT))
    base = alt.Chart(data(rows))
    layers: list[Drawing] = [
        base.mark_line(strokeWidth=2.5).encode(
            x=x, y=y, color=colour_of(waves, columns=2), strokeDash=dash_of(waves, columns=2)
        )
    ]
    for begun in (False, True):
        for wave, shade in zip(waves, COLOURS, strict=False):
            own = [row for row in rows if row["name"] == wave and row["begun"] is begun]
            if own:
                points = alt.Chart(data(own))
                drawn = (
                    points.mark_point(filled=True, size=60, opacity=1, color=shade)
                    if begun
                    else points.mark_point(size=60, opacity=1, fill="white", stroke=shade)
                )
                layers.append(drawn.encode(x=x, y=y))
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)


def small_plots(
    rows: Rows, waves: list[str], *, periods: list[str], unit: str, width: int
) -> Drawing:
    """Return a plot for each wave, all on one axis, the last wave in grey beside the others."""
    columns = 3 if width > 600 else 2
    ends = padded([row["mean"] for row in rows])
    last = [row for row in rows if row["name"] == waves[-1]]
    each = (width - AXIS_ROOM) // columns - 16
    plots = []
    for at, wave in enumerate(waves):
        own = [row for row in rows if row["name"] == wave]
        beside = last if wave != waves[-1] else []
        sides = (at % columns == 0, at + columns >= len(waves))
        drawn = small_plot(own, beside, periods=periods, ends=ends, sides=sides)
        plots.append(drawn.properties(width=each, height=SMALL_HEIGHT, title=wave))
    grid = alt.concat(*plots, columns=columns, bounds="flush", spacing={"row": 46, "column": 18})
    return grid.properties(title=alt.Title(unit, anchor="start", fontSize=TEXT, offset=12))


def small_plot(
    own: Rows, beside: Rows, *, periods: list[str], ends: list[float], sides: tuple[bool, bool]
) -> Drawing:
    """Return the plot of one wave; sides: whether numbers stand at its left, periods beneath."""
    left, beneath = sides
    axis = alt.Axis(title=None, labelAngle=0, labelOverlap="greedy", labels=beneath, ticks=beneath)
    x = alt.X("period:O", sort=periods, scale=alt.Scale(domain=periods), axis=axis)
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    numbers = alt.Axis(title=None, tickCount=3, labels=left, ticks=left)
    y = alt.Y("mean:Q", scale=scale, axis=numbers)
    layers: list[Drawing] = []
    if beside:
        other = alt.Chart(data(beside)).mark_line(strokeWidth=1.5, color="#8c8c8c")
        layers.append(other.encode(x=x, y=y))
    layers.append(alt.Chart(data(own)).mark_line(strokeWidth=2, color=BLUE).encode(x=x, y=y))
    for begun in (False, True):
        mine = [row for row in own if row["begun"] is begun]
        if mine:
            points = alt.Chart(data(mine))
            drawn = (
                points.mark_point(filled=True, size=30, opacity=1, color=BLUE)
                if begun
                else points.mark_point(size=30, opacity=1, fill="white", stroke=BLUE)
            )
            layers.append(drawn.encode(x=x, y=y))
    return alt.layer(*layers)
