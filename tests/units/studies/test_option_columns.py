"""Columns that options name, and options that cannot be read: told at once, with their lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Estimator, menu
from fingerpost.core.study import Study
from fingerpost.studies import plan
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.option_columns import column_faults
from fingerpost.studies.run import run

ROOT = Path(__file__).resolve().parents[3]
METHODS = ROOT / "examples" / "methods"
COLUMNS = tuple((METHODS / "children.csv").read_text().split("\n", 1)[0].split(","))
BASE = """\
study: small
question: Does support change reading?
records: {table: children.csv, unit: child, clusters: {school: school}, weight: years}
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {score: {column: reading}, days: {column: absences, kind: count, exposure: months}}
assignment: {observed: {given: [girl, fsm, need], cluster: school}}
estimators: ESTIMATORS
sensitivity: SENSITIVITY
"""


def read(estimators: str = "[aipw]", sensitivity: str = "[]", base: str = BASE) -> Study:
    text = base.replace("ESTIMATORS", estimators).replace("SENSITIVITY", sensitivity)
    return read_study("small.yaml", text=text)


def faults(
    estimators: str = "[aipw]", sensitivity: str = "[]", base: str = BASE
) -> tuple[str, ...]:
    with pytest.raises(Malformed) as told:
        read(estimators, sensitivity, base)
    return told.value.problems


PARTS = {
    "support": "is the exposure (arms.column)",
    "child": "names the child (records.unit)",
    "years": "is the weight (records.weight)",
    "reading": "is a column of the outcome score (outcomes.score.column)",
    "absences": "is a column of the outcome days (outcomes.days.column)",
    "months": "is a column of the outcome days (outcomes.days.exposure)",
    "school": "is the key of the clusters (records.clusters.school)",
}
LEAVES = {
    "iv: instrument": ("[{iv: {instrument: COLUMN}}]", "[]"),
    "rdd: running": ("[{rdd: {running: COLUMN, cutoff: 1}}]", "[]"),
    "matching: exact": ("[{matching: {exact: [girl, COLUMN]}}]", "[]"),
    "g_estimation: modifiers": ("[aipw, {g_estimation: {modifiers: COLUMN}}]", "[]"),
    "negative_control: outcome": ("[aipw]", "[{negative_control: {outcome: COLUMN}}]"),
    "prior_outcome: outcome": ("[aipw]", "[{prior_outcome: {outcome: COLUMN}}]"),
    "calibration: controls": (
        "[aipw]",
        "[{calibration: {controls: [reading_before, height_before, COLUMN]}}]",
    ),
    "proximal: exposure_proxy": (
        "[aipw]",
        "[{proximal: {exposure_proxy: COLUMN, outcome_proxy: parent_rating}}]",
    ),
    "proximal: outcome_proxy": (
        "[aipw]",
        "[{proximal: {exposure_proxy: parent_rating, outcome_proxy: COLUMN}}]",
    ),
    "omitted_variable: benchmarks": ("[aipw]", "[{omitted_variable: {benchmarks: [COLUMN]}}]"),
}
KEYS_TOO = {("matching: exact", "school")}


@pytest.mark.parametrize("option", LEAVES)
@pytest.mark.parametrize("column", PARTS)
def test_a_column_with_another_part_is_named_with_that_part(option: str, column: str) -> None:
    estimators, sensitivity = (each.replace("COLUMN", column) for each in LEAVES[option])
    if (option, column) in KEYS_TOO:
        assert read(estimators, sensitivity)
        return
    found = faults(estimators, sensitivity)
    line, room = (7, "estimators") if sensitivity == "[]" else (8, "sensitivity")
    wanted = f'small.yaml:{line}: {room}: {option}: "{column}" {PARTS[column]}'
    assert any(fault.startswith(wanted) for fault in found)
    assert not any("there is no column" in fault for fault in found)


@pytest.mark.parametrize(
    "option", sorted(set(LEAVES) - {"g_estimation: modifiers", "omitted_variable: benchmarks"})
)
def test_a_column_without_another_part_may_be_named(option: str) -> None:
    study = read(*(each.replace("COLUMN", "visited") for each in LEAVES[option]))
    assert "visited" in resolve(study, COLUMNS).roles


def test_an_outcome_by_its_name_is_no_instrument_and_no_column() -> None:
    with pytest.raises(Malformed, match='"score" is an outcome of the study, not a column'):
        resolve(read("[{iv: {instrument: score}}]"), COLUMNS)


def test_the_only_outcome_is_no_control_and_another_is() -> None:
    control = "[{negative_control: {outcome: score}}]"
    alone = BASE.replace(", days: {column: absences, kind: count, exposure: months}", "")
    (only,) = faults("[aipw]", control, base=alone)
    assert 'outcome: "score" is the outcome of the study (outcomes.score)' in only
    assert read("[aipw]", control)


def test_a_covariate_is_no_control_unless_the_analysis_is_of_covariates() -> None:
    asked = (
        "[{calibration: {controls: [girl, fsm, reading_before]}}, "
        "{omitted_variable: {benchmarks: [need]}}]"
    )
    first, second = faults("[aipw]", asked)
    assert '"girl" is a covariate of the study: a control must not be adjusted for' in first
    assert '"fsm" is a covariate' in second
    # A single control leaves the covariates by itself, as its page says.
    assert read("[aipw]", "[{negative_control: {outcome: need}}]")


def test_covariates_that_all_but_makes_are_known_once_the_columns_are() -> None:
    base = BASE.replace("given: [girl, fsm, need]", "given: {all_but: [visited]}")
    asked = (
        "[{calibration: {controls: [girl, fsm, test_score]}}, "
        "{omitted_variable: {benchmarks: [visited]}}]"
    )
    study = read("[aipw]", asked, base=base)
    with pytest.raises(Malformed) as told:
        resolve(study, COLUMNS)
    assert sum("a control must not be adjusted for" in fault for fault in told.value.problems) == 3
    assert any('"visited" is not a covariate' in fault for fault in told.value.problems)


def test_a_cluster_among_the_covariates_may_be_a_benchmark() -> None:
    base = BASE.replace("given: [girl, fsm, need]", "given: [girl, fsm, school]")
    assert read("[aipw]", "[{omitted_variable: {benchmarks: [school]}}]", base=base)
    assert any(
        "key of the clusters" in fault
        for fault in faults("[{iv: {instrument: school}}]", base=base)
    )


@pytest.mark.parametrize("option", ["iv: instrument", "matching: exact", "calibration: controls"])
def test_a_name_listed_twice_is_a_fault(option: str) -> None:
    estimators, sensitivity = LEAVES[option]
    twice = "visited, visited"
    if option.startswith("calibration"):
        twice = f"height_before, vision_before, {twice}"
    swap = {"[girl, COLUMN]": f"[{twice}]", "[reading_before, height_before, COLUMN]": f"[{twice}]"}
    for old, new in {**swap, "COLUMN": f"[{twice}]"}.items():
        estimators, sensitivity = estimators.replace(old, new), sensitivity.replace(old, new)
    (only,) = faults(estimators, sensitivity)
    assert f'{option}: "visited" is named twice' in only


def test_a_benchmark_alone_and_in_a_group_is_not_twice() -> None:
    assert read("[aipw]", "[{omitted_variable: {benchmarks: [need, [need, fsm]]}}]")


def test_a_list_of_one_is_that_one() -> None:
    one = read("[aipw]", "[{negative_control: {outcome: [visited]}}]")
    assert one == read("[aipw]", "[{negative_control: {outcome: visited}}]")
    assert resolve(read("[{rdd: {running: [visited], cutoff: 1}}]"), COLUMNS).roles == ("visited",)


def test_columns_of_leaves_that_there_are_not_are_passed_over() -> None:
    assert list(column_faults(replace(read(), estimators=("ghost",)))) == []


# ------------------------------------------------------------------------ options that cannot be
def test_every_fault_of_every_leaf_is_told_at_once_with_its_line() -> None:
    estimators = """
  - aipw: {normalised: yes}
  - matching:
      ratio: 0
      exact: support
  - tmle: {rnge: [0, 1]}
  - iv"""
    told = faults(estimators, "[{negative_control: {outcome: child}}]")
    assert [fault.split(" estimators: ")[0].split(" sensitivity: ")[0] for fault in told] == [
        "small.yaml:8:",
        "small.yaml:10:",
        "small.yaml:11:",
        "small.yaml:12:",
        "small.yaml:13:",
        "small.yaml:14:",
    ]
    assert 'normalised takes true or false; "yes" was found' in told[0]
    assert 'has no option "rnge". Did you mean "range"?' in told[3]


def test_nothing_is_said_of_options_while_what_they_hang_on_cannot_be_read() -> None:
    base = BASE.replace("outcomes: {score: {column: reading}", "outcomes: {score: {colum: reading}")
    told = faults("[aipw]", "[{negative_control: {outcome: reading}}]", base=base)
    assert all("negative_control" not in fault for fault in told)


def flags() -> list[tuple[str, str]]:
    """Return every option of an estimator that takes true or false: its words begin with one."""
    return [
        (name, option)
        for name, leaf in menu("estimators", Estimator).items()
        for option, words in leaf.options
        if words.startswith(("true", "false"))
    ]


def test_the_options_that_take_true_or_false_are_found() -> None:
    assert {("aipw", "normalised"), ("matching", "replace"), ("g_estimation", "homogeneous")} <= {
        *flags()
    }


@pytest.mark.parametrize(("leaf", "option"), flags())
@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ("yes", '"yes"'),
        ("on", '"on"'),
        ("1", "1"),
        ("0", "0"),
        ("1.0", "1.0"),
        ("[true]", "a list"),
        ("[]", "an empty list"),
        ("{a: true}", "a mapping"),
        ('""', '""'),
        ("", "nothing"),
        ('"true"', '"true"'),
    ],
)
def test_what_takes_true_or_false_takes_nothing_else(
    leaf: str, option: str, wrong: str, shown: str
) -> None:
    told = faults(f"[naive, {{{leaf}: {{{option}: {wrong}}}}}]")
    assert any(
        fault.endswith(f"{leaf}: {option} takes true or false; {shown} was found.")
        for fault in told
    )
    for right in ("true", "false"):
        study = read(f"[naive, {{{leaf}: {{{option}: {right}}}}}]")
        assert not any("takes true or false" in words for *_, words in plan.option_faults(study))


@pytest.mark.parametrize("name", sorted(menu("estimators", Estimator)))
def test_every_option_of_every_leaf_is_read_before_the_records(name: str) -> None:
    """A mapping is right for none of them."""
    for option, _ in menu("estimators", Estimator)[name].options:
        told = faults(f"[{{{name}: {{{option}: {{a: 1}}}}}}]")
        found = [fault for fault in told if f": {name}: {option} takes" in fault]
        assert len(found) == 1 and found[0].split(" was found")[0].endswith("a mapping")


# ------------------------------------------------------------------------ what the children tell
def test_what_the_children_tell_is_told_of_all_leaves_before_any_runs() -> None:
    text = (METHODS / "aipw.yaml").read_text()
    text = text.replace("models: {exposure: linear, outcome: linear, censoring: linear}\n", "")
    text = text.replace("target: ate", "target: [ate, att, compliers]").replace(
        "estimators: [naive, aipw]",
        "estimators: [aipw, {tmle: {range: [0, 1]}}, {matching: {ratio: 5000}}, "
        "{iv: {instrument: visited, above: 0.5}}, {double_ml: {learner: no.such.Thing}}]",
    )
    said: list[str] = []
    study = read_study("aipw.yaml", text=text)
    with pytest.raises(Malformed) as told:
        run(study, read_records(study.records, base=METHODS), say=said.append)
    first, *rest = told.value.problems
    assert "tmle: maths: some outcomes lie outside the two ends" in first
    assert "ratio: 5000 matches for each child are asked for, and arm none has" in rest[0]
    assert "double_ml: learner: no.such cannot be imported" in rest[-1]
    assert not any("aipw" in words for words in said)


@pytest.mark.parametrize(
    ("at", "cutoff", "words"),
    [
        ("above", "500", "2,400 children have a value of test_score below 500, and 0 at or above"),
        (
            "above",
            "-500",
            "0 children have a value of test_score below -500, and 2,400 at or above",
        ),
        ("below", "500", "0 children have a value of test_score above 500, and 2,400 at or below"),
    ],
)
def test_a_cut_off_outside_the_data_says_how_many_lie_on_each_side(
    at: str, cutoff: str, words: str
) -> None:
    text = (METHODS / "rdd.yaml").read_text()
    text = text.replace("cutoff: 85", f"cutoff: {cutoff}, at: {at}")
    study = read_study("rdd.yaml", text=text)
    with pytest.raises(Malformed, match=words):
        run(study, read_records(study.records, base=METHODS))
