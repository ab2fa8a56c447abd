"""A picture as a page holds it: two SVG documents, their words, and where the numbers are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drawn:
    """One number that a mark of a picture stands at.

    part: the kind of mark (bar, point, line …); place: which mark of its kind, so that numbers of
    one mark are found together; labels: what it is of; unit: the words of its axis.
    """

    part: str
    place: str
    labels: tuple[tuple[str, str], ...]
    quantity: str
    unit: str
    value: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture at two widths, with its words and the name of the table it was drawn from.

    name: unique within a page. wide, narrow: SVG documents. source: a CSV beside the page. drawn:
    every number in the picture, read off its marks.
    """

    name: str
    title: str
    description: str
    source: str
    wide: str
    narrow: str
    drawn: tuple[Drawn, ...] = ()
