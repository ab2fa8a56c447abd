"""Missing values: the share of children for whom each variable was not recorded."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._rows import Row, place
from fingerpost.plots._theme import BLUE, INK, TEXT, Drawing, Rows, data, picture
from fingerpost.plots.numbers import percent, whole
from fingerpost.plots.picture import Picture

LABELS_WIDE, LABELS_NARROW = 330, 190
FIGURES = 150
MOST_ROWS = 30


def draw_missing(table: Table) -> Picture | None:
    """Return bars of the share missing, largest first; None where nothing is missing."""
    found = [
        row for row in table.records() if isinstance(row["share"], int | float) and row["share"]
    ]
    found.sort(key=lambda row: -float(row["share"] or 0))
    if not found:
        return None
    rows: Rows = [
        {
            "variable": str(row["variable"]),
            "share": 100 * float(row["share"] or 0),
            "text": f"{percent(float(row['share'] or 0))} ({whole(float(row['missing'] or 0))})",
        }
        for row in found[:MOST_ROWS]
    ]
    told = "; ".join(f"{row['variable']}: {row['text']}" for row in rows)
    rest = f" The {MOST_ROWS} largest of {len(found)} are shown." if len(found) > MOST_ROWS else ""
    return picture(
        "missing",
        lambda width: chart(rows, width),
        title=f"Missing values of {len(found):,} of {len(table.rows):,} variables",
        description=f"Bars of the share of children missing. {told}.{rest}",
        source=table.name,
    )


def chart(rows: Rows, width: int) -> Drawing:
    """Return the chart at a width."""
    wide = width > 600
    left, right = (LABELS_WIDE, FIGURES) if wide else (LABELS_NARROW, 24)
    entries = [Row(row["variable"], note="" if wide else row["text"]) for row in rows]
    sheet = place(entries, width - 12, left=left, right=right)
    drawn: Rows = [{**row, "y": y} for row, y in zip(rows, sheet.middles, strict=True)]
    most = max(float(row["share"]) for row in rows)
    x = alt.X(
        "share:Q",
        scale=alt.Scale(domain=[0, most * 1.05], nice=False),
        axis=alt.Axis(title="% of children missing", tickCount=4),
    )
    base = alt.Chart(data(drawn))
    layers: list[Drawing] = [
        sheet.labels(),
        base.mark_bar(orient="horizontal", height=14, color=BLUE).encode(x=x, y=sheet.y),
    ]
    if wide:
        layers.append(
            base.mark_text(align="left", baseline="middle", fontSize=TEXT, color=INK).encode(
                x=alt.XValue(sheet.plot + 12), y=sheet.y, text=alt.Text("text:N")
            )
        )
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)
