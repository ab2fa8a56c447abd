"""Triangulation: every answer to one question on one axis, refused targets named in their place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from fingerpost.core.estimand import Target, Term
from fingerpost.core.output import Output
from fingerpost.core.reasons import broken_words, plainest
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import exposure_words
from fingerpost.plots._rows import Row, Sheet, beside, place, wrapped
from fingerpost.plots._theme import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    RIGHT,
    Drawing,
    Rows,
    data,
    picture,
    slug,
)
from fingerpost.plots.numbers import interval, number, pieces, shared_places
from fingerpost.plots.picture import Picture

COLUMNS = ("target", "estimator", "piece", "value", "lo", "hi", "role", "words")
KINDS = ("label", "label", "number", "number", "number", "number", "label", "label")
FIGURES_WIDTH = 200
LEAST_TICKS = 4
# From far apart to near: the first list that puts enough of them on the axis is used.
RATIO_TICKS = (
    (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
    (0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0),
    (0.2, 0.5, 1.0, 2.0, 5.0),
    (0.25, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 4.0),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0),
    (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2),
    (0.96, 0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04),
    (0.99, 0.995, 1.0, 1.005, 1.01),
)
LABELS_WIDE, LABELS_NARROW = 170, 180


def tables(output: Output) -> tuple[Table, ...]:
    """Return one table a question (outcome, contrast, scale): the rows of its picture, in order.

    role: `primary`, `other`, `apart` (association or conditional), `refused` or `truth`.
    A region gives one row a piece.
    """
    made = []
    for question in questions(output):
        rows = (*refused_rows(output, question), *answered_rows(output, question))
        order = target_order(output, [str(row[0]) for row in rows])
        made.append(
            Table(
                "triangulation",
                f"All answers for {question[0]}, {question[1]}",
                COLUMNS,
                KINDS,
                tuple(sorted(rows, key=lambda row: order[str(row[0])])),
                tells=Tells(keys=("piece",)),
                tags=(("outcome", question[0]), ("contrast", question[1]), ("scale", question[2])),
            )
        )
    return tuple(made)


def questions(output: Output) -> tuple[tuple[str, str, str], ...]:
    """Return every (outcome, contrast, scale) that was answered or refused."""
    terms = [result.term for result in output.results]
    terms += [item.region.term for item in output.regions]
    terms += [term for refusal in output.refusals for term in refusal.terms]
    return tuple(dict.fromkeys((term.outcome, term.words(), term.scale) for term in terms))


def target_order(output: Output, labels: Sequence[str]) -> dict[str, int]:
    """Return the place of each target: as the study asks, then the rest, those apart last."""
    asked = [target.label() for target in output.study.estimand.targets]
    rest = [label for label in dict.fromkeys(labels) if label not in asked]
    causal = [label for label in rest if Target(label.split(" ")[0]).causal]
    apart = [label for label in rest if label not in causal]
    return {label: at for at, label in enumerate((*asked, *causal, *apart))}


def refused_rows(output: Output, question: tuple[str, str, str]) -> list[tuple[Cell, ...]]:
    """Return one row for each target of the question that is refused."""
    rows: dict[tuple[str, str], tuple[Cell, ...]] = {}
    for refusal in output.refusals:
        for term in refusal.terms:
            if (term.outcome, term.words(), term.scale) == question:
                reason = plainest(refusal.rules)
                words = broken_words(reason) if reason else "no leaf may answer"
                label, part = term.target.label(), part_words(term)
                words = f"{part}: {words}" if part else words
                rows[label, part] = (label, part, None, None, None, None, "refused", words)
    return list(rows.values())


def part_words(term: Term) -> str:
    """Return the horizon, the exposure and the subgroup of a term; empty where it has none."""
    by = f"by {term.horizon:g}" if term.horizon is not None else ""
    since = exposure_words(term.exposure_time) if term.exposure_time is not None else ""
    return ", ".join(part for part in (by, since, term.subgroup or "") if part)


def answered_rows(output: Output, question: tuple[str, str, str]) -> list[tuple[Cell, ...]]:
    """Return one row for each estimate, each piece of a region, and each known truth."""
    rows: list[tuple[Cell, ...]] = []
    # Where the study names no leaf as primary, every one with a causal target is.
    named = any(result.primary for result in output.results)
    for result in output.results:
        term = result.term
        if (term.outcome, term.words(), term.scale) == question:
            role = "primary" if result.primary or not named else "other"
            role = role if term.target.causal else "apart"
            name = ", ".join(part for part in (result.estimator, part_words(term)) if part)
            rows.append(
                (term.target.label(), name, None, result.value, result.lo, result.hi, role, "")
            )
    for item in output.regions:
        found = item.region
        if (found.term.outcome, found.term.words(), found.term.scale) == question:
            label, parts = found.term.target.label(), found.pieces or ((math.nan, math.nan),)
            both = any(result.estimator == item.estimator for result in output.results)
            told = "set of values not rejected" if both else ""
            words = (item.estimator, part_words(found.term), told)
            name = ", ".join(part for part in words if part)
            for at, (lo, hi) in enumerate(parts):
                rows.append((label, name, at + 1, found.value, lo, hi, "other", found.method))
    for term, value in output.truth:
        if (term.outcome, term.words(), term.scale) == question:
            rows.append((term.target.label(), "truth", None, value, None, None, "truth", ""))
    return rows


def domain(rows: Sequence[dict[str, Any]], *, ratio: bool) -> tuple[float, float]:
    """Return the axis: it covers the value of no difference and the causal intervals, in full.

    An answer set apart (as observed, or conditional) widens the axis at most to twice that.
    """
    null = 1.0 if ratio else 0.0
    causal = [row for row in rows if row["role"] in ("primary", "other", "truth")]
    if all(row["role"] == "truth" for row in causal):
        causal = []  # where every answer was refused, those set apart are all that there is to draw
    ends = [null, *finite_ends(causal or rows, ratio=ratio)]
    lo, hi = place_on(min(ends), ratio), place_on(max(ends), ratio)
    if hi == lo:
        lo, hi = lo - 1, hi + 1
    most = hi - lo
    others = [place_on(end, ratio) for end in finite_ends(rows, ratio=ratio)]
    if others and max(hi, *others) - min(lo, *others) <= 2 * most:
        lo, hi = min(lo, *others), max(hi, *others)
    pad = 0.06 * (hi - lo)
    return (math.exp(lo - pad), math.exp(hi + pad)) if ratio else (lo - pad, hi + pad)


def ratio_ticks(lo: float, hi: float) -> list[float]:
    """Return round ratios within an axis, even in the logarithm and 1 among them.

    >>> ratio_ticks(0.7, 1.4)
    [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4]
    >>> ratio_ticks(0.03, 9)
    [0.1, 0.5, 1.0, 2.0]
    """
    for steps in RATIO_TICKS:
        found = [tick for tick in steps if lo <= tick <= hi]
        if len(found) >= LEAST_TICKS:
            return found
    return [1.0]


def place_on(value: float, ratio: bool) -> float:
    """Return a value's place on the axis: its logarithm for a ratio."""
    return math.log(value) if ratio else value


def finite_ends(rows: Sequence[dict[str, Any]], *, ratio: bool) -> list[float]:
    """Return every finite value and limit that the axis can show."""
    ends = [row[key] for row in rows for key in ("value", "lo", "hi") if row[key] is not None]
    return [end for end in ends if math.isfinite(end) and (end > 0 or not ratio)]


def draw_triangulation(
    table: Table, *, unit: str, headings: dict[str, str], within: str = ""
) -> Picture:
    """Return the picture of one question.

    unit: words for the axis. headings: what each target's group is called. within: what sets the
    picture's name apart on a page that shows several studies.
    """
    rows, ratio = table.records(), table.tag("scale") == "ratio"
    title = f"{table.title}: every answer on one axis"
    tags = "-".join(str(value) for _, value in table.tags)
    return picture(
        f"triangulation-{slug(f'{within}-{tags}')}",
        lambda width: chart(rows, width, ratio=ratio, unit=unit, headings=headings),
        title=title,
        description=described(rows, ratio=ratio, headings=headings),
        source="triangulation",
    )


def described(rows: Sequence[dict[str, Any]], *, ratio: bool, headings: dict[str, str]) -> str:
    """Return the picture in words: every target, its answers or its refusal."""
    parts = []
    for label in dict.fromkeys(str(row["target"]) for row in rows):
        mine = [row for row in rows if row["target"] == label]
        told = [
            f"refused, {row['words']}" if row["role"] == "refused" else told_row(row)
            for row in mine
        ]
        parts.append(f"{headings.get(label, label)}: {'; '.join(told)}.")
    line = "1, no difference" if ratio else "0, no difference"
    return f"Points with intervals around a line at {line}. {' '.join(parts)}"


def told_row(row: dict[str, Any]) -> str:
    """Return one answer in words."""
    places = shared_places((row["value"], row["lo"], row["hi"]))
    limits = interval(row["lo"], row["hi"], places)
    return f"{row['estimator']} {number(row['value'], places)} ({limits})"


def chart(
    rows: Sequence[dict[str, Any]],
    width: int,
    *,
    ratio: bool,
    unit: str,
    headings: dict[str, str],
) -> Drawing:
    """Return the chart at a width."""
    wide = width > 600
    left, right = (LABELS_WIDE, FIGURES_WIDTH) if wide else (LABELS_NARROW, RIGHT)
    entries = listed_rows(rows, headings, wide=wide)
    sheet = place([row for row, _ in entries], width - 12, left=left, right=right)
    drawn = [
        {**row, "y": sheet.middles[at]} for at, (_, found) in enumerate(entries) for row in found
    ]
    lo, hi = domain(rows, ratio=ratio)
    scale = alt.Scale(domain=[lo, hi], type="log" if ratio else "linear", nice=False, zero=False)
    title = f"{unit} (log scale)" if ratio else unit
    ticks = {"values": ratio_ticks(lo, hi)} if ratio else {"tickCount": 5 if wide else 4}
    axis = alt.X("x:Q", scale=scale, axis=alt.Axis(title=title, **ticks))
    null = {"x": 1.0 if ratio else 0.0}
    layers = [
        alt.Chart(data([null])).mark_rule(color=INK, strokeWidth=1.5).encode(x=axis),
        sheet.labels(),
        *marks(drawn, (lo, hi), axis=axis, sheet=sheet),
    ]
    if wide:
        layers.append(beside([row for row, _ in entries], sheet))
    return alt.layer(*layers).properties(width=sheet.plot, height=sheet.height)


def listed_rows(
    rows: Sequence[dict[str, Any]], headings: dict[str, str], *, wide: bool
) -> list[tuple[Row, list[dict[str, Any]]]]:
    """Return the picture's rows in order: a heading a target, then one row an estimator."""
    entries: list[tuple[Row, list[dict[str, Any]]]] = []
    for label in dict.fromkeys(str(row["target"]) for row in rows):
        entries.append((Row(headings.get(label, label), kind="heading"), []))
        mine = [row for row in rows if row["target"] == label]
        for name in dict.fromkeys(str(row["estimator"]) for row in mine):
            found = [row for row in mine if row["estimator"] == name]
            if found[0]["role"] == "refused":
                entries.append((Row(f"refused: {found[0]['words']}", kind="across"), []))
                continue
            words = figures(found)
            at_right = tuple(wrapped(words, FIGURES_WIDTH - 12)) if wide else ()
            entries.append((Row(name, note="" if wide else words, beside=at_right), found))
    return entries


def figures(found: Sequence[dict[str, Any]]) -> str:
    """Return what stands beside one estimator: its value with its limits, or its set."""
    row = found[0]
    places = shared_places((row["value"], row["lo"], row["hi"]))
    value = number(row["value"], places)
    if row["role"] == "truth":
        return value
    if row["piece"] is not None:
        parts = tuple((each["lo"], each["hi"]) for each in found if not math.isnan(each["lo"]))
        return pieces(parts) if row["value"] is None else f"{value} in {pieces(parts)}"
    if row["lo"] is None and row["hi"] is None:
        return f"{value} (no interval)"
    return f"{value} ({interval(row['lo'], row['hi'], places)})"


def marks(drawn: Rows, ends: tuple[float, float], *, axis: alt.X, sheet: Sheet) -> list[Drawing]:
    """Return intervals, arrows where one runs off the axis, and points."""
    bars, arrows, points = [], [], []
    for row in drawn:
        lo, hi, value = row["lo"], row["hi"], row["value"]
        look = {"y": row["y"], "role": row["role"]}
        if lo is not None and hi is not None and not math.isnan(lo):
            bars.append({**look, "x": clipped(lo, ends), "x2": clipped(hi, ends)})
            arrows += [{**look, "x": ends[0], "way": "left"}] if lo < ends[0] <= hi else []
            arrows += [{**look, "x": ends[1], "way": "right"}] if hi > ends[1] >= lo else []
        if value is not None and ends[0] <= value <= ends[1]:
            points.append({**look, "x": value})
        elif value is not None and not math.isnan(value):
            off = 0 if value < ends[0] else 1
            arrows.append({**look, "x": ends[off], "way": ("left", "right")[off]})
    colour = alt.Color(
        "role:N",
        legend=None,
        scale=alt.Scale(
            domain=["primary", "other", "apart", "truth"], range=[BLUE, BLUE, GREY, ORANGE]
        ),
    )
    return [
        alt.Chart(data(bars))
        .mark_rule(strokeWidth=2.5)
        .encode(x=axis, x2=alt.X2("x2:Q"), y=sheet.y, color=colour),
        *arrow_layers(arrows, axis=axis, sheet=sheet, colour=colour),
        *point_layers(points, axis=axis, sheet=sheet, colour=colour),
    ]


def clipped(value: float, ends: tuple[float, float]) -> float:
    """Return a limit, or the end of the axis where it lies beyond."""
    return min(max(value, ends[0]), ends[1])


def arrow_layers(arrows: Rows, *, axis: alt.X, sheet: Sheet, colour: alt.Color) -> list[Drawing]:
    """Return triangles that point off the axis."""
    layers = []
    for way, angle in (("left", 270), ("right", 90)):
        rows = [arrow for arrow in arrows if arrow["way"] == way]
        if rows:
            layers.append(
                alt.Chart(data(rows))
                .mark_point(shape="triangle-up", angle=angle, filled=True, size=90, opacity=1)
                .encode(x=axis, y=sheet.y, color=colour)
            )
    return layers


def point_layers(points: Rows, *, axis: alt.X, sheet: Sheet, colour: alt.Color) -> list[Drawing]:
    """Return the points: filled where primary, hollow where not, diamonds where set apart."""
    layers = []
    for role, shape, filled in (
        ("primary", "circle", True),
        ("other", "circle", False),
        ("apart", "diamond", False),
        ("truth", "cross", True),
    ):
        rows = [point for point in points if point["role"] == role]
        if rows:
            fill = alt.Undefined if filled else alt.value("white")
            layers.append(
                alt.Chart(data(rows))
                .mark_point(shape=shape, size=95, opacity=1, strokeWidth=2, filled=filled)
                .encode(x=axis, y=sheet.y, color=colour, fill=fill)
            )
    return layers
