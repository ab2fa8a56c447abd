"""Incremental curve: the answer as the odds of provision are multiplied by more or less."""

from __future__ import annotations

import math

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_y, lettered, padded, rule_at, titled
from fingerpost.plots._theme import BLUE, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, percent, shared_places
from fingerpost.plots.picture import Picture

HEIGHT = 240
MOST_LABELS_NARROW = 5


def draw_incremental(
    table: Table, *, contrast: str, unit: str, times: float, first: str
) -> Picture | None:
    """Return the curve of one contrast. unit: of the change, which is shown multiplied by `times`;
    first: the arm whose odds are multiplied.
    """
    rows = curve(table, contrast, times)
    if len(rows) < 2:
        return None
    ratio = any(row["scale"] == "ratio" for row in rows)
    places = shared_places([row["change"] for row in rows])
    told = "; ".join(
        f"times {row['delta']:g}: {number(row['change'], places)}"
        + (f", {row['text']} under {first}" if row["text"] else "")
        for row in rows
    )
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"incremental-{slug(f'{tags}-{contrast}')}",
        lambda width: chart(rows, unit=unit, first=first, ratio=ratio, width=width),
        title=f"More or less of {first}: the change as its odds are multiplied",
        description=f"The change against things as they are, {unit}. {told}.",
        source=table.name,
    )


def curve(table: Table, contrast: str, times: float) -> Rows:
    """Return the points of a contrast in the order of the factor."""
    found: Rows = []
    for row in table.records():
        change, delta, share = row["change"], row["delta"], row["provided"]
        if row["contrast"] != contrast or not isinstance(change, int | float):
            continue
        limits = [row[name] for name in ("lo", "hi")]
        low, high = (float(end) if isinstance(end, int | float) else None for end in limits)
        by = 1.0 if row["scale"] == "ratio" else times
        found.append(
            {
                "delta": float(str(delta)),
                "scale": row["scale"],
                "change": float(change) * by,
                "lo": None if low is None else low * by,
                "hi": None if high is None else high * by,
                "text": percent(float(share)) if isinstance(share, int | float) else "",
            }
        )
    return sorted(found, key=lambda row: float(row["delta"]))


def chart(rows: Rows, *, unit: str, first: str, ratio: bool, width: int) -> Drawing:
    """Return the chart at a width; at each point stands the share who would be provided for."""
    deltas = [row["delta"] for row in rows]
    room = (max(deltas) / min(deltas)) ** 0.07
    title = f"odds of {first} multiplied by (log scale); beside the points, the share under {first}"
    scale = alt.Scale(type="log", domain=[min(deltas) / room, max(deltas) * room], nice=False)
    axis = alt.Axis(
        title=titled(title, width),
        values=spread_out(deltas, 8 if width > 600 else MOST_LABELS_NARROW),
        format="~g",
    )
    x = alt.X("delta:Q", scale=scale, axis=axis)
    null = 1.0 if ratio else 0.0
    ends = padded([row[key] for row in rows for key in ("change", "lo", "hi")], least=[null])
    ends[1] += 0.08 * (ends[1] - ends[0])
    y = axis_y("change:Q", ends, titled(unit, HEIGHT + AXIS_ROOM))
    null_axis = axis_y("null:Q", ends, titled(unit, HEIGHT + AXIS_ROOM))
    layers: list[Drawing] = [rule_at("null", null, null_axis, dashed=True)]
    sure = [row for row in rows if row["lo"] is not None and row["hi"] is not None]
    if sure:
        low = axis_y("lo:Q", ends, titled(unit, HEIGHT + AXIS_ROOM))
        layers.append(
            alt.Chart(data(sure))
            .mark_area(color=BLUE, opacity=0.16)
            .encode(x=x, y=low, y2=alt.Y2("hi:Q"))
        )
    base = alt.Chart(data(rows))
    layers += [
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y),
        base.mark_point(color=BLUE, filled=True, size=70, opacity=1).encode(x=x, y=y),
        *lettered([row for row in rows if row["delta"] in axis_values(axis)], x, y, dy=-16),
    ]
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)


def axis_values(axis: alt.Axis) -> list[float]:
    """Return the values at which an axis has ticks."""
    return [float(value) for value in axis.to_dict(validate=False)["values"]]


def spread_out(deltas: list[float], most: int) -> list[float]:
    """Return at most so many of the factors, evenly apart; 1 among them where it is there.

    >>> spread_out([0.25, 0.5, 1.0, 2.0, 4.0], 3)
    [0.25, 1.0, 4.0]
    """
    if len(deltas) <= most:
        return deltas
    step = math.ceil((len(deltas) - 1) / max(most - 1, 1))
    start = deltas.index(1.0) % step if 1.0 in deltas else 0
    return deltas[start::step]
