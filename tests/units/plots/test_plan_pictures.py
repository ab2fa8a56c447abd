"""The calendar of a plan and the boundaries of its looks: true to their tables, nothing cut."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from fingerpost.core.table import Table
from fingerpost.plots import _theme
from fingerpost.plots.calendar import draw_calendar
from fingerpost.plots.monitoring import draw_boundaries
from fingerpost.plots.picture import Picture
from fingerpost.plots.raster import png
from units.plots.geometry import Box, parse
from units.plots.test_power_pictures import matrix

LOOKS = Table(
    "looks",
    "Looks",
    ("look", "after", "information", "bound", "harm"),
    ("number", "label", "share", "number", "number"),
    (
        (1, "2027 summer", 0.06, None, 1.9),
        (2, "2028 summer", 0.42, 3.2, 1.7),
        (3, "2029 summer", 0.97, 2.1, 1.6),
        (4, "2029 autumn", 1.0, 2.0, 1.6),
    ),
)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Pictures of both kinds, drawn with Altair's own checks on."""
    checked = pytest.MonkeyPatch()
    checked.setattr(_theme, "debug_mode", lambda _: contextlib.nullcontext())
    long = matrix(2, 3, long="areas that asked to go first and were ready: ")
    found = [
        draw_calendar(long, looks=("2027 spring",), due=True),
        draw_calendar(matrix(6, 12)),
        draw_boundaries(LOOKS),
        draw_boundaries(LOOKS, sides=1),
    ]
    checked.undo()
    return [one for one in found if one is not None]


def own(boxes: list[Box]) -> Iterator[Box]:
    """Yield boxes without the halo that stands under a label of the same words and place."""
    seen: set[tuple[str, float, float]] = set()
    for box in boxes:
        key = (box.text, round(box.left), round(box.top))
        if key not in seen:
            seen.add(key)
            yield box


def test_nothing_is_cut_or_lies_over_another(pictures) -> None:
    assert len(pictures) == 4
    for picture, svg in ((p, s) for p in pictures for s in (p.wide, p.narrow)):
        width, height, boxes = parse(svg)
        assert [box.text for box in boxes if not box.inside(width, height)] == [], picture.name
        pairs = itertools.combinations(own(boxes), 2)
        words = [(a.text, b.text) for a, b in pairs if a.overlaps(b)]
        assert [pair for pair in words if not all(one.isdigit() for one in pair)] == []
        assert not any("…" in box.text for box in boxes)


def test_boundaries_stand_at_the_numbers_of_the_table(pictures) -> None:
    both, one = pictures[2:]
    found = {
        (dict(each.labels)["name"], dict(each.labels)["words"]): each.value
        for each in both.drawn
        if each.part == "point" and each.quantity == "z"
    }
    assert found["benefit", "2"] == 3.2 and found["worse", "2"] == -3.2
    assert found["harm (binds nobody)", "1"] == -1.9
    assert ("benefit", "1") not in found  # nothing can stop there
    shares = {each.value for each in both.drawn if each.quantity == "information"}
    assert shares == {6.0, 42.0, 97.0, 100.0}
    assert "benefit cannot stop it, harm from −1.90" in both.description
    assert not any(dict(each.labels).get("name") == "worse" for each in one.drawn)


def test_the_calendar_says_when_each_wave_begins_and_who_looks(pictures) -> None:
    first, second = pictures[:2]
    assert "Somebody looks after 2027 spring. Returns are due after every period" in (
        first.description
    )
    assert "wave 0 from 2027 spring to 2030 summer" in second.description
    assert "looks" not in second.description
    texts = [box.text for box in parse(second.wide)[2]]
    assert "wave 5 (15)" in texts and "returns due" not in texts


def test_no_rows_no_picture() -> None:
    assert draw_calendar(matrix(0, 0)) is None
    assert draw_boundaries(Table("looks", "", LOOKS.columns, LOOKS.kinds, ())) is None


def test_a_picture_can_be_had_as_pixels(pictures) -> None:
    found = png(pictures[2], scale=1.0)
    assert found[:8] == b"\x89PNG\r\n\x1a\n"
    width = int.from_bytes(found[16:20], "big")
    assert width == pytest.approx(parse(pictures[2].wide)[0], abs=1)
