"""Effects by periods since provision began, with what came before it."""

from __future__ import annotations

import math

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import AXIS_ROOM, axis_y, padded, rule_at, titled
from fingerpost.plots._theme import BLUE, GREY, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 270
AXIS = "periods since provision began (0: the period in which it did)"
MOST_TICKS = 12
NARROW = 600
STEPS = (1, 2, 5, 10, 20, 50, 100, 1000)
BETWEEN = -0.5  # where provision begins: after the last period without, before the first with
BEFORE = " Before provision began effects should be nought."


def draw_event_study(table: Table, *, unit: str, words: str) -> Picture | None:
    """Return one leaf's effects by exposure: intervals of each, and bands that hold all at once.

    table: estimator, exposure, estimate, lo, hi, band_lo, band_hi. unit: of the outcome, for the
    axis. words: what a reader calls the leaf.
    """
    rows = points(table)
    if len(rows) < 2:
        return None
    after = [row for row in rows if row["exposure"] >= 0]
    told = "; ".join(
        f"{row['exposure']:g}: {number(row['estimate'])}"
        + (f" ({number(row['lo'])} to {number(row['hi'])})" if row["lo"] is not None else "")
        for row in after
    )
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"event-study-{slug(tags)}-{slug(words)}",
        lambda width: chart(rows, unit=unit, width=width),
        title=f"Effects by periods since provision began, by {words}",
        description=f"Effect at each exposure: {told}. Bars are intervals of each effect; thin "
        f"bars hold all of them at once.{BEFORE if rows[0]['exposure'] < 0 else ''}",
        source=table.name,
    )


def points(table: Table) -> Rows:
    """Return the rows with an estimate, in order of exposure."""
    found: Rows = [
        {key: row.get(key) for key in ("exposure", "estimate", "lo", "hi", "band_lo", "band_hi")}
        for row in table.records()
        if isinstance(row["estimate"], int | float) and isinstance(row["exposure"], int | float)
    ]
    return sorted(found, key=lambda row: float(row["exposure"]))


def steps_of(exposures: list[float], most: int) -> list[int]:
    """Return whole numbers for the ticks of an axis, nought among them, no more than `most`.

    >>> steps_of([-2, 0, 1], 12), steps_of([0, 30], 5)
    ([-2, -1, 0, 1], [0, 10, 20, 30])
    """
    low, high = math.ceil(min(exposures)), math.floor(max(exposures))
    step = next(each for each in STEPS if (high - low) // each < most)
    return [at for at in range(low, high + 1) if at % step == 0]


def chart(rows: Rows, *, unit: str, width: int) -> Drawing:
    """Return the chart at a width."""
    ends = [row[key] for row in rows for key in ("estimate", "lo", "hi", "band_lo", "band_hi")]
    exposures = [float(row["exposure"]) for row in rows]
    # Without a period before, there is no place at which provision would be seen to begin.
    before = min(exposures) < 0
    most = MOST_TICKS if width > NARROW else MOST_TICKS // 2
    axis = alt.Axis(title=AXIS, values=steps_of(exposures, most), format="d")
    scale = alt.Scale(domain=padded(exposures), nice=False, zero=False)
    x = alt.X("exposure:Q", scale=scale, axis=axis)
    room = padded(ends, least=(0.0,))
    y = axis_y("estimate:Q", room, titled(unit, HEIGHT))
    base = alt.Chart(data(rows))
    layers: list[Drawing] = [
        rule_at("estimate", 0.0, axis_y("estimate:Q", room, titled(unit, HEIGHT))),
    ]
    if before:
        layers.append(rule_at("exposure", BETWEEN, x, dashed=True))
    for low, high, thick in (("band_lo", "band_hi", 1.2), ("lo", "hi", 3.0)):
        sure = [row for row in rows if row[low] is not None and row[high] is not None]
        if sure:
            layers.append(
                alt.Chart(data(sure))
                .mark_rule(strokeWidth=thick, color=GREY if thick < 2 else BLUE)
                .encode(
                    x=x,
                    y=axis_y(f"{low}:Q", room, titled(unit, HEIGHT)),
                    y2=alt.Y2(f"{high}:Q"),
                )
            )
    layers.append(base.mark_point(filled=True, size=80, color=BLUE, opacity=1).encode(x=x, y=y))
    return alt.layer(*layers).properties(width=width - AXIS_ROOM, height=HEIGHT)
