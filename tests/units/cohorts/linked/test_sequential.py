"""A new trial each school year, on a few children whose every census is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.linked.flatten import Flat, flatten, studied, with_trial
from fingerpost.cohorts.table import build
from fingerpost.core.assignment import Observed
from fingerpost.core.linked import Linked, Strategy, TimeZero
from fingerpost.core.model import Models, linear
from fingerpost.core.study import Arms, OutcomeSpec, Study
from units.cohorts.linked.little import ENGINES, census, child, opened

ARMS = (
    ("none", Strategy("no recorded provision", ("none",))),
    ("support", Strategy("SEN Support", ("support",))),
)
LINKED = Linked(strategies=ARMS, zero=TimeZero(1, "spring", 3), until=3)
LATE = date(2020, 1, 1)


def study(linked: Linked = LINKED, given: tuple[str, ...] = ("fsm",)) -> Study:
    return Study(
        "trials",
        "?",
        arms=Arms(levels=tuple((arm, arm) for arm, _ in linked.strategies)),
        outcomes=(OutcomeSpec("death", "death", "binary"),),
        assignment=Observed(given, cluster="school"),
        linked=linked,
    )


def years(number: int, *codes: str, **other: object) -> list[dict[str, object]]:
    """Return a child's spring censuses from Year 1 on, by recorded provision."""
    return [census(number, 2010 + at, sen_provision=code, **other) for at, code in enumerate(codes)]


def records() -> dict[str, list[dict[str, object]]]:
    moved = census(2, 2011, sen_provision="N", urn=200, fsm=1)
    rows = [
        *years(1, "K", "K", "N"),  # begins in Year 1: no later trial is of it
        *[years(2, "N")[0], moved, census(2, 2012, sen_provision="K", urn=200)],
        *years(3, "N", "N", "N"),
        *[census(4, 2009, nc_year=0, sen_provision="K"), *years(4, "N", "N", "N")],
    ]
    # Known only later: in Year 1 it was not known that child 5 had support.
    late = census(5, 2010, term="AUT", sen_provision="K", known_from=LATE)
    rows += [late, *years(5, "N", "N", "N")]
    return {"child": [child(n) for n in range(1, 6)], "school_census": rows, "death": []}


def flat(folder: Path, engine: str = "duckdb") -> Flat:
    return flatten(study(), opened(folder, engine, **records()))


def rows(found: Flat) -> list[tuple[object, ...]]:
    table = found.records.frame.collect().to_native()
    return table.select("child_id", "trial", "arm", "urn", "fsm").rows()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_child_enters_each_year_until_it_is_provided_for(tmp_path, engine):
    found = [(one[0], one[1], one[2]) for one in rows(flat(tmp_path, engine))]
    assert found == [
        (1, "Year 1", "support"),
        (2, "Year 1", "none"),
        (2, "Year 2", "none"),
        (2, "Year 3", "support"),
        (3, "Year 1", "none"),
        (3, "Year 2", "none"),
        (3, "Year 3", "none"),
        (5, "Year 1", "none"),
        (5, "Year 2", "none"),
        (5, "Year 3", "none"),
    ]


def test_covariates_are_read_again_and_the_school_is_that_of_the_first_trial(tmp_path):
    own = [one for one in rows(flat(tmp_path)) if one[0] == 2]
    assert [one[4] for one in own] == [0.0, 1.0, 0.0]
    assert [one[3] for one in own] == [100, 100, 100]


def test_the_trial_is_one_of_the_covariates(tmp_path):
    assert flat(tmp_path).study.given == ("fsm", "trial")


def test_the_trial_is_in_models_whose_terms_are_declared():
    """A list of terms that begins with `linear` holds every covariate, and the trial is one."""
    terms = linear(("fsm",))
    asked = replace(study(), models=Models(exposure=terms, outcome=linear(("fsm", "trial"))))
    told = with_trial(asked)
    assert told.exposure == told.outcome == linear(("fsm", "trial"))
    assert with_trial(study()) == study().models


def test_flow_counts_trials_of_children(tmp_path):
    flow = flat(tmp_path).flow
    assert (flow.start, flow.counts, flow.remaining) == (15, "child-trials", 10)
    # A step adds up the trials of all years, and so names none of them.
    assert "not in a state-funded school at the spring census of the trial's year" in {
        step.reason for step in flow.steps
    }
    left = {step.reason: step.left for step in flow.steps if step.left}
    # Child 4 had support in Reception; child 1 in Year 1, so not in Years 2 and 3.
    assert left == {"provision recorded in an earlier school year": 5}
    counted = studied(study(), opened(tmp_path, **records()))
    assert (counted.steps, dict(counted.arms)) == (flow.steps, {"none": 8, "support": 2})


def test_all_rows_of_a_child_share_unit_and_cluster(tmp_path):
    tables = records()
    tables["child"] += [child(6), child(7)]
    tables["school_census"] += [*years(6, "K", "K", "K"), *years(7, "K", "K", "K", fsm=1)]
    died = date(2012, 5, 1)  # an outcome that is the same for all is refused
    tables["death"] = [{"child_id": 7, "death_date": died, "known_from": died}]
    found = flatten(study(), opened(tmp_path, **tables))
    cohort = build(found.study, found.records).cohort
    child_of = np.array([one[0] for one in rows(found)])
    assert len(np.unique(cohort.unit)) == len(np.unique(child_of)) == 6
    for unit in np.unique(cohort.unit):
        own = cohort.unit == unit
        assert len(np.unique(child_of[own])) == 1
        assert len(np.unique(cohort.clusters["school"][own])) == 1


def test_provision_known_only_later_bars_nobody(tmp_path):
    """A trap: the autumn record of child 5 was known in 2020, and may not bar it from Year 2."""
    assert sum(one[0] == 5 for one in rows(flat(tmp_path))) == 3
