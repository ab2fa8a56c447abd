"""What unrecorded need could explain: at the true difference and slope, nothing is left."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.access import Access
from fingerpost.core.estimand import Term, pair
from fingerpost.studies.access.gaps import OBSERVED, PROVISION, Gaps, Setting, gaps
from fingerpost.studies.access.unrecorded import (
    DIFFERENCES,
    curve_rows,
    moved,
    reaches,
    shifts,
    slope_of,
    unrecorded,
)
from units.studies.access import worlds

TRUE_DIFFERENCE, TRUE_SLOPE = 0.35, 0.8
TERM = Term(PROVISION, pair("free meals", "no free meals"), OBSERVED, summary="risk")


def found(*, need: bool, planted: float = 0.0, n: int = 60_000, seed: int = 1) -> Gaps:
    cohort = worlds.cohort(n, seed=seed, planted=planted)
    every = np.ones(n, bool)
    return gaps(worlds.study(), Setting(cohort, cohort.groupings[0], PROVISION, every, "", need))


def test_at_the_true_difference_and_slope_the_gap_is_explained() -> None:
    told = found(need=False)
    task = told.tasks[("social",)]
    before, after = moved(task, TERM, np.array([0.0, TRUE_DIFFERENCE * TRUE_SLOPE]))
    assert before.value > 0.035
    # The slope of the log-odds is a little flatter once need is averaged over.
    assert abs(after.value) < 0.25 * before.value
    none, limit = shifts(task, TERM)
    assert none is not None and limit is not None
    assert none / TRUE_SLOPE == pytest.approx(TRUE_DIFFERENCE, rel=0.25)
    assert 0 < limit < none


def test_nothing_is_needed_where_the_interval_holds_no_gap() -> None:
    told = found(need=True, n=3000)
    task = next(task for given, task in told.tasks.items() if len(given) == 2)
    assert shifts(task, TERM)[1] == 0.0


def test_the_line_crosses_zero_where_the_breakdown_says() -> None:
    told = found(need=True, planted=-0.5)
    task = next(task for given, task in told.tasks.items() if len(given) == 2)
    slope = slope_of(worlds.study(), task)
    rows = curve_rows(worlds.study(), task, TERM, slope)
    none, _ = shifts(task, TERM)
    assert none is not None and none < 0  # a gap against the group: it would need less need
    crossing = np.interp(0.0, [row[1] for row in rows], [row[0] for row in rows])
    assert crossing == pytest.approx(none / slope.value, abs=0.02)
    assert [abs(row[0]) for row in rows] == pytest.approx(list(DIFFERENCES))


def test_the_slope_is_that_of_recorded_need_where_there_is_any() -> None:
    told = found(need=True)
    task = next(task for given, task in told.tasks.items() if len(given) == 2)
    spread = np.std(worlds.cohort(60_000, seed=1).need)
    assert slope_of(worlds.study(), task).value == pytest.approx(TRUE_SLOPE * spread, rel=0.06)
    own = worlds.study(access=Access(groups=("fsm",), slope=0.3))
    assert slope_of(own, task).value == 0.3
    bare = slope_of(worlds.study(), found(need=False, n=3000).tasks[("social",)])
    assert "assumed" in bare.words


def test_with_few_schools_the_interval_reaches_as_far_as_that_of_the_gap() -> None:
    """The larger of t and the bootstrap, not the normal: as the gap's own interval is made."""
    told = found(need=False, n=1_000)
    task = told.tasks[("social",)]
    assert len(np.unique(task.cohort.clusters["school"])) < 50
    row = curve_rows(worlds.study(), task, TERM, slope_of(worlds.study(), task))[0]
    means = moved(task, TERM, np.zeros(1))
    assert reaches(task, means)[0] == pytest.approx(row[3] - row[1], rel=1e-9)
    sums = np.bincount(task.cohort.clusters["school"], weights=means[0].influence)
    assert reaches(task, means)[0] > 1.96 * np.sqrt(sums @ sums)


def test_tables_tell_half_the_slope_and_double() -> None:
    curve, needed = unrecorded(worlds.study(), found(need=True, planted=-0.5, n=6000))
    assert len(curve.rows) == len(DIFFERENCES) == len(curve.counts)
    by_slope = {row["slope"]: row["needed"] for row in needed.records()}
    slopes = sorted(by_slope)
    assert slopes[1] == pytest.approx(2 * slopes[0]) and slopes[2] == pytest.approx(4 * slopes[0])
    products = [slope * by_slope[slope] for slope in slopes]
    assert products == pytest.approx([products[0]] * 3)
