"""Pictures: nothing cut, nothing over another, every word large enough, and true to its table."""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fingerpost.core.flow import Flow
from fingerpost.core.study import Guard
from fingerpost.core.table import Table
from fingerpost.plots import _theme
from fingerpost.plots.contour import curve, draw_contour, placed_labels, refined, within
from fingerpost.plots.flow import draw_flow
from fingerpost.plots.love import draw_love
from fingerpost.plots.missing import draw_missing
from fingerpost.plots.numbers import number, percent, shared_places, whole
from fingerpost.plots.overlap import draw_overlap
from fingerpost.plots.picture import Picture
from fingerpost.plots.triangulation import chart, domain, draw_triangulation, tables
from fingerpost.plots.truncation import draw_truncation, sides
from fingerpost.plots.weights import draw_weights
from fingerpost.reports.controls import sensitivity_tables
from fingerpost.reports.phrases import headings
from units.plots import leaves
from units.plots.geometry import Box, parse
from units.reports.fixtures import (
    OUTPUTS,
    WIDE,
    clean,
    named,
    ratio,
    refused,
    regions,
    synthetic,
    three_arms,
    two_outcomes,
)

LEAST_SIZE = 12


def triangulations(make: Callable[[], object]) -> Iterator[Picture]:
    output = make()
    for table in tables(output):  # type: ignore[arg-type]
        yield draw_triangulation(table, unit="outcome, points", headings=headings(output))  # type: ignore[arg-type]


def drawn() -> Iterator[Picture | None]:
    """Every kind of picture, from every fixture that has something unusual for it."""
    for make in OUTPUTS.values():
        yield from triangulations(make)
    trap, three = refused(WIDE), two_outcomes()
    for table in named(trap, "balance"):
        yield draw_love(table, Guard(), about="children who received services")
    yield draw_love(named(clean(), "balance")[0], Guard(warn_smd=0.02, refuse_smd=9.0))
    yield draw_weights(named(trap, "weights"), headings(trap))
    yield draw_overlap(named(trap, "overlap")[0], "services")
    for arm in three.study.arms.names:
        yield draw_overlap(named(three, "overlap")[0], arm)
    for table in named(trap, "truncation"):
        yield draw_truncation(table, unit="IRT points", about="children who received services")
    (contour,) = sensitivity_tables(trap, "strength contour")
    (benchmarks,) = sensitivity_tables(trap, "benchmarks")
    yield draw_contour(contour, benchmarks, unit="IRT points")
    yield draw_contour(contour, None, unit="IRT points")
    yield draw_flow(trap.flow)
    yield draw_flow(Flow(12).then("no arm recorded", 12))
    yield draw_missing(named(trap, "missing")[0])
    yield from leaves.pictures()


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Every picture, drawn with Altair's own checks on."""
    checked = pytest.MonkeyPatch()
    checked.setattr(_theme, "debug_mode", lambda _: contextlib.nullcontext())
    found = [picture for picture in drawn() if picture is not None]
    checked.undo()
    return found


def sizes(pictures: list[Picture]) -> Iterator[tuple[str, str]]:
    for picture in pictures:
        yield f"{picture.name} wide", picture.wide
        yield f"{picture.name} narrow", picture.narrow


def unlike(boxes: list[Box]) -> list[Box]:
    """Boxes without the halo that stands under a label of the same words and place."""
    return list({(box.text, round(box.left), round(box.top)): box for box in boxes}.values())


def test_no_text_is_cut(pictures):
    for name, svg in sizes(pictures):
        width, height, boxes = parse(svg)
        assert boxes, name
        cut = [box.text for box in boxes if not box.inside(width, height)]
        assert cut == [], name


def test_no_text_lies_over_another(pictures):
    for name, svg in sizes(pictures):
        _, _, boxes = parse(svg)
        pairs = itertools.combinations(unlike(boxes), 2)
        over = [(a.text, b.text) for a, b in pairs if a.overlaps(b)]
        assert over == [], name


def test_text_is_large_enough_and_stays_text(pictures):
    for name, svg in sizes(pictures):
        _, _, boxes = parse(svg)
        assert min(box.size for box in boxes) >= LEAST_SIZE, name
        assert not any("…" in box.text for box in boxes), name


def test_pictures_keep_to_their_width(pictures):
    for picture in pictures:
        assert parse(picture.wide)[0] <= _theme.WIDE + 24, picture.name
        assert parse(picture.narrow)[0] <= _theme.NARROW + 24, picture.name


def test_every_picture_has_a_title_and_words_of_its_own(pictures):
    for name, svg in sizes(pictures):
        assert svg.count("<title ") == 1, name
        assert svg.count("<desc ") == 1, name
        assert len(re.search(r"<desc [^>]*>([^<]*)</desc>", svg).group(1)) > 40, name
        assert len(re.findall("aria-", svg)) == 1, name


def test_the_background_is_white(pictures):
    for name, svg in sizes(pictures):
        assert re.search(r'<rect [^>]*fill="white"', svg), name


def test_the_same_table_gives_the_same_picture():
    first, second = (next(triangulations(refused)) for _ in range(2))
    assert first == second


def words_of(svg: str) -> str:
    """All words of a picture."""
    return " ".join(box.text for box in parse(svg)[2])


# ------------------------------------------------------------------------- triangulation
def scales_of(spec: object) -> Iterator[dict[str, object]]:
    """Every scale in a chart's specification."""
    if isinstance(spec, dict):
        if isinstance(spec.get("scale"), dict):
            yield spec["scale"]
        for child in spec.values():
            yield from scales_of(child)
    elif isinstance(spec, list):
        for child in spec:
            yield from scales_of(child)


def test_a_log_axis_is_never_widened():
    (table,) = tables(ratio())
    spec = chart(table.records(), 860, ratio=True, unit="ratio", headings={}).to_dict()
    logs = [scale for scale in scales_of(spec) if scale.get("type") == "log"]
    assert logs
    assert all(scale["nice"] is False for scale in logs)
    ends = {tuple(scale["domain"]) for scale in logs}
    assert len(ends) == 1


@pytest.mark.parametrize("make", [refused, clean, ratio, three_arms, regions, synthetic])
def test_the_axis_holds_every_causal_interval_and_no_difference(make):
    for table in tables(make()):
        is_ratio = table.tag("scale") == "ratio"
        rows = table.records()
        lo, hi = domain(rows, ratio=is_ratio)
        assert lo < (1 if is_ratio else 0) < hi
        for row in rows:
            ends = [row[key] for key in ("value", "lo", "hi")]
            if row["role"] in ("primary", "other", "truth"):
                assert all(lo < e < hi for e in ends if e is not None and math.isfinite(e))


def test_an_association_far_away_does_not_squeeze_the_effects():
    (table,) = tables(refused())
    far = tuple(
        (*row[:3], -900.0, -910.0, -890.0, *row[6:]) if row[6] == "apart" else row
        for row in table.rows
    )
    lo, hi = domain(replace(table, rows=far).records(), ratio=False)
    near = [row for row in table.records() if row["role"] in ("primary", "other")]
    spread = max(row["hi"] for row in near) - min(row["lo"] for row in near)
    assert hi - lo < 2.5 * spread


def test_where_every_answer_is_refused_the_axis_holds_what_is_set_apart_and_the_truth():
    (table,) = tables(refused())
    first = next(row for row in table.rows if row[6] == "apart")
    truth = (first[0], "truth", None, -0.5, None, None, "truth", "")
    rows = tuple(row for row in table.rows if row[6] in ("apart", "refused"))
    lo, hi = domain(replace(table, rows=(*rows, truth)).records(), ratio=False)
    assert lo < min(row[4] for row in rows if row[6] == "apart") and hi > 0


def test_a_refused_target_is_a_row_with_its_reason():
    picture = next(triangulations(refused))
    words = words_of(picture.wide)
    (refusal,) = refused().refusals
    share = next(rule.words for rule in refusal.rules if rule.rule == "largest child")
    assert f"refused: {share}" in words
    assert "All children (ate)" in words
    assert "refused" in picture.description


def test_every_estimate_is_written_beside_its_point():
    output = refused()
    words = words_of(next(triangulations(refused)).wide)
    for result in output.results:
        places = shared_places((result.value, result.lo, result.hi))
        assert number(result.value, places) in words


def test_primary_answers_are_filled_and_others_are_not():
    output = refused()
    picture = next(triangulations(refused))
    filled = len(re.findall(rf'fill="{_theme.BLUE}"[^>]*/>', picture.wide))
    assert filled == sum(result.primary for result in output.results)


# -------------------------------------------------------------------------- other pictures
def test_a_love_plot_names_all_of_34_covariates(pictures):
    found = [picture for picture in pictures if picture.name.startswith("love-maths")]
    assert len(found) == 4
    for picture in found:
        for svg in (picture.wide, picture.narrow):
            words = "".join(box.text for box in parse(svg)[2]).replace(" ", "")
            for name in WIDE.given:
                assert name.replace(" ", "") in words


def test_a_love_plot_counts_what_passes_the_line():
    table = Table(
        "balance",
        "Balance",
        ("covariate", "smd_before", "smd_after"),
        ("label", "number", "number"),
        (("age", 0.3, -0.02), ("sex", -0.2, 0.12), ("fsm", 0.05, 0.01)),
    )
    picture = draw_love(table, Guard())
    told = picture.description
    assert "before weighting, 2 of 3 lie more than 0.1" in told
    assert "after weighting, 1 of 3 lie more than 0.1" in told
    assert "largest distance is 0.300" in told
    assert "(lines at 0.1 and 0.25)" in words_of(picture.wide)
    changed = draw_love(table, Guard(warn_smd=0.25, refuse_smd=0.6))
    assert "before weighting, 1 of 3 lie more than 0.25" in changed.description
    assert "(lines at 0.25 and 0.6)" in words_of(changed.wide)


def test_a_line_that_never_applies_does_not_squeeze_the_points():
    table = named(clean(), "balance")[0]
    near, off = (draw_love(table, Guard(refuse_smd=end)) for end in (0.25, 50.0))
    assert "(line at 0.1)" in words_of(off.wide)
    assert "50 (refusal)" in off.description
    ticks = [[b.text for b in parse(p.wide)[2] if b.text[:2] == "0."] for p in (near, off)]
    assert ticks[0] == ticks[1]


def test_curves_of_the_contour_are_where_the_formula_says():
    """Cinelli & Hazlett (2020), equation 8: bias = se √(df) √(y d / (1 − d))."""
    (contour,) = sensitivity_tables(refused(), "strength contour")
    robustness = sensitivity_tables(refused(), "robustness")[0].records()[0]
    estimate, se, df = (robustness[name] for name in ("estimate", "se", "df"))
    grid = {(d, y): left for d, y, left in contour.rows}
    ends = (max(d for d, _ in grid) * 0.9, max(y for _, y in grid) * 0.9)
    for level in (0.7 * estimate, 0.0, -0.5 * estimate):
        points = curve(refined(grid, ends), level, ends)
        assert len(points) > 40
        for point in points:
            bias = se * math.sqrt(df * point["y"] * point["d"] / (1 - point["d"]))
            assert estimate + bias == pytest.approx(level, abs=0.02 * abs(estimate))


def test_the_zero_line_passes_through_the_robustness_value():
    """At equal shares the line of no difference lies at the robustness value (equation 13)."""
    (contour,) = sensitivity_tables(refused(), "strength contour")
    robustness = sensitivity_tables(refused(), "robustness")[0].records()[0]
    f = abs(robustness["t"]) / math.sqrt(robustness["df"])
    value = 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)
    grid = {(d, y): left for d, y, left in contour.rows}
    ends = (1.5 * value, 1.5 * value)
    points = curve(refined(grid, ends), 0.0, ends)
    nearest = min(points, key=lambda point: abs(point["d"] - point["y"]))
    assert nearest["d"] == pytest.approx(value, abs=0.003)


def test_benchmarks_are_named_in_full():
    (contour,) = sensitivity_tables(refused(), "strength contour")
    (benchmarks,) = sensitivity_tables(refused(), "benchmarks")
    picture = draw_contour(contour, benchmarks, unit="IRT points")
    words = "".join(box.text for box in parse(picture.narrow)[2]).replace(" ", "")
    for row in benchmarks.records():
        assert f"{row['covariate']}×{row['times']:g}" in words


def test_weights_tell_effective_sizes():
    output = refused()
    picture = draw_weights(named(output, "weights"), headings(output))
    words = words_of(picture.wide)
    for table in named(output, "weights"):
        for row in table.records():
            size, children = row["effective_size"], row["children"]
            few = f"{size:.1f}" if size < 10 else whole(size)
            assert f"{few} of {whole(children)} ({percent(size / children)})" in words


def test_nothing_missing_gives_no_picture():
    (table,) = named(clean(), "missing")
    none = tuple(row for row in table.rows if not row[2])
    assert draw_missing(replace(table, rows=none)) is None
    assert draw_flow(Flow()) is None


# --------------------------------------------------------------------------------- colours
def contrast(first: str, second: str) -> float:
    """WCAG 2.2, contrast ratio of two sRGB colours."""
    return max(ratio_of(first, second), ratio_of(second, first))


def ratio_of(first: str, second: str) -> float:
    return (luminance(first) + 0.05) / (luminance(second) + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "colour", [_theme.INK, _theme.GREY, _theme.BLUE, _theme.ORANGE, _theme.TEAL]
)
def test_colours_are_dark_enough_for_text(colour):
    assert contrast(colour, "#ffffff") >= 4.5


def test_the_two_main_colours_differ_in_lightness():
    """So that they are told apart in grey and by colour-blind readers."""
    assert contrast(_theme.BLUE, _theme.ORANGE) >= 1.9


def test_a_benchmark_beyond_the_axes_stands_at_their_end_and_says_so():
    """A covariate that explains all of the outcome lies beyond a grid that ends before R² = 1."""
    (contour,) = sensitivity_tables(refused(), "strength contour")
    (benchmarks,) = sensitivity_tables(refused(), "benchmarks")[:1]
    at = [benchmarks.columns.index(name) for name in ("covariate", "r2_exposure", "r2_outcome")]
    rows = [list(benchmarks.rows[0])]
    for place, cell in zip(at, ("the same test", 0.02, 1.0), strict=True):
        rows[0][place] = cell
    marks = replace(benchmarks, rows=(tuple(rows[0]),))
    at_end = draw_contour(contour, marks, unit="IRT points")
    assert "beyond" not in " ".join(box.text for box in parse(at_end.wide)[2])
    short = replace(contour, rows=tuple(row for row in contour.rows if row[1] < 0.9))
    picture = draw_contour(short, marks, unit="IRT points")
    boxes = parse(picture.wide)[2]
    assert "(beyond: 100% of the" in " ".join(box.text for box in boxes)
    there = within({"d": 0.3, "y": 1.0, "label": "x"}, (0.2, 0.9))
    assert (there["d"], there["y"]) == (0.2, 0.9)
    assert there["label"] == "x (beyond: 30% of the exposure and 100% of the outcome)"
    inside = {"d": 0.1, "y": 0.5, "label": "x"}
    assert within(inside, (0.2, 0.9)) == inside


def test_a_label_at_the_top_moves_none_at_the_foot():
    marks = [{"d": 0.1, "y": y, "label": f"age × {y:g}"} for y in (0.0, 0.01, 0.5, 0.99, 1.0)]
    low, next_, middle, under, top = placed_labels(marks, 1.0, 200)
    assert low["at"] == pytest.approx(low["half"]) and middle["at"] == 0.5
    assert top["at"] == 1.0 - top["half"]
    pairs = ((low, next_), (next_, middle), (middle, under), (under, top))
    assert all(b["at"] - a["at"] >= a["half"] + b["half"] - 1e-9 for a, b in pairs)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((1.0, 2.0), ["below", "above"]),
        ((2.0, 1.0), ["above", "below"]),
        ((1.0, 2.0, 3.0), ["below", "left", "above"]),
        ((3.0, 2.0, 1.0), ["above", "right", "below"]),
        ((1.0, 1.0, 1.0), ["above", "above", "above"]),
    ],
)
def test_labels_of_a_path_stand_clear_of_it(values, found):
    assert sides(values) == found
