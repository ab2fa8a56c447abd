"""What became of the units of each wave, and where the outcome was recorded: counts in boxes.

The flow by wave is what the CONSORT extension for stepped wedges asks for (Hemming and others 2018,
BMJ 363: k1614, item 13a): a row each sequence, with clusters drawn, started and analysed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted
from fingerpost.plots._theme import BLUE, CHARACTER, INK, SMALL, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import whole
from fingerpost.plots.picture import Picture

ROW = 30
LEFT = 26  # beside the labels
TURNED = 46  # pixels of a box below which words above it are turned
PROVIDED, WAITS, ALL, SOME = "provided for", "waits", "all of the wave", "some of it"
SHADES = {PROVIDED: BLUE, WAITS: "#d9e4ee", ALL: BLUE, SOME: "#d9e4ee", "none": "#ffffff"}
DARK = (PROVIDED, ALL)
STAGES = ("drawn", "started", "slipped", "withdrew", "merged", "in the analysis")


@dataclass(frozen=True, slots=True)
class Boxes:
    """Rows and columns of boxes in order, and the states that the legend tells."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    states: tuple[str, ...]


def draw_wave_flow(table: Table) -> Picture | None:
    """Return how many units of each wave were drawn, started, slipped, withdrew, merged and are in
    the analysis; None where nothing was drawn.

    table: wave, drawn to begin, and counts by the names in STAGES.
    """
    rows = table.records()
    stages = tuple(name for name in STAGES if name in table.columns)
    if "drawn" not in stages or withheld(rows, stages):
        return None
    cells: Rows = []
    for row in rows:
        label = f"{row['wave']} ({row['drawn to begin']})"
        for name in stages:
            count, drawn = as_count(row[name]), as_count(row["drawn"])
            state = ALL if count == drawn and drawn else SOME if count else "none"
            cells.append(box(label, name, count, state))
    told = "; ".join(
        f"{row['wave']}: " + ", ".join(f"{name} {whole(as_count(row[name]))}" for name in stages)
        for row in rows
    )
    return drawn_boxes(
        table,
        cells,
        title="What became of the units of each wave since the draw",
        description=f"Boxes of units by wave, from the ledger of the draw. {told}.",
    )


def draw_cluster_periods(table: Table) -> Picture | None:
    """Return of how many units of each wave the outcome was recorded in each period; None where no
    row is told.

    table: provision began, period, begun, units, with the outcome.
    """
    rows = table.records()
    if withheld(rows, ("units", "with the outcome")):
        return None
    units = {str(row["provision began"]): as_count(row["units"]) for row in rows}
    cells = [
        box(
            f"{row['provision began']} ({whole(units[str(row['provision began'])])})",
            str(row["period"]),
            as_count(row["with the outcome"]),
            PROVIDED if row["begun"] else WAITS,
        )
        for row in rows
    ]
    fewer = [row for row in rows if as_count(row["with the outcome"]) < as_count(row["units"])]
    said = (
        "the outcome was recorded of every unit in every period"
        if not fewer
        else f"the outcome was recorded of fewer than all units in {counted(len(fewer), 'box')}"
        if len(fewer) == 1
        else f"the outcome was recorded of fewer than all units in {len(fewer)} boxes"
    )
    periods = {str(row["period"]) for row in rows}
    return drawn_boxes(
        table,
        cells,
        title="Units with the outcome, by wave and period",
        description=f"{counted(len(units), 'wave')} by {counted(len(periods), 'period')}; units of "
        f"the wave in brackets; in the boxes, those of which the outcome was recorded: {said}.",
    )


def withheld(rows: list[dict[str, Cell]], names: Sequence[str]) -> bool:
    """Return whether no row is told, or a count of one is not: a box would then say nought."""
    return not all(isinstance(row[name], int) for row in rows for name in names) or not rows


def as_count(cell: Cell) -> int:
    """Return a cell that is a count as a whole number."""
    assert isinstance(cell, int)
    return cell


def box(row: str, column: str, count: int, state: str) -> dict[str, object]:
    """Return one box."""
    return {
        "wave": row,
        "column": column,
        "count": count,
        "text": whole(count),
        "state": state,
        "dark": state in DARK,
    }


def drawn_boxes(table: Table, cells: Rows, *, title: str, description: str) -> Picture:
    """Return boxes as a picture."""
    boxes = Boxes(
        tuple(dict.fromkeys(cell["wave"] for cell in cells)),
        tuple(dict.fromkeys(cell["column"] for cell in cells)),
        tuple(state for state in SHADES if any(cell["state"] == state for cell in cells)),
    )
    tags = [str(value) for _, value in table.tags if value is not None]
    return picture(
        slug(" ".join((table.name, *tags))),
        lambda width: chart(cells, boxes, width=width),
        title=title,
        description=description,
        source=table.name,
    )


def chart(cells: Rows, boxes: Boxes, *, width: int) -> Drawing:
    """Return the chart at a width."""
    room = LEFT + CHARACTER * max(map(len, boxes.rows))
    lines, room = (boxes.rows, room) if room < 0.45 * width else broken(boxes.rows, 0.45 * width)
    labels = dict(zip(boxes.rows, lines, strict=True))
    cells = [{**cell, "wave": labels[cell["wave"]]} for cell in cells]
    each = (width - room) / len(boxes.columns)
    turned = each < TURNED or each < CHARACTER * max(map(len, boxes.columns))
    axis = alt.Axis(
        title=None,
        orient="top",
        labelAngle=-90 if turned else 0,
        labelLimit=0,
        labelOverlap=False,
    )
    x = alt.X("column:O", sort=list(boxes.columns), axis=axis)
    most = max(line.count("\n") for line in lines)
    names = alt.Axis(
        title=None,
        labelLimit=0,
        labelOverlap=False,
        labelExpr="split(datum.label, '\\n')",
        labelOffset=-most * 7,
        ticks=False,
        domain=False,
    )
    y = alt.Y("wave:O", sort=list(lines), axis=names)
    colour = alt.Color(
        "state:N",
        scale=alt.Scale(domain=list(boxes.states), range=[SHADES[state] for state in boxes.states]),
        legend=alt.Legend(columns=3, orient="bottom", symbolType="square", symbolStrokeColor=INK),
    )
    base = alt.Chart(data(cells)).encode(x=x, y=y)
    layers: list[Drawing] = [base.mark_rect(stroke="#8c8c8c", strokeWidth=0.6).encode(color=colour)]
    if each >= CHARACTER * max(len(cell["text"]) for cell in cells) + 4:
        for dark, ink in (("datum.dark", "white"), ("!datum.dark", INK)):
            layers.append(
                base.transform_filter(dark)
                .mark_text(fontSize=SMALL, color=ink)
                .encode(text=alt.Text("text:N"))
            )
    height = max(ROW, 15 * (most + 1) + 8) * len(boxes.rows)
    return alt.layer(*layers).properties(width=width - room, height=height)


def broken(labels: Sequence[str], room: float) -> tuple[tuple[str, ...], float]:
    """Return labels in lines that fit, all with as many, and the room that they take."""
    from fingerpost.plots._rows import wrapped

    lines = [wrapped(label, room - LEFT) for label in labels]
    most = max(map(len, lines))
    found = tuple("\n".join([*[""] * ((most - len(each)) // 2), *each]) for each in lines)
    return found, room
