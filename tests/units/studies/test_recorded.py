"""Whose outcome was not recorded where others stand for them; children, not copies, are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.table import TableRecords, build, read_records
from fingerpost.core.cohort import Cohort
from fingerpost.core.course import FIRST, KEEPING, Course
from fingerpost.core.flow import Flow
from fingerpost.core.model import linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.release.known import released_flow
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import OneTable
from fingerpost.studies.recorded import tables

# Four children under each of two arms: who kept to the end, and who of them has the outcome.
KEPT = np.array([1, 1, 1, 0, 1, 1, 0, 0], dtype=bool)
SEEN = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)


def cohort() -> Cohort:
    stays = np.column_stack([np.ones(8, dtype=bool), KEPT])
    stage = np.tile(np.array([FIRST, KEEPING], dtype=np.int8), (8, 1))
    return Cohort(
        unit=np.tile(np.arange(4), 2),
        arms=("never", "kept"),
        arm=np.repeat([0, 1], 4),
        outcomes={"y": Outcome("continuous", np.where(SEEN, 1.0, np.nan), observed=SEEN)},
        covariates={},
        course=Course(stays, stage),
    )


def test_of_those_who_kept_to_a_strategy_it_is_told_who_lacks_the_outcome():
    (table,) = tables(Study("s", "?"), cohort())
    assert table.rows == (("y", "never", 3, 1, pytest.approx(1 / 3)), ("y", "kept", 2, 1, 0.5))
    assert table.counts == (1, 1)


def test_where_those_without_leave_or_a_model_weighs_those_seen():
    plain = replace(cohort(), course=None)
    assert tables(Study("s", "?"), plain) == ()
    study = Study("s", "?")
    told = replace(study, models=replace(study.models, censoring=linear(("x",))))
    (table,) = tables(told, plain)
    assert [row[2:4] for row in table.rows] == [(4, 2), (4, 3)]


TEXT = """
study: copies
question: Does it?
records: {table: t.csv, unit: child}
arms: {column: arm, levels: {never: never, kept: kept}}
outcomes: {y: {column: y}}
assignment: {observed: {given: [x, z]}}
covariates: {x: {missing: indicator}}
estimators: [naive, ipw]
release: {policy: none}
"""


def copies(folder) -> tuple[Study, TableRecords]:
    """Sixteen children, each twice; x is missing of two, z of one; y of whoever departed, of
    child 0, who kept to both, and of child 1, who kept to one.
    """
    rows = []
    for arm, kept in (("never", range(0, 12)), ("kept", [0, *range(10, 16)])):
        for child in range(16):
            y = None if child not in kept or child in (0, 1) else float(child)
            x = None if child in (3, 4) else float(child % 5)
            z = None if child == 5 else float(child % 3)
            rows.append((child, arm, y, x, z, child in kept))
    names = ["child", "arm", "y", "x", "z", "followed"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    frame.drop("followed").write_csv(folder / "t.csv")
    study = read_study("s.yaml", text=TEXT)
    records = replace(study.records, repeated=True)
    return replace(study, records=records), read_records(records, base=folder)


def test_the_table_of_missing_values_counts_a_child_once(tmp_path):
    study, records = copies(tmp_path)
    kept = np.array(
        [c in range(12) for c in range(16)] + [c in (0, *range(10, 16)) for c in range(16)]
    )
    table = build(study, records, followed=kept).missing
    found = {row["variable"]: (row["missing"], row["share"]) for row in table.records()}
    assert found["x"] == (2, 2 / 16) and found["z"] == (1, 1 / 16)
    assert found["y"] == (2, 2 / 16)  # all sixteen kept to one or the other
    assert "Of 16 children" in table.context and "of 16 children who kept" in table.context
    handled = {row["variable"]: row["handling"] for row in table.records()}
    assert handled["y"] == "those seen stand for them, by weights"


def test_the_flow_counts_children_and_each_arm_holds_them_all(tmp_path):
    study, records = copies(tmp_path)
    built = build(study, records, followed=np.ones(32, dtype=bool)).cohort
    before = Flow(20, copied=True).then("not in school", 4)
    flow = OneTable(study, records, before).told(built)
    assert [(s.left, s.remaining) for s in flow.steps] == [(4, 16), (1, 15)]
    assert flow.arms == (("never", 15), ("kept", 15))


def test_what_is_released_of_copies_is_of_children():
    class Same:
        def shown(self, count: int) -> int:
            return count

    class Rules:
        base, threshold = 5, 10

    flow = Flow(500, copied=True).then("not in school", 100)
    flow = replace(flow, arms=(("never", 400), ("kept", 400)))
    shown, _ = released_flow(flow, {"never": Same(), "kept": Same()}, {}, Rules())
    assert (shown.start, shown.remaining, shown.copied) == (500, 400, True)
    trials = replace(flow, copied=False, counts="child-trials", start=900, steps=())
    assert released_flow(trials, {"never": Same(), "kept": Same()}, {}, Rules())[0].counts == (
        "child-trials"
    )
