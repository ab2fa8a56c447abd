"""Rows with labels at their left: wrapped, measured and placed, so that nothing is cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from fingerpost.plots._theme import CHARACTER, GREY, INK, SMALL, TEXT, Drawing, Rows, data

LINE_HEIGHT = 16
GAP = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One row's label; `note` stands under it in grey.

    kind: `label`, or what runs across the whole picture: `heading` (bold), `across`. beside: lines
    of text that stand at the right, for which the row must be high enough.
    """

    label: str
    note: str = ""
    kind: str = "label"
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows placed on a sheet: the middle of each in pixels from the top, its lines, its height.

    left, right: pixels kept on either side. plot: pixels of the plot itself. bands: top and bottom
    of every row that runs across the picture, and its kind.
    """

    middles: tuple[float, ...]
    lines: tuple[tuple[float, str, str], ...]
    bands: tuple[tuple[float, float, str], ...]
    height: float
    left: int
    plot: int
    right: int

    @property
    def y(self) -> alt.Y:
        """The vertical position, in pixels from the top."""
        ends = [0, self.height]
        return alt.Y("y:Q", axis=None, scale=alt.Scale(domain=ends, range=ends, nice=False))

    def labels(self) -> Drawing:
        """Return the labels as layers of text, on bands that hide the lines behind them."""
        bands: Rows = [{"y": top, "y2": end, "kind": kind} for top, end, kind in self.bands]
        layers: list[Drawing] = []
        if bands:
            layers.append(
                alt.Chart(data(bands))
                .mark_rect()
                .encode(
                    x=alt.XValue(-self.left),
                    x2=alt.X2Value(self.plot + self.right),
                    y=self.y,
                    y2=alt.Y2("y2:Q"),
                    # Spelt out: to find the class of a bare condition, Altair tries every schema.
                    color=alt.ColorValue(
                        "white", condition={"test": "datum.kind == 'heading'", "value": "#f2f2f2"}
                    ),
                )
            )
        for kind, size, colour in (
            ("label", TEXT, INK),
            ("across", TEXT, INK),
            ("note", SMALL, GREY),
            ("heading", TEXT, INK),
        ):
            rows: Rows = [{"y": y, "text": text} for y, text, of in self.lines if of == kind]
            if rows:
                layers.append(
                    alt.Chart(data(rows))
                    .mark_text(
                        align="left",
                        baseline="middle",
                        fontSize=size,
                        color=colour,
                        fontWeight="bold" if kind == "heading" else "normal",
                    )
                    .encode(x=alt.XValue(-self.left), y=self.y, text=alt.Text("text:N"))
                )
        return alt.layer(*layers)


def beside(rows: Sequence[Row], sheet: Sheet) -> alt.Chart:
    """Return the lines that stand at the right of each row's plot."""
    lines: Rows = [
        {"y": middle + LINE_HEIGHT * (at - (len(row.beside) - 1) / 2), "text": text}
        for row, middle in zip(rows, sheet.middles, strict=True)
        for at, text in enumerate(row.beside)
    ]
    return (
        alt.Chart(data(lines))
        .mark_text(align="left", baseline="middle", fontSize=TEXT, color=INK)
        .encode(x=alt.XValue(sheet.plot + 12), y=sheet.y, text=alt.Text("text:N"))
    )


def wrapped(text: str, pixels: float) -> list[str]:
    """Return the text in lines that are no wider than so many pixels; words break if they must.

    >>> wrapped("a_long_column_name", 70)
    ['a_long_', 'column_', 'name']
    """
    most = max(6, int(pixels / CHARACTER))
    # A column's name may break after an underscore.
    loose = text.replace("_", "_\u200b ")
    found = textwrap.wrap(loose, most, break_long_words=True, break_on_hyphens=True)
    lines = [line.replace("_\u200b ", "_").replace("\u200b", "") for line in found]
    return lines or [""]


def place(rows: Sequence[Row], width: int, *, left: int, right: int, least: int = 26) -> Sheet:
    """Return the rows placed in a picture `width` pixels wide.

    left: pixels for labels; right: pixels after the plot; least: the least height of a row.
    """
    top = 0.0
    middles: list[float] = []
    lines: list[tuple[float, str, str]] = []
    bands: list[tuple[float, float, str]] = []
    for row in rows:
        room = left - 14 if row.kind == "label" else width - 20
        texts = [(text, row.kind) for text in wrapped(row.label, room)]
        texts += [(text, "note") for text in (wrapped(row.note, room) if row.note else [])]
        top += GAP if row.kind == "heading" and top else 0
        height = max(least, LINE_HEIGHT * max(len(texts), len(row.beside)) + GAP)
        first = top + height / 2 - LINE_HEIGHT * (len(texts) - 1) / 2
        lines += [(first + LINE_HEIGHT * at, text, kind) for at, (text, kind) in enumerate(texts)]
        middles.append(top + height / 2)
        if row.kind != "label":
            bands.append((top, top + height, row.kind))
        top += height
    plot = width - left - right
    return Sheet(tuple(middles), tuple(lines), tuple(bands), top, left, plot, right)
