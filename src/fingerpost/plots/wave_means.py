"""Means of every wave over the periods, and where provision began."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, COLOURS, axis_y, colour_of, dash_of, padded, titled
from fingerpost.plots._theme import Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 280
MOST_WAVES = 4


def draw_wave_means(table: Table, *, unit: str, about: str) -> Picture | None:
    """Return a line for each wave; filled points are periods with provision.

    table: provision began, period, begun, units, mean. unit: of the outcome, for the axis. Of more
    than four waves the first three are drawn, and the last: units without provision to the end.
    """
    rows = lines(table)
    waves = list(dict.fromkeys(row["name"] for row in rows))
    if len(waves) > MOST_WAVES:
        waves = [*waves[: MOST_WAVES - 1], waves[-1]]
    rows = [row for row in rows if row["name"] in waves]
    periods = list(dict.fromkeys(row["period"] for row in rows))
    if len(periods) < 2:
        return None
    told = "; ".join(
        f"{wave} from {number(own[0]['mean'])} to {number(own[-1]['mean'])}"
        for wave in waves
        if (own := [row for row in rows if row["name"] == wave])
    )
    return picture(
        f"wave-means-{slug(about)}",
        lambda width: chart(rows, waves, periods=periods, unit=unit, width=width),
        title=f"Means by wave and period: {about}",
        description=f"From {periods[0]} to {periods[-1]}, by when provision began: {told}. Filled "
        "points are periods with provision.",
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
