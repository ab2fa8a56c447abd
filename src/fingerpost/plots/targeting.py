"""Targeting curve: how much more those ranked first benefit, as more and more are offered it."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_x, axis_y, padded, rule_at, titled
from fingerpost.plots._theme import BLUE, RIGHT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, percent, shared_places
from fingerpost.plots.picture import Picture

HEIGHT = 240
TITLE = "share offered it, those predicted to gain most first (%)"


def draw_targeting(
    table: Table, *, contrast: str, target: str, unit: str, times: float
) -> Picture | None:
    """Return the curve of one contrast and target. unit: of the gain, shown multiplied by `times`;
    None where fewer than two of its points are known.
    """
    rows = curve(table, contrast, target, times)
    if len(rows) < 2:
        return None
    places = shared_places([row["gain"] for row in rows])
    told = "; ".join(
        f"{percent(row['share'] / 100)}: {number(row['gain'], places)}" for row in rows
    )
    tags = "-".join(str(value) for _, value in table.tags if value is not None)
    return picture(
        f"targeting-{slug(f'{tags}-{contrast}-{target}')}",
        lambda width: chart(rows, unit=unit, width=width),
        title="Offering it first to those predicted to gain most",
        description="By how much more the share ranked first benefits than children in general, "
        f"{unit}, with its interval, around a line at 0. {told}.",
        source=table.name,
    )


def curve(table: Table, contrast: str, target: str, times: float) -> Rows:
    """Return the points of a question that are known, by the share offered."""
    found: Rows = []
    for row in table.records():
        numbers = [row[name] for name in ("offered first", "gain", "lo", "hi")]
        if (row["contrast"], row["target"]) != (contrast, target):
            continue
        if not all(isinstance(each, int | float) for each in numbers):
            continue
        share, gain, low, high = (float(str(each)) for each in numbers)
        found.append(
            {"share": 100 * share, "gain": gain * times, "lo": low * times, "hi": high * times}
        )
    return sorted(found, key=lambda row: float(row["share"]))


def chart(rows: Rows, *, unit: str, width: int) -> Drawing:
    """Return the chart at a width."""
    words = titled(f"gain beyond the average, {unit}", HEIGHT + AXIS_ROOM)
    ends = padded([row[key] for row in rows for key in ("gain", "lo", "hi")], least=[0.0])
    x = axis_x("share:Q", [0.0, 102.0], titled(TITLE, width))
    y = axis_y("gain:Q", ends, words)
    low, null = axis_y("lo:Q", ends, words), axis_y("null:Q", ends, words)
    base = alt.Chart(data(rows))
    return alt.layer(
        rule_at("null", 0.0, null, dashed=True),
        base.mark_area(color=BLUE, opacity=0.16).encode(x=x, y=low, y2=alt.Y2("hi:Q")),
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y),
        base.mark_point(color=BLUE, filled=True, size=60, opacity=1).encode(x=x, y=y),
    ).properties(width=width - AXIS_ROOM - RIGHT, height=HEIGHT)
