"""How every picture looks, and the one place where a chart becomes an SVG."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

from fingerpost.plots.picture import Picture

# Drawn twice rather than scaled, so that text keeps its size on a narrow screen.
WIDE, NARROW = 860, 440
TEXT = 13
SMALL = 12
FONT = "Arial, Helvetica, sans-serif"
INK, GREY, LINE = "#1a1a1a", "#595959", "#d0d0d0"
BLUE, ORANGE, TEAL = "#12436d", "#c8501a", "#1d7f77"
# Room at the right for the last label of an axis, which is centred on the end of the plot.
RIGHT = 24
CHARACTER = 6.9

# Altair types layers, concatenations and facets apart; here each is only something to draw.
Drawing = Any
Rows = list[dict[str, Any]]

THEME: dict[str, Any] = {
    "background": "white",
    "padding": 6,
    "config": {
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": SMALL,
            "titleFontSize": TEXT,
            "labelColor": INK,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "gridColor": "#ececec",
            "domainColor": GREY,
            "tickColor": GREY,
            "titlePadding": 8,
            "labelOverlap": True,
        },
        "legend": {
            "orient": "top",
            "title": None,
            "labelFontSize": TEXT,
            "labelColor": INK,
            "labelLimit": 400,
            "symbolSize": 90,
            "padding": 0,
            "offset": 8,
        },
        "text": {"font": FONT, "fontSize": TEXT, "color": INK},
    },
}


def picture(
    name: str, draw: Callable[[int], Drawing], *, title: str, description: str, source: str
) -> Picture:
    """Return the picture that `draw` makes at each width (in pixels)."""
    # Altair checks each part of a chart against its schema, again and again: nine tenths of the
    # time. Tests draw every picture with the checks on.
    with debug_mode(False):
        drawn = {
            size: svg(draw(width), name=f"{name}-{size}", title=title, description=description)
            for size, width in (("wide", WIDE), ("narrow", NARROW))
        }
    return Picture(name, title, description, source, drawn["wide"], drawn["narrow"])


def svg(chart: Drawing, *, name: str, title: str, description: str) -> str:
    """Return a chart as SVG with a title and a description, its identifiers its own."""
    version = "_".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    spec = {**chart.to_dict(validate=False), **THEME}
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=f"v{version}")
    # The picture is one image to a screen reader: roles of its parts would contradict that.
    drawn = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    opening = f'<svg role="img" aria-labelledby="{name}-title {name}-desc" '
    words = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    drawn = drawn.replace("<svg ", opening, 1)
    return re.sub(r"(<svg [^>]*>)", lambda found: found.group(1) + words, drawn, count=1)


def data(rows: Rows) -> alt.Data:
    """Return rows as the chart's own data."""
    return alt.Data(values=rows)


def slug(text: str) -> str:
    """Return a text as an identifier.

    >>> slug("ate trimmed 0.01")
    'ate-trimmed-0-01'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
