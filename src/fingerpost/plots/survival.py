"""Survival curves: the share that has had the event as time goes on, an arm a line."""

from __future__ import annotations

from bisect import bisect_left

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, COLOURS, axis_x, axis_y, colour_of, dash_of
from fingerpost.plots._theme import Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 260
NORMAL = 1.96
MOST_ARMS = 4
AXIS = "children with the event, of 100"


def draw_survival(
    table: Table, *, estimator: str, target: str, about: str, time: str
) -> Picture | None:
    """Return the curves of one leaf's answer for one target; `time` is the axis in its unit.

    Bands hold with 95% confidence at each time by itself, by the normal; none where there is no
    standard error.
    """
    rows = curves(table, estimator, target)
    arms = list(dict.fromkeys(row["name"] for row in rows))[:MOST_ARMS]
    rows = [row for row in rows if row["name"] in arms]
    if not rows:
        return None
    ends = {arm: [row for row in rows if row["name"] == arm][-1] for arm in arms}
    told = "; ".join(
        f"under {arm} {number(row['risk'])} by {row['time']:g}" for arm, row in ends.items()
    )
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"survival-{slug(f'{tags}-{estimator}-{target}')}",
        lambda width: chart(rows, arms, time=time, width=width),
        title=f"Children with the event as time goes on, {about}",
        description=f"Of 100 children, how many would have had the event: {told} ({time}).",
        source=table.name,
    )


def curves(table: Table, estimator: str, target: str) -> Rows:
    """Return the points of every arm's curve in children of a hundred, from nobody at time 0."""
    found: Rows = []
    for row in table.records():
        told = row["risk"]
        mine = row["estimator"] == estimator and row["target"] == target
        if (
            not mine
            or not isinstance(told, int | float)
            or not isinstance(row["time"], int | float)
        ):
            continue
        risk, se, arm = float(told), row["se"], str(row["arm"])
        if not any(each["name"] == arm for each in found):
            found.append({"name": arm, "time": 0.0, "risk": 0.0, "lo": 0.0, "hi": 0.0})
        reach = NORMAL * float(se) if isinstance(se, int | float) else None
        low, high = (None, None) if reach is None else (risk - reach, risk + reach)
        found.append(
            {
                "name": arm,
                "time": float(row["time"]),
                "risk": 100 * risk,
                "lo": None if low is None else 100 * max(0.0, low),
                "hi": None if high is None else 100 * min(1.0, high),
            }
        )
    return banded(found)


def banded(rows: Rows) -> Rows:
    """Return points with the ends of the band at those that have none of their own, between two
    that have: as far from the curve as the nearest two are, by their distance in time.
    """
    found: Rows = []
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        sure = [row for row in own if row["hi"] is not None]
        at = [row["time"] for row in sure]
        for row in own:
            place = bisect_left(at, row["time"])
            if row["hi"] is None and 0 < place < len(sure):
                before, after = sure[place - 1], sure[place]
                share = (row["time"] - before["time"]) / (after["time"] - before["time"])
                down, up = (
                    (1 - share) * abs(before[end] - before["risk"])
                    + share * abs(after[end] - after["risk"])
                    for end in ("lo", "hi")
                )
                low, high = max(0.0, row["risk"] - down), min(100.0, row["risk"] + up)
                row = {**row, "lo": low, "hi": high}
            found.append(row)
    return found


def chart(rows: Rows, arms: list[str], *, time: str, width: int) -> Drawing:
    """Return the chart at a width."""
    tops = [row["hi"] if row["hi"] is not None else row["risk"] for row in rows]
    x = axis_x("time:Q", [0, max(row["time"] for row in rows)], time)
    ends = [0, 1.06 * max([*tops, 1e-6])]
    y = axis_y("risk:Q", ends, AXIS)
    colour = colour_of(arms)
    # Bands have no colour scale of their own: a legend would show theirs, which are pale.
    layers: list[Drawing] = []
    for arm, shade in zip(arms, COLOURS, strict=False):
        sure = [row for row in rows if row["name"] == arm and row["lo"] is not None]
        if len(sure) > 1:
            layers.append(
                alt.Chart(data(sure))
                .mark_area(interpolate="step-after", opacity=0.16, color=shade)
                .encode(x=x, y=axis_y("lo:Q", ends, AXIS), y2=alt.Y2("hi:Q"))
            )
    layers.append(
        alt.Chart(data(rows))
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(x=x, y=y, color=colour, strokeDash=dash_of(arms))
    )
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)
