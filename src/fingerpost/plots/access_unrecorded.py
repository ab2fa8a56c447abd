"""A gap by how far two groups differ in need that nobody recorded."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_x, axis_y, padded, rule_at, titled
from fingerpost.plots._theme import BLUE, Drawing, Rows, data, picture, slug
from fingerpost.plots.access_incidence import known
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 230
UNIT = "gap, per 100 children"
DIFFERENCE = "difference in unrecorded need, standard deviations"


def draw_unrecorded(table: Table, *, contrast: str, about: str) -> Picture | None:
    """Return the line of one pair's gap, with its band.

    table: contrast, difference (standard deviations), gap, lo, hi (shares). about: which gap it is.
    """
    rows = points(table, contrast)
    if len(rows) < 2:
        return None
    start, end = min(rows, key=lambda row: abs(row["x"])), max(rows, key=lambda row: abs(row["x"]))
    return picture(
        f"unrecorded-{slug(contrast)}-{slug(about)}",
        lambda width: chart(rows, width),
        title=f"The gap of {contrast} by what nobody recorded ({about})",
        description=(
            f"The gap per 100 children is {number(start['gap'])} if the groups do not differ in "
            f"unrecorded need, and {number(end['gap'])} if they differ by {end['x']:g} standard "
            "deviations. Where the line crosses 0, such a difference would explain all of it."
        ),
        source=table.name,
    )


def points(table: Table, contrast: str) -> Rows:
    """Return the points of one pair, gaps in children of a hundred."""
    found: Rows = []
    for row in table.records():
        if row["contrast"] != contrast or not known(row["gap"]) or not known(row["difference"]):
            continue
        ends = {
            name: 100 * float(str(row[name])) if known(row[name]) else None for name in ("lo", "hi")
        }
        at = float(str(row["difference"])) + 0.0
        found.append({"x": at, "gap": 100 * float(str(row["gap"])), **ends})
    return sorted(found, key=lambda row: float(row["x"]))


def chart(rows: Rows, width: int) -> Drawing:
    """Return the chart at a width."""
    x = axis_x("x:Q", padded([row["x"] for row in rows]), titled(DIFFERENCE, width))
    ends = padded([row[key] for row in rows for key in ("gap", "lo", "hi")], least=[0.0])
    title = titled(UNIT, HEIGHT + AXIS_ROOM)
    layers: list[Drawing] = []
    sure = [row for row in rows if row["lo"] is not None and row["hi"] is not None]
    if sure:
        low = axis_y("lo:Q", ends, title)
        band = alt.Chart(data(sure)).mark_area(color=BLUE, opacity=0.16)
        layers.append(band.encode(x=x, y=low, y2=alt.Y2("hi:Q")))
    y = axis_y("gap:Q", ends, title)
    line = alt.Chart(data(rows)).mark_line(color=BLUE, strokeWidth=2.5, point=True)
    layers += [rule_at("gap", 0.0, y, dashed=True), line.encode(x=x, y=y)]
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)
