"""The design of a roll-out: waves as rows, periods as columns, each cell as provision stands."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.core.words import counted
from fingerpost.plots._rows import GAP, LINE_HEIGHT, wrapped
from fingerpost.plots._theme import BLUE, INK, SMALL, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import whole
from fingerpost.plots.picture import Picture

STATES = ("provided for", "waits", "not used")
SHADES = (BLUE, "#d9e4ee", "#ffffff")
ROW = 30
LABELS_WIDE, LABELS_NARROW = 190, 120
LEFT = 16  # of the labels, kept free
MOST_NUMBERED = 14


def draw_design_matrix(table: Table) -> Picture | None:
    """Return waves by periods; cells say how many periods ago provision began, where there is room.

    table: with columns wave, units, period, place, state, exposure.
    """
    rows = table.records()
    if not rows:
        return None
    waves = list(dict.fromkeys(str(row["wave"]) for row in rows))
    periods = [str(row["period"]) for row in rows if row["wave"] == rows[0]["wave"]]
    labels = {str(row["wave"]): f"{row['wave']} ({whole(as_number(row['units']))})" for row in rows}
    cells: Rows = [
        {
            "wave": labels[str(row["wave"])],
            "period": str(row["period"]),
            "state": str(row["state"]),
            "since": "" if row["exposure"] is None else f"{row['exposure']}",
            "dark": row["state"] == STATES[0],
        }
        for row in rows
    ]
    return picture(
        slug(table.name),
        lambda width: chart(cells, [labels[wave] for wave in waves], periods, width=width),
        title="Which waves are provided for in which period",
        description=f"{counted(len(waves), 'wave')} over {counted(len(periods), 'period')}. "
        + "; ".join(described(wave, rows) for wave in waves)
        + ". Units in brackets; numbers in cells are periods since provision began.",
        source=table.name,
    )


def as_number(cell: object) -> float | None:
    """Return a cell as a number, None where it is none."""
    return float(cell) if isinstance(cell, int | float) else None


def described(wave: str, rows: list[dict[str, str | int | float | bool | None]]) -> str:
    """Return when one wave begins, in words."""
    begun = [row for row in rows if row["wave"] == wave and row["exposure"] is not None]
    return f"{wave} begins in {begun[0]['period']}" if begun else f"{wave} waits to the end"


def chart(cells: Rows, waves: list[str], periods: list[str], *, width: int) -> Drawing:
    """Return the chart at a width."""
    room = LABELS_WIDE if width > 600 else LABELS_NARROW
    lines = {wave: wrapped(wave, room - LEFT) for wave in waves}
    most = max(len(each) for each in lines.values())
    # Every label takes as many lines as the longest, so that one shift centres them all.
    names = {
        wave: "\n".join([*[""] * ((most - len(each)) // 2), *each]) for wave, each in lines.items()
    }
    cells = [{**cell, "wave": names[cell["wave"]]} for cell in cells]
    height = max(ROW, LINE_HEIGHT * most + GAP)
    x = alt.X(
        "period:O",
        sort=periods,
        axis=alt.Axis(title=None, orient="top", labelAngle=-90, labelLimit=0),
    )
    y = alt.Y(
        "wave:O",
        sort=list(names.values()),
        axis=alt.Axis(
            title=None,
            labelLimit=0,
            labelExpr="split(datum.label, '\\n')",
            labelOffset=-(most - 1) * LINE_HEIGHT / 2,
        ),
    )
    base = alt.Chart(data(cells)).encode(x=x, y=y)
    there = {cell["state"] for cell in cells}
    shades = {name: shade for name, shade in zip(STATES, SHADES, strict=True) if name in there}
    shade = alt.Color(
        "state:N",
        scale=alt.Scale(domain=list(shades), range=list(shades.values())),
        legend=alt.Legend(orient="bottom", symbolType="square", symbolStrokeColor=INK),
    )
    layers: list[Drawing] = [base.mark_rect(stroke="#8c8c8c", strokeWidth=0.6).encode(color=shade)]
    if len(periods) <= MOST_NUMBERED and width > 600:
        layers.append(
            base.transform_filter("datum.dark")
            .mark_text(fontSize=SMALL, color="white")
            .encode(text=alt.Text("since:N"))
        )
    return alt.layer(*layers).properties(width=width - room, height=height * len(waves))
