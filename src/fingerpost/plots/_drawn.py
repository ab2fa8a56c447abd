"""What a chart draws, as data: every number that a mark of it stands at, read off the chart itself.

So the file beside a picture holds what is in the picture and nothing else, whatever draws it. A
picture whose rows are placed in pixels gives each number the words that stand beside its row.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fingerpost.plots.picture import Drawn

Spec = dict[str, Any]
NOT_NUMBERS = ("order", "detail", "tooltip", "text", "key", "href", "url")
PARTS = ("layer", "hconcat", "vconcat", "concat")
LINE = 17  # pixels between lines of one label, and a little
NOTE_SIZE = 12
DIGITS = 12  # of a number, beyond which arithmetic alone speaks
# Filters that are understood: a flag, and a field that is one value.
FLAG = re.compile(r"^(?P<no>!?)datum\.(?P<name>\w+)$")
EQUAL = re.compile(r"^\(?datum\.(?P<name>\w+) ===? (?P<value>'[^'\\]*'|-?[\d.]+|true|false)\)?$")
# What makes a picture show other numbers than its rows hold, or more pictures of one.
RECKONED = ("aggregate", "bin", "timeUnit", "impute")
UNREAD = "its numbers cannot be read off its rows; reckon them before it is drawn"
REPEATED = ("facet", "repeat", "spec")


@dataclass(frozen=True, slots=True)
class Mark:
    """One layer: the kind of its marks, how it shows fields, its rows."""

    kind: str
    encoding: Spec
    rows: list[Spec]
    bold: bool
    size: float


@dataclass(slots=True)
class Margin:
    """The words at the sides of a picture, by their height in pixels."""

    labels: list[tuple[float, str]] = field(default_factory=list)
    headings: list[tuple[float, str]] = field(default_factory=list)
    beside: list[tuple[float, str]] = field(default_factory=list)


def drawn(spec: Spec) -> tuple[Drawn, ...]:
    """Return every number that the marks of a chart (a Vega-Lite specification) stand at.

    Left out are places in pixels, which say nothing of the records, and where words are put. Raises
    ValueError where the chart itself reckons, selects or repeats in a way that is not understood:
    its numbers would not be those of its rows, and the file beside it would say what it does not
    show. What a chart shows is to be reckoned before it is drawn.
    """
    marks = list(marks_of(spec, {}, None, sets=spec.get("datasets", {})))
    shown = [mark for mark in marks if mark.kind not in ("text", "rect") or not margin_of(mark)]
    words = margin(marks)
    middles = sorted({row["y"] for mark in shown if pixels(mark, "y") for row in mark.rows})
    beside = {at: joined(mine) for at, mine in nearest(words.labels, middles).items()}
    told = {at: joined(mine) for at, mine in nearest(words.beside, middles).items()}
    found: dict[tuple[object, ...], list[Drawn]] = {}
    seen: Counter[str] = Counter()
    for mark in shown:
        if mark.kind == "text":
            continue
        for row in mark.rows:
            labels = labels_of(mark, row)
            if pixels(mark, "y"):
                at = row["y"]
                extra = {
                    "heading": heading(words.headings, at),
                    "row": beside.get(at, ""),
                    "words": told.get(at, ""),
                }
                if extra["row"] in labels.values():
                    del extra["row"]
                labels = {**{name: text for name, text in extra.items() if text}, **labels}
            numbers = tuple(numbers_of(mark, row))
            if numbers:
                key = (mark.kind, *labels.items(), *numbers)
                if key not in found:
                    seen[mark.kind] += 1
                    said, place = tuple(labels.items()), str(seen[mark.kind])
                    found[key] = [Drawn(mark.kind, place, said, *each) for each in numbers]
    return tuple(each for many in found.values() for each in many)


def marks_of(
    spec: Spec, encoding: Spec, rows: list[Spec] | None, *, sets: dict[str, list[Spec]]
) -> Iterator[Mark]:
    """Yield every layer of a specification with the encoding and the data that it inherits."""
    encoding = {**encoding, **spec.get("encoding", {})}
    refuse_reckoned(spec, encoding)
    rows = rows_of(spec, rows, sets)
    for name in PARTS:
        for part in spec.get(name, ()):
            yield from marks_of(part, encoding, rows, sets=sets)
    mark = spec.get("mark")
    if mark is not None:
        named = {"type": mark} if isinstance(mark, str) else mark
        bold = named.get("fontWeight") == "bold"
        size = float(named.get("fontSize") or 0)
        yield Mark(str(named["type"]), encoding, rows or [], bold, size)


def refuse_reckoned(spec: Spec, encoding: Spec) -> None:
    """Raise ValueError for a chart that reckons, or repeats, by itself."""
    found = [name for name in REPEATED if name in spec]
    found += [name for name in ("row", "column", "facet") if name in encoding]
    for channel, told in encoding.items():
        if isinstance(told, dict):
            found += [f"{name} of {channel}" for name in RECKONED if told.get(name)]
    if found:
        raise ValueError(f"a chart with {', '.join(found)}: {UNREAD}")


def rows_of(spec: Spec, rows: list[Spec] | None, sets: dict[str, list[Spec]]) -> list[Spec] | None:
    """Return the rows of a part of a chart: its own, or those it inherits, that it selects."""
    told = spec.get("data")
    if told is not None:
        if "values" not in told and told.get("name") not in sets:
            raise ValueError("a chart of rows that it does not hold")
        rows = told["values"] if "values" in told else sets[told["name"]]
    tests = [test_of(transform) for transform in spec.get("transform", ())]
    return rows if rows is None else [row for row in rows if all(test(row) for test in tests)]


def test_of(transform: Spec) -> Callable[[Spec], bool]:
    """Return what a row is asked by a filter; ValueError for what is no filter of two kinds."""
    words = transform.get("filter") if set(transform) == {"filter"} else None
    flag, equal = FLAG.match(str(words)), EQUAL.match(str(words))
    if flag is not None:
        return lambda row: bool(row.get(flag["name"])) != bool(flag["no"])
    if equal is not None:
        value = equal["value"]
        sought = value[1:-1] if value.startswith("'") else json.loads(value)
        return lambda row: row.get(equal["name"]) == sought
    raise ValueError(f"a chart with {transform}: {UNREAD}")


def pixels(mark: Mark, channel: str) -> bool:
    """Return whether a mark's vertical place is in pixels: its scale leads from a number to it."""
    scale = (mark.encoding.get(channel[0]) or {}).get("scale") or {}
    return channel[0] == "y" and "range" in scale and scale.get("domain") == scale["range"]


def margin_of(mark: Mark) -> bool:
    """Return whether a mark is at the side of a picture whose rows are placed in pixels."""
    return pixels(mark, "y") and "value" in (mark.encoding.get("x") or {})


def margin(marks: list[Mark]) -> Margin:
    """Return the words at the sides; those that run across the picture are of no row."""
    across = [
        (row["y"], row["y2"])
        for mark in marks
        if mark.kind == "rect" and margin_of(mark)
        for row in mark.rows
        if row.get("kind") == "across"
    ]
    found = Margin()
    for mark in marks:
        if mark.kind != "text" or not margin_of(mark):
            continue
        for row in mark.rows:
            line = (float(row["y"]), str(row.get("text", "")))
            if any(top <= line[0] <= end for top, end in across):
                continue
            if mark.encoding["x"]["value"] > 0:
                found.beside.append(line)
            elif mark.bold:
                found.headings.append(line)
            elif mark.size != NOTE_SIZE:
                found.labels.append(line)
    return found


def nearest(
    lines: list[tuple[float, str]], middles: list[float]
) -> dict[float, list[tuple[float, str]]]:
    """Return, by the middle of each row, the lines that are nearest to it."""
    found: dict[float, list[tuple[float, str]]] = {}
    for line in lines if middles else ():
        found.setdefault(min(middles, key=lambda at: abs(at - line[0])), []).append(line)
    return found


def joined(lines: list[tuple[float, str]]) -> str:
    """Return lines as one text from top to bottom; a name broken after an underscore is whole."""
    text = ""
    for _, line in sorted(set(lines)):
        text += line if not text or text.endswith("_") else f" {line}"
    return text


def heading(lines: list[tuple[float, str]], at: float) -> str:
    """Return the heading that stands above a row, all of its lines."""
    above = sorted(line for line in lines if line[0] < at)
    mine: list[tuple[float, str]] = []
    for line in reversed(above):
        if mine and mine[-1][0] - line[0] > LINE:
            break
        mine.append(line)
    return joined(mine)


def labels_of(mark: Mark, row: Spec) -> dict[str, str]:
    """Return what a row says in words, and its numbers that are names."""
    found = {
        ("words" if name == "text" else name): cell
        for name, cell in row.items()
        if isinstance(cell, str) and cell
    }
    for told in mark.encoding.values():
        name = told.get("field") if isinstance(told, dict) else None
        if name in row and told.get("type") in ("ordinal", "nominal") and number(row[name]):
            found[str(name)] = f"{row[name]:.{DIGITS}g}"
    return found


def numbers_of(mark: Mark, row: Spec) -> Iterator[tuple[str, str, float]]:
    """Yield what a mark stands at: the quantity, the words of its axis, the number."""
    for channel, told in mark.encoding.items():
        if channel in NOT_NUMBERS or not isinstance(told, dict) or pixels(mark, channel):
            continue
        if told.get("type") in ("ordinal", "nominal"):
            continue
        cell = row.get(str(told.get("field")))
        if number(cell):
            yield str(told["field"]), axis_words(mark, channel), float(f"{cell:.{DIGITS}g}")


def number(cell: object) -> bool:
    """Return whether a cell is a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def axis_words(mark: Mark, channel: str) -> str:
    """Return the title of the axis along which a channel runs."""
    told = mark.encoding.get(channel.removesuffix("2")) or {}
    title = (told.get("axis") or {}).get("title") or told.get("title") or ""
    return " ".join(title) if isinstance(title, list) else str(title)
