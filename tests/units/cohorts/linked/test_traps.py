"""Nothing known only after time zero is used: a trap for each way in which the future leaks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fingerpost.cohorts.linked.flatten import flatten
from fingerpost.core.assignment import Observed
from fingerpost.core.errors import Malformed
from fingerpost.core.linked import Linked, Strategy, TimeZero
from fingerpost.core.study import Arms, OutcomeSpec, Study
from units.cohorts.linked.little import BORN, ENGINES, ZERO, census, child, episode, opened

BEFORE, AFTER = date(2010, 1, 1), date(2010, 3, 1)
ON_TIME, LATE = ZERO, date(2010, 1, 22)
GIVEN = (
    *("fsm", "eyfsp", "gestation", "early_admissions", "severity_recorded", "neurodevelopmental"),
    *("nursery_hours", "region", "earlier_absence", "social_care", "ethnicity"),
)
STRATEGIES = (
    ("none", Strategy("no recorded provision", ("none",))),
    ("support", Strategy("SEN Support", ("support",))),
)
LINKED = Linked(strategies=STRATEGIES, zero=TimeZero(1, "spring"), until=6)


def study(linked: Linked = LINKED, given: tuple[str, ...] = GIVEN) -> Study:
    return Study(
        "trap",
        "?",
        arms=Arms(levels=tuple((arm, arm) for arm, _ in linked.strategies)),
        outcomes=(OutcomeSpec("death", "", "binary"),),
        assignment=Observed(given),
        linked=linked,
    )


def base(known: date) -> dict[str, list[dict[str, object]]]:
    """Return the records of one child, of whom everything besides the census was known on a day."""
    return {
        "child": [child(1), child(2)],
        "school_census": [census(1), census(2)],
        "hes_apc": [
            episode(1, date(2006, 5, 1), diag_01="F840", known_from=known),
            episode(2, date(2008, 6, 1)),
        ],
        "birth": [{"child_id": 1, "birth_date": BORN, "gestation_weeks": 31, "known_from": known}],
        "eyfsp": [
            {"child_id": 1, "academic_year": 2009, "total": 80.0, "gld": 1, "known_from": known}
        ],
        "functional_need": [
            {"child_id": 1, "assessed_date": BEFORE, "severity": 1.5, "known_from": known}
        ],
        "early_years_census": [
            {"child_id": 1, "academic_year": 2008, "funded_hours": 15.0, "known_from": known}
        ],
        "school": [{"urn": 100, "region": "London", "known_from": known}],
        "absence": [
            {"child_id": 1, "academic_year": 2010, "term": "AUT", "sessions_possible": 140}
            | {"overall": 14, "unauthorised": 7, "known_from": known}
        ],
        "social_care": [{"child_id": 1, "kind": "cin", "start_date": BEFORE, "known_from": known}],
        "death": [],
    }


def row(folder: Path, engine: str, tables: dict, **changed: object) -> dict[str, object]:
    flat = flatten(study(**changed), opened(folder, engine, **tables))
    found = flat.records.frame.collect().to_native()
    return found.to_dicts()[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_known_on_the_day_of_time_zero_counts(tmp_path, engine):
    found = row(tmp_path, engine, base(ON_TIME))
    assert found["eyfsp"] == 80.0
    assert found["gestation"] == 31.0
    assert found["early_admissions"] == 1.0
    assert found["neurodevelopmental"] == 1.0
    assert found["severity_recorded"] == 1.5
    assert found["nursery_hours"] == 15.0
    assert found["region"] == "London"
    assert found["earlier_absence"] == pytest.approx(10.0)
    assert found["social_care"] == 1.0
    assert found["ethnicity"] == "WHIT"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_known_a_day_later_does_not(tmp_path, engine):
    found = row(tmp_path, engine, base(LATE))
    for name in ("eyfsp", "gestation", "severity_recorded", "region", "earlier_absence"):
        assert found[name] is None, name
    for name in ("early_admissions", "neurodevelopmental", "nursery_hours", "social_care"):
        assert found[name] == 0.0, name


@pytest.mark.parametrize("known", [ON_TIME, LATE])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_diagnosis_made_before_and_reported_after_makes_nobody_eligible(tmp_path, engine, known):
    tables = base(ON_TIME)
    tables["hes_apc"] = [episode(1, date(2004, 2, 1), diag_01="Q359", known_from=known)]
    tables["hes_apc"].append(episode(2, date(2004, 2, 1), diag_01="Q359"))
    linked = Linked("cleft_isolated", strategies=STRATEGIES)
    flat = flatten(study(linked, ("sex",)), opened(tmp_path, engine, **tables))
    step = next(step for step in flat.flow.steps if "cleft" in step.reason)
    assert (step.left, step.remaining) == ((0, 2) if known == ON_TIME else (1, 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_status_corrected_later_stays_as_it_was_known(tmp_path, engine):
    tables = base(ON_TIME)
    corrected = census(1, sen_provision="A", fsm=1, urn=101, known_from=LATE)
    tables["school_census"].append(corrected)
    tables["school_census"].append(census(2, sen_provision="P", urn=101, fsm=1))
    store = opened(tmp_path, engine, **tables)
    found = flatten(study(), store).records.frame.collect().to_native().sort("child_id")
    assert found["arm"].to_list() == ["none", "support"]
    assert found["fsm"].to_list() == [0.0, 1.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_free_school_meals_and_support_of_a_later_census_do_not_count(tmp_path, engine):
    tables = base(ON_TIME)
    tables["school_census"] += [
        census(1, term="SUM", sen_provision="A", fsm=1),
        census(1, year=2011, sen_provision="S", fsm=1),
    ]
    found = row(tmp_path, engine, tables)
    assert (found["arm"], found["fsm"]) == ("none", 0.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_enrolment_reported_later_is_no_enrolment(tmp_path, engine):
    tables = base(ON_TIME)
    tables["school_census"][0] = census(1, known_from=LATE)
    flat = flatten(study(), opened(tmp_path, engine, **tables))
    assert flat.flow.steps[0].left == 1
    assert flat.records.frame.collect().to_native()["child_id"].to_list() == [2]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_concern_and_a_start_known_later_do_not_count(tmp_path, engine):
    tables = base(ON_TIME)
    tables["school_census"] = [census(n, sen_provision="A") for n in (1, 2, 3)]
    tables["child"].append(child(3))
    raised = {"concern_date": date(2009, 10, 1), "first_provision_date": date(2009, 11, 1)}
    tables["concern"] = [
        {"child_id": 1, "known_from": ON_TIME} | raised,
        {"child_id": 2, "known_from": LATE} | raised,
        # A concern that was known, and a start that lies after time zero.
        {"child_id": 3, "known_from": ON_TIME, "concern_date": date(2009, 10, 1)}
        | {"first_provision_date": AFTER},
    ]
    timed = (("prompt", Strategy("prompt", ("support",), within=1)),)
    linked = Linked(concern=True, strategies=timed)
    flat = flatten(study(linked, ("sex",)), opened(tmp_path, engine, **tables))
    steps = {step.reason: step.left for step in flat.flow.steps}
    assert steps["no concern raised and known by time zero"] == 1
    assert flat.records.frame.collect().to_native()["child_id"].to_list() == [1]


@pytest.mark.parametrize("table", ["eyfsp", "school_census", "death"])
def test_rows_that_do_not_say_when_they_were_known_are_a_fault(tmp_path, table):
    """Left out, they would make a child one that is in no school, or that has no profile."""
    tables = base(ON_TIME)
    tables["death"] = [{"child_id": 2, "death_date": AFTER, "known_from": AFTER}]
    tables[table][0]["known_from"] = None
    with pytest.raises(Malformed, match=f'1 rows of the table "{table}" do not say when'):
        row(tmp_path, "duckdb", tables)


@pytest.mark.parametrize("known", [ON_TIME, LATE])
@pytest.mark.parametrize("table", ["death", "opt_out"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_death_before_and_registered_after_leaves_no_child_to_follow(
    tmp_path, engine, table, known
):
    """No trap but its opposite: the dead are not enrolled, whatever a census says of them, and
    would be followed to the end as children to whom nothing happens.
    """
    column = {"death": "death_date", "opt_out": "opted_out_date"}[table]
    tables = base(ON_TIME) | {table: [{"child_id": 1, column: BEFORE, "known_from": known}]}
    flat = flatten(study(), opened(tmp_path, engine, **tables))
    assert flat.records.frame.collect().to_native()["child_id"].to_list() == [2]
