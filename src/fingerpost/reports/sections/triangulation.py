"""Section 2: every answer to one question on one axis, and whether they agree."""

from __future__ import annotations

import math

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.plots.numbers import decimals, number, plain
from fingerpost.plots.triangulation import draw_triangulation
from fingerpost.reports.parts import Entry, Figure, Grid, Part, Section, Words
from fingerpost.reports.phrases import headings, outcome_words, unit_of
from fingerpost.reports.tables import triangulation_tables
from fingerpost.reports.words import agreement, agreement_range

TITLE = "Do the answers agree?"
KEY = (
    "Filled circles are primary answers, hollow circles other answers; diamonds are set apart: "
    "they are not effects on a target. An arrow means that the interval runs on."
)


def section(output: Output) -> Section:
    """Return the triangulation pictures and the table of agreement."""
    leaves = list(dict.fromkeys(result.estimator for result in output.results))
    parts: list[Part] = [Words(opening(output, leaves))]
    parts += [Words(text) for text in agreement(output)]
    for table in triangulation_tables(output):
        unit = axis_words(output, table)
        picture = draw_triangulation(table, unit=unit, headings=headings(output))
        truth = " The cross is the truth, which is known as the records are made up."
        parts.append(Figure(picture, KEY + (truth if output.truth else "")))
    if output.agreements:
        parts.append(agreement_grid(output))
    assumed = output.table("assumptions")
    if assumed is not None:
        parts.append(assumptions_grid(assumed))
    return Section("triangulation", TITLE, tuple(parts))


def assumptions_grid(table: Table) -> Grid:
    """Return each assumption once, with the leaves that make it and what tests it."""
    makers: dict[tuple[str, str, str], list[str]] = {}
    for row in table.records():
        key = (str(row["assumption"]), str(row["words"]), str(row["tested_by"]))
        makers.setdefault(key, []).append(str(row["estimator"]))
    rows = tuple(
        (Entry(name), Entry(words), Entry(listing(leaves)), Entry(tested))
        for (name, words, tested), leaves in makers.items()
    )
    columns = ("Assumption", "In words", "Leaves that make it", "Tested by")
    return Grid("What each answer assumes", columns, rows, "assumptions")


def opening(output: Output, leaves: list[str]) -> str:
    """Return how many answers there are, by which leaves, of what."""
    outcomes = listing([outcome_words(output.study, spec.name) for spec in output.study.outcomes])
    return (
        f"{counted(len(output.results), 'estimate')} of {outcomes or 'the outcome'} by "
        f"{listing(leaves) or 'no leaf'}; {counted(len(output.refusals), 'question')} refused."
    )


def axis_words(output: Output, table: Table) -> str:
    """Return the title of the axis: what the numbers are, in their unit."""
    name, unit = outcome_words(output.study, str(table.tag("outcome"))), table.tag("unit")
    if table.tag("scale") == "ratio":
        return f"{name}: ratio"
    return f"{name}, {unit}" if unit else name


def agreement_grid(output: Output) -> Grid:
    """Return how far the primary answers of each term lie apart."""
    rows = []
    for found in output.agreements:
        unit = unit_of(output.study, found.term)
        low, high = (end * unit.times for end in agreement_range(output, found))
        places = decimals(max(abs(low), abs(high)))
        ratio = found.term.scale == "ratio"
        apart = high / low if ratio and low > 0 else high - low
        allowed = None if found.within is None else found.within * unit.times
        if allowed is not None and ratio:
            allowed = math.exp(allowed)
        verdict = "not judged" if found.agree is None else ("agree" if found.agree else "disagree")
        rows.append(
            (
                Entry(found.term.outcome),
                Entry(found.term.words()),
                Entry(found.term.target.label()),
                Entry(listing(found.estimators)),
                Entry(f"{number(low, places)} to {number(high, places)}", numeric=True),
                Entry(number(apart), numeric=True),
                Entry(plain(allowed), numeric=True),
                Entry(verdict),
            )
        )
    columns = ("Outcome", "Contrast", "Target", "Leaves", "Range", "Apart", "Declared", "Verdict")
    note = "On the ratio scale “apart” and “declared” are factors."
    return Grid("Agreement of primary answers", columns, tuple(rows), "triangulation", note)
