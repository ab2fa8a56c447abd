"""A plan's calendar: who waits, who is provided for, when somebody looks, when returns are due.

Period by period, whether or not a study tells the days on which they end.
"""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.plots._rows import GAP, LINE_HEIGHT, wrapped
from fingerpost.plots._theme import BLUE, INK, ORANGE, TEAL, Drawing, Rows, data, picture
from fingerpost.plots.picture import Picture

STATES = ("provided for", "waits", "not used")
SHADES = (BLUE, "#d9e4ee", "#f2f2f2")
HIGH = {"provided for": 0.68, "waits": 0.3, "not used": 0.3}  # of a row
ROW = 34
LABELS_WIDE, LABELS_NARROW, LEFT = 190, 120, 16
LOOK, RETURNS = "looks", "returns due"
SIGNS = ((LOOK, "diamond", ORANGE), (RETURNS, "triangle-up", TEAL))


def draw_calendar(
    table: Table, *, looks: tuple[str, ...] = (), due: bool = False
) -> Picture | None:
    """Return a bar for each wave along the periods, thick from the one in which provision begins;
    beneath, the periods after which somebody looks, and those whose returns are due.

    table: wave, units, period, place, state, as the design of a roll-out. looks: periods. due:
    whether returns are collected of every period.
    """
    rows = table.records()
    if not rows:
        return None
    periods = list(dict.fromkeys(str(row["period"]) for row in rows))
    waves = list(dict.fromkeys(str(row["wave"]) for row in rows))
    labels = {str(row["wave"]): f"{row['wave']} ({row['units']:,})" for row in rows}
    cells: Rows = [
        {"wave": labels[str(row["wave"])], "period": str(row["period"]), "state": str(row["state"])}
        for row in rows
    ]
    marks: Rows = [{"wave": LOOK, "period": one} for one in looks]
    marks += [{"wave": RETURNS, "period": one} for one in periods] if due else []
    told = "; ".join(described(wave, rows) for wave in waves)
    looked = f" Somebody looks after {listing(looks)}." if looks else ""
    owed = " Returns are due after every period." if due else ""
    return picture(
        "calendar",
        lambda width: chart(cells, marks, periods, width=width),
        title="Waves over the calendar",
        description=f"{counted(len(waves), 'wave')} over {counted(len(periods), 'period')}, units "
        f"in brackets. {told}.{looked}{owed}",
        source=table.name,
    )


def described(wave: str, rows: list[dict[str, str | int | float | bool | None]]) -> str:
    """Return in words from when to when a wave is provided for."""
    own = [row for row in rows if row["wave"] == wave and row["state"] == STATES[0]]
    if not own:
        return f"{wave} waits to the end"
    return f"{wave} from {own[0]['period']} to {own[-1]['period']}"


def chart(cells: Rows, marks: Rows, periods: list[str], *, width: int) -> Drawing:
    """Return the chart at a width."""
    room = LABELS_WIDE if width > 600 else LABELS_NARROW
    names = list(dict.fromkeys(row["wave"] for row in (*cells, *marks)))
    labels, most = in_lines(names, room - LEFT)
    height = max(ROW, LINE_HEIGHT * most + GAP)
    axis = alt.Axis(title=None, orient="top", labelAngle=-90, labelLimit=0)
    scale = alt.Scale(paddingInner=0, paddingOuter=0)
    x = alt.X("period:O", sort=periods, scale=scale, axis=axis)
    # Somebody looks, and returns are due, when a period is over: at its end, not within it.
    ends = alt.X("period:O", sort=periods, scale=scale, axis=axis, bandPosition=1)
    y = alt.Y(
        "wave:O",
        sort=list(labels.values()),
        axis=alt.Axis(
            title=None,
            labelLimit=0,
            labelExpr="split(datum.label, '\\n')",
            labelOffset=-(most - 1) * LINE_HEIGHT / 2,
        ),
    )
    layers = [*bars(cells, labels, x, y)]
    for kind, sign, colour in SIGNS:
        own = [{**row, "wave": labels[row["wave"]]} for row in marks if row["wave"] == kind]
        if own:
            point = alt.Chart(data(own)).mark_point(
                shape=sign, filled=True, size=90, opacity=1, color=colour
            )
            layers.append(point.encode(x=ends, y=y))
    return alt.layer(*layers).properties(width=width - room, height=height * len(names))


def in_lines(names: list[str], room: int) -> tuple[dict[str, str], int]:
    """Return each label in lines, and how many the longest takes: every label takes as many, so
    that one shift centres them all.
    """
    lines = {name: wrapped(name, room) for name in names}
    most = max(len(each) for each in lines.values())
    return {
        name: "\n".join([*[""] * ((most - len(own)) // 2), *own]) for name, own in lines.items()
    }, most


def bars(cells: Rows, labels: dict[str, str], x: alt.X, y: alt.Y) -> list[Drawing]:
    """Return the bars of every state, thick where units are provided for."""
    there = {cell["state"] for cell in cells}
    shades = {name: shade for name, shade in zip(STATES, SHADES, strict=True) if name in there}
    scale = alt.Scale(domain=list(shades), range=list(shades.values()))
    legend = alt.Legend(orient="bottom", symbolType="square", symbolStrokeColor=INK)
    shade = alt.Color("state:N", scale=scale, legend=legend)
    found: list[Drawing] = []
    for state in shades:
        own = [{**row, "wave": labels[row["wave"]]} for row in cells if row["state"] == state]
        bar = alt.Chart(data(own)).mark_rect(height=alt.RelativeBandSize(band=HIGH[state]))
        found.append(bar.encode(x=x, y=y, color=shade))
    return found
