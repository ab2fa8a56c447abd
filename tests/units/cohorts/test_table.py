"""From a table to a cohort: every child accounted for, every fault one line with name and mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engines_here import EMBEDDED
from fingerpost.cohorts.table import build, members, read_records, steps_sql
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.errors import Malformed
from fingerpost.core.measure import Measure
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.study import (
    Arms,
    Condition,
    Covariate,
    OutcomeSpec,
    Records,
    SensitivitySpec,
    Study,
    TableSource,
)

ENGINES = EMBEDDED
Columns = dict[str, list[Any]]


def columns(n: int = 40) -> Columns:
    """Return n children of eight schools; every third has support."""
    numbers = np.random.default_rng(2)
    return {
        "child": [f"c{row:03d}" for row in range(n)],
        "school": [row % 8 for row in range(n)],
        "support": [int(row % 3 == 0) for row in range(n)],
        "age": [5 + row % 7 for row in range(n)],
        "need": [("speech", "hearing", "sight")[row % 3 - row % 2] for row in range(n)],
        "ses": numbers.normal(size=n).round(3).tolist(),
        "reading": numbers.normal(50, 10, size=n).round(2).tolist(),
        "passed": [int(row % 5 < 2) for row in range(n)],
        "absences": [row % 4 for row in range(n)],
        "days": [190 - row % 3 for row in range(n)],
        "before": ["2019-09-01"] * n,
        "after": ["2020-07-01"] * n,
    }


SOURCE = Records((TableSource(path="pupils.csv"),), unit="child", clusters=(("school", "school"),))
STUDY = Study(
    "support",
    "Does support help reading?",
    records=SOURCE,
    arms=Arms("support", ((0, "none"), (1, "support"))),
    outcomes=(
        OutcomeSpec("reading", "reading", measure=Measure("reading", measured_in="points")),
        OutcomeSpec("passed", "passed", kind="binary"),
        OutcomeSpec("absences", "absences", kind="count", exposure="days"),
    ),
    assignment=Observed(("age", "need", "ses"), "school"),
)


def write(folder: Path, table: Columns, name: str = "pupils.csv") -> None:
    pl.DataFrame({key: list(map(text, values)) for key, values in table.items()}).write_csv(
        folder / name
    )


def text(value: object) -> str | None:
    return None if value is None else str(value)


def built(folder: Path, table: Columns, study: Study = STUDY, engine: str = "duckdb"):
    write(folder, table)
    return build(study, read_records(study.records, engine=engine, base=folder))


def faults(folder: Path, table: Columns, study: Study = STUDY, engine: str = "duckdb"):
    with pytest.raises(Malformed) as caught:
        built(folder, table, study, engine)
    return caught.value.problems


# ------------------------------------------------------------------------------- what is built
@pytest.mark.parametrize("engine", ENGINES)
def test_arrays_are_the_table_s_own(tmp_path, engine):
    table = columns()
    made = built(tmp_path, table, engine=engine)
    cohort = made.cohort
    assert cohort.n == 40 and cohort.arms == ("none", "support")
    assert cohort.arm.tolist() == table["support"]
    assert cohort.covariates["ses"].values.tolist() == table["ses"]
    assert cohort.covariates["age"].values.dtype == np.float64
    assert cohort.covariates["age"].values.flags.c_contiguous
    need = cohort.covariates["need"]
    assert need.levels == ("hearing", "sight", "speech")
    assert [need.levels[code] for code in need.values] == table["need"]
    assert cohort.outcomes["reading"].value.tolist() == table["reading"]
    assert cohort.outcomes["reading"].measured_in == "points"
    assert cohort.outcomes["reading"].observed is None
    assert cohort.outcomes["absences"].exposure.tolist() == table["days"]
    assert cohort.clusters["school"].tolist() == table["school"]
    assert members(made).tolist() == table["child"]
    assert cohort.flow.arms == (("none", 26), ("support", 14))
    assert cohort.flow.start == cohort.flow.remaining == 40
    assert made.study == STUDY


def test_members_of_a_part_are_that_part_s_children(tmp_path):
    made = built(tmp_path, columns())
    part = made.cohort.take(np.array([3, 5]))
    assert members(made, part).tolist() == ["c003", "c005"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("held", "levels"),
    [
        ({0: "0", 1: "1"}, ((0, "none"), (1, "support"))),
        ({0: "0.0", 1: "1.0"}, ((0, "none"), (1, "support"))),
        ({0: "0", 1: "1"}, (("0", "none"), ("1", "support"))),
        ({0: "0", 1: "1"}, ((0.0, "none"), (1.0, "support"))),
        ({0: "0", 1: "1"}, ((False, "none"), (True, "support"))),
        ({0: "FALSE", 1: "TRUE"}, ((False, "none"), (True, "support"))),
        ({0: "K", 1: "E"}, (("K", "none"), ("E", "support"))),
    ],
)
def test_a_level_is_matched_however_it_is_stored(tmp_path, engine, held, levels):
    table = columns()
    table["support"] = [held[value] for value in table["support"]]
    study = replace(STUDY, arms=Arms("support", levels))
    assert built(tmp_path, table, study, engine).cohort.arm.tolist() == columns()["support"]


def test_levels_stored_as_text_match_numbers(tmp_path):
    table = columns()
    frame = pl.DataFrame({**table, "support": [str(value) for value in table["support"]]})
    frame.write_parquet(tmp_path / "pupils.parquet")
    study = replace(STUDY, records=replace(SOURCE, sources=(TableSource(path="pupils.parquet"),)))
    for engine in ENGINES:
        made = build(study, read_records(study.records, engine=engine, base=tmp_path))
        assert made.cohort.arm.tolist() == table["support"]


def test_several_levels_may_be_one_arm(tmp_path):
    table = columns()
    table["support"] = ["EKN"[row % 3] for row in range(40)]
    arms = Arms("support", (("N", "none"), ("K", "support"), ("E", "support")))
    cohort = built(tmp_path, table, replace(STUDY, arms=arms)).cohort
    assert cohort.arms == ("none", "support")
    assert cohort.arm.tolist() == [int(value != "N") for value in table["support"]]


def test_levels_of_a_category_are_in_the_order_of_numbers(tmp_path):
    table = columns()
    table["age"] = [(9, 10, 11)[row % 3] for row in range(40)]
    study = replace(STUDY, covariates=(Covariate("age", kind="categorical"),))
    assert built(tmp_path, table, study).cohort.covariates["age"].levels == ("9", "10", "11")


def test_the_order_of_rows_is_that_of_the_file(tmp_path):
    table = columns(3000)
    order = np.random.default_rng(0).permutation(3000)
    shuffled = {name: [values[row] for row in order] for name, values in table.items()}
    plain, other = built(tmp_path, table).cohort, built(tmp_path, shuffled).cohort
    assert np.array_equal(plain.covariates["ses"].values[order], other.covariates["ses"].values)


@pytest.mark.parametrize("seed", range(3))
def test_engines_give_identical_cohorts(tmp_path, seed):
    numbers = np.random.default_rng(seed)
    table = columns(500)
    for name in ("age", "need", "ses", "reading", "support"):
        table[name] = [None if numbers.random() < 0.05 else value for value in table[name]]
    study = replace(
        STUDY,
        population=(
            Condition("age", "at_least", 6),
            Condition("need", "is_in", ("speech", "sight")),
        ),
        covariates=(Covariate("ses", missing="indicator"),),
    )
    first, *others = [built(tmp_path, table, study, engine) for engine in ENGINES]
    for other in others:
        assert other.study == first.study and other.missing == first.missing
        assert other.cohort.flow == first.cohort.flow
        assert members(other).tolist() == members(first).tolist()
        assert np.array_equal(other.cohort.arm, first.cohort.arm)
        assert np.array_equal(other.cohort.clusters["school"], first.cohort.clusters["school"])
        for name, column in first.cohort.covariates.items():
            assert other.cohort.covariates[name].levels == column.levels
            assert np.array_equal(other.cohort.covariates[name].values, column.values)
        for name, outcome in first.cohort.outcomes.items():
            seen = other.cohort.outcomes[name]
            assert np.array_equal(seen.value, outcome.value, equal_nan=True)
            assert np.array_equal(seen.observed, outcome.observed)


# ------------------------------------------------------------------------------- who leaves
def test_each_condition_is_a_step_and_so_is_an_exposure_outside_the_levels(tmp_path):
    table = columns()
    table["support"][:6] = [None, 7, 8, None, 9, 1]
    study = replace(
        STUDY,
        population=(
            Condition("age", "below", 10),
            Condition("need", "equals", "speech", "speech only"),
        ),
        assignment=Observed(("age", "ses"), "school"),
    )
    flow = built(tmp_path, table, study).cohort.flow
    kept = [row for row in range(40) if table["age"][row] < 10]
    speech = [row for row in kept if table["need"][row] == "speech"]
    recorded = [row for row in speech if table["support"][row] is not None]
    among = [row for row in recorded if table["support"][row] in (0, 1)]
    assert [(step.reason, step.remaining) for step in flow.steps] == [
        ("age is 10 or more, or not recorded", len(kept)),
        ("speech only", len(speech)),
        ("exposure support is not recorded", len(recorded)),
        ("exposure support is none of the levels 0 or 1", len(among)),
    ]


def test_a_child_who_lacks_two_covariates_leaves_once(tmp_path):
    table = columns()
    for row, name in [(0, "age"), (0, "ses"), (1, "ses"), (2, "need")]:
        table[name][row] = None
    made = built(tmp_path, table)
    assert [(step.reason, step.left) for step in made.cohort.flow.steps] == [
        ("covariate age is not recorded", 1),
        ("covariate need is not recorded", 1),
        ("covariate ses is not recorded", 1),
    ]
    assert members(made)[0] == "c003"
    assert made.missing.rows[:3] == (
        ("age", "covariate", 1, 1 / 40, "child left out"),
        ("need", "covariate", 1, 1 / 40, "child left out"),
        ("ses", "covariate", 2, 2 / 40, "child left out"),
    )
    assert made.missing.kinds == ("label", "label", "count", "share", "label")


def test_an_outcome_that_is_missing_keeps_its_child(tmp_path):
    table = columns()
    table["reading"][4] = table["days"][5] = None
    made = built(tmp_path, table)
    assert made.cohort.n == 40
    reading, absences = made.cohort.outcomes["reading"], made.cohort.outcomes["absences"]
    assert np.flatnonzero(~reading.observed).tolist() == [4] and np.isnan(reading.value[4])
    assert np.flatnonzero(~absences.observed).tolist() == [5]
    shown = {(row[0], row[1]): row[2] for row in made.missing.rows}
    assert shown["reading", "outcome"] == 1 and shown["days", "person-time"] == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_flow_adds_up(tmp_path, data):
    table = columns(60)
    for name in ("age", "ses", "support"):
        gone = data.draw(st.sets(st.integers(0, 59), max_size=15), label=name)
        table[name] = [None if row in gone else value for row, value in enumerate(table[name])]
    floor = data.draw(st.integers(4, 8), label="at least")
    engine = data.draw(st.sampled_from(ENGINES), label="engine")
    study = replace(STUDY, population=(Condition("age", "at_least", floor),))
    made = built(tmp_path, table, study, engine)
    flow = made.cohort.flow
    stays = [
        row
        for row in range(60)
        if table["age"][row] is not None
        and table["age"][row] >= floor
        and table["support"][row] is not None
        and table["ses"][row] is not None
    ]
    assert flow.start - sum(step.left for step in flow.steps) == flow.remaining == len(stays)
    assert members(made).tolist() == [table["child"][row] for row in stays]
    assert sum(count for _, count in flow.arms) == len(stays)


# ------------------------------------------------------------------------------- missing values
def test_an_indicator_fills_with_the_mean_and_flags(tmp_path):
    table = columns()
    table["ses"][2] = table["ses"][7] = None
    table["need"][3] = None
    terms = tuple(ModelTerm((Factor(name),)) for name in ("age", "ses"))
    study = replace(STUDY, missing="indicator", models=Models(exposure=terms))
    made = built(tmp_path, table, study)
    cohort, ses = made.cohort, made.cohort.covariates["ses"].values
    assert made.study.given == ("age", "need", "ses", "ses missing") == tuple(cohort.covariates)
    assert made.study.models.exposure == (*terms, ModelTerm((Factor("ses missing"),)))
    assert made.study.models.outcome is None
    assert np.flatnonzero(cohort.covariates["ses missing"].values).tolist() == [2, 7]
    recorded = [value for value in table["ses"] if value is not None]
    assert ses[2] == ses[7] == pytest.approx(np.mean(recorded), rel=1e-12)
    assert np.delete(ses, [2, 7]).tolist() == recorded
    need = cohort.covariates["need"]
    assert need.levels[-1] == "missing" and need.values[3] == len(need.levels) - 1
    assert cohort.flow.steps == ()
    assert {row[4] for row in made.missing.rows if row[2]} == {
        "mean and a flag",
        "a level of its own",
    }


def test_covariates_missing_together_share_a_flag(tmp_path):
    table = columns()
    table["ses"][2] = table["age"][2] = None
    made = built(tmp_path, table, replace(STUDY, missing="indicator"))
    assert made.study.given == ("age", "age missing", "need", "ses")


def test_a_flag_says_whose_it_is(tmp_path):
    table = columns()
    table["ses"][2] = table["age"][2] = None
    covariates = built(tmp_path, table, replace(STUDY, missing="indicator")).cohort.covariates
    assert {name: column.flag_of for name, column in covariates.items()} == {
        "age": (),
        "age missing": ("age", "ses"),
        "need": (),
        "ses": (),
    }


def test_a_level_nobody_has_left_is_no_level(tmp_path):
    table = columns()
    table["need"][0] = "autism"
    study = replace(STUDY, population=(Condition("need", "is_in", ("speech", "sight", "hearing")),))
    assert "autism" not in built(tmp_path, table, study).cohort.covariates["need"].levels


# ------------------------------------------------------------------------------- other columns
def test_columns_for_subgroups_and_negative_controls_have_roles(tmp_path):
    study = replace(
        STUDY,
        assignment=Observed(("ses",), "school"),
        subgroups=("need", "ses"),
        sensitivity=(SensitivitySpec("negative_control", (("outcome", "age"),)),),
        roles=("age",),
    )
    roles = built(tmp_path, columns(), study).cohort.roles
    assert set(roles) == {"need", "age"} and roles["need"].levels[0] == "hearing"


WITH_ROLE = replace(STUDY, assignment=Observed(("ses",), "school"), roles=("age",))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_word_among_numbers_is_a_fault_of_a_column_that_is_no_covariate_too(tmp_path, engine):
    """It used to make the whole column a category, and every number a level of its own."""
    table = columns()
    table["age"] = [str(age) for age in table["age"]]
    table["age"][7] = "ZEBRA"
    with pytest.raises(Malformed) as told:
        built(tmp_path, table, WITH_ROLE, engine=engine)
    (only,) = told.value.problems
    assert only == (
        'column "age" (an option of an estimator or a sensitivity analysis) holds text where '
        "numbers are needed, for 1 child (row 8). Correct the records, or declare covariates: "
        "{age: categorical}."
    )


def test_a_role_is_a_category_where_declared_or_where_no_value_is_a_number(tmp_path):
    table = columns()
    table["age"] = [str(age) for age in table["age"]]
    assert not built(tmp_path, table, WITH_ROLE).cohort.roles["age"].categorical
    table["age"][7] = "unknown"
    declared = replace(WITH_ROLE, covariates=(Covariate("age", "categorical"),))
    role = built(tmp_path, table, declared).cohort.roles["age"]
    assert role.levels == (*(str(age) for age in range(5, 12)), "unknown")
    words = replace(WITH_ROLE, roles=("need",))
    assert built(tmp_path, table, words).cohort.roles["need"].categorical
    numeric = replace(words, covariates=(Covariate("need", "numeric"),))
    with pytest.raises(Malformed, match=r'column "need" .* holds text where numbers are needed'):
        built(tmp_path, table, numeric)


def test_a_drawn_study_has_strata_and_its_unit_is_the_child(tmp_path):
    draw = Randomised("simple", unit="child", given=("ses",), strata=("need", "passed"))
    cohort = built(tmp_path, columns(), replace(STUDY, assignment=draw)).cohort
    assert np.array_equal(cohort.cluster_codes("child"), cohort.unit)
    pairs = list(zip(columns()["need"], columns()["passed"], strict=True))
    same = np.equal.outer(cohort.strata, cohort.strata)
    assert same.tolist() == [[one == other for other in pairs] for one in pairs]


def test_weights_are_read(tmp_path):
    table = {**columns(), "weight": [1 + row % 2 for row in range(40)]}
    study = replace(STUDY, records=replace(SOURCE, weight="weight"))
    assert built(tmp_path, table, study).cohort.weight.tolist() == table["weight"]


def test_a_time_has_an_event_and_an_entry(tmp_path):
    table = {**columns(), "event": [row % 2 for row in range(40)], "entry": [0] * 40}
    table["weeks"] = [row % 9 + 1 for row in range(40)]
    spec = OutcomeSpec("wait", "weeks", kind="time", event="event", entry="entry")
    wait = built(tmp_path, table, replace(STUDY, outcomes=(spec,))).cohort.outcomes["wait"]
    assert wait.value.tolist() == table["weeks"] and wait.entry.tolist() == table["entry"]
    assert wait.event.dtype == bool and wait.event.tolist() == [bool(v) for v in table["event"]]


def test_without_a_unit_a_child_is_its_row(tmp_path):
    made = built(tmp_path, columns(), replace(STUDY, records=replace(SOURCE, unit=None)))
    assert members(made)[:2].tolist() == ["1", "2"]


# ------------------------------------------------------------------------------- bad input
Change = Callable[[Columns], None]


def put(name: str, *changes: tuple[int, Any]) -> Change:
    def change(table: Columns) -> None:
        for row, value in changes:
            table[name][row] = value

    return change


def whole(name: str, value: Any) -> Change:
    def change(table: Columns) -> None:
        table[name] = [
            value(row) if callable(value) else value for row in range(len(table["child"]))
        ]

    return change


def first(rows: int) -> Change:
    def change(table: Columns) -> None:
        for name in table:
            table[name] = table[name][:rows]

    return change


AFTER = replace(
    STUDY,
    arms=replace(STUDY.arms, date="before"),
    outcomes=(OutcomeSpec("reading", "reading", date="after"),),
)
BAD: dict[str, tuple[Change, Study, list[str]]] = {
    "a constant covariate": (
        whole("age", 7),
        STUDY,
        ['covariate "age"', "same for every child", "Leave it out of given"],
    ),
    "a category of one level": (
        whole("need", "speech"),
        STUDY,
        ['covariate "need"', "same for every child", "Leave it out of given"],
    ),
    "a duplicated covariate": (
        lambda table: table.update(age=[value for value in table["ses"]]),
        STUDY,
        ['"ses"', 'identical to covariate "age"', 'Leave "ses" out'],
    ),
    "a covariate that is the exposure": (
        lambda table: table.update(age=[value for value in table["support"]]),
        STUDY,
        ['"age"', "identical to the exposure", "Leave"],
    ),
    "an exposure level with two children": (
        whole("support", lambda row: int(row < 2)),
        STUDY,
        ['the arm "support"', "2 children", "support = 1", "3 or more", "another arm"],
    ),
    "an exposure level with one child": (
        whole("support", lambda row: int(row < 1)),
        STUDY,
        ['the arm "support"', "1 child ", "3 or more"],
    ),
    "an exposure level with no child": (
        lambda table: None,
        replace(STUDY, arms=Arms("support", ((0, "none"), (1, "support"), (2, "plan")))),
        ['the arm "plan"', "no child", "support = 2", "arms.levels"],
    ),
    "a constant exposure": (
        whole("support", 1),
        STUDY,
        ['exposure "support"', "same for every child", 'the arm "support"', "arms.levels"],
    ),
    "a cluster missing": (
        put("school", (3, None), (9, None)),
        STUDY,
        ['"school"', "missing for 2 children", "rows 4, 10", "recorded: true"],
    ),
    "text in a number": (
        put("ses", (2, "low"), (4, "high")),
        STUDY,
        ['covariate "ses"', "text", "2 children", "rows 3, 5", "categorical"],
    ),
    "text in a number declared so": (
        put("ses", (2, "low")),
        replace(STUDY, covariates=(Covariate("ses", kind="numeric"),)),
        ['covariate "ses"', "1 child ", "row 3", "Correct"],
    ),
    "text in an outcome": (
        put("reading", (2, "absent")),
        STUDY,
        ['outcomes.reading: "reading"', "text", "row 3", "Correct"],
    ),
    "an infinite covariate": (
        put("ses", (5, "inf"), (6, "-inf")),
        STUDY,
        ['covariate "ses"', "infinite for 2 children", "rows 6, 7", "empty"],
    ),
    "an infinite outcome": (
        put("reading", (5, "inf")),
        STUDY,
        ['outcomes.reading: "reading"', "infinite for 1 child", "row 6"],
    ),
    "an outcome before the exposure": (
        put("after", (1, "2018-07-01"), (3, "2018-07-01")),
        AFTER,
        ["outcomes.reading", "before the exposure", "2 children", "rows 2, 4", "Correct the dates"],
    ),
    "dates that are no dates": (
        put("after", (1, "summer")),
        AFTER,
        ["outcomes.reading", "cannot be compared", "date and text", "YYYY-MM-DD"],
    ),
    "all outcomes missing": (
        whole("reading", None),
        STUDY,
        ["outcomes.reading", "missing for every child", "another column"],
    ),
    "all outcomes of an arm missing": (
        whole("passed", lambda row: None if row % 3 == 0 else row % 2),
        STUDY,
        ["outcomes.passed", 'every child of the arm "support"', "another column"],
    ),
    "an outcome that never varies": (
        whole("passed", 0),
        STUDY,
        ['outcomes.passed: "passed"', "same for every child", "another column"],
    ),
    "a binary outcome that is not": (
        put("passed", (0, 2), (1, 3)),
        STUDY,
        ['outcomes.passed: "passed"', "2 children", "not 0 or 1", "another kind"],
    ),
    "a count that is not": (
        put("absences", (0, -1), (1, 0.5)),
        STUDY,
        ['outcomes.absences: "absences"', "2 children", "whole number", "another kind"],
    ),
    "person-time of nothing": (
        put("days", (0, 0), (1, -3)),
        STUDY,
        ["outcomes.absences", 'person-time "days"', "2 children", "above 0"],
    ),
    "no rows": (first(0), STUDY, ["0 rows", "pupils.csv", "Name a table"]),
    "nobody eligible": (
        lambda table: None,
        replace(STUDY, population=(Condition("age", "above", 90),)),
        ["none of the 40 children", "age is 90 or less", "Widen"],
    ),
    "nobody complete": (
        lambda table: table.update(
            age=[None if row % 2 else 5 + row % 3 for row in range(40)],
            ses=[row / 7 if row % 2 else None for row in range(40)],
        ),
        STUDY,
        ["none of the 40 children", "covariate", "Widen"],
    ),
    "a covariate that nobody has": (
        whole("ses", None),
        STUDY,
        ['covariate "ses"', "missing for every child", "Leave it out of given"],
    ),
    "a child twice": (
        put("child", (5, "c004")),
        STUDY,
        ['records.unit: "child"', "not unique", "2 rows", "rows 5, 6", "one row a child"],
    ),
    "a child without an identifier": (
        put("child", (5, None)),
        STUDY,
        ['records.unit: "child"', "missing for 1 child", "row 6", "identifier"],
    ),
    "an identifier as a covariate": (
        lambda table: None,
        replace(STUDY, assignment=Observed(("age", "child"), "school")),
        ['covariate "child"', "40 different levels", "Group them"],
    ),
    "an unknown covariate": (
        lambda table: None,
        replace(STUDY, assignment=Observed(("age", "sess"), "school")),
        ["assignment.given", 'no column "sess"', "pupils.csv", 'Did you mean "ses"'],
    ),
    "a covariate in other capitals": (
        lambda table: None,
        replace(STUDY, assignment=Observed(("AGE", "ses"), "school")),
        ["assignment.given", 'no column "AGE"', 'Did you mean "age"'],
    ),
    "an unknown outcome": (
        lambda table: None,
        replace(STUDY, outcomes=(OutcomeSpec("reading", "readin"),)),
        ["outcomes.reading.column", 'no column "readin"', 'Did you mean "reading"'],
    ),
    "an unknown column in a condition": (
        lambda table: None,
        replace(STUDY, population=(Condition("agee", "above", 4),)),
        ["population", 'no column "agee"', 'Did you mean "age"'],
    ),
    "a condition on text": (
        lambda table: None,
        replace(STUDY, population=(Condition("need", "at_least", 4),)),
        ['population: column "need" holds text', '"4"', "needs a column of numbers"],
    ),
    "a level that is no number": (
        lambda table: None,
        replace(STUDY, arms=Arms("support", (("no", "none"), ("yes", "support")))),
        ['arms.levels: column "support" holds numbers', '"no"', "number"],
    ),
    "a weight of nothing": (
        whole("days", lambda row: row % 4),
        replace(STUDY, records=replace(SOURCE, weight="days"), outcomes=STUDY.outcomes[:1]),
        ['records.weight: "days"', "10 children", "population"],
    ),
    "a cluster level that is not there": (
        lambda table: None,
        replace(STUDY, assignment=Observed(("age",), "district")),
        ['assignment.cluster: "district"', "records.clusters"],
    ),
    "a time without an event": (
        lambda table: None,
        replace(STUDY, outcomes=(OutcomeSpec("wait", "days", kind="time"),)),
        ["outcomes.wait", "needs an event", "event: COLUMN"],
    ),
    "a covariate named twice": (
        lambda table: None,
        replace(STUDY, assignment=Observed(("age", "age"), "school")),
        ["assignment.given", '"age" is named twice'],
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", sorted(BAD))
def test_bad_input_is_one_line_with_the_name_and_the_mend(tmp_path, bad, engine):
    change, study, says = BAD[bad]
    table = columns()
    change(table)
    (line,) = faults(tmp_path, table, study, engine)
    assert "\n" not in line
    for words in says:
        assert words in line


def test_all_faults_are_named_at_once(tmp_path):
    table = columns()
    for name in ("a constant covariate", "a cluster missing", "a binary outcome that is not"):
        BAD[name][0](table)
    put("ses", (2, "low"))(table)
    lines = faults(tmp_path, table)
    assert len(lines) == 4
    assert [any(word in line for line in lines) for word in ("age", "ses", "school", "passed")]


def test_no_fault_repeats_a_child_s_value(tmp_path):
    table = columns()
    put("ses", (2, "Zebedee"))(table)
    put("child", (5, "Florence"), (6, "Florence"))(table)
    assert not [
        word for line in faults(tmp_path, table) for word in ("Zebedee", "Florence") if word in line
    ]


def test_positions_are_few_however_many_rows_are_wrong(tmp_path):
    table = columns()
    put("ses", *[(row, "low") for row in range(20)])(table)
    (line,) = faults(tmp_path, table)
    assert "rows 1, 2, 3, 4, 5 and 15 more" in line


# ------------------------------------------------------------------------------- sources
def stack(folder: Path) -> Study:
    table = columns()
    write(folder, {name: table[name] for name in table if name != "before"}, "trial.csv")
    more = {**columns(30), "child": [f"d{row}" for row in range(30)]}
    more["age"] = [value + 0.5 for value in more["age"]]
    write(folder, {name: more[name] for name in more if name != "after"}, "survey.csv")
    sources = (
        TableSource(
            path="trial.csv", where=(Condition("support", "equals", 1),), set=(("sample", "trial"),)
        ),
        TableSource(path="survey.csv", set=(("support", 0), ("sample", "survey"))),
    )
    records = replace(SOURCE, sources=sources)
    return replace(STUDY, records=records, subgroups=("sample",))


@pytest.mark.parametrize("engine", ENGINES)
def test_sources_are_stacked_after_their_conditions_and_constants(tmp_path, engine):
    study = stack(tmp_path)
    records = read_records(study.records, engine=engine, base=tmp_path)
    assert records.dropped == ("after", "before")
    assert [name for name, _ in records.digest] == ["trial.csv", "survey.csv"]
    made = build(study, records)
    assert made.cohort.flow.arms == (("none", 30), ("support", 14))
    assert made.cohort.flow.start == 70
    assert [(step.reason, step.left) for step in made.cohort.flow.steps] == [
        ("trial.csv: support is not 1", 26),
        ("columns not in every source, not read: after or before", 0),
    ]
    sample = made.cohort.roles["sample"]
    assert [sample.levels[code] for code in sample.values] == ["trial"] * 14 + ["survey"] * 30
    assert members(made)[13:15].tolist() == ["c039", "d0"]
    assert made.cohort.covariates["age"].values[14] == 5.5


@pytest.mark.parametrize("engine", ENGINES)
def test_places_name_the_source_where_there_are_several(tmp_path, engine):
    study = stack(tmp_path)
    table = pl.read_csv(tmp_path / "survey.csv", infer_schema=False)
    values = table["ses"].to_list()
    values[4] = "low"
    table.with_columns(pl.Series("ses", values)).write_csv(tmp_path / "survey.csv")
    with pytest.raises(Malformed, match=r"row 5 of survey\.csv"):
        build(study, read_records(study.records, engine=engine, base=tmp_path))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stata_file_gives_the_cohort_of_the_csv(tmp_path, engine):
    table = columns()
    plain = built(tmp_path, table)
    pyreadstat.write_dta(pl.DataFrame(table), str(tmp_path / "pupils.dta"))
    study = replace(STUDY, records=replace(SOURCE, sources=(TableSource(path="pupils.dta"),)))
    other = build(study, read_records(study.records, engine=engine, base=tmp_path))
    assert members(other).tolist() == members(plain).tolist()
    for name, column in plain.cohort.covariates.items():
        assert np.array_equal(other.cohort.covariates[name].values, column.values)


@pytest.mark.parametrize("engine", ENGINES)
def test_dates_of_a_typed_file_are_compared_as_dates(tmp_path, engine):
    table = columns()
    frame = pl.DataFrame(
        {
            **table,
            "before": [date(2019, 9, 1)] * 40,
            "after": [date(2020, 7, 1)] * 39 + [date(2019, 8, 31)],
        }
    )
    frame.write_parquet(tmp_path / "pupils.parquet")
    records = replace(SOURCE, sources=(TableSource(path="pupils.parquet"),))
    study = replace(
        AFTER, records=records, population=(Condition("before", "at_most", "2019-09-01"),)
    )
    with pytest.raises(Malformed, match=r"before the exposure for 1 child \(row 40\)"):
        build(study, read_records(records, engine=engine, base=tmp_path))


def test_a_path_is_enough(tmp_path):
    write(tmp_path, columns())
    records = read_records(tmp_path / "pupils.csv")
    assert records.columns == tuple(columns()) and records.words == "pupils.csv"


def test_files_that_are_not_there_are_all_named(tmp_path):
    sources = (TableSource(path="a.csv"), TableSource(path="b.csv"))
    with pytest.raises(Malformed) as caught:
        read_records(Records(sources), base=tmp_path)
    assert len(caught.value.problems) == 2


def test_stacked_files_of_one_name_have_digests_of_their_own(tmp_path):
    for folder in ("early", "late"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, columns(30 if folder == "early" else 40))
    sources = (TableSource(path="early/pupils.csv"), TableSource(path="late/pupils.csv"))
    found = dict(read_records(Records(sources), base=tmp_path).digest)
    assert list(found) == ["pupils.csv", "pupils.csv 2"] and len(set(found.values())) == 2


# ------------------------------------------------------------------------------- SQL
@pytest.mark.parametrize("engine", ENGINES)
def test_the_sql_of_a_step_finds_those_who_stay(tmp_path, engine):
    table = columns()
    table["ses"][3] = table["age"][4] = table["support"][5] = None
    study = replace(
        STUDY,
        population=(
            Condition("age", "at_least", 6),
            Condition("need", "is_in", ("speech", "sight, ] AND (FROM it's)")),
            Condition("after", "at_least", "2020-01-01"),
        ),
        assignment=Observed(("age", "ses"), "school"),
    )
    made = built(tmp_path, table, study)
    records = read_records(study.records, engine=engine, base=tmp_path)
    told = steps_sql(study, records)
    assert told[0] == ("read pupils.csv", 'SELECT *\nFROM "pupils"')
    assert told[1][1] == 'SELECT *\nFROM "pupils"\nWHERE "age" >= 6'
    assert '\n  AND "need" IN (' in told[2][1]
    relation = read_records(study.records, base=tmp_path).frame.to_native()
    remaining = {step.reason: step.remaining for step in made.cohort.flow.steps}
    counts = []
    for reason, query in told[1:]:
        counts.append(relation.query("pupils_again", query).count("*").fetchall()[0][0])
        expected = remaining.get(reason.removeprefix("leave out where "))
        assert expected is None or counts[-1] == expected
    assert counts[-1] == made.cohort.n


def frame_of(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    return pl.from_arrow(connection.sql(query).to_arrow_reader().read_all())


def test_the_sql_of_a_stack_says_how_it_is_made(tmp_path):
    study = stack(tmp_path)
    records = read_records(study.records, base=tmp_path)
    told = dict(steps_sql(study, records))
    assert told["trial.csv: leave out where support is not 1"].endswith('WHERE "support" = 1')
    assert told["make one table"].startswith('CREATE VIEW "the records" AS')
    assert "UNION ALL" in told["make one table"]
    with duckdb.connect() as connection:
        for part, name in zip(records.parts, ("trial", "survey"), strict=True):
            connection.register(name, part.frame.collect("pyarrow").to_native())
        for query in told.values():
            connection.execute(query).fetchall()
        assert frame_of(connection, query).shape[0] == build(study, records).cohort.n
        whole = frame_of(connection, 'FROM "the records" ORDER BY "(source)", "(row)"')
    read = records.frame.collect("polars").to_native().sort("(source)", "(row)")
    assert_frame_equal(whole, read, check_column_order=False)
    assert told["leave out where covariate age is not recorded"].startswith(
        'SELECT *\nFROM "the records"\nWHERE "support" IS NOT NULL\n  AND "support" IN (0, 1)'
    )


def test_the_sql_of_one_source_with_a_constant_runs(tmp_path):
    write(tmp_path, columns())
    made = TableSource(path="pupils.csv", set=(("school", 1), ("sample", "it's")))
    study = replace(STUDY, records=replace(SOURCE, sources=(made,)), subgroups=("sample",))
    records = read_records(study.records, base=tmp_path)
    told = dict(steps_sql(study, records))
    with duckdb.connect() as connection:
        connection.register("pupils", records.parts[0].frame.collect("pyarrow").to_native())
        connection.execute(told["make one table"])
        whole = frame_of(connection, 'FROM "the records"')
    assert set(whole["school"]) == {1} and set(whole["sample"]) == {"it's"}
    assert whole.shape == (40, len(columns()) + 2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("at", "before"), [("2020-06", 1), ("2020-05", 0), ("2020-06-30", 1)])
def test_a_month_is_before_what_is_after_its_last_day(tmp_path, engine, at, before):
    """The same moment in the study's own words and in a column of dates."""
    table = columns()
    table["before"] = ["2020-05-20"] * 40
    table["before"][3] = "2020-07-01"
    arms = replace(STUDY.arms, date="before")
    spec = replace(STUDY.outcomes[0], at=at, date=None)
    write(tmp_path, table)
    study = replace(STUDY, arms=arms, outcomes=(spec,))
    records = read_records(study.records, engine=engine, base=tmp_path)
    with pytest.raises(Malformed) as caught:
        build(study, records)
    (line,) = caught.value.problems
    assert "before the exposure for 1 child (row 4)" in line


# ------------------------------------------------------------------------------- real tables
def test_the_special_education_table_is_whole(shared_file):
    path = shared_file("eclsk_special_education/eclsk_c.csv")
    records = Records(
        (TableSource(path=str(path)),), unit="CHILDID", clusters=(("school", "S1_ID"),)
    )
    table = read_records(records)
    left_out = ["CHILDID", "S1_ID", "F5SPECS", "C5R4RSCL", "C5R4MSCL", "C6R4RSCL", "C6R4MSCL"]
    study = Study(
        "eclsk",
        "?",
        records=records,
        arms=Arms("F5SPECS", ((0, "none"), (1, "services"))),
        outcomes=(OutcomeSpec("maths", "C6R4MSCL"),),
        assignment=Observed(tuple(c for c in table.columns if c not in left_out), "school"),
    )
    cohort = build(study, table).cohort
    # Facts of the file: children, arms, schools, covariates.
    assert (cohort.n, cohort.flow.arms) == (7362, (("none", 6933), ("services", 429)))
    assert len(np.unique(cohort.clusters["school"])) == 861 and len(cohort.covariates) == 34
    value = cohort.outcomes["maths"].value
    assert value[cohort.arm == 1].mean() - value[cohort.arm == 0].mean() == pytest.approx(
        -19.2258, abs=5e-5
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_trial_and_the_survey_of_lalonde_are_stacked(engine):
    sources = (
        TableSource(
            package="causaldata",
            file="nsw_mixtape/nsw_mixtape.dta",
            where=(Condition("treat", "equals", 1),),
        ),
        TableSource(package="causaldata", file="cps_mixtape/cps_mixtape.dta"),
    )
    study = Study(
        "lalonde",
        "?",
        records=Records(sources),
        arms=Arms("treat", ((0, "none"), (1, "training"))),
        outcomes=(OutcomeSpec("earnings", "re78"),),
        assignment=Observed(("age", "educ")),
    )
    cohort = build(study, read_records(study.records, engine=engine)).cohort
    value = cohort.outcomes["earnings"].value
    assert cohort.flow.arms == (("none", 15992), ("training", 185))
    # Cunningham 2021, Causal Inference: The Mixtape, section 5.3: the naive difference.
    assert value[cohort.arm == 1].mean() - value[cohort.arm == 0].mean() == pytest.approx(
        -8497.516, abs=5e-4
    )
