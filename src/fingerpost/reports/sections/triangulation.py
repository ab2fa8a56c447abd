"""Section 2: every answer to one question on one axis, and whether they agree."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing
from fingerpost.plots.numbers import decimals, number, plain
from fingerpost.plots.triangulation import draw_triangulation
from fingerpost.reports.agreeing import agreement
from fingerpost.reports.parts import Entry, Figure, Grid, Part, Section, Words
from fingerpost.reports.phrases import headings, outcome_words
from fingerpost.reports.tables import agreement_table, triangulation_tables
from fingerpost.reports.truth import truth_parts
from fingerpost.reports.words import questions

TITLE = "Do the answers agree?"
KEY = (
    "Filled circles are primary answers, hollow circles other answers; diamonds are set apart: "
    "they are not effects on a target. An arrow means that the interval runs on."
)


def section(output: Output) -> Section:
    """Return the triangulation pictures and the table of agreement."""
    leaves = list(dict.fromkeys(result.estimator for result in output.results))
    parts: list[Part] = [Words(opening(output, leaves))]
    parts += [Words(text) for text in agreement(output, questions(output))]
    for table in triangulation_tables(output):
        unit = axis_words(output, table)
        titled = f"All answers for {outcome_words(output.study, str(table.tag('outcome')))}"
        table = replace(table, title=f"{titled}, {table.tag('contrast')}")
        picture = draw_triangulation(table, unit=unit, headings=headings(output))
        truth = " The cross is the truth, which is known as the records are made up."
        drawn = any(row["role"] == "truth" for row in table.records())
        parts.append(Figure(picture, KEY + (truth if drawn else "")))
    parts += truth_parts(output)
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
        (Entry(name), Entry(words), Entry(listing(leaves)), Entry(tested.replace("_", " ")))
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
    rows, ratios = [], False
    for row in agreement_table(output).records():
        low, high, apart, declared = (as_number(row[n]) for n in ("lo", "hi", "apart", "declared"))
        places = decimals(max(abs(low or 0.0), abs(high or 0.0)))
        ratios = ratios or row["unit"] == "ratio"
        rows.append(
            (
                Entry(outcome_words(output.study, str(row["outcome"]))),
                Entry(str(row["contrast"])),
                Entry(str(row["target"])),
                Entry(str(row["leaves"])),
                Entry(f"{number(low, places)} to {number(high, places)}", numeric=True),
                Entry(number(apart), numeric=True),
                Entry(plain(declared), numeric=True),
                Entry(str(row["verdict"])),
            )
        )
    columns = ("Outcome", "Contrast", "Target", "Leaves", "Range", "Apart", "Declared", "Verdict")
    note = "On the ratio scale “apart” and “declared” are factors." if ratios else ""
    return Grid("Agreement of primary answers", columns, tuple(rows), "agreement", note)


def as_number(cell: Cell) -> float | None:
    """Return a number of a table, or None where there is none."""
    return float(cell) if isinstance(cell, int | float) else None
