"""Waves over the calendar: when each waits, and from when on it is provided for."""

from __future__ import annotations

from datetime import date

import altair as alt

from fingerpost.core.table import Table
from fingerpost.core.words import counted
from fingerpost.plots._theme import BLUE, CHARACTER, INK, RIGHT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import whole
from fingerpost.plots.picture import Picture

WAITS, PROVIDED = "waits", "provided for"
SHADES = {WAITS: "#d9e4ee", PROVIDED: BLUE}
ROW = 34
LEFT = 26  # beside the labels


def draw_gantt(table: Table) -> Picture | None:
    """Return a bar a wave over the calendar; None where no wave or day is told.

    table: wave, begins (a period, empty where it does not), units, period, after, until (ISO days:
    the last day of the period before, empty of the first, and of the period itself).
    """
    rows = table.records()
    if len({str(row["period"]) for row in rows}) < 2:
        return None
    bars: Rows = []
    for wave in dict.fromkeys(str(row["wave"]) for row in rows):
        bars += bars_of([row for row in rows if row["wave"] == wave], wave)
    marks: Rows = [
        {"at": str(row["until"]), "period": str(row["period"])}
        for row in rows
        if row["wave"] == rows[0]["wave"]
    ]
    waves = list(dict.fromkeys(bar["wave"] for bar in bars))
    told = "; ".join(
        f"{bar['wave']} from {bar['from']} on" for bar in bars if bar["state"] == PROVIDED
    )
    return picture(
        slug(table.name),
        lambda width: chart(bars, waves, marks, width=width),
        title="When provision begins, wave by wave",
        description=f"{counted(len(waves), 'wave')} over the calendar, units in brackets: {told}. "
        "Lines are ends of periods.",
        source=table.name,
    )


def bars_of(rows: list[dict[str, str | int | float | bool | None]], wave: str) -> Rows:
    """Return the stretches of one wave: in which it waits, and in which it is provided for."""
    label = f"{wave} ({whole(float(str(rows[0]['units'])))})"
    ends = [date.fromisoformat(str(row["until"])) for row in rows]
    start = (ends[0] - (ends[1] - ends[0])).isoformat()
    begins = str(rows[0]["begins"] or "")
    at = [str(row["period"]) for row in rows].index(begins) if begins else len(rows)
    turn = start if at == 0 else ends[at - 1].isoformat()
    found: Rows = []
    if at > 0:
        found.append({"wave": label, "state": WAITS, "from": start, "to": turn})
    if at < len(rows):
        end = ends[-1].isoformat()
        found.append({"wave": label, "state": PROVIDED, "from": turn, "to": end})
    return found


def chart(bars: Rows, waves: list[str], marks: Rows, *, width: int) -> Drawing:
    """Return the chart at a width."""
    room = LEFT + CHARACTER * max(map(len, waves))
    scale = alt.Scale(type="utc", nice=False)
    axis = alt.Axis(title=None, format="%b %Y", tickCount=5 if width > 600 else 3)
    x = alt.X("from:T", scale=scale, axis=axis)
    y = alt.Y("wave:O", sort=waves, axis=alt.Axis(title=None, labelLimit=0))
    there = [state for state in SHADES if any(bar["state"] == state for bar in bars)]
    colour = alt.Color(
        "state:N",
        scale=alt.Scale(domain=there, range=[SHADES[state] for state in there]),
        legend=alt.Legend(symbolType="square", symbolStrokeColor=INK),
    )
    drawn = (
        alt.Chart(data(bars))
        .mark_bar(height=ROW - 12)
        .encode(x=x, x2=alt.X2("to:T"), y=y, color=colour)
    )
    lines = (
        alt.Chart(data(marks))
        .mark_rule(color="#8c8c8c", strokeDash=[2, 3])
        .encode(x=alt.X("at:T", scale=scale, axis=axis))
    )
    layered = alt.layer(drawn, lines)
    return layered.properties(width=width - room - RIGHT, height=ROW * len(waves))
