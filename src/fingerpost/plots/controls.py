"""Calibration: what the same comparison finds on controls, and the systematic error fitted."""

from __future__ import annotations

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import padded, rule_at, titled
from fingerpost.plots._rows import Row, beside, place
from fingerpost.plots._theme import BLUE, ORANGE, RIGHT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import interval, number, shared_places
from fingerpost.plots.picture import Picture

LABELS_WIDE, LABELS_NARROW, FIGURES = 230, 150, 200
NORMAL = 1.96


def draw_controls(
    table: Table, *, estimator: str, contrast: str, target: str, mean: float, sd: float
) -> Picture | None:
    """Return the controls' estimates of one leaf for one question with 95% intervals, and the band
    in which 95% of systematic errors lie by the fitted mean and sd.
    """
    rows: Rows = []
    for row in table.records():
        value, se = row["estimate"], row["se"]
        asked = (row["estimator"], row["contrast"], row["target"])
        if asked == (estimator, contrast, target) and isinstance(value, int | float):
            reach = NORMAL * float(se) if isinstance(se, int | float) else 0.0
            centre = float(value)
            ends = {"lo": centre - reach, "hi": centre + reach}
            rows.append({"name": str(row["control"]), "value": centre, **ends})
    if not rows:
        return None
    told = "; ".join(f"{row['name']} {words(row)}" for row in rows)
    return picture(
        f"controls-{slug(f'{estimator}-{contrast}-{target}')}",
        lambda width: chart(rows, mean=mean, sd=sd, width=width),
        title=f"What {estimator} finds on controls ({contrast}, {target})",
        description=(
            f"Estimates on controls, where there can be no difference: {told}. Their fitted "
            f"systematic error has mean {number(mean)} and standard deviation {number(sd)}."
        ),
        source=table.name,
    )


def words(row: dict[str, float]) -> str:
    """Return one control's estimate with its limits."""
    places = shared_places((row["value"], row["lo"], row["hi"]))
    return f"{number(row['value'], places)} ({interval(row['lo'], row['hi'], places)})"


def chart(rows: Rows, *, mean: float, sd: float, width: int) -> Drawing:
    """Return the chart at a width."""
    wide = width > 600
    left, right = (LABELS_WIDE, FIGURES) if wide else (LABELS_NARROW, RIGHT)
    entries = [
        Row(
            row["name"],
            note="" if wide else words(row),
            beside=(words(row),) if wide else (),
        )
        for row in rows
    ]
    sheet = place(entries, width - 12, left=left, right=right)
    low, high = mean - NORMAL * sd, mean + NORMAL * sd
    ends = padded([*(row[key] for row in rows for key in ("lo", "hi")), low, high], least=[0.0])
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    title = "estimate, in standard deviations (a ratio: its logarithm)"
    axis = alt.X(
        "x:Q",
        scale=scale,
        axis=alt.Axis(title=titled(title, sheet.plot + 110), tickCount=5 if wide else 4),
    )
    drawn: Rows = [
        {"x": row["value"], "lo": row["lo"], "hi": row["hi"], "y": sheet.middles[at]}
        for at, row in enumerate(rows)
    ]
    base = alt.Chart(data(drawn))
    band: Rows = [{"x": low, "hi": high, "top": 0.0, "end": sheet.height}]
    layers: list[Drawing] = [
        alt.Chart(data(band))
        .mark_rect(color=ORANGE, opacity=0.18)
        .encode(x=axis, x2=alt.X2("hi:Q")),
        alt.Chart(data([{"x": mean}]))
        .mark_rule(color=ORANGE, strokeWidth=2, strokeDash=[6, 4])
        .encode(x=axis),
        rule_at("x", 0.0, axis),
        sheet.labels(),
        base.mark_rule(color=BLUE, strokeWidth=2.5).encode(
            x=alt.X("lo:Q", scale=scale), x2=alt.X2("hi:Q"), y=sheet.y
        ),
        base.mark_point(color=BLUE, filled=True, size=80, opacity=1).encode(x=axis, y=sheet.y),
    ]
    if wide:
        layers.append(beside(entries, sheet))
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)
