"""Children provided for before time zero: counted by arm, left out where new users are asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from fingerpost.cohorts.linked.flatten import counts_of, flatten
from fingerpost.core.assignment import Observed
from fingerpost.core.linked import Linked, Strategy, TimeZero
from fingerpost.core.study import Arms, OutcomeSpec, Study
from units.cohorts.linked.little import ENGINES, ZERO, census, child, opened

ARMS = (
    ("none", Strategy("no recorded provision", ("none",))),
    ("support", Strategy("SEN Support", ("support",))),
)
LATE = date(2020, 1, 1)
EARLY = {"known_from": date(2008, 1, 17), "valid_from": date(2008, 1, 17)}
# Of each child, what Reception, the autumn of Year 1 and its spring show, and the nursery.
LIVES = {
    1: ("N", "N", "N", None),
    2: ("A", "N", "N", None),  # had support, and no more
    3: ("A", "A", "A", None),
    4: ("N", "A", "A", None),  # begins in the year of time zero
    5: ("N", "N", "A", "A"),  # had support in the nursery only
    6: ("N", "N", "A", None),
}


def study(**asked: object) -> Study:
    return Study(
        "before",
        "?",
        arms=Arms(levels=(("none", "none"), ("support", "support"))),
        outcomes=(OutcomeSpec("death", "death", "binary"),),
        assignment=Observed(("sex",)),
        linked=replace(Linked(strategies=ARMS), **asked),
    )


def store(folder, engine="duckdb", **changed):
    rows = []
    for number, (reception, autumn, spring, _) in LIVES.items():
        rows.append(census(number, 2009, sen_provision=reception, **changed.get("first", {})))
        rows.append(census(number, 2010, "AUT", sen_provision=autumn))
        rows.append(census(number, 2010, sen_provision=spring))
    nursery = [
        {"child_id": n, "academic_year": 2008, "sen_provision": code} | EARLY
        for n, (*_, code) in LIVES.items()
        if code
    ]
    tables = {"early_years_census": nursery} if changed.get("nursery", True) else {}
    children = [child(n) for n in LIVES]
    return opened(folder, engine, child=children, school_census=rows, death=[], **tables)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_was_provided_for_before_is_counted_by_arm_with_the_median_years(tmp_path, engine):
    found = counts_of(study(), store(tmp_path, engine))
    year = (ZERO - date(2009, 1, 15)).days / 365.25
    nursery = (ZERO - date(2008, 1, 17)).days / 365.25
    assert found.flow.arms == (("none", 2), ("support", 4))
    (none, support) = found.before
    assert none == ("none", 1, pytest.approx(year))
    assert support == ("support", 2, pytest.approx((year + nursery) / 2))
    flat = flatten(study(), store(tmp_path, engine))
    held = dict(
        zip(flat.records.frame.collect().to_native()["child_id"], flat.provided, strict=True)
    )
    assert {n for n, years in held.items() if not np.isnan(years)} == {2, 3, 5}


@pytest.mark.parametrize("engine", ENGINES)
def test_new_users_are_those_who_begin_in_the_year_of_time_zero(tmp_path, engine):
    found = flatten(study(new_users=True), store(tmp_path, engine))
    table = found.records.frame.collect().to_native().sort("child_id")
    assert table.select("child_id", "arm").rows() == [
        (1, "none"),
        (4, "support"),
        (6, "support"),
    ]
    steps = {step.reason: step.left for step in found.flow.steps}
    assert steps["provision recorded in an earlier school year"] == 3


def test_provision_before_that_was_known_only_later_makes_nobody_an_old_user(tmp_path):
    held = store(tmp_path, first={"known_from": LATE})
    table = flatten(study(new_users=True), held).records.frame.collect().to_native()
    assert sorted(table["child_id"]) == [1, 2, 3, 4, 6]


def test_a_trial_each_year_counts_the_early_years_as_earlier_provision(tmp_path):
    zero = TimeZero(1, "spring", last=2)
    for nursery, first in ((True, [1, 4, 6]), (False, [1, 4, 5, 6])):
        held = store(tmp_path, nursery=nursery)
        if not nursery:
            (tmp_path / "early_years_census.parquet").unlink()
            held = store(tmp_path, nursery=False)
        table = flatten(study(zero=zero, until=2), held).records.frame.collect().to_native()
        own = table.filter(table["trial"] == "Year 1")
        assert sorted(own["child_id"]) == first
