"""Pictures of estimators' own tables: what is drawn is what the table says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fingerpost.plots import survival, tipping
from fingerpost.plots.discontinuity import draw_discontinuity
from fingerpost.plots.forest import draw_forest
from fingerpost.plots.incremental import curve, draw_incremental
from fingerpost.plots.selection import points
from units.plots import leaves
from units.plots.geometry import parse


def words_of(svg: str) -> str:
    return " ".join(box.text for box in parse(svg)[2])


def test_survival_starts_with_nobody_and_ends_where_the_table_does():
    found = survival.curves(leaves.survival_curve(), "survival", "ate")
    for arm, last in (("support", 24.0), ("none", 12.0)):
        own = [row for row in found if row["name"] == arm]
        assert (own[0]["time"], own[0]["risk"]) == (0.0, 0.0)
        assert own[-1]["risk"] == pytest.approx(last)
        assert own[-1]["hi"] - own[-1]["lo"] == pytest.approx(2 * 1.96 * 100 * 0.01)


def test_the_band_is_joined_between_times_that_have_a_standard_error():
    table = leaves.survival_curve(("support",))
    at = table.columns.index("se")
    rows = tuple(
        tuple(None if place == at and row[3] % 3 else cell for place, cell in enumerate(row))
        for row in table.rows
    )
    found = survival.curves(replace(table, rows=rows), "survival", "ate")
    wide = [row["hi"] - row["risk"] for row in found]
    assert wide[6] == pytest.approx(1.96)
    # Nobody has had the event at 0; from there to 3 the band opens evenly.
    assert wide[:4] == pytest.approx([0.0, 1.96 / 3, 2 * 1.96 / 3, 1.96])
    assert all(row["lo"] >= 0 for row in found)


def test_survival_of_another_leaf_or_target_is_not_drawn():
    table = leaves.survival_curve()
    assert survival.curves(table, "other", "ate") == []
    drawn = survival.draw_survival(table, estimator="survival", target="att", about="", time="")
    assert drawn is None


def test_the_cut_off_and_the_gap_are_told():
    picture = draw_discontinuity(
        leaves.rdd_bins(), leaves.rdd_lines(), unit="spelling", running="test_score", cutoff=85.0
    )
    assert picture is not None
    assert "below it the line meets 64.2; at or above it the line meets 59.6" in picture.description
    assert "(the cut-off, 85, is the vertical line)" in words_of(picture.wide)


def test_the_incremental_curve_tells_the_share_provided_for():
    picture = draw_incremental(
        leaves.incremental_curve(),
        contrast="support v none",
        unit="points",
        times=1.0,
        first="help",
    )
    assert picture is not None
    for share in ("10%", "29%", "44%", "60%", "74%"):
        assert share in words_of(picture.wide)
    assert "times 2: 0.250, 60% under help" in picture.description


def test_a_change_is_shown_in_its_unit_but_a_ratio_is_not():
    shown = curve(leaves.incremental_curve(), "support v none", 100.0)
    assert [row["change"] for row in shown] == pytest.approx([-40, -20, 0, 25, 50])
    ratios = curve(leaves.incremental_curve("ratio"), "support v none", 100.0)
    assert ratios[-1]["change"] == pytest.approx(1.5)


def test_the_targeting_curve_stands_where_its_gains_are():
    picture = leaves.targeting(times=100.0)
    assert picture is not None
    found = {(one.quantity, one.value) for one in picture.drawn if one.part == "point"}
    shares = {value for name, value in found if name == "share"}
    assert shares == {10.0, 40.0, 70.0, 100.0}
    assert {round(value) for name, value in found if name == "gain"} == {310, 190, 80, 0}
    assert "10%: 310; 40%: 190" in picture.description


@pytest.mark.parametrize(
    ("value", "ratio"), [(1.5, False), (-1.5, False), (1.8, True), (0.7, True)]
)
def test_lines_of_the_tipping_point_are_where_the_formula_says(value, ratio):
    """Lin, Psaty & Kronmal (1998): what is left is value − gap × effect, of a ratio
    value / effect^gap, so that nothing is left where gap × effect is the value.
    """
    table = leaves.tipping_contour(value, ratio=ratio)
    grid = {(gap, effect): left for gap, effect, left in table.rows}
    found = tipping.curve(grid, 1.0 if ratio else 0.0)
    assert len(found) > 5
    for point in found:
        told = point["x"] * (math.log(point["y"]) if ratio else point["y"])
        assert told == pytest.approx(math.log(value) if ratio else value, abs=0.02)


def test_selection_is_drawn_for_a_few_totals_and_skips_what_is_missing():
    found = points(leaves.oster_grid(), 1.0)
    totals = sorted({round(row["total"], 2) for row in found})
    assert len(totals) == 4
    assert totals[0] > 0.3
    assert totals[-1] == pytest.approx(1.0)
    last = [row for row in found if row["total"] == pytest.approx(1.0)]
    assert len(last) == 10
    assert last[-1]["left"] == pytest.approx(1.5 - 0.1 * 10 * 9)


def test_hidden_bias_tells_where_chance_may_do():
    told = leaves.bounds(1.71)
    never = leaves.bounds(None)
    assert told is not None and never is not None
    assert "It may pass .05 at 1.71" in told.description
    assert "1.71, where chance may do" in words_of(told.wide)
    assert "It may pass .05 nowhere" in never.description


def test_controls_are_told_with_their_limits_and_the_fitted_error():
    picture = leaves.controls()
    assert picture is not None
    assert "height_before −0.220 (−0.298 to −0.142)" in picture.description
    assert "mean −0.180 and standard deviation 0.0200" in picture.description


def test_a_forest_names_every_subgroup_with_its_numbers():
    picture = draw_forest(leaves.forest(), unit="points")
    assert picture is not None
    words = words_of(picture.wide)
    for shown in ("All", "girl = 0", "3.20 (2.50 to 3.90)", "2.80 (2.00 to 3.60)"):
        assert shown in words
    assert picture.source == "subgroups"
