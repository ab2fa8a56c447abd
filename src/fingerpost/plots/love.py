"""Love plot: how far the arms lie from the target in each covariate, before and after."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._rows import Row, place
from fingerpost.plots._theme import (
    BLUE,
    GREY,
    ORANGE,
    RIGHT,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import number, plain
from fingerpost.plots.picture import Picture

WARN, REFUSE = 0.10, 0.25
WHEN = (("smd_before", "before weighting"), ("smd_after", "after weighting"))
LABELS_WIDE, LABELS_NARROW = 290, 170


def draw_love(table: Table, *, about: str = "") -> Picture:
    """Return the love plot of one balance table; `about` says for which target it is."""
    found = distances(table)
    of = f" for {about}" if about else ""
    return picture(
        f"love-{slug('-'.join(str(value) for _, value in table.tags))}",
        lambda width: chart(found, width),
        title=f"Balance of {counted(table)}{of}",
        description=described(table),
        source=table.name,
    )


def distances(table: Table) -> Rows:
    """Return the distance without its sign, a row a covariate and moment, largest before on top."""
    rows = sorted(table.records(), key=lambda row: -abs(float(row["smd_before"] or 0)))
    return [
        {"covariate": str(row["covariate"]), "when": words, "smd": abs(float(row[key] or 0))}
        for row in rows
        for key, words in WHEN
        if row[key] is not None
    ]


def described(table: Table) -> str:
    """Return the picture in words: how many covariates pass the lines, before and after."""
    parts = []
    for key, words in WHEN:
        values = [abs(float(cell)) for cell in table.column(key) if isinstance(cell, int | float)]
        if values:
            over = sum(value > WARN for value in values)
            parts.append(
                f"{words}, {over} of {len(values)} lie more than {plain(WARN)} from the "
                f"target and the largest distance is {number(max(values))}"
            )
    lines = f"Lines at {plain(WARN)} (warning) and {plain(REFUSE)} (refusal) standard deviations."
    what = counted(table)
    return f"Standardised mean differences of {what} to the target: {'; '.join(parts)}. {lines}"


def counted(table: Table) -> str:
    """Return how many rows there are; a category has one for each of its levels."""
    levels = any(" = " in str(cell) for cell in table.column("covariate"))
    return f"{len(table.rows)} covariates{' and levels' if levels else ''}"


def chart(found: Rows, width: int) -> Drawing:
    """Return the chart at a width."""
    left = LABELS_WIDE if width > 600 else LABELS_NARROW
    names = list(dict.fromkeys(row["covariate"] for row in found))
    sheet = place([Row(name) for name in names], width - 12, left=left, right=RIGHT, least=20)
    at = dict(zip(names, sheet.middles, strict=True))
    rows: Rows = [{**row, "y": at[row["covariate"]]} for row in found]
    most = max([0.3, *(row["smd"] for row in rows)]) * 1.04
    axis = alt.X(
        "smd:Q",
        scale=alt.Scale(domain=[0, most], nice=False),
        axis=alt.Axis(title=title_lines(width), tickCount=5),
    )
    lines: Rows = [{"smd": WARN}, {"smd": REFUSE}]
    order = [words for _, words in WHEN]
    points = (
        alt.Chart(data(rows))
        .mark_point(size=60, opacity=1, strokeWidth=2)
        .encode(
            x=axis,
            y=sheet.y,
            shape=alt.Shape("when:N", scale=alt.Scale(domain=order, range=["circle", "diamond"])),
            stroke=alt.Stroke("when:N", scale=alt.Scale(domain=order, range=[ORANGE, BLUE])),
            fill=alt.Fill("when:N", scale=alt.Scale(domain=order, range=["white", BLUE])),
        )
    )
    threshold = alt.Chart(data(lines)).mark_rule(color=GREY, strokeDash=[5, 4]).encode(x=axis)
    return alt.layer(threshold, sheet.labels(), points).properties(
        width=sheet.plot, height=sheet.height
    )


def title_lines(width: int) -> list[str]:
    """Return the axis title, in lines that fit the width."""
    if width > 600:
        return ["distance to the target, in standard deviations (lines at 0.1 and 0.25)"]
    return ["distance to the target, in", "standard deviations", "(lines at 0.1 and 0.25)"]
