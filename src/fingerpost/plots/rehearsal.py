"""Rehearsals: what each estimator of a plan finds, and how often its intervals hold the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from fingerpost.core.table import Table
from fingerpost.plots._axes import padded
from fingerpost.plots._rows import Row, Sheet, beside, place
from fingerpost.plots._theme import BLUE, GREY, RIGHT, Drawing, Rows, data, picture, slug
from fingerpost.plots.numbers import number, percent
from fingerpost.plots.picture import Picture

LABELS, FIGURES = 190, 150
BAND = (92.0, 98.0)
SURE = 1.96  # Monte Carlo standard errors of an interval


@dataclass(frozen=True, slots=True)
class Dots:
    """One picture of dots: its name, title and axis; ends of the axis, and lines across it."""

    name: str
    title: str
    axis: str
    ends: list[float]
    lines: tuple[float, ...]
    band: tuple[float, float] | None = None


def draw_rehearsal(
    table: Table, *, outcome: str, draws: int, unit: str, called: str, times: float = 1.0
) -> tuple[Picture, ...]:
    """Return three pictures of an outcome's rehearsal: the smallest detectable effects, biases
    where nothing happens, and coverage, each with its Monte Carlo interval (95%).

    table: `rehearsal` of a rehearsal. times: by which effects are multiplied to be in `unit`.
    called: what the outcome is called.
    """
    rows = [row for row in table.records() if row["outcome"] == outcome]
    if not rows:
        return ()
    found = {
        "mdes": [mdes_row(row, draws, times) for row in rows],
        "bias": [bias_row(row, draws, times) for row in rows],
        "coverage": [
            coverage_row(row, draws) for row in rows if isinstance(row["coverage"], int | float)
        ],
    }
    return tuple(
        dots(dots_of(kind, own, unit=unit, called=called, about=outcome), own, source=table.name)
        for kind, own in found.items()
        if own
    )


def dots_of(kind: str, rows: Rows, *, unit: str, called: str, about: str) -> Dots:
    """Return how one quantity is drawn."""
    ends = [each[key] for each in rows for key in ("lo", "hi")]
    name = f"rehearsal-{kind}-{slug(about)}"
    if kind == "mdes":
        title = f"Smallest detectable effect by estimator: {called}"
        axis = f"effect found with power 80% ({unit})"
        return Dots(name, title, axis, [0.0, padded(ends)[1]], (0.0,))
    if kind == "bias":
        title = f"Mean answer where nothing happens: {called}"
        return Dots(name, title, f"mean answer ({unit})", padded(ends, least=[0.0]), (0.0,))
    title = f"How often intervals of 95% hold a planted effect: {called}"
    held = padded(ends, least=[90.0, 99.0])
    limits = [max(held[0], 0.0), min(held[1], 100.0)]
    return Dots(name, title, "per cent of draws", limits, (95.0,), BAND)


def mdes_row(row: dict[str, Any], draws: int, times: float) -> dict[str, Any]:
    """Return the smallest detectable effect of a row, with the interval that draws leave it."""
    value = times * float(row["mdes80"])
    away = SURE * value / (2 * (draws - 1)) ** 0.5
    share = "" if row["share_of_mean"] is None else f" ({percent(row['share_of_mean'])} of mean)"
    return dot(row, value, away, f"{number(value)}{share}")


def bias_row(row: dict[str, Any], draws: int, times: float) -> dict[str, Any]:
    """Return the bias of a row."""
    value = times * float(row["bias"])
    away = SURE * times * float(row["sd"]) / draws**0.5
    return dot(row, value, away, number(value))


def coverage_row(row: dict[str, Any], draws: int) -> dict[str, Any]:
    """Return the coverage of a row in per cent."""
    share = float(row["coverage"])
    away = SURE * 100 * (share * (1 - share) / draws) ** 0.5
    found = dot(row, 100 * share, away, f"{100 * share:.1f}")
    return {**found, "lo": max(found["lo"], 0.0), "hi": min(found["hi"], 100.0)}


def dot(row: dict[str, Any], value: float, away: float, words: str) -> dict[str, Any]:
    """Return a row of a picture."""
    return {
        "heading": str(row["target"]),
        "estimator": str(row["estimator"]),
        "verdict": str(row["verdict"]),
        "value": value,
        "lo": value - away,
        "hi": value + away,
        "words": words,
    }


def dots(own: Dots, rows: Rows, *, source: str) -> Picture:
    """Return one picture of dots."""
    told = "; ".join(f"{each['estimator']} ({each['heading']}) {each['words']}" for each in rows)
    beyond = f" The band is {BAND[0]:g} to {BAND[1]:g}." if own.band else ""
    return picture(
        own.name,
        lambda width: chart(own, rows, width),
        title=own.title,
        description=f"{own.axis}: {told}.{beyond} Filled points may be chosen.",
        source=source,
    )


def chart(own: Dots, rows: Rows, width: int) -> Drawing:
    """Return the chart at a width."""
    wide = width > 600
    entries = listed(rows, wide=wide)
    left, right = LABELS, FIGURES if wide else RIGHT
    sheet = place([row for row, _ in entries], width - 12, left=left, right=right)
    drawn = [
        {**found, "y": sheet.middles[at]}
        for at, (_, found) in enumerate(entries)
        if found is not None
    ]
    scale = alt.Scale(domain=own.ends, nice=False, zero=False)
    axis = alt.X("x:Q", scale=scale, axis=alt.Axis(title=own.axis, tickCount=5))
    layers = [*backs(own, axis=axis, sheet=sheet), sheet.labels(), *marks(drawn, axis, sheet)]
    if wide:
        layers.append(beside([row for row, _ in entries], sheet))
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)


def listed(rows: Rows, *, wide: bool) -> list[tuple[Row, dict[str, Any] | None]]:
    """Return the picture's rows: a heading a target, then an estimator a row."""
    found: list[tuple[Row, dict[str, Any] | None]] = []
    for heading in dict.fromkeys(each["heading"] for each in rows):
        found.append((Row(heading.replace("_", " "), kind="heading"), None))
        for each in (one for one in rows if one["heading"] == heading):
            words = (each["words"],) if wide else ()
            note = "" if wide else each["words"]
            found.append((Row(each["estimator"], note=note, beside=words), each))
    return found


def backs(own: Dots, *, axis: alt.X, sheet: Sheet) -> Sequence[Drawing]:
    """Return the band of what is asked for, and the lines."""
    layers: list[Drawing] = []
    if own.band is not None:
        ends = [{"x": max(own.band[0], own.ends[0]), "x2": min(own.band[1], own.ends[1])}]
        layers.append(
            alt.Chart(data(ends))
            .mark_rect(color="#e4ebf2")
            .encode(x=axis, x2=alt.X2("x2:Q"), y=alt.YValue(0), y2=alt.Y2Value(sheet.height))
        )
    for line in own.lines:
        layers.append(
            alt.Chart(data([{"x": line}]))
            .mark_rule(color=GREY, strokeWidth=1.2, strokeDash=[5, 4] if own.band else [1, 0])
            .encode(x=axis)
        )
    return layers


def marks(rows: Rows, axis: alt.X, sheet: Sheet) -> list[Drawing]:
    """Return intervals and points: filled where the estimator may be chosen."""
    bars = [{"x": each["lo"], "x2": each["hi"], "y": each["y"]} for each in rows]
    layers: list[Drawing] = [
        alt.Chart(data(bars))
        .mark_rule(strokeWidth=2.5, color=BLUE)
        .encode(x=axis, x2=alt.X2("x2:Q"), y=sheet.y)
    ]
    for filled in (True, False):
        own = [
            {"x": each["value"], "y": each["y"]}
            for each in rows
            if (each["verdict"] in ("best", "holds")) is filled
        ]
        if own:
            points = alt.Chart(data(own))
            drawn = (
                points.mark_point(filled=True, size=95, opacity=1, color=BLUE)
                if filled
                else points.mark_point(size=95, opacity=1, stroke=BLUE, fill="white")
            )
            layers.append(drawn.encode(x=axis, y=sheet.y))
    return layers
