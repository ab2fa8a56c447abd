"""The words of a study say what the study says, and change when it changes."""

from __future__ import annotations

import pytest

from fingerpost.core import protocol as words
from fingerpost.core.study import Condition
from fingerpost.core.table import Table
from fingerpost.studies.describe import WIDTH, describe
from fingerpost.studies.document import read_study, resolve
from units.studies.documents import EXAMPLES, LINKED, SMALL, instead


def study_of(more: str = "", base: str = SMALL):
    return read_study("small.yaml", text=base + more)


FULL = """\
population: {where: [{column: age, at_least: 5, reason: of school age}]}
time_zero: the spring census
follow_up: to the end of Year 6
estimand: {contrast: [support, none], target: [ate, att, {trimmed: 0.01}], scale: ratio}
models: {exposure: [linear, {spline: age}], outcome: {terms: linear, interactions: [need]}}
primary: aipw
agreement: {within: 0.2}
guard: {refuse: {effective_size: 20}}
sensitivity: [e_value]
release: none
"""


def test_the_table_holds_the_sixteen_items_of_target():
    table = words.protocol(study_of(FULL))
    assert isinstance(table, Table)
    assert table.columns == ("item", "component", "specification", "emulation")
    assert table.kinds == ("label",) * 4
    assert [item for item, *_ in table.rows] == [f"6{x}, 7{x}" for x in "abcdefgh"]
    assert all(cell for row in table.rows for cell in row)


@pytest.mark.parametrize(
    ("said", "item"),
    [
        ("age is at least 5 (of school age)", "a"),
        ("children.csv", "a"),
        ("column child", "a"),
        ("0 is none, 1 is support", "b"),
        ("3 things: age, sex and need", "c"),
        ("from the spring census; to the end of Year 6", "d"),
        ("column score, continuous", "e"),
        ("support v none; ratio of means", "f"),
        ("att: children who received support", "f"),
        ("children whose every arm has a probability of 0.01 or more", "f"),
        ("cannot be tested", "g"),
        ("spline(age, 4 knots)", "h"),
        ("one pooled model with arm × need", "h"),
        ("variance by school", "h"),
        ("primary answers within 0.2 on the logarithm", "h"),
        ("sensitivity: e_value", "h"),
    ],
)
def test_the_protocol_says_what_the_study_says(said, item):
    rows = {
        row[0]: " ".join(str(cell) for cell in row) for row in words.protocol(study_of(FULL)).rows
    }
    assert said in rows[f"6{item}, 7{item}"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Who", "children for whom age is at least 5 (of school age)"),
        ("Compare", "support against none"),
        ("From", "the spring census"),
        ("Until", "to the end of Year 6"),
        ("Outcome", "reading"),
        ("Made alike on", "3 things: age, sex and need"),
        ("Guard rails", "refuse effective size 20 instead of 30"),
        ("Primary", "aipw"),
        ("Release", "none"),
    ],
)
def test_the_description_is_labelled(label, text):
    assert f"{label:<15} {text}" in describe(study_of(FULL))


def test_what_is_not_said_is_said_not_to_be_said():
    text = describe(study_of())
    for label in ("From", "Until", "Agreement"):
        assert f"{label:<15} {words.NOT_STATED}" in text


def test_a_trial_is_told_as_a_trial():
    text = instead("assignment: {randomised: {design: simple, given: [age], strata: [sex]}}")
    study = study_of(base=text)
    said = describe(study)
    assert "drawn by a simple design, child by child within sex" in said
    assert "by life" not in said and "taken to be as good as drawn" not in said
    assert "nothing is emulated" in said
    assert words.protocol(study).title == "The trial"


def test_other_columns_give_other_words():
    one = describe(study_of(FULL))
    changed = SMALL.replace("support", "plan").replace("score", "marks")
    other = describe(study_of(FULL.replace("support", "plan"), base=changed))
    assert "support" in one and "score" in one
    assert "support" not in other and "score" not in other and "marks" in other


def test_all_but_is_told_before_and_after_the_columns_are_known():
    text = instead("assignment: {observed: {given: {all_but: [later]}}}")
    study = study_of(base=text)
    assert "every column of the records but later" in words.made_alike(study)
    columns = ("child", "school_id", "w", "support", "score", "later", "age", "sex")
    assert words.made_alike(resolve(study, columns)) == "2 things: age and sex"


def test_labels_stand_for_columns():
    study = study_of("covariates: {need: {label: need for support}}\n")
    assert words.made_alike(study) == "3 things: age, sex and need for support"


def test_what_a_missing_covariate_does_is_told():
    kept = words.eligibility(study_of("missing: indicator\n"))
    gone = words.eligibility(study_of("missing: complete\n"))
    both = words.eligibility(study_of("covariates: {age: {missing: indicator}}\n"))
    assert "leaves, and is counted" in gone and "covariate of its own" not in gone
    assert "covariate of its own" in kept and "leaves" not in kept
    assert "leaves, and is counted" in both and "covariate of its own" in both


@pytest.mark.parametrize(
    ("kind", "what"), [("binary", "risks"), ("count", "rates"), ("continuous", "means")]
)
def test_what_is_compared_follows_the_outcome(kind, what):
    study = study_of(base=SMALL.replace("{column: score}", f"{{column: score, kind: {kind}}}"))
    assert f"difference of {what};" in words.asked(study)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (Condition("a", "equals", 1), "a is 1"),
        (Condition("a", "is_in", (1, 2, "x")), "a is one of 1, 2 and x"),
        (Condition("a", "below", 3.5), "a is below 3.5"),
        (Condition("a", "recorded"), "a is recorded"),
        (Condition("a", "missing", None, "why"), "a is missing (why)"),
    ],
)
def test_conditions_in_words(condition, said):
    assert words.condition_words(condition) == said


def test_the_linked_form_is_told():
    said = describe(read_study("linked.yaml", text=LINKED))
    assert "support (SEN Support) against none (no recorded provision)" in said
    words = " ".join(said.split())
    assert "Outcome Unauthorised absence, in sessions per 100 possible, lower is better" in words
    assert "Key Stage 2 mathematics, in standard deviations of all children assessed" in words


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_lines_fit_a_page(path):
    said = describe(read_study(path))
    assert max(len(line) for line in said.splitlines()) <= WIDTH
    assert not any(mark in said for mark in ("None", "()", "['", "('"))
