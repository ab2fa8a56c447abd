"""How every picture looks, and the one place where a chart becomes an SVG."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

import altair as alt
import vl_convert
from altair.utils import schemapi
from altair.utils.schemapi import debug_mode

from fingerpost.plots._drawn import drawn
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

COPIES = "_deep_copy"  # what Altair calls its own way of copying the parts of a chart
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
    with debug_mode(False), plain_copies():
        specs = {
            size: draw(width).to_dict(validate=False)
            for size, width in (("wide", WIDE), ("narrow", NARROW))
        }
    pages = {
        size: svg(spec, name=f"{name}-{size}", title=title, description=description)
        for size, spec in specs.items()
    }
    points = drawn(specs["wide"])
    return Picture(name, title, description, source, pages["wide"], pages["narrow"], points)


@contextmanager
def plain_copies() -> Iterator[None]:
    """Have Altair copy the parts of a chart as they are. At each step in which a chart is put
    together it makes every part anew, with its hundred settings of which few are set: half of the
    time that a study of a table took.
    """
    own = getattr(schemapi, COPIES)
    setattr(schemapi, COPIES, copied)
    try:
        yield
    finally:
        setattr(schemapi, COPIES, own)


def copied(part: Any, by_ref: set[str]) -> Any:
    """Return a copy of a part of a chart and of all that it holds, as Altair's own would be.

    by_ref: names of settings that are not copied but shared.
    """
    if isinstance(part, schemapi.SchemaBase):
        own = getattr(part, "__deepcopy__", None)
        if own is not None:
            return own(part)
        twin = object.__new__(type(part))
        object.__setattr__(twin, "_args", tuple(copied(each, by_ref) for each in part._args))
        object.__setattr__(twin, "_kwds", copied(part._kwds, by_ref))
        return twin
    if isinstance(part, list):
        return [copied(each, by_ref) for each in part]
    if isinstance(part, dict):
        return {
            name: value if value is alt.Undefined or name in by_ref else copied(value, by_ref)
            for name, value in part.items()
        }
    return part


def svg(spec: dict[str, Any], *, name: str, title: str, description: str) -> str:
    """Return a chart's specification as SVG with a title and a description, its identifiers its
    own.
    """
    version = "_".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    drawing = vl_convert.vegalite_to_svg({**spec, **THEME}, vl_version=f"v{version}")
    # The picture is one image to a screen reader: roles of its parts would contradict that.
    drawing = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawing)
    drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawing)
    opening = f'<svg role="img" aria-labelledby="{name}-title {name}-desc" '
    words = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    drawing = drawing.replace("<svg ", opening, 1)
    return re.sub(r"(<svg [^>]*>)", lambda found: found.group(1) + words, drawing, count=1)


class Shared(alt.Data):
    """Rows that every layer of a chart may share. Altair copies the data at each step in which a
    chart is put together, row by row: half of the time that drawing a picture took.
    """

    def __deepcopy__(self, memo: object = None) -> Shared:
        """Return the rows themselves: nothing changes them once a chart holds them."""
        return self


def data(rows: Rows) -> alt.Data:
    """Return rows as the chart's own data."""
    return Shared(values=rows)


def slug(text: str) -> str:
    """Return a text as an identifier.

    >>> slug("ate trimmed 0.01")
    'ate-trimmed-0-01'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
