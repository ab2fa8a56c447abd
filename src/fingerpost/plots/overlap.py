"""Overlap: how likely an arm was, among the children of each arm."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._theme import (
    BLUE,
    ORANGE,
    TEAL,
    TEXT,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import percent, whole
from fingerpost.plots.picture import Picture

HEIGHT = 90
AXIS_ROOM = 74


def draw_overlap(table: Table, of: str) -> Picture | None:
    """Return histograms of the probability of arm `of`, one below the other by arm received."""
    rows = [row for row in table.records() if row["of"] == of and row["children"] is not None]
    totals: dict[str, float] = {}
    for row in rows:
        arm = str(row["arm"])
        totals[arm] = totals.get(arm, 0.0) + float(row["children"] or 0)
    drawn: Rows = [
        {
            "arm": str(row["arm"]),
            "lo": row["lo"],
            "hi": row["hi"],
            "share": 100 * float(row["children"] or 0) / totals[str(row["arm"])],
        }
        for row in rows
        if totals[str(row["arm"])] > 0
    ]
    if not drawn:
        return None
    return picture(
        f"overlap-{slug(of)}-{slug('-'.join(str(value) for _, value in table.tags))}",
        lambda width: chart(drawn, totals, width, of),
        title=f"Probability of {of}, by arm received",
        description=described(drawn, totals, of),
        source=table.name,
    )


def described(drawn: Rows, totals: dict[str, float], of: str) -> str:
    """Return the picture in words: where the middle of each arm lies."""
    parts = []
    for arm, total in totals.items():
        mine = [row for row in drawn if row["arm"] == arm]
        below = 0.0
        for row in sorted(mine, key=lambda each: float(each["lo"])):
            below += float(row["share"])
            if below >= 50:
                parts.append(
                    f"half of the {whole(total)} children who received {arm} had a probability "
                    f"below {percent(float(row['hi']))}"
                )
                break
    return f"Histograms of the probability of {of} given the covariates: {'; '.join(parts)}."


def chart(drawn: Rows, totals: dict[str, float], width: int, of: str) -> Drawing:
    """Return the chart at a width: one histogram an arm, on one axis."""
    most = max(float(row["share"]) for row in drawn)
    arms = list(totals)
    panels = []
    for at, arm in enumerate(arms):
        last = at == len(arms) - 1
        heading = f"received {arm} ({whole(totals[arm])} children)"
        x = alt.X(
            "lo:Q",
            scale=alt.Scale(domain=[0, 1], nice=False),
            axis=alt.Axis(
                title=f"probability of {of} given the covariates" if last else None,
                labels=last,
                ticks=last,
                tickCount=5,
            ),
        )
        y = alt.Y(
            "share:Q",
            scale=alt.Scale(domain=[0, most * 1.05], nice=False),
            axis=alt.Axis(title="% of arm", tickCount=3),
        )
        panels.append(
            alt.Chart(data([row for row in drawn if row["arm"] == arm]))
            .mark_rect(color=(BLUE, ORANGE, TEAL)[at % 3], stroke="white", strokeWidth=0.5)
            .encode(x=x, x2=alt.X2("hi:Q"), y=y, y2=alt.Y2Datum(0))
            .properties(
                width=width - AXIS_ROOM,
                height=HEIGHT,
                title=alt.TitleParams(
                    heading, anchor="start", fontSize=TEXT, fontWeight="bold", offset=6
                ),
            )
        )
    return alt.vconcat(*panels, spacing=12)
