"""Sentences: they follow the numbers of one study, and never say more than these."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.assignment import Randomised
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.output import Output, Result
from fingerpost.reports.phrases import effect, judgement
from fingerpost.reports.words import answer, answers, certainty, limitations, refusals
from units.reports.fixtures import (
    ATE,
    ATT,
    OUTPUTS,
    Shape,
    bare,
    clean,
    ratio,
    refused,
    regions,
    result,
    three_arms,
)


def everything(output: Output) -> str:
    return " ".join((answer(output), certainty(output), *limitations(output), *refusals(output)))


def with_measure(output: Output, **more: object) -> Output:
    """The same output whose one outcome is measured otherwise."""
    spec = output.study.outcomes[0]
    measure = replace(spec.measure, **more)  # type: ignore[arg-type]
    return replace(output, study=replace(output.study, outcomes=(replace(spec, measure=measure),)))


def test_a_refusal_comes_before_any_answer():
    told = answer(refused())
    assert told.startswith("We cannot tell")
    assert told.index("91%") < told.index("5.83")
    assert "all children" in told[: told.index("5.83")]
    assert "for the children who received services, the answer is" in told.lower()


def test_the_measured_number_is_in_the_refusal_and_the_trap_is_nowhere():
    assert "91%" in refusals(refused())[0]
    assert "38" not in answer(refused())


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_interval_that_holds_zero_is_never_called_no_effect(name):
    told = everything(OUTPUTS[name]()).lower()
    assert "no effect" not in told
    assert "not significant" not in told


def test_an_interval_that_holds_zero_is_told_by_its_ends():
    term = Term("maths", pair("services", "none"), ATT)
    told = judgement(refused().study, result(term, "ipw", 0.5, 1.0))
    assert "compatible with anything from 1.46 IRT points lower to 2.46 IRT points higher" in told


@pytest.mark.parametrize(
    ("better", "value", "word"),
    [
        ("higher", -5.0, "a harm"),
        ("higher", 5.0, "an improvement"),
        ("lower", -5.0, "an improvement"),
        ("lower", 5.0, "a harm"),
    ],
)
def test_good_and_harm_follow_what_people_chose(better, value, word):
    output = with_measure(refused(), better=better)
    term = Term("maths", pair("services", "none"), ATT)
    assert word in judgement(output.study, result(term, "ipw", value, 0.5))


def test_where_nobody_chose_there_is_neither_good_nor_harm():
    output = with_measure(refused(), better="")
    told = everything(output)
    assert "harm" not in told
    assert "improvement" not in told


def test_flipping_the_sign_flips_the_words():
    term = Term("maths", pair("services", "none"), ATT)
    study = refused().study
    down, up = (effect(study, result(term, "ipw", value, 1.0)) for value in (-5.0, 5.0))
    assert down.replace("lower", "higher") == up


def test_risks_are_told_per_hundred_children():
    told = answer(clean())
    assert "3.21 per 100 children lower under plan than under usual" in told
    assert "1.45 to 4.97 lower" in told


def test_ratios_are_told_as_ratios():
    told = answer(ratio())
    assert "0.861 times as high (13.9% lower) under support as under none" in told
    assert "compatible with anything from 0.722 to 1.03 times" in told


def test_a_difference_that_matters_is_compared_with_the_interval():
    assert "holds the smallest difference that matters (2.00 per 100 children)" in answer(clean())


def test_every_contrast_has_its_own_paragraph():
    assert len(answers(three_arms())) == 3


def test_no_interval_is_said_to_be_none():
    assert "no interval is justified" in answer(three_arms())
    assert "1 estimate of 6 has no interval" in " ".join(limitations(three_arms()))


def test_sets_are_told_as_sets():
    assert "(−∞, −2.10] ∪ [3.40, ∞)" in answer(regions())
    assert "anything up to 4" in answer(regions())


def test_observing_is_not_drawing():
    assert "Nobody drew lots" in certainty(refused())
    assert "34 recorded covariates" in certainty(refused())
    assert "drawn (simple randomisation of each child)" in certainty(three_arms())


def test_the_reader_of_a_trial_is_told_no_assumption_of_exchangeability():
    drawn = replace(refused().study, assignment=Randomised("cluster", "school"))
    assert "Nobody drew lots" not in certainty(refused(study=drawn))


def test_agreement_is_judged_only_against_what_was_declared():
    assert "within 1 declared beforehand: they agree" in certainty(refused())
    assert "beyond 0.1 declared beforehand: they do not agree" in certainty(refused())
    assert "no distance was declared beforehand, so none is judged" in certainty(clean())
    assert "a factor of 1.05 declared beforehand" in certainty(ratio())


def test_sensitivity_speaks_of_this_study():
    told = certainty(refused())
    assert "9.5%" in told
    assert "covariate_01 would explain 1.1% and 2.1%" in told
    assert "1.85 (E-value)" in told
    assert "1 of 1 adjusted answer differs from nothing" in told


def test_a_negative_control_that_holds_zero_does_not_fire():
    held = refused(Shape(shift=2.338))
    assert "0 of 1 adjusted answer differ from nothing" in certainty(held)


def test_an_answer_whose_own_control_fires_is_not_read_as_an_effect():
    """The same leaf finds a difference where there can be none: neither harm nor improvement."""
    output = refused()
    leaf, (table,), none = output.sensitivity[-1]
    tags = (("outcome", "MIRT"), ("contrast", "services v none"))
    fired = ("ipw", "att", -1.9, 0.4, -2.7, -1.1, "an effect where there can be none")
    held = ("ipw", "att", -0.1, 0.4, -0.9, 0.7, "no sign of confounding")
    for row, doubted in ((fired, True), (held, False)):
        tables = (replace(table, rows=(row,), tags=tags),)
        told = answer(replace(output, sensitivity=((leaf, tables, none),)))
        assert ("not to be read as an effect" in told) is doubted
        assert ("so this is a harm" in told) is not doubted


def test_guard_rails_that_warn_are_counted():
    assert "1 guard rail warns" in certainty(refused())
    assert "None of the 2 guard rails judged warns" in certainty(clean())


def test_limitations_name_who_left_and_what_was_withheld():
    assert "908 children of 8,270 left" in " ".join(limitations(refused()))
    assert "table overlap_subgroups" in " ".join(limitations(ratio()))


def test_an_output_without_answers_says_so():
    assert answer(bare()) == "No leaf of this study gives a causal answer."


def test_words_follow_the_numbers():
    """Other names and other numbers: no old name or number is left in what is said."""
    other = refused(
        Shape("reading", "marks", ("usual care", "therapy"), shift=0.25, given=("a", "b", "c"))
    )
    told = everything(other)
    for gone in ("maths", "IRT", "services", "5.83", "covariate_01", "91%"):
        assert gone not in told
    assert "therapy" in told


def test_the_first_primary_leaf_of_the_study_gives_the_answer():
    output = refused()
    swapped = replace(output, study=replace(output.study, primary=("aipw", "ipw")))
    assert "by ipw" in answer(output)
    assert "by aipw" in answer(swapped)


def test_a_leaf_that_is_not_primary_is_not_the_answer():
    term = Term("maths", pair("services", "none"), ATE)
    plain = Result("g_formula", term, 9.9, 1.0, 7.9, 11.9, 0.95, "normal")
    output = refused(results=(plain, *refused().results), refusals=())
    assert "9.9" not in answer(output)


def test_trimmed_targets_say_whom_they_keep():
    term = Term("maths", pair("services", "none"), Target("att", trim=0.01))
    shown = answer(refused(results=(result(term, "ipw", 1.0, 0.1, primary=True),), refusals=()))
    assert "who received services whose every arm had a probability of at least 0.01" in shown
