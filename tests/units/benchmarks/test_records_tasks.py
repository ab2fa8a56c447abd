"""The benchmark of linked records: both queries give the same rows; verdicts are as deserved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import records_tasks as tasks  # noqa: E402
from benchmarks.records_tasks import Cost  # noqa: E402

from fingerpost.england.build import Options, build  # noqa: E402


@pytest.fixture(scope="module")
def england(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("england") / "records"
    build(folder, Options(children=1_500, seed=5))
    return folder


def test_the_query_by_hand_and_ours_give_the_same_rows(england) -> None:
    assert tasks.differing(england) == {}
    table = tasks.by_hand(england)
    assert len(table) > 1_000 and set(table["arm"]) == {"none", "any"}
    assert table["early_admissions"].sum() > 100 and table["unplanned_admissions"].sum() > 100


def test_a_row_that_differs_is_found(england, monkeypatch) -> None:
    import polars as pl

    own = tasks.ours(england)
    first = pl.int_range(pl.len()) == 0
    monkeypatch.setattr(
        tasks, "ours", lambda records: own.with_columns(pl.col("fsm") + first.cast(float))
    )
    assert tasks.differing(england) == {"fsm": 1}


@pytest.mark.parametrize(
    ("children", "wall", "ours", "missed"),
    [(1_000_000, 100.0, 1.2, 0), (1_000_000, 500.0, 1.4, 4), (1_000, 500.0, 1.4, 0)],
)
def test_targets_are_held_to_a_million_children(children, wall, ours, missed) -> None:
    found = [
        *(Cost(task, "fingerpost", children, wall, wall, 900.0) for task in ("build", "study")),
        Cost("query", "fingerpost", children, ours, ours),
        Cost("query", "hand-written SQL", children, 1.0, 1.0),
    ]
    text = tasks.page(found, children)
    assert text.count("**not met**") == missed
    assert ("too few" in text) is (children < tasks.FULL)
