"""Pictures of studies of access: what is drawn is what the table says."""

from __future__ import annotations

import pytest

from fingerpost.core.table import Table
from fingerpost.plots.access_incidence import curves, draw_access_incidence
from fingerpost.plots.access_unrecorded import draw_unrecorded, points

INCIDENCE = Table(
    "access_incidence",
    "Provided for",
    ("characteristic", "arm", "time", "incidence", "se", "events", "at_risk"),
    ("label", "label", "number", "number", "number", "count", "count"),
    (
        ("", "all children", 5.0, 0.10, 0.01, 100, 900),
        ("", "all children", 6.0, 0.20, 0.01, 200, 800),
        ("sex", "girls", 5.0, 0.08, 0.02, 40, 460),
        ("sex", "girls", 6.0, 0.15, None, 75, 425),
        ("sex", "boys", 5.0, 0.12, 0.02, 60, 440),
        ("sex", "boys", 6.0, 0.25, 0.02, 125, 375),
    ),
)
UNRECORDED = Table(
    "access_unrecorded",
    "Gaps",
    ("contrast", "among", "gap_kind", "difference", "gap", "lo", "hi"),
    ("label", "label", "label", "number", "number", "number", "number"),
    tuple(("boys v girls", "all children", "alike", at, 0.05 - 0.1 * at, 0.04 - 0.1 * at,
           0.06 - 0.1 * at) for at in (0.0, 0.5, 1.0)),
)  # fmt: skip


def test_curves_begin_with_nobody_and_are_of_a_hundred_children() -> None:
    rows = curves(INCIDENCE, "sex")
    girls = [row for row in rows if row["name"] == "girls"]
    assert (girls[0]["time"], girls[0]["risk"]) == (0.0, 0.0)
    assert girls[1]["risk"] == pytest.approx(8.0)
    assert girls[1]["hi"] - girls[1]["lo"] == pytest.approx(2 * 1.96 * 2.0)
    assert girls[2]["lo"] is None  # no standard error, no band
    assert {row["name"] for row in curves(INCIDENCE, "")} == {"all children"}


def test_the_description_tells_where_each_curve_ends() -> None:
    picture = draw_access_incidence(INCIDENCE, characteristic="sex", time="years since birth")
    assert picture is not None
    assert "girls 15.0 by 6; boys 25.0 by 6 (years since birth)" in picture.description
    assert picture.source == "access_incidence"
    assert draw_access_incidence(INCIDENCE, characteristic="fsm", time="years") is None


def test_the_line_of_unrecorded_need_is_of_a_hundred_children() -> None:
    assert [row["gap"] for row in points(UNRECORDED, "boys v girls")] == pytest.approx([5, 0, -5])
    picture = draw_unrecorded(UNRECORDED, contrast="boys v girls", about="alike")
    assert picture is not None
    assert "is 5.00 if the groups do not differ" in picture.description
    assert "−5.00 if they differ by 1 standard deviations" in picture.description
    assert draw_unrecorded(UNRECORDED, contrast="other", about="") is None
