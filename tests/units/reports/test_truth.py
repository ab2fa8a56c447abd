"""What is true beside what was found, where a truth is known, and whether intervals hold it."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.reports.parts import Grid
from fingerpost.reports.truth import first_primary, holds, naive_of, truth_parts
from fingerpost.reports.words import answer
from units.reports.fixtures import clean


def test_nothing_is_said_where_no_truth_is_known():
    assert truth_parts(clean()) == []


def test_each_truth_stands_beside_the_answer_and_the_naive_one():
    output = clean()
    causal = next(one for one in output.results if one.term.target.kind == "ate")
    found = first_primary(output, causal.term)
    assert found is not None and found.lo is not None and found.hi is not None
    inside, outside = (found.lo + found.hi) / 2, found.hi + 1
    both = replace(output, truth=((causal.term, inside), (causal.term, outside)))
    assert holds(output, causal.term, inside) is True
    assert holds(output, causal.term, outside) is False
    _, words, grid = truth_parts(both)
    assert isinstance(grid, Grid) and len(grid.rows) == 2
    assert [row[-1].text for row in grid.rows] == ["yes", "no"]
    assert "1 of 2 first primary intervals hold it" in words.text
    crude = naive_of(output, causal.term)
    assert (crude is None) == all(one.estimator != "naive" for one in output.results)


def test_a_refused_term_is_not_said_to_be_missed():
    output = clean()
    causal = next(one for one in output.results if one.term.target.kind == "ate")
    other = replace(causal.term, outcome="another")
    _, words, grid = truth_parts(replace(output, truth=((other, 0.5),)))
    assert grid.rows[0][-1].text == "not answered"
    assert "refused" in [entry.text for entry in grid.rows[0]]
    assert "0 of 0" in words.text


def test_the_truth_stands_beside_the_answer_in_the_first_lines():
    output = clean()
    first = next(one for one in output.results if one.primary and one.term.target.kind == "att")
    assert first.lo is not None and first.hi is not None
    for value, words in (
        (first.value, "which the interval holds"),
        (first.hi + 1, "does not hold"),
    ):
        told = answer(replace(output, truth=((first.term, value),)))
        assert "These records are synthetic: the planted truth is" in told and words in told
    assert "planted truth" not in answer(output)
    other = next(one for one in output.results if one.primary and one.term.target.kind == "ate")
    told = answer(replace(output, truth=((other.term, 0.0125),)))
    assert (
        "(planted truth 1.25 per 100 children)" in told
        and "These records are synthetic" not in told
    )
