"""Power curves and the design of a roll-out: true to their tables, nothing cut."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from fingerpost.core.table import Table
from fingerpost.plots import _theme
from fingerpost.plots.design_matrix import draw_design_matrix
from fingerpost.plots.picture import Picture
from fingerpost.plots.power_curves import draw_power_curves
from units.plots.geometry import parse

PEAK = {0.0: 0.030, 0.5: 0.045, 1.0: 0.012}


def curves(*, powers: bool = True) -> Table:
    return Table(
        "power_curves",
        "Curves",
        ("structure", "icc", "cac", "mdes", "power_z"),
        ("label", "number", "number", "number", "share"),
        tuple(
            (structure, icc, cac, None if cac == 0.25 else size * (1 + 10 * icc), powers or None)
            for structure in ("nested", "decay")
            for icc in (0.02, 0.05, 0.09)
            for cac, size in sorted({**PEAK, 0.25: 0.0}.items())
        ),
    )


def matrix(waves: int, periods: int, *, long: str = "") -> Table:
    return Table(
        "design_matrix",
        "Design",
        ("wave", "units", "period", "place", "state", "exposure"),
        ("label", "number", "label", "number", "label", "number"),
        tuple(
            (
                f"{long}wave {wave}",
                10 + wave,
                f"20{27 + t // 3} {('autumn', 'spring', 'summer')[t % 3]}",
                t,
                "waits" if t <= wave else "provided for",
                t - wave - 1 if t > wave else None,
            )
            for wave in range(waves)
            for t in range(periods)
        ),
    )


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Pictures of every kind; one of each is drawn with Altair's own checks on."""
    checked = pytest.MonkeyPatch()
    checked.setattr(_theme, "debug_mode", lambda _: contextlib.nullcontext())
    found = [
        *draw_power_curves(curves(), unit="percentage points", times=100.0, effect=-0.03),
        draw_design_matrix(matrix(2, 3, long="areas that asked to go first and were ready: ")),
    ]
    checked.undo()
    found += [draw_design_matrix(matrix(6, 12)), draw_design_matrix(matrix(12, 18))]
    return [picture for picture in found if picture is not None]


def test_nothing_is_cut_or_lies_over_another(pictures):
    assert len(pictures) == 5
    for picture, svg in ((p, s) for p in pictures for s in (p.wide, p.narrow)):
        width, height, boxes = parse(svg)
        assert [box.text for box in boxes if not box.inside(width, height)] == [], picture.name
        pairs = itertools.combinations(boxes, 2)
        assert [(a.text, b.text) for a, b in pairs if a.overlaps(b)] == [], picture.name
        assert min(box.size for box in boxes) >= 12
        assert not any("…" in box.text for box in boxes)


def test_lines_stand_at_the_numbers_of_the_table(pictures):
    decay = next(p for p in pictures if p.name == "power-curves-decay")
    found = {
        (dict(each.labels)["name"], each.place): each.value
        for each in decay.drawn
        if each.quantity == "mdes" and each.part == "line"
    }
    assert len(found) == 9  # the point without a number is left out
    assert sorted(found.values())[-1] == pytest.approx(100 * 0.045 * 1.9)
    (rule,) = [e.value for e in decay.drawn if e.part == "rule"]
    assert rule == pytest.approx(3.0)  # an effect is looked for whatever its sign


def test_words_tell_both_ends_and_the_worst_inside(pictures):
    nested = next(p for p in pictures if p.name == "power-curves-nested")
    assert "ICC 0.02: 3.60 at 0, 1.44 at 1, at worst 5.40 at 0.5" in nested.description
    assert "the effect to be found, 3.00" in nested.description


def test_all_curves_share_one_axis():
    first, second = draw_power_curves(curves(), unit="points")
    tops = [
        max(float(b.text) for b in parse(p.wide)[2] if b.text[0].isdigit()) for p in (first, second)
    ]
    assert tops[0] == tops[1]


def test_the_design_says_when_each_wave_begins(pictures):
    design = next(p for p in pictures if "6 waves" in p.description)
    assert "wave 0 begins in 2027 spring" in design.description
    texts = [box.text for box in parse(design.wide)[2]]
    assert "wave 5 (15)" in texts
    assert texts.count("0") == 6  # each wave begins once


def test_no_rows_no_picture():
    assert draw_design_matrix(matrix(0, 0)) is None
    empty = Table("power_curves", "", curves().columns, curves().kinds, ())
    assert draw_power_curves(empty, unit="points") == ()
