"""What counts as agreement between primary answers: one distance, or one an outcome."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.protocol import agreement
from fingerpost.studies.document import read_study

STUDY = """
study: two-outcomes
question: Does support change maths and absence?
records: {table: children.csv}
arms: {column: support, levels: {0: none, 1: support}}
outcomes:
  maths: {column: maths, measured_in: points}
  absence: {column: missed, measured_in: sessions}
assignment: {observed: {given: [age]}}
estimators: [ipw, aipw]
estimand: {scale: SCALE}
agreement: AGREEMENT
"""


def read(said: str, scale: str = "difference"):
    return read_study("s.yaml", text=STUDY.replace("AGREEMENT", said).replace("SCALE", scale))


def test_each_outcome_has_a_distance_of_its_own():
    study = read("{by_outcome: {maths: 1, absence: 0.005}}")
    assert study.within("maths") == 1
    assert study.within("absence") == 0.005
    assert agreement(study) == "primary answers within 1 for maths and 0.005 for absence"


def test_an_outcome_without_a_distance_is_not_judged():
    assert read("{by_outcome: {maths: 1}}").within("absence") is None


def test_one_distance_is_no_distance_for_outcomes_of_two_units():
    with pytest.raises(Malformed, match=r"one distance for outcomes of 2 units.*by_outcome"):
        read("{within: 1}")


def test_ratios_have_one_unit():
    study = read("{within: 0.05}", "ratio")
    assert (study.within("maths"), study.within("absence")) == (0.05, 0.05)


@pytest.mark.parametrize("said", ["{}", "{within: 1, by_outcome: {maths: 1}}"])
def test_exactly_one_of_the_two_is_said(said):
    with pytest.raises(Malformed, match="needs one of within"):
        read(said)


def test_a_distance_is_of_an_outcome_that_exists():
    with pytest.raises(Malformed, match=r'"math" is not an outcome.*Did you mean "maths"'):
        read("{by_outcome: {math: 1}}")
