"""Subgroups and contrasts together: who differs from whom, and what holds of all at once."""

from __future__ import annotations

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Table
from fingerpost.core.words import counted, sentence
from fingerpost.plots.forest import draw_forest
from fingerpost.plots.numbers import number
from fingerpost.reports.names import first_open, unrepeated
from fingerpost.reports.parts import Bullets, Figure, Heading, Part, Section, Words, grids
from fingerpost.reports.phrases import outcome_words, unit_of
from fingerpost.reports.together import (
    FOREST,
    column_of,
    difference_sentence,
    forests,
    p_words,
    tests,
)

TITLE = "Subgroups and contrasts together"
CAUTION = (
    "Subgroups are smaller than the whole, so their intervals are wider, and one that holds no "
    "difference beside one that does not is no sign that the two differ: the test is."
)


def asked(output: Output) -> bool:
    """Return whether an output has subgroups, or contrasts taken together."""
    names = {table.name for table in output.tables if table.rows}
    return bool(forests(output)) or bool(names & {"subgroup_support", "joint"})


def section(output: Output) -> Section:
    """Return a forest a question, the tests in sentences, and contrasts taken jointly."""
    made = forests(output)
    parts: list[Part] = []
    if made or any(table.name == "subgroup_support" for table in output.tables):
        parts += subgroup_parts(output, made)
    joint = [table for table in unrepeated(output.tables) if table.name == "joint"]
    if joint:
        parts += [Heading("Contrasts taken together", "joint"), *joint_words(joint), *grids(joint)]
    return Section(FOREST, TITLE, tuple(parts))


def subgroup_parts(output: Output, made: list[tuple[Table, list[Result]]]) -> list[Part]:
    """Return the forests, whether subgroups differ, and what stands behind each."""
    columns = dict.fromkeys(column_of(r.term) for _, found in made for r in found)
    groups = dict.fromkeys(r.term.subgroup for _, found in made for r in found if r.term.subgroup)
    words = f"{counted(len(groups), 'subgroup')} of {counted(len(columns), 'column')} are answered."
    parts: list[Part] = [Words(f"{words} {CAUTION}")]
    figures = []
    for table, found in made:
        unit = unit_of(output.study, found[0].term)
        axis = outcome_words(output.study, found[0].term.outcome)
        axis += ": ratio" if table.tag("scale") == "ratio" else f", {unit.words}" * bool(unit.words)
        picture = draw_forest(table, unit=axis)
        if picture:
            figures.append(Figure(picture, " ".join(sentences(output, found))))
    parts += first_open(figures)
    count = len(tests(output))
    if count > 1:
        parts.append(
            Words(
                f"{count} tests whether subgroups differ were made. Of so many, one in twenty "
                "finds a difference of p below .05 by chance alone.",
                "note",
            )
        )
    names = ("subgroup_differences", "subgroups_pooled", "subgroup_support")
    return [*parts, *grids(t for t in unrepeated(output.tables) if t.name in names)]


def sentences(output: Output, found: list[Result]) -> list[str]:
    """Return, for each column of subgroups, whether they differ."""
    by_column: dict[str, list[Result]] = {}
    for result in found:
        by_column.setdefault(column_of(result.term), []).append(result)
    told = (difference_sentence(output, own) for own in by_column.values())
    return [text for text in told if text]


def joint_words(tables: list[Table]) -> list[Part]:
    """Return, for each leaf and target, the test that all contrasts are nought."""
    told = {}
    for table in tables:
        for row in table.records():
            key = (table.tag("outcome"), row["estimator"], row["target"])
            p, wald = row.get("p"), row.get("wald")
            if isinstance(p, float) and isinstance(wald, float):
                told[key] = sentence(
                    f"that all contrasts of {row['target']} on {table.tag('outcome')} are nought "
                    f"({row['estimator']}): Wald {number(wald)} on {row['df']}, "
                    f"{p_words(p)}"
                )
    return [Bullets(tuple(told.values()))] if told else []
