"""Areas by wave on a map of hexagons, one alike for each area, whatever its size on the ground.

The layout is a file of the reader's own in the hexjson form (`layout`: odd-r, even-r, odd-q or
even-q; `hexes`: code → q, r, n), read where it lies.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import altair as alt

from fingerpost.core.errors import Malformed
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.plots._theme import INK, SMALL, Drawing, Rows, data, picture, slug
from fingerpost.plots.picture import Picture

FORMS = ("odd-r", "even-r", "odd-q", "even-q")
HIGH = math.sqrt(3) / 2
NOT_IN, NO_WAVE = "#ffffff", "no wave told"
DARKEST, PALEST = (18, 67, 109), (205, 221, 234)
# Corners of a hexagon of radius 1, a corner up, or a side up.
POINTED = "M0,-1L0.866,-0.5L0.866,0.5L0,1L-0.866,0.5L-0.866,-0.5Z"
FLAT = "M1,0L0.5,0.866L-0.5,0.866L-1,0L-0.5,-0.866L0.5,-0.866Z"
GAP = 0.94  # of a hexagon's size, so that neighbours are told apart


@dataclass(frozen=True, slots=True)
class Hexes:
    """A layout: code → (x, y) in widths of a hexagon, north up; names; whether a corner is up."""

    places: dict[str, tuple[float, float]]
    names: dict[str, str]
    pointed: bool


def read_hexjson(path: Path) -> Hexes:
    """Return a layout of hexagons. Raises Malformed where the file is none."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        form, hexes = str(held["layout"]), dict(held["hexes"])
        found = {
            str(code): place(form, int(one["q"]), int(one["r"])) for code, one in hexes.items()
        }
        names = {str(code): str(one.get("n", code)) for code, one in hexes.items()}
    except FileNotFoundError:
        raise Malformed(f"{path}: there is no such file.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Malformed(
            f"{path}: this is no layout in the hexjson form: {{layout: odd-r, hexes: {{code: {{q, "
            "r, n}}}."
        ) from None
    if not found:
        raise Malformed(f"{path}: the layout holds no hexagon.")
    return Hexes(found, names, form.endswith("r"))


def place(form: str, q: int, r: int) -> tuple[float, float]:
    """Return where a hexagon lies, in its widths (or heights, where a side is up).

    >>> place("odd-r", 2, 1)[0], place("even-r", 2, 1)[0], place("odd-q", 1, 0)[1]
    (2.5, 2.0, 0.5)
    """
    if form not in FORMS:
        raise ValueError(form)
    odd = form.startswith("odd")
    if form.endswith("r"):
        return q + 0.5 * (r % 2 == odd), r * HIGH
    return q * HIGH, r + 0.5 * (q % 2 == odd)


def shades(count: int) -> list[str]:
    """Return so many shades from the first wave, darkest, to the last."""
    found = []
    for at in range(count):
        share = at / max(count - 1, 1)
        red, green, blue = (
            round(a + share * (b - a)) for a, b in zip(DARKEST, PALEST, strict=True)
        )
        found.append(f"#{red:02x}{green:02x}{blue:02x}")
    return found


def draw_hexmap(table: Table, hexes: Hexes) -> Picture | None:
    """Return the areas of a roll-out by wave; None where none of them is in the layout.

    table: unit, name, wave, begins, rank (of the wave, from 1). Areas of the layout without a wave
    are hollow; areas that it does not hold are named in the description.
    """
    told = {str(row["unit"]): row for row in table.records()}
    there = [code for code in told if code in hexes.places]
    if not there:
        return None
    waves = sorted(
        {
            (int(str(row["rank"])), str(row["wave"]), str(row["begins"] or ""))
            for row in told.values()
        }
    )
    labels = {wave: label_of(rank, wave, begins) for rank, wave, begins in waves}
    cells: Rows = []
    for code, (x, y) in hexes.places.items():
        row = told.get(code)
        rank = int(str(row["rank"])) if row else 0
        cells.append(
            {
                "x": x,
                "y": y,
                "area": hexes.names[code],
                "wave": labels[str(row["wave"])] if row else NO_WAVE,
                "sign": str(rank) if row else "",
                "dark": bool(row) and rank <= (len(waves) + 1) // 2,
            }
        )
    names = [labels[wave] for _, wave, _ in waves]
    if len(there) < len(hexes.places):
        names.append(NO_WAVE)
    outside = [str(told[code]["name"] or code) for code in told if code not in hexes.places]
    missing = f" Not in the layout: {listing(outside)}." if outside else ""
    outside_words = f"; not in the layout: {listing(outside)}" if outside else ""
    counts = "; ".join(f"{name}: {sum(c['wave'] == name for c in cells)}" for name in names)
    return picture(
        f"hexmap-{slug(table.name)}",
        lambda width: chart(cells, names, hexes, width=width),
        title=f"{counted(len(there), 'area')} by wave{outside_words}",
        description=f"A hexagon an area, by the wave in which provision begins: {counts}.{missing}",
        source=table.name,
    )


def label_of(rank: int, wave: str, begins: str) -> str:
    """Return a wave in the legend."""
    return f"{rank} {wave}, from {begins}" if begins else f"{rank} {wave}"


def chart(cells: Rows, names: list[str], hexes: Hexes, *, width: int) -> Drawing:
    """Return the map at a width."""
    xs, ys = [cell["x"] for cell in cells], [cell["y"] for cell in cells]
    ends_x, ends_y = [min(xs) - 0.7, max(xs) + 0.7], [min(ys) - 0.7, max(ys) + 0.7]
    unit = (width - 24) / (ends_x[1] - ends_x[0])
    unit = min(unit, 34.0)
    size = (2 * GAP * unit / (2 * HIGH)) ** 2
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=ends_x, nice=False, zero=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=ends_y, nice=False, zero=False))
    ramp = shades(len(names) - (NO_WAVE in names)) + [NOT_IN] * (NO_WAVE in names)
    colour = alt.Color(
        "wave:N",
        scale=alt.Scale(domain=names, range=ramp),
        legend=alt.Legend(columns=2 if width > 600 else 1, symbolStrokeColor=INK),
    )
    shape = POINTED if hexes.pointed else FLAT
    base = alt.Chart(data(cells)).encode(x=x, y=y)
    layers: list[Drawing] = [
        base.mark_point(
            shape=shape, size=size, filled=True, opacity=1, stroke="#8c8c8c", strokeWidth=0.7
        ).encode(fill=colour)
    ]
    for dark, ink in (("datum.dark", "white"), ("!datum.dark", INK)):
        layers.append(
            base.transform_filter(dark)
            .mark_text(fontSize=SMALL, color=ink, baseline="middle")
            .encode(text=alt.Text("sign:N"))
        )
    wide, high = (unit * (ends[1] - ends[0]) for ends in (ends_x, ends_y))
    return alt.layer(*layers).properties(width=wide, height=high)
