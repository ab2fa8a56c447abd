"""Flow: how many children are left after each step from the records."""

from __future__ import annotations

import altair as alt

from fingerpost.core.flow import Flow
from fingerpost.core.table import Cell, Table
from fingerpost.plots._rows import Row, place
from fingerpost.plots._theme import BLUE, INK, TEXT, Drawing, Rows, data, picture
from fingerpost.plots.numbers import whole
from fingerpost.plots.picture import Picture

LABELS_WIDE, LABELS_NARROW = 330, 190
FIGURES = 170


def flow_table(flow: Flow) -> Table:
    """Return the flow as a table: each step, who left, who stayed, and the arms at the end."""
    rows: list[tuple[Cell, ...]] = [(started(flow), None, None, flow.start)]
    rows += [(step.reason, step.outcome, step.left, step.remaining) for step in flow.steps]
    kept = "copies in " if flow.copied else f"{flow.ends}, " * bool(flow.ends)
    rows += [(f"{kept}{arm}", None, None, count) for arm, count in flow.arms]
    return Table(
        "flow",
        "Who left, why, and who stayed",
        ("step", "outcome", "left", "remaining"),
        ("label", "label", "count", "count"),
        tuple(rows),
    )


def started(flow: Flow) -> str:
    """Return what a flow starts from: rows, or, of a roll-out, units.

    >>> started(Flow(10, counts="units"))
    'units'
    """
    return flow.counts if flow.counts == "units" else "rows read"


def draw_flow(flow: Flow) -> Picture | None:
    """Return bars of the children left after each step; None where no row was read."""
    if not flow.start:
        return None
    rows: Rows = [
        {
            "step": step_words(str(row["step"]), str(row["outcome"] or "")),
            "remaining": row["remaining"],
            "text": whole(int(str(row["remaining"])))
            + (f" ({whole(int(str(row['left'])))} left)" if row["left"] else ""),
        }
        for row in flow_table(flow).records()
        if row["remaining"] is not None
    ]
    told = "; ".join(f"{row['step']}: {row['text']}" for row in rows)
    return picture(
        "flow",
        lambda width: chart(rows, width),
        title=f"From {whole(flow.start)} {started(flow).removesuffix(' read')} to "
        f"{whole(flow.remaining)} {flow.counts}",
        description=f"Bars of {flow.counts} left after each step. {told}.",
        source="flow",
    )


def step_words(step: str, outcome: str) -> str:
    """Return a step with the outcome that it is of, unless its words name it already.

    >>> step_words("died", "ks2_maths"), step_words("Absence was not recorded", "absence")
    ('died (ks2_maths)', 'Absence was not recorded')
    """
    told = not outcome or outcome.replace("_", " ").lower() in step.replace("_", " ").lower()
    return step if told else f"{step} ({outcome})"


def chart(rows: Rows, width: int) -> Drawing:
    """Return the chart at a width."""
    wide = width > 600
    left, right = (LABELS_WIDE, FIGURES) if wide else (LABELS_NARROW, 12)
    entries = [Row(row["step"], note="" if wide else row["text"]) for row in rows]
    sheet = place(entries, width - 12, left=left, right=right)
    drawn: Rows = [{**row, "y": y} for row, y in zip(rows, sheet.middles, strict=True)]
    most = max(float(row["remaining"]) for row in rows) or 1.0
    x = alt.X("remaining:Q", scale=alt.Scale(domain=[0, most], nice=False), axis=None)
    base = alt.Chart(data(drawn))
    layers: list[Drawing] = [
        sheet.labels(),
        base.mark_bar(orient="horizontal", height=16, color=BLUE).encode(x=x, y=sheet.y),
    ]
    if wide:
        layers.append(
            base.mark_text(align="left", baseline="middle", fontSize=TEXT, color=INK).encode(
                x=alt.XValue(sheet.plot + 12), y=sheet.y, text=alt.Text("text:N")
            )
        )
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)
