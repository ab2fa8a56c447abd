"""Where the words of an SVG stand: enough of its geometry to see what is cut or overlaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

# Widths of Arial's letters as shares of the type size; those not named are as wide as a digit.
WIDTHS = {
    **dict.fromkeys("ijl", 0.222),
    **dict.fromkeys("ft.,:;/ !I[]", 0.278),
    **dict.fromkeys("r()-", 0.333),
    **dict.fromkeys("ckvxyzs", 0.5),
    **dict.fromkeys("ABEKPSVXY", 0.667),
    **dict.fromkeys("CDHNRUw", 0.722),
    **dict.fromkeys("GOQ", 0.778),
    **dict.fromkeys("mM", 0.833),
    "%": 0.889,
    "−": 0.584,
    "∞": 0.713,
}
DIGIT = 0.556


@dataclass(frozen=True)
class Box:
    """One line of text and the rectangle it covers, in pixels."""

    text: str
    size: float
    left: float
    top: float
    right: float
    bottom: float

    def inside(self, width: float, height: float) -> bool:
        near = self.left >= -1 and self.top >= -1
        return near and self.right <= width + 1 and self.bottom <= height + 1

    def overlaps(self, other: Box) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 2 and down > 3


def length(text: str, size: float) -> float:
    return size * sum(WIDTHS.get(letter, DIGIT) for letter in text)


def parse(svg: str) -> tuple[float, float, list[Box]]:
    """Return the width and height of an SVG and the box of every text in it."""
    root = ElementTree.fromstring(svg)
    boxes: list[Box] = []
    walk(root, (0.0, 0.0), boxes)
    return float(root.attrib["width"]), float(root.attrib["height"]), boxes


def walk(node: ElementTree.Element, at: tuple[float, float], boxes: list[Box]) -> None:
    transform = node.attrib.get("transform", "")
    moved = re.search(r"translate\(([-\d.]+)[, ]([-\d.]+)\)", transform)
    x, y = at
    if moved:
        x, y = x + float(moved.group(1)), y + float(moved.group(2))
    if node.tag.endswith("}text") and node.attrib.get("opacity") != "0":
        boxes += text_boxes(node, (x, y), turned="rotate" in transform)
    for child in node:
        walk(child, (x, y), boxes)


def text_boxes(node: ElementTree.Element, at: tuple[float, float], *, turned: bool) -> list[Box]:
    size = float(node.attrib["font-size"].removesuffix("px"))
    lines = [child.text or "" for child in node] or [node.text or ""]
    anchor = node.attrib.get("text-anchor", "start")
    found = []
    for row, text in enumerate(lines):
        wide = length(text, size)
        start = {"start": 0.0, "middle": -wide / 2, "end": -wide}[anchor]
        if turned:
            # Turned to the left, the next line of a text stands to the right of the one before.
            top, side = at[1] - start - wide, at[0] + row * (size + 2)
            found.append(Box(text, size, side - size, top, side + 2, top + wide))
        else:
            left, base = at[0] + start, at[1] + row * (size + 2)
            found.append(Box(text, size, left, base - 0.75 * size, left + wide, base + 2))
    return [box for box in found if box.text.strip()]
