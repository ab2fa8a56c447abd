"""A picture as a page holds it: two SVG documents, their words, and where the numbers are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture at two widths, with its words and the name of the table it was drawn from.

    name: unique within a page. wide, narrow: SVG documents. source: a CSV beside the page.
    """

    name: str
    title: str
    description: str
    source: str
    wide: str
    narrow: str
