"""Hidden bias: the largest p-value as something unrecorded makes provision more likely."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_x, padded, titled
from fingerpost.plots._theme import BLUE, GREY, ORANGE, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, plain
from fingerpost.plots.picture import Picture

HEIGHT = 230
FLOOR, LEVEL = 1e-4, 0.05
TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 1.0)


def draw_bounds(
    table: Table, *, estimator: str, contrast: str, target: str, gamma: float | None
) -> Picture | None:
    """Return the largest p-value of one finding over the odds of hidden bias.

    gamma: where it may first pass .05, None where it never does. Values below .0001 stand at the
    foot, as triangles.
    """
    rows: Rows = [
        {"gamma": float(row["gamma"]), "p": float(row["p"])}
        for row in table.records()
        if (row["estimator"], row["contrast"], row["target"]) == (estimator, contrast, target)
        and isinstance(row["gamma"], int | float)
        and isinstance(row["p"], int | float)
    ]
    rows.sort(key=lambda row: float(row["gamma"]))
    if len(rows) < 2:
        return None
    told = "; ".join(f"at {plain(row['gamma'])}, {number(row['p'])}" for row in rows)
    at = "nowhere" if gamma is None else f"at {number(gamma)}"
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"bounds-{slug(f'{tags}-{estimator}-{contrast}-{target}')}",
        lambda width: chart(rows, gamma=gamma, width=width),
        title=f"The largest p-value under hidden bias ({estimator}, {contrast})",
        description=(
            "The largest p-value by how many times as likely (in odds) something unrecorded could "
            f"make one matched child to be provided for: {told}. It may pass .05 {at}."
        ),
        source=table.name,
    )


def chart(rows: Rows, *, gamma: float | None, width: int) -> Drawing:
    """Return the chart at a width."""
    ends = padded([row["gamma"] for row in rows])
    title = "Γ: times as likely, in odds"
    shown = gamma is not None and ends[0] <= gamma <= ends[1]
    title += f" (vertical line: {number(gamma)}, where chance may do)" if shown else ""
    x = axis_x("gamma:Q", ends, titled(title, width))
    scale = alt.Scale(type="log", domain=[FLOOR / 1.4, 1.0], nice=False)
    axis = alt.Axis(title="largest p-value (log scale)", values=list(TICKS), format="~g")
    y = alt.Y("p:Q", scale=scale, axis=axis)
    drawn: Rows = [{**row, "p": max(row["p"], FLOOR), "low": row["p"] < FLOOR} for row in rows]
    base = alt.Chart(data(drawn))
    layers: list[Drawing] = [
        alt.Chart(data([{"p": LEVEL}])).mark_rule(color=GREY, strokeDash=[5, 4]).encode(y=y),
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y),
        base.transform_filter("!datum.low")
        .mark_point(color=BLUE, filled=True, size=70, opacity=1)
        .encode(x=x, y=y),
        base.transform_filter("datum.low")
        .mark_point(color=BLUE, shape="triangle-down", filled=True, size=80, opacity=1)
        .encode(x=x, y=y),
    ]
    if shown:
        layers.insert(
            0,
            alt.Chart(data([{"gamma": gamma}])).mark_rule(color=ORANGE, strokeWidth=2).encode(x=x),
        )
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)
