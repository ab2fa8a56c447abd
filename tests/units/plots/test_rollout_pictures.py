"""The board of returns, waves over the calendar, areas by wave: true to their tables."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.table import Table
from fingerpost.plots import _theme
from fingerpost.plots.board import SHADES, draw_board
from fingerpost.plots.gantt import draw_gantt
from fingerpost.plots.hexmap import draw_hexmap, place, read_hexjson, shades
from fingerpost.plots.picture import Picture
from units.plots.geometry import parse

ENGLAND = Path("/work/shared/data/england_hexmap/uk-upper-tier-local-authorities.hexjson")
STATES = tuple(SHADES)
ENDS = ("2027-12-31", "2028-03-31", "2028-08-31", "2028-12-31")
PERIODS = ("2027 autumn", "2028 spring", "2028 summer", "2028 autumn")


def board(units: int, periods: int) -> Table:
    rows = tuple(
        (f"E0900{u:04d}", "", f"20{27 + t // 3} {t % 3}", STATES[(u + t) % 7], 0, False)
        for u in range(units)
        for t in range(periods)
    )
    kinds = (*("label",) * 4, "number", "flag")
    return Table(
        "board", "Returns", ("unit", "name", "period", "state", "version", "late"), kinds, rows
    )


def calendar(waves: dict[str, str]) -> Table:
    rows = tuple(
        (wave, begins, 30, period, after, until)
        for wave, begins in waves.items()
        for period, after, until in zip(PERIODS, ("", *ENDS), ENDS, strict=False)
    )
    names = ("wave", "begins", "units", "period", "after", "until")
    return Table("calendar", "", names, ("label",) * 6, rows)


def waves(codes, count: int) -> Table:
    rows = tuple(
        (
            code,
            f"Area {code}",
            f"wave {at % count}",
            "" if at % count == count - 1 else "2028 spring",
            at % count + 1,
        )
        for at, code in enumerate(codes)
    )
    names = ("unit", "name", "wave", "begins", "rank")
    return Table("waves", "", names, (*("label",) * 4, "number"), rows)


def hexjson(folder: Path, form: str = "odd-r", many: int = 30) -> Path:
    hexes = {f"H{at:02}": {"n": f"Hex {at}", "q": at % 6, "r": at // 6} for at in range(many)}
    (folder / "own.hexjson").write_text(json.dumps({"layout": form, "hexes": hexes}))
    return folder / "own.hexjson"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> dict[str, Picture]:
    """Pictures of every kind, drawn with Altair's own checks on."""
    checked = pytest.MonkeyPatch()
    checked.setattr(_theme, "debug_mode", lambda _: contextlib.nullcontext())
    folder = tmp_path_factory.mktemp("hex")
    layout = read_hexjson(hexjson(folder))
    codes = [code for code in layout.places if code != "H07"]
    found = {
        "board": draw_board(board(9, 12)),
        "gantt": draw_gantt(
            calendar({"first": "2028 spring", "second": "2028 autumn", "late": ""})
        ),
        "map": draw_hexmap(waves([*codes, "X1"], 4), layout),
    }
    checked.undo()
    return found


def test_nothing_is_cut_or_lies_over_another(pictures):
    for picture, svg in ((p, s) for p in pictures.values() for s in (p.wide, p.narrow)):
        width, height, boxes = parse(svg)
        assert [box.text for box in boxes if not box.inside(width, height)] == [], picture.name
        pairs = itertools.combinations(boxes, 2)
        assert [(a.text, b.text) for a, b in pairs if a.overlaps(b)] == [], picture.name
        assert min(box.size for box in boxes) >= 12
        assert not any("…" in box.text for box in boxes)


def test_the_board_counts_and_signs_every_state(pictures):
    found = pictures["board"]
    assert found.title == "Returns: 9 units by 12 periods"
    counted = {
        state: sum((u + t) % 7 == at for u in range(9) for t in range(12))
        for at, state in enumerate(STATES)
    }
    assert all(f"{state} {count}" in found.description for state, count in counted.items())
    texts = [box.text for box in parse(found.wide)[2]]
    assert texts.count("O") == counted["overdue"] and texts.count("L") == counted["late"]
    assert draw_board(board(0, 0)) is None


def test_waves_begin_the_day_after_the_period_before(pictures):
    found = pictures["gantt"]
    assert "first (30) from 2027-12-31 on; second (30) from 2028-08-31 on" in found.description
    assert "late (30) from" not in found.description
    assert draw_gantt(calendar({})) is None
    whole = draw_gantt(calendar({"all": PERIODS[0]}))
    assert "all (30) from 2027-10-01 on" in whole.description  # as long a period as the next


def test_areas_are_mapped_by_wave_and_those_outside_are_named(pictures):
    found = pictures["map"]
    assert found.title == "29 areas by wave; not in the layout: Area X1"
    assert "no wave told: 1" in found.description
    assert "Not in the layout: Area X1" in found.description
    texts = [box.text for box in parse(found.wide)[2]]
    assert texts.count("1") == 8 and "4 wave 3" in texts
    assert len(set(shades(5))) == 5


def test_rows_and_columns_shove_as_the_form_says():
    # A neighbour lies one width away in every direction of the form.
    for form in ("odd-r", "even-r", "odd-q", "even-q"):
        x, y = place(form, 4, 4)
        near = [
            (q, r)
            for q in range(9)
            for r in range(9)
            if abs((place(form, q, r)[0] - x) ** 2 + (place(form, q, r)[1] - y) ** 2 - 1) < 1e-9
        ]
        assert len(near) == 6, form


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '{"layout": "square", "hexes": {"a": {"q": 1, "r": 1}}}', "no json",
             '{"layout": "odd-r", "hexes": {}}', '{"layout": "odd-r", "hexes": {"a": 1}}']
)  # fmt: skip
def test_a_file_that_is_no_layout_is_told(tmp_path, text):
    (tmp_path / "x.hexjson").write_text(text)
    with pytest.raises(Malformed, match=r"x\.hexjson"):
        read_hexjson(tmp_path / "x.hexjson")
    with pytest.raises(Malformed, match="no such file"):
        read_hexjson(tmp_path / "none")


@pytest.mark.real_data
@pytest.mark.skipif(not ENGLAND.is_file(), reason=f"{ENGLAND} is not here")
def test_the_layout_of_england():
    layout = read_hexjson(ENGLAND)
    assert len(layout.places) == 151 and layout.pointed
    found = draw_hexmap(waves(layout.places, 5), layout)
    for svg in (found.wide, found.narrow):
        _, _, boxes = parse(svg)
        assert [
            (a.text, b.text) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)
        ] == []
    # Northumberland lies north of Cornwall, Kent east of both.
    north, west, east = (layout.places[code] for code in ("E06000057", "E06000052", "E10000016"))
    assert north[1] > west[1] and east[0] > max(north[0], west[0])
