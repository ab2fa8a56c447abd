"""What counts as agreement between primary answers: one distance, or one an outcome."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.protocol import agreement
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import spelt

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


LINKED = """
study: linked
question: Does support change absence and mathematics?
population: {born: 2003-09/2008-08, enrolled: {year: 1, school: state-funded}}
arms: {none: no recorded provision, support: SEN Support}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 6}
outcomes: [OUTCOMES]
assignment: {observed: {given: [sex]}}
estimand: {contrast: [support, none], scale: ratio}
estimators: [ipw, aipw]
agreement: AGREEMENT
"""


def linked(outcomes: str, said: str):
    return read_study(
        "s.yaml", text=LINKED.replace("OUTCOMES", outcomes).replace("AGREEMENT", said)
    )


def test_logarithms_and_standard_deviations_are_two_units():
    """Attainment is told as a difference, whatever the study's scale: 0.05 of which?"""
    with pytest.raises(Malformed, match=r"(?s)2 units.*logarithms of ratios.*standard deviations"):
        linked("unauthorised_absence, ks2_maths", "{within: 0.05}")
    assert linked("unauthorised_absence, medical_absence", "{within: 0.05}").agreement == 0.05
    study = linked(
        "unauthorised_absence, ks2_maths",
        "{by_outcome: {unauthorised_absence: 0.05, ks2_maths: 0.1}}",
    )
    told = agreement(spelt(study))
    assert "0.05 on the logarithm for unauthorised_absence and 0.1 for ks2_maths" in told


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
