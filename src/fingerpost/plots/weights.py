"""Effective sizes: how many children each arm is worth once it is weighted to the target."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._rows import Row, place
from fingerpost.plots._theme import (
    BLUE,
    GREY,
    INK,
    RIGHT,
    TEXT,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import percent, whole
from fingerpost.plots.picture import Picture

LABELS_WIDE, LABELS_NARROW = 230, 170
FIGURES = 200


def draw_weights(tables: Sequence[Table], headings: dict[str, str]) -> Picture | None:
    """Return bars of effective size within the size of each arm, grouped by target."""
    rows: Rows = [
        {"target": str(table.tag("target") or ""), **row}
        for table in tables
        for row in table.records()
        if row.get("children") and row.get("effective_size") is not None
    ]
    if not rows:
        return None
    told = "; ".join(
        f"{headings.get(row['target'], row['target'])}, {row['arm']}: {shown(row)}" for row in rows
    )
    tags = "-".join(str(value) for name, value in tables[0].tags if name != "target")
    return picture(
        f"weights-{slug(tags)}",
        lambda width: chart(rows, width, headings),
        title="Effective sample size of each arm, by target",
        description=f"Bars of effective size within each arm's children. {told}.",
        source="weights",
    )


def shown(row: dict[str, object]) -> str:
    """Return one arm's figures: effective size of children, as a share."""
    size, children = float(str(row["effective_size"])), float(str(row["children"]))
    few = f"{size:.1f}" if size < 10 else whole(size)
    return f"{few} of {whole(children)} ({percent(size / children)})"


def chart(rows: Rows, width: int, headings: dict[str, str]) -> Drawing:
    """Return the chart at a width; every bar is a share of its own arm."""
    wide = width > 600
    left, right = (LABELS_WIDE, FIGURES) if wide else (LABELS_NARROW, RIGHT)
    entries: list[tuple[Row, dict[str, object] | None]] = []
    for target in dict.fromkeys(row["target"] for row in rows):
        entries.append((Row(headings.get(target, target), kind="heading"), None))
        entries += [
            (Row(str(row["arm"]), note="" if wide else shown(row)), row)
            for row in rows
            if row["target"] == target
        ]
    sheet = place([row for row, _ in entries], width - 12, left=left, right=right)
    drawn: Rows = [
        {
            "y": sheet.middles[at],
            "share": 100 * float(str(row["effective_size"])) / float(str(row["children"])),
            "whole": 100,
            "text": shown(row),
        }
        for at, (_, row) in enumerate(entries)
        if row is not None
    ]
    title = "effective size, % of the arm's children"
    axis = alt.X(
        "share:Q",
        scale=alt.Scale(domain=[0, 100], nice=False),
        axis=alt.Axis(title=title, tickCount=5),
    )
    base = alt.Chart(data(drawn))
    outline = base.mark_bar(
        orient="horizontal", height=14, filled=False, stroke=GREY, strokeWidth=1
    ).encode(x=alt.X("whole:Q", scale=alt.Scale(domain=[0, 100], nice=False)), y=sheet.y)
    bars = base.mark_bar(orient="horizontal", height=14, color=BLUE).encode(x=axis, y=sheet.y)
    layers: list[Drawing] = [sheet.labels(), outline, bars]
    if wide:
        layers.append(
            base.mark_text(align="left", baseline="middle", fontSize=TEXT, color=INK).encode(
                x=alt.XValue(sheet.plot + 12), y=sheet.y, text=alt.Text("text:N")
            )
        )
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)
