"""Selection on what was not recorded: the answer by how strongly it is selected, a line a total."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import (
    AXIS_ROOM,
    axis_x,
    axis_y,
    colour_of,
    dash_of,
    padded,
    rule_at,
    titled,
)
from fingerpost.plots._theme import Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, percent
from fingerpost.plots.picture import Picture

HEIGHT = 250
LINES = 4


def draw_selection(table: Table, *, unit: str, times: float) -> Picture | None:
    """Return the answer over delta, a line for each of a few totals that all causes may explain.

    unit, times: in which the answer is shown.
    """
    rows = points(table, times)
    totals = list(dict.fromkeys(row["total"] for row in rows))
    if not totals or len(rows) < 2:
        return None
    most = [row for row in rows if row["total"] == totals[-1]][-1]
    start = rows[0]
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"selection-{slug(tags)}",
        lambda width: chart(rows, unit=unit, width=width),
        title="The answer by selection on what was not recorded",
        description=(
            f"The answer ({unit}) as the unrecorded goes with provision from not at all to "
            f"{most['delta']:g} times as strongly as the recorded, if all causes explain "
            f"{', '.join(percent(total) for total in totals)} of the outcome. It is "
            f"{number(start['left'])} without selection, and {number(most['left'])} at the far end."
        ),
        source=table.name,
    )


def points(table: Table, times: float) -> Rows:
    """Return the points of a few evenly spaced totals."""
    known = [
        row
        for row in table.records()
        if all(isinstance(row[name], int | float) for name in ("r_max", "delta", "adjusted"))
    ]
    totals = sorted({float(str(row["r_max"])) for row in known})
    # Where all causes explain no more than the recorded, nothing unrecorded is left to select.
    totals = totals[1:] if len(totals) > LINES else totals
    last = len(totals) - 1
    kept = {totals[round(last * at / (LINES - 1))] for at in range(LINES)} if totals else set()
    found: Rows = [
        {
            "total": float(str(row["r_max"])),
            "name": f"all causes explain {percent(float(str(row['r_max'])))}",
            "delta": float(str(row["delta"])),
            "left": float(str(row["adjusted"])) * times,
        }
        for row in known
        if float(str(row["r_max"])) in kept
    ]
    return sorted(found, key=lambda row: (row["total"], row["delta"]))


def chart(rows: Rows, *, unit: str, width: int) -> Drawing:
    """Return the chart at a width."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    title = "δ: selection on the unrecorded, times that on the recorded"
    x = axis_x("delta:Q", [0, max(row["delta"] for row in rows)], titled(title, width))
    ends = padded([row["left"] for row in rows], least=[0.0])
    y = axis_y("left:Q", ends, titled(unit, HEIGHT + AXIS_ROOM))
    columns = 2 if width > 600 else 1
    colour = colour_of(names, columns=columns)
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=y, color=colour, strokeDash=dash_of(names, columns=columns))
    )
    zero = rule_at("left", 0.0, y)
    return alt.layer(zero, lines).properties(width=width - AXIS_ROOM, height=HEIGHT)
