"""Love plot: how far the arms lie from the target in each covariate, before and after."""

from __future__ import annotations

import altair as alt

from fingerpost.core.study import Guard
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

WHEN = (("smd_before", "before weighting"), ("smd_after", "after weighting"))
LABELS_WIDE, LABELS_NARROW = 290, 170
# The axis reaches this far at least, and no farther for the sake of a line that never applies.
LEAST, FARTHEST = 0.3, 1.0


def draw_love(table: Table, guard: Guard, *, about: str = "") -> Picture:
    """Return the love plot of one balance table; `about` says for which target it is.

    guard: the study's thresholds, at which the lines stand.
    """
    found = distances(table)
    of = f" for {about}" if about else ""
    return picture(
        f"love-{slug('-'.join(str(value) for _, value in table.tags))}",
        lambda width: chart(found, width, guard),
        title=f"Balance of {rows_counted(table)}{of}",
        description=described(table, guard),
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


def described(table: Table, guard: Guard) -> str:
    """Return the picture in words: how many covariates pass the lines, before and after."""
    warn, refuse = thresholds(guard)
    parts = []
    for key, words in WHEN:
        values = [abs(float(cell)) for cell in table.column(key) if isinstance(cell, int | float)]
        if values:
            over = sum(value > warn for value in values)
            parts.append(
                f"{words}, {over} of {len(values)} lie more than {plain(warn)} from the "
                f"target and the largest distance is {number(max(values))}"
            )
    lines = (
        f"Thresholds: {plain(warn)} (warning) and {plain(refuse)} (refusal) standard deviations."
    )
    what = rows_counted(table)
    return f"Standardised mean differences of {what} to the target: {'; '.join(parts)}. {lines}"


def rows_counted(table: Table) -> str:
    """Return how many rows there are; a category has one for each of its levels."""
    levels = any(" = " in str(cell) for cell in table.column("covariate"))
    return f"{len(table.rows)} covariates{' and levels' if levels else ''}"


def chart(found: Rows, width: int, guard: Guard) -> Drawing:
    """Return the chart at a width."""
    left = LABELS_WIDE if width > 600 else LABELS_NARROW
    names = list(dict.fromkeys(row["covariate"] for row in found))
    sheet = place([Row(name) for name in names], width - 12, left=left, right=RIGHT, least=20)
    at = dict(zip(names, sheet.middles, strict=True))
    rows: Rows = [{**row, "y": at[row["covariate"]]} for row in found]
    farthest = max([FARTHEST, *(row["smd"] for row in rows)])
    lines: Rows = [{"smd": end} for end in thresholds(guard) if 0 <= end <= farthest]
    most = max([LEAST, *(row["smd"] for row in (*rows, *lines))]) * 1.04
    axis = alt.X(
        "smd:Q",
        scale=alt.Scale(domain=[0, most], nice=False),
        axis=alt.Axis(title=title_lines(width, lines), tickCount=5),
    )
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
    rules = alt.Chart(data(lines)).mark_rule(color=GREY, strokeDash=[5, 4]).encode(x=axis)
    return alt.layer(*([rules] if lines else []), sheet.labels(), points).properties(
        width=sheet.plot, height=sheet.height
    )


def thresholds(guard: Guard) -> tuple[float, float]:
    """Return the distances that are warned of and refused."""
    return guard.warn_smd, guard.refuse_smd


def title_lines(width: int, lines: Rows) -> list[str]:
    """Return the axis title, in lines that fit the width; it names the lines that are drawn."""
    ends = " and ".join(plain(line["smd"]) for line in lines)
    named = f"(line{'s' * (len(lines) > 1)} at {ends})" if lines else ""
    if width > 600:
        return [f"distance to the target, in standard deviations {named}".rstrip()]
    return ["distance to the target, in", "standard deviations", *([named] if named else [])]
