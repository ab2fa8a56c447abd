"""Truncation path: how the estimate moves as weights are capped. A path, never an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._rows import wrapped
from fingerpost.plots._theme import BLUE, TEXT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, shared_places
from fingerpost.plots.picture import Picture

HEIGHT = 190
# Where a label stands from its point, in pixels: on a path that rises, above and to the left of it.
PLACES: dict[str, dict[str, Any]] = {
    "above": {"dy": -16},
    "below": {"dy": 18},
    "left": {"dy": -12, "dx": -8, "align": "right"},
    "right": {"dy": -12, "dx": 8, "align": "left"},
}
AXIS_ROOM = 90
LINE = 16  # pixels that a further line of the title of an axis takes


def draw_truncation(table: Table, *, unit: str, about: str) -> Picture | None:
    """Return the path of one truncation table, in `unit`, for the target `about`."""
    rows: Rows = [
        {"percentile": row["percentile"], "estimate": row["estimate"]}
        for row in table.records()
        if isinstance(row["estimate"], int | float)
    ]
    if len(rows) < 2:
        return None
    places = shared_places(row["estimate"] for row in rows)
    for row, side in zip(rows, sides([row["estimate"] for row in rows]), strict=True):
        row |= {"text": number(row["estimate"], places), "side": side}
    path = ", ".join(f"{row['text']} at {row['percentile']:g}%" for row in rows)
    return picture(
        f"truncation-{slug('-'.join(str(value) for _, value in table.tags))}",
        lambda width: chart(rows, width, unit),
        title=f"Estimate as weights are capped, for {about}",
        description=f"The estimate by the percentage of each arm's weights capped: {path}.",
        source=table.name,
    )


def chart(rows: Rows, width: int, unit: str) -> Drawing:
    """Return the chart at a width."""
    values = [float(row["estimate"]) for row in rows]
    unit_lines = wrapped(unit, HEIGHT)
    pad = 0.3 * (max(values) - min(values)) or abs(values[0]) * 0.1 or 1.0
    # Steps stand apart evenly, so that the first, which lie close together, keep their labels.
    x = alt.X(
        "percentile:O",
        scale=alt.Scale(type="point", padding=0.6),
        axis=alt.Axis(title="% of each arm's weights capped, largest first", labelAngle=0),
    )
    y = alt.Y(
        "estimate:Q",
        scale=alt.Scale(domain=[min(values) - pad, max(values) + pad], nice=False, zero=False),
        axis=alt.Axis(title=unit_lines, tickCount=5),
    )
    base = alt.Chart(data(rows))
    words: list[Drawing] = []
    for side in dict.fromkeys(row["side"] for row in rows):
        own = base.transform_filter(alt.datum.side == side).encode(
            x=x, y=y, text=alt.Text("text:N")
        )
        words += [
            own.mark_text(**PLACES[side], fontSize=TEXT, stroke="white", strokeWidth=4),
            own.mark_text(**PLACES[side], fontSize=TEXT),
        ]
    return alt.layer(
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y),
        base.mark_point(color=BLUE, filled=True, size=70, opacity=1).encode(x=x, y=y),
        *words,
    ).properties(width=width - AXIS_ROOM - LINE * (len(unit_lines) - 1), height=HEIGHT)


def sides(values: Sequence[float]) -> list[str]:
    """Return on which side of each point its label stands, so that the path runs through none.

    >>> sides([1.0, 3.0, 2.0, 2.5, 4.0])
    ['below', 'above', 'below', 'left', 'above']
    """
    found = []
    for at, value in enumerate(values):
        near = [values[to] for to in (at - 1, at + 1) if 0 <= to < len(values)]
        if all(other <= value for other in near):
            found.append("above")
        elif all(other >= value for other in near):
            found.append("below")
        else:
            found.append("left" if near[-1] > value else "right")
    return found
