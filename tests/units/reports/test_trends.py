"""The answer's sentence where outcomes had moved before provision began."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.assignment import Randomised
from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.reports.phrases import primary_of
from fingerpost.reports.trends import drifting, trends_parted
from units.reports.fixtures import clean


def made(
    output: Output, role: str, columns: tuple[str, ...], values: tuple[str | float, ...]
) -> Table:
    """A table of the first primary answer."""
    result = output.results[0]
    cells = (result.term.words(), *values)
    kinds = ("label", *("label" if isinstance(each, str) else "number" for each in values))
    return Table(
        role.replace(" ", "_"),
        role,
        ("contrast", *columns),
        kinds,
        (cells,),
        leaf=result.estimator,
        tells=Tells(role),
        tags=(("outcome", result.term.outcome),),
    )


def told(p: float, ends: tuple[float, float] | None) -> str:
    output = clean()
    label = output.results[0].term.label()
    tables = [made(output, "trends before", ("p_small_sample", "p_shuffled"), (0.9, p))]
    if ends is not None:
        columns = ("target", "times", "lo", "hi")
        tables.append(made(output, "drift allowed", columns, (label, 1.0, *ends)))
    return trends_parted(replace(output, tables=tuple(tables)), output.results[0])


def test_trends_that_had_parted_and_might_be_all_of_it_are_no_answer():
    words = told(0.001, (-1.0, 2.0))
    assert "we cannot tell" in words and "p = 0.0010" in words
    assert "we cannot tell" in told(0.001, None)


def test_an_effect_beyond_what_drift_allows_stands_with_that_said():
    words = told(0.001, (0.5, 2.0))
    assert "differs still" in words and "cannot tell" not in words


def test_nothing_is_said_where_the_shuffled_test_finds_nothing():
    assert told(0.2, (-1.0, 2.0)) == ""


@pytest.mark.parametrize(("p", "said"), [(1e-6, True), (0.04, True), (0.2, False)])
def test_a_drawn_order_is_doubted_by_leads_alone(p, said):
    output = clean()
    drawn = replace(output.study, assignment=Randomised("staggered", None))
    columns = ("periods before", "estimate", "p")
    table = made(output, "moved before", columns, (1.0, 0.5, p))
    parted = made(output, "trends before", ("p_small_sample", "p_shuffled"), (1e-9, 1e-9))
    output = replace(output, study=drawn, tables=(table, parted))
    words = trends_parted(output, output.results[0])
    assert ("had moved before provision began" in words) is said


def test_what_drift_would_leave_is_told_of_every_first_answer():
    output = clean()
    label = primary_of(output)[0].term.label()
    table = made(output, "drift allowed", ("target", "times", "lo", "hi"), (label, 1.0, -1.5, 2.0))
    assert drifting(output) == ""
    words = drifting(replace(output, tables=(table,)))
    assert "as much in a step as the most before" in words and "−1.50 to 2.00" in words
