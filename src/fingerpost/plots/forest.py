"""Subgroup forest: the answer for all children and for each subgroup, on one axis."""

from __future__ import annotations

from fingerpost.core.table import Table
from fingerpost.plots._theme import picture, slug
from fingerpost.plots.picture import Picture
from fingerpost.plots.triangulation import chart, told_row

COLUMNS = ("target", "estimator", "piece", "value", "lo", "hi", "role", "words")
KINDS = ("label", "label", "number", "number", "number", "number", "label", "label")


def draw_forest(table: Table, *, unit: str) -> Picture | None:
    """Return the picture of one leaf's answers to one question.

    table: the columns of a triangulation: `target` heads the rows (all children, or the column
    of subgroups), `estimator` names a row. Tags: outcome, contrast, target, estimator and more.
    """
    rows, ratio = table.records(), table.tag("scale") == "ratio"
    if len(rows) < 2:
        return None
    tags = "-".join(str(value) for _, value in table.tags if value is not None)
    headings = {str(row["target"]): str(row["target"]) for row in rows}
    told = "; ".join(f"{row['target']}: {told_row(row)}" for row in rows)
    line = "1" if ratio else "0"
    return picture(
        f"forest-{slug(tags)}",
        lambda width: chart(rows, width, ratio=ratio, unit=unit, headings=headings),
        title=table.title,
        description=f"Points with intervals around a line at {line}, no difference. {told}.",
        source=table.name,
    )
