"""Of whom a gap at equal need can be told: of all, of those with a concern raised, or of none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.studies.access.need import CONCERN, MEND, need_table, reach
from units.studies.access import worlds


def test_need_of_all_answers_for_all() -> None:
    told = reach(worlds.cohort(2000, seed=1))
    assert told.among == "" and told.rows is not None and told.rows.all()


def test_need_of_those_with_a_concern_answers_for_them() -> None:
    cohort = worlds.cohort(2000, seed=1, recorded=worlds.CONCERN)
    told = reach(cohort)
    assert told.among == CONCERN and told.rows is not None
    assert np.array_equal(told.rows, cohort.concern)


def test_need_of_those_provided_for_answers_for_nobody() -> None:
    told = reach(worlds.cohort(2000, seed=1, recorded=worlds.PROVIDED))
    assert told.rows is None
    assert all(rule.measured == 0.0 and rule.threshold == 0.9 for rule in told.broken)
    assert all("without provision" in rule.words for rule in told.broken)
    assert "provided for or not" in MEND


def test_no_need_on_record_at_all() -> None:
    told = reach(replace(worlds.cohort(500, seed=2), need=None))
    assert told.rows is None and "no need is on record" in told.broken[0].words


@pytest.mark.parametrize(("share", "told"), [(0.92, True), (0.88, False)])
def test_a_few_without_a_record_do_no_harm_but_many_do(share: float, told: bool) -> None:
    cohort = worlds.cohort(4000, seed=3)
    gone = np.arange(4000) % 100 >= 100 * share
    found = reach(replace(cohort, need=np.where(gone, np.nan, cohort.need), concern=None))
    assert (found.rows is not None) == told


def test_a_record_that_goes_with_provision_is_a_selection() -> None:
    cohort = worlds.cohort(4000, seed=4)
    gone = ~cohort.provided & (np.arange(4000) % 100 >= 92)
    found = reach(replace(cohort, need=np.where(gone, np.nan, cohort.need), concern=None))
    assert found.rows is None
    assert "goes with provision" in found.broken[0].words


def test_the_table_counts_children_by_concern_and_provision() -> None:
    cohort = worlds.cohort(1000, seed=5, recorded=worlds.CONCERN)
    rows = need_table(cohort).records()
    assert sum(int(str(row["children"])) for row in rows) == 1000
    assert sum(int(str(row["recorded"])) for row in rows) == int(cohort.concern.sum())
    never = [row for row in rows if row["concern"] == "none" and row["provision"] == "not provided"]
    assert never[0]["share"] == 0.0
