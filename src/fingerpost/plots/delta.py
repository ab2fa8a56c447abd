"""Delta-adjusted imputation: the answer as imputed outcomes of one arm or both are shifted."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import (
    AXIS_ROOM,
    COLOURS,
    axis_x,
    axis_y,
    colour_of,
    dash_of,
    padded,
    rule_at,
    titled,
)
from fingerpost.plots._theme import Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, plain
from fingerpost.plots.picture import Picture

HEIGHT = 280


def draw_delta(
    table: Table, *, arms: tuple[str, str], about: str, unit: str, times: float, ratio: bool
) -> Picture | None:
    """Return the answer by the shift of the first arm, of the second, of both alike and of both in
    opposite ways.

    table: of one question. arms: names of the first and the second. about: which question, for the
    picture's name. unit, times: of the answer as it is shown.
    """
    rows = lines(table, arms, 1.0 if ratio else times)
    if len({row["shift"] for row in rows}) < 2:
        return None
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    told = []
    for name in names:
        own = [row for row in rows if row["name"] == name]
        points = "; ".join(f"{plain(row['shift'])}: {number(row['value'])}" for row in own)
        told.append(f"{name}: {points}")
    null = 1.0 if ratio else 0.0
    return picture(
        f"delta-{slug(about)}",
        lambda width: chart(rows, names, null=null, unit=unit, width=width),
        title="The answer as imputed outcomes are shifted",
        description=f"The answer ({unit}) by the shift of imputed outcomes. {'. '.join(told)}.",
        source=table.name,
    )


def lines(table: Table, arms: tuple[str, str], times: float) -> Rows:
    """Return the points of the four ways of shifting, in the order of the shift."""
    found: Rows = []
    for row in table.records():
        cells = [row[name] for name in ("delta_first", "delta_second", "value", "lo", "hi")]
        if not all(isinstance(cell, int | float) for cell in cells):
            continue
        first, second, *shown = (float(str(cell)) for cell in cells)
        ways = (
            (f"{arms[0]} shifted", second == 0, first),
            (f"{arms[1]} shifted", first == 0, second),
            ("both alike", first == second, first),
            (f"opposite ways ({arms[0]} as shown)", first == -second, first),
        )
        value, low, high = (one * times for one in shown)
        found += [
            {"name": name, "shift": shift, "value": value, "lo": low, "hi": high}
            for name, here, shift in ways
            if here
        ]
    order = (f"{arms[0]} shifted", f"{arms[1]} shifted", "both alike")
    places = {name: at for at, name in enumerate(order)}
    return sorted(found, key=lambda row: (places.get(row["name"], len(order)), row["shift"]))


def chart(rows: Rows, names: list[str], *, null: float, unit: str, width: int) -> Drawing:
    """Return the chart at a width; bands are intervals, the dashed line is no effect."""
    ends = padded([row[key] for row in rows for key in ("value", "lo", "hi")], least=[null])
    title = titled(unit, HEIGHT + AXIS_ROOM)
    x = axis_x("shift:Q", padded([row["shift"] for row in rows]), "shift of imputed outcomes")
    y, low = axis_y("value:Q", ends, title), axis_y("lo:Q", ends, title)
    columns = 1 if width < 600 else 0
    colour = colour_of(names, columns=columns)
    # The legend is of the lines: bands are faint.
    scale = alt.Scale(domain=names, range=list(COLOURS[: len(names)]))
    faint = alt.Color("name:N", scale=scale, legend=None)
    base = alt.Chart(data(rows))
    return alt.layer(
        rule_at("null", null, axis_y("null:Q", ends, title), dashed=True),
        base.mark_area(opacity=0.10).encode(x=x, y=low, y2=alt.Y2("hi:Q"), color=faint),
        base.mark_line(strokeWidth=2).encode(
            x=x, y=y, color=colour, strokeDash=dash_of(names, columns=columns)
        ),
        base.mark_point(filled=True, size=50, opacity=1).encode(x=x, y=y, color=colour),
    ).properties(width=width - AXIS_ROOM, height=HEIGHT)
