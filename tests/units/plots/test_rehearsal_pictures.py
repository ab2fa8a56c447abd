"""Pictures of a rehearsal: true to their table, nothing cut."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from fingerpost.core.table import Table
from fingerpost.plots import _theme
from fingerpost.plots.picture import Picture
from fingerpost.plots.rehearsal import draw_rehearsal
from units.plots.geometry import parse

COLUMNS = (
    *("outcome", "target", "estimator", "size", "coverage", "bias", "sd", "se_over_sd"),
    *("mdes80", "share_of_mean", "verdict"),
)
LEAVES = ("gls_exposure_time", "random_timing", "group_time", "randomisation_test")


def table() -> Table:
    rows = tuple(
        (
            *("absence", target, leaf, 0.05, None if leaf == "group_time" else 0.95 - 0.03 * at),
            *(0.001 * at, 0.02 + 0.01 * at, 1.0, 2.8 * (0.02 + 0.01 * at), 0.03),
            ("best", "holds", "size 9.0%", "coverage 86.0%")[at],
        )
        for target in ("exposure_average", "at_exposure")
        for at, leaf in enumerate(LEAVES)
    )
    kinds = (*("label",) * 3, *("number",) * 7, "label")
    return Table("rehearsal", "Rehearsal", COLUMNS, kinds, rows)


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    """The pictures, drawn with Altair's own checks on."""
    checked = pytest.MonkeyPatch()
    checked.setattr(_theme, "debug_mode", lambda _: contextlib.nullcontext())
    found = draw_rehearsal(
        table(), outcome="absence", draws=1000, unit="days", called="Absence", times=10.0
    )
    checked.undo()
    return {each.name.split("-")[1]: each for each in found}


def test_nothing_is_cut_or_lies_over_another(pictures):
    assert set(pictures) == {"mdes", "bias", "coverage"}
    for picture, svg in ((p, s) for p in pictures.values() for s in (p.wide, p.narrow)):
        width, height, boxes = parse(svg)
        assert [box.text for box in boxes if not box.inside(width, height)] == [], picture.name
        pairs = itertools.combinations(boxes, 2)
        assert [(a.text, b.text) for a, b in pairs if a.overlaps(b)] == [], picture.name


def test_points_stand_at_the_numbers_of_the_table(pictures):
    def values(name: str) -> set[float]:
        return {round(each.value, 6) for each in pictures[name].drawn if each.part == "point"}

    assert values("mdes") == {0.56, 0.84, 1.12, 1.4}
    assert values("bias") == {0.0, 0.01, 0.02, 0.03}
    assert values("coverage") == {95.0, 92.0, 86.0}  # one has none


def test_words_tell_every_estimator(pictures):
    for leaf in LEAVES:
        assert leaf in pictures["mdes"].description
    assert "The band is 92 to 98." in pictures["coverage"].description
    assert draw_rehearsal(table(), outcome="other", draws=9, unit="", called="") == ()
