"""What the first lines say where primary answers part, rest on little, or analyses repeat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.agreement import Agreement
from fingerpost.core.estimand import Target
from fingerpost.core.output import Output, SensitivityResult
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import OutcomeSpec
from fingerpost.core.table import Table
from fingerpost.reports.agreeing import agreement_sentence, opposed
from fingerpost.reports.controls import sensitivity_tables
from fingerpost.reports.refusals import sensitivity_refusals
from fingerpost.reports.strength import e_value_words, robustness_words
from fingerpost.reports.words import answer
from units.reports.fixtures import clean, refused

FIRST = Target("att")  # that the clean output tells in full


def with_values(**given: tuple[float, float, float]) -> Output:
    """The clean output, the primary answers told first with these values and limits."""
    output = clean()
    results = []
    for one in output.results:
        if one.term.target == FIRST and one.estimator in given and one.primary:
            value, lo, hi = given[one.estimator]
            one = replace(one, value=value, lo=lo, hi=hi)
        results.append(one)
    return replace(output, results=tuple(results), sensitivity=())


@pytest.mark.parametrize("other", [(2.0, 1.0, 3.0), (0.4, -0.5, 1.3)])
def test_primary_answers_of_two_signs_are_no_answer(other):
    told = answer(with_values(ipw=(-2.0, -3.0, -1.0), aipw=other))
    assert "The primary answers disagree in sign, so nothing is settled" in told
    assert "so this is" not in told


def test_primary_answers_that_part_without_opposite_signs_say_which():
    told = answer(with_values(ipw=(-2.0, -3.0, -1.0), aipw=(-0.5, -1.5, 0.5)))
    assert "the interval of aipw includes no difference, and that of ipw does not" in told
    assert "disagree in sign" not in told


def test_answers_that_agree_in_size_are_not_said_to_part():
    """The report said that they agree, and that they part, of one pair of answers."""
    output = with_values(ipw=(-2.0, -3.9, -0.1), aipw=(-1.9, -3.9, 0.1))
    found = tuple(
        replace(each, within=2.0, agree=True) if each.term.target == FIRST else each
        for each in output.agreements
    )
    assert any(each.agree and len(each.estimators) > 1 for each in found)
    told = answer(replace(output, agreements=found))
    assert "Primary answers part" not in told
    assert "agree in size by the distance declared beforehand" in told
    assert "the interval of aipw just includes no difference, and that of ipw does not" in told


def test_an_interval_that_holds_no_difference_is_still_told_by_its_ends():
    told = answer(with_values(ipw=(-0.5, -1.5, 0.5), aipw=(-2.0, -3.0, -1.0)))
    assert "The records are compatible with anything from" in told
    assert "the interval of ipw includes no difference, and that of aipw does not" in told


def test_two_intervals_on_one_side_are_judged():
    assert "so this is" in answer(with_values(ipw=(-2, -3, -1), aipw=(-2.2, -3, -1)))


def test_without_a_declared_distance_opposite_signs_are_told():
    output = clean()
    found = replace(output.agreements[0], lo=-0.4, hi=0.3, within=None, agree=None)
    assert isinstance(found, Agreement) and opposed(found)
    assert "and disagree in sign; no distance was declared" in agreement_sentence(output, found)
    same = replace(found, lo=0.1)
    assert "disagree" not in agreement_sentence(output, same)


def refused_beside(outcome: str, measured: float, term) -> SensitivityResult:
    words = f"{100 * measured:.1f}% of the target had a probability below 0.01 of an arm"
    rule = Broken("outside support", "positivity", measured, 0.1, words)
    refusal = Refusal((replace(term, outcome="before"),), (rule,), "")
    return SensitivityResult("negative_control", refusals=(refusal,), about=outcome)


def test_what_a_control_could_not_answer_is_one_sentence_that_names_outcomes():
    output = clean()
    term = next(one.term for one in output.results if one.term.target == Target("ate"))
    specs = (*output.study.outcomes, OutcomeSpec("reading", "r"), OutcomeSpec("absence", "a"))
    study = replace(output.study, outcomes=specs)
    each = (("maths", 0.43), ("reading", 0.68), ("absence", 0.43))
    several = tuple(refused_beside(name, share, term) for name, share in each)
    told = sensitivity_refusals(replace(output, study=study, sensitivity=several))
    assert len(told) == 1
    words = "of the target had a probability below 0.01 of an arm"
    assert f"43.0% {words} (beside maths and absence)" in told[0]
    assert f"68.0% {words} (beside reading)" in told[0]


def swapped(output: Output, table: Table, **cells: object) -> Output:
    """The output with one more row in a table of a sensitivity analysis, the first's but for these
    cells.
    """
    row = tuple({**table.records()[0], **cells}[name] for name in table.columns)
    more = replace(table, rows=(*table.rows, row), counts=())
    results = tuple(
        replace(one, tables=tuple(more if each.name == table.name else each for each in one.tables))
        for one in output.sensitivity
    )
    return replace(output, sensitivity=results)


def test_the_weakest_answer_is_one_that_was_answered():
    """A contrast that was refused needs no cause to be undone, however small its number."""
    output = refused()
    (first, *_) = sensitivity_tables(output, "robustness")
    weaker = swapped(output, first, contrast="plan v none", rv=0.0001)
    assert "plan v none" not in robustness_words(weaker)
    assert robustness_words(weaker) == robustness_words(output)
    (second, *_) = sensitivity_tables(output, "risk ratios")
    primary = next(one for one in output.results if one.primary)
    weaker = swapped(
        output, second, estimator=primary.estimator, target="another", e_value=1.01,
        e_value_limit=1.001,
    )  # fmt: skip
    assert e_value_words(weaker) == e_value_words(output)


def test_answers_that_hold_no_difference_are_said_to_need_no_cause():
    output = refused()
    held = tuple(
        replace(one, lo=-9.0, hi=9.0) if one.primary and one.term.target == FIRST else one
        for one in output.results
    )
    many = sum(one.primary and one.term.target == FIRST for one in output.results)
    assert e_value_words(output) and "with no such cause" not in e_value_words(output)
    told = e_value_words(replace(output, results=held))
    assert f"{many} other primary answers include no difference with no such cause" in told
