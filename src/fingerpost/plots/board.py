"""A board of returns: units as rows, periods as columns, each cell as the return stands."""

from __future__ import annotations

from collections import Counter

import altair as alt

from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted
from fingerpost.plots._theme import (
    BLUE,
    CHARACTER,
    INK,
    ORANGE,
    SMALL,
    TEAL,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import whole
from fingerpost.plots.picture import Picture

# State → its shade and the sign in its cells, so that colour is not all that tells it.
SHADES = {
    "in": (BLUE, ""),
    "late": ("#4f7396", "L"),
    "revised": (TEAL, "R"),
    "due": ("#f5e6b3", "d"),
    "overdue": (ORANGE, "O"),
    "not due": ("#efefef", ""),
    "not asked": ("#ffffff", "–"),
}
DARK = ("in", "late", "revised", "overdue")
ROW = 17
MOST_UNITS = 400  # in a picture
LEFT = 26  # beside the labels


def draw_board(table: Table) -> Picture | None:
    """Return the board; None where it has no row.

    table: unit, name, period, state, a row a unit and period in order.
    """
    rows = table.records()
    if not rows:
        return None
    every = list(dict.fromkeys(str(row["unit"]) for row in rows))
    units = every if len(every) <= MOST_UNITS else behind(rows)
    shown = set(units)
    periods = list(dict.fromkeys(str(row["period"]) for row in rows))
    cells: Rows = [
        {
            "unit": str(row["unit"]),
            "period": str(row["period"]),
            "state": str(row["state"]),
            "sign": SHADES[str(row["state"])][1],
            "dark": row["state"] in DARK,
        }
        for row in rows
        if str(row["unit"]) in shown
    ]
    left = len(every) - len(units)
    apart = f" Left out of the picture: {counted(left, 'unit')}; the table has all." if left else ""
    counts = Counter(cell["state"] for cell in cells)
    told = "; ".join(f"{state} {whole(counts[state])}" for state in SHADES if counts[state])
    title = f"{table.title}: {counted(len(units), 'unit')} by {counted(len(periods), 'period')}"
    if not units:
        return None
    return picture(
        slug(table.name),
        lambda width: chart(cells, units, periods, width=width),
        title=f"{title}, those behind first" if left else title,
        description=f"Returns by unit and period. {told}.{apart}",
        source=table.name,
    )


def behind(rows: list[dict[str, Cell]]) -> list[str]:
    """Return the units that a large board shows: those with most returns overdue or late first, as
    many as a picture has room for.
    """
    score: Counter[str] = Counter()
    for row in rows:
        score[str(row["unit"])] += {"overdue": 1000, "late": 1}.get(str(row["state"]), 0)
    return [unit for unit, _ in score.most_common(MOST_UNITS)]


def chart(cells: Rows, units: list[str], periods: list[str], *, width: int) -> Drawing:
    """Return the chart at a width."""
    axis = alt.Axis(title=None, orient="top", labelAngle=-90, labelLimit=0, labelOverlap=False)
    x = alt.X("period:O", sort=periods, axis=axis)
    room = LEFT + CHARACTER * max(map(len, units))
    names = alt.Axis(title=None, labelOverlap=False, labelLimit=0)
    y = alt.Y("unit:O", sort=units, axis=names)
    there = {cell["state"] for cell in cells}
    shades = {state: shade for state, (shade, _) in SHADES.items() if state in there}
    colour = alt.Color(
        "state:N",
        scale=alt.Scale(domain=list(shades), range=list(shades.values())),
        legend=alt.Legend(columns=4, symbolType="square", symbolStrokeColor=INK),
    )
    base = alt.Chart(data(cells)).encode(x=x, y=y)
    layers: list[Drawing] = [base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(color=colour)]
    for dark, ink in (("datum.dark", "white"), ("!datum.dark", INK)):
        layers.append(
            base.transform_filter(dark)
            .mark_text(fontSize=SMALL, color=ink)
            .encode(text=alt.Text("sign:N"))
        )
    return alt.layer(*layers).properties(width=width - room, height=ROW * len(units))
