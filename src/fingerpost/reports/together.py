"""Subgroups that differ or do not, in sentences: a test for each, and how many were tested."""

from __future__ import annotations

import math
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.forest import COLUMNS, KINDS
from fingerpost.plots.numbers import number
from fingerpost.reports.phrases import (
    contrast_phrase,
    horizon_words,
    outcome_words,
    people,
    unit_of,
    with_unit,
)

Row = dict[str, Cell]
LEVEL = 0.05
FOREST = "subgroups"
CLOSE = 1e-6


def difference_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of tests whether subgroups differ."""
    return tuple(table for table in output.tables if table.name == "subgroup_differences")


def p_words(p: float) -> str:
    """Return a p-value as it is written.

    >>> p_words(0.3286), p_words(0.00012), p_words(0.0499), p_words(1.0)
    ('p = .33', 'p < .001', 'p = .050', 'p = 1.00')
    """
    if p < 0.001:
        return "p < .001"
    places = 3 if p < 0.1 else 2
    return f"p = {p:.{places}f}".replace("= 0.", "= .")


def tests(output: Output) -> list[tuple[Table, Row]]:
    """Return every test whether subgroups differ that has a p-value."""
    return [
        (table, row)
        for table in difference_tables(output)
        for row in table.records()
        if isinstance(row.get("p"), float)
    ]


def differences_words(output: Output) -> tuple[str, ...]:
    """Return how many tests of the primary answers found subgroups to differ, and the surest."""
    primary = {result.estimator for result in output.results if result.primary}
    found = [each for each in tests(output) if each[1]["estimator"] in primary] or tests(output)
    if not found:
        return ()
    table, row = min(found, key=lambda each: p_of(each[1]))
    low = sum(p_of(row) < LEVEL for _, row in found)
    asked = f"of {counted(len(found), 'test')} whether subgroups differ, {low} found p below .05"
    told = (
        f"the surest is {row['column']} ({row['subgroups']}; {row['estimator']}, {row['target']}, "
        f"{table.tag('outcome')}: {p_words(p_of(row))})"
    )
    caution = "; of many tests some find a difference by chance" if len(found) > 1 else ""
    return (sentence(f"{asked}; {told}{caution}"),)


def p_of(row: Row) -> float:
    """Return a row's p-value."""
    return float(row["p"]) if isinstance(row["p"], int | float) else 1.0


def difference_sentence(output: Output, found: list[Result]) -> str:
    """Return whether the subgroups of one column, leaf and question differ; empty where no test was
    made.
    """
    term = found[0].term
    column = str(term.subgroup).partition(" = ")[0]
    for table, row in tests(output):
        asked = (table.tag("outcome"), row["estimator"], row["contrast"], row["target"])
        own = (term.outcome, found[0].estimator, term.words(), term.target.label())
        if row["column"] == column and asked == own and same_time(row, found):
            return told_difference(output, term, row)
    return ""


def same_time(row: Row, found: list[Result]) -> bool:
    """Return whether a test is of these very answers: it may not name their time, but then, of two
    subgroups, its difference is theirs.
    """
    term = found[0].term
    if term.horizon is None or row.get("horizon") == term.horizon:
        return True
    difference = row.get("difference")
    if len(found) != 2 or not isinstance(difference, int | float):
        return False
    values = [on_scale(term, result.value) for result in found]
    apart = abs(values[0] - values[1])
    return math.isclose(abs(float(difference)), apart, rel_tol=CLOSE, abs_tol=CLOSE)


def on_scale(term: Term, value: float) -> float:
    """Return a value on the scale of the estimates: the logarithm for a ratio."""
    return math.log(value) if term.scale == "ratio" and value > 0 else value


def told_difference(output: Output, term: Term, row: Row) -> str:
    """Return one test in words."""
    column, p = row["column"], p_words(p_of(row))
    names = str(row["subgroups"]).split(" v ")
    difference = row.get("difference")
    by = "" if term.horizon is None else f", by {horizon_words(term, output.study)}"
    if not isinstance(difference, int | float) or len(names) != 2:
        return sentence(f"whether the {len(names)} subgroups of {column} differ{by}: {p}")
    first, second = (f"{column} = {name}" for name in names)
    unit = unit_of(output.study, term)
    if term.scale == "ratio":
        size = f"a factor of {number(math.exp(abs(float(difference))))}"
    else:
        size = with_unit(abs(float(difference)) * unit.times, unit)
    return sentence(f"the answers for {listing([first, second])} differ by {size}{by} ({p})")


def overall(output: Output, result: Result) -> Result | None:
    """Return the same leaf's answer for all children of the study, if it gave one."""
    whole = replace(result.term, subgroup=None)
    return next(
        (r for r in output.results if r.estimator == result.estimator and r.term == whole), None
    )


def column_of(term: Term) -> str:
    """Return the column of a term's subgroup."""
    return str(term.subgroup).partition(" = ")[0]


def forests(output: Output) -> list[tuple[Table, list[Result]]]:
    """Return one table of rows a question and primary leaf (every leaf where none is primary) that
    answers subgroups: the answer for all children first.
    """
    primary = any(result.primary for result in output.results)
    grouped: dict[tuple[str, Term], list[Result]] = {}
    for result in output.results:
        if result.term.subgroup is not None and (result.primary or not primary):
            key = (result.estimator, replace(result.term, subgroup=None))
            grouped.setdefault(key, []).append(result)
    return [(forest_table(output, found), found) for found in grouped.values()]


def forest_table(output: Output, found: list[Result]) -> Table:
    """Return the rows of one forest, in the unit that it shows."""
    first, term = found[0], found[0].term
    times = unit_of(output.study, term).times
    whole = overall(output, first)
    rows: list[tuple[Cell, ...]] = []
    for result in ([whole] if whole else []) + found:
        head = column_of(result.term) if result.term.subgroup else "All"
        ends = (None if end is None else end * times for end in (result.lo, result.hi))
        role = "other" if result.term.subgroup else "primary"
        name = result.term.subgroup or first.estimator
        rows.append((head, name, None, result.value * times, *ends, role, ""))
    by = "" if term.horizon is None else f", by {horizon_words(term, output.study)}"
    who = people(replace(term, subgroup=None))
    name = outcome_words(output.study, term.outcome)
    return Table(
        FOREST,
        f"{name[:1].upper()}{name[1:]}, {contrast_phrase(term)}, for {who}{by}: {first.estimator} "
        "by subgroup",
        COLUMNS,
        KINDS,
        tuple(rows),
        tags=(
            *(("outcome", term.outcome), ("contrast", term.words())),
            *(("of", term.target.label()), ("leaf", first.estimator)),
            *(("horizon", term.horizon), ("scale", term.scale)),
            ("unit", unit_of(output.study, term).words),
        ),
    )
