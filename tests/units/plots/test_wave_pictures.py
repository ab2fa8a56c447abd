"""Flow by wave, units by wave and period, means of many waves, effects by exposure."""

from __future__ import annotations

import re

from fingerpost.core.table import Table
from fingerpost.plots.event_study import draw_event_study
from fingerpost.plots.wave_flow import draw_cluster_periods, draw_wave_flow
from fingerpost.plots.wave_means import MOST_PLOTS, draw_wave_means

STAGES = ("drawn", "started", "slipped", "withdrew", "merged", "in the analysis")


def since(analysed: int | None = 37) -> Table:
    rows = (("first", "2028 spring", 38, 30, 2, 1, 0, analysed), ("late", "", 20, 0, 0, 0, 0, 20))
    kinds = ("label", "label", *("count",) * 6)
    return Table("since_drawn", "", ("wave", "drawn to begin", *STAGES), kinds, rows)


def means(waves: int) -> Table:
    rows = tuple(
        (f"wave {w:02d}", f"{2000 + t}", t > w, 5, float(w + t))
        for w in range(waves)
        for t in range(6)
    )
    names = ("provision began", "period", "begun", "units", "mean")
    return Table("wave_periods", "", names, ("label", "label", "flag", "count", "number"), rows)


def words_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_every_count_of_the_flow_stands_in_a_box():
    drawn = draw_wave_flow(since())
    assert drawn is not None
    for svg in (drawn.wide, drawn.narrow):
        assert {"38", "30", "37", "20"} <= set(words_of(svg))
    assert "first: drawn 38, started 30, slipped 2, withdrew 1, merged 0" in drawn.description


def test_a_count_that_is_withheld_draws_no_box_of_nought():
    assert draw_wave_flow(since(None)) is None


def test_boxes_count_units_with_the_outcome_and_say_where_some_are_missing():
    rows = tuple(
        ("2028", period, begun, 9, seen, 90)
        for period, begun, seen in (("2027", False, 9), ("2028", True, 8))
    )
    names = ("provision began", "period", "begun", "units", "with the outcome", "rows")
    kinds = ("label", "label", "flag", "count", "count", "count")
    drawn = draw_cluster_periods(Table("cluster_periods", "", names, kinds, rows))
    assert drawn is not None and {"9", "8"} <= set(words_of(drawn.wide))
    assert "fewer than all units in 1 box" in drawn.description


def test_no_wave_is_left_out_in_silence():
    drawn = draw_wave_means(means(7), unit="days", about="absence")
    assert drawn is not None
    assert {f"wave {w:02d}" for w in range(7)} <= set(words_of(drawn.wide))
    many = draw_wave_means(means(MOST_PLOTS + 3), unit="days", about="absence")
    assert many is not None and "Left out of the picture: 3 waves" in many.description


def event_study(exposures: tuple[int, ...]) -> Table:
    names = ("estimator", "exposure", "estimate", "lo", "hi", "band_lo", "band_hi")
    rows = tuple(("gls", at, 0.1, 0.0, 0.2, -0.1, 0.3) for at in exposures)
    return Table("event_study", "", names, ("label", *("number",) * 6), rows)


def test_without_earlier_periods_no_line_is_drawn_where_provision_began():
    alone = draw_event_study(event_study((0, 1)), unit="days", words="gls")
    both = draw_event_study(event_study((-1, 0, 1)), unit="days", words="gls")
    assert alone is not None and both is not None
    assert 'stroke-dasharray="5,4"' not in alone.wide and 'stroke-dasharray="5,4"' in both.wide
    assert not [word for word in words_of(alone.wide) if word.endswith(".5") and word[0] in "01"]
