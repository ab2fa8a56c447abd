"""Section 6: whether every child could have been in every arm."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import counted
from fingerpost.plots.numbers import number, percent
from fingerpost.plots.overlap import draw_overlap
from fingerpost.plots.truncation import draw_truncation
from fingerpost.plots.weights import draw_weights
from fingerpost.reports.parts import Figure, Part, Section, Words, grid, grids, stacked
from fingerpost.reports.phrases import headings, outcome_unit_words, target_phrase
from fingerpost.reports.refusals import target_refused
from fingerpost.reports.words import changed_words, outcomes_words, shown

TITLE = "Could every child have been in every arm?"
MOST_PICTURES = 6


def section(output: Output) -> Section:
    """Return histograms, weights, overlap by subgroup, guard rails and the truncation path."""
    weights = [table for table in output.tables if table.name == "weights" and table.rows]
    parts: list[Part] = [Words(opening(output, weights)), *histograms(output)]
    picture = draw_weights(weights, headings(output))
    if picture:
        parts.append(Figure(picture))
    for name in ("weights", "overlap_subgroups"):
        parts += grids(table for table in output.tables if table.name == name)
    parts += guard_rails(output)
    parts += grids(table for table in output.tables if table.name in ("trim", "trim_who"))
    parts += truncation(output, refused=False)
    return Section("overlap", TITLE, tuple(parts))


def opening(output: Output, weights: list[Table]) -> str:
    """Return the smallest effective size and the largest share, with their target and arm."""
    rows = [
        (table, row)
        for table in weights
        for row in table.records()
        if isinstance(row.get("effective_size"), int | float)
    ]
    if not rows:
        arms = counted(len(output.study.arms.names), "arm")
        return f"No weights were made for {arms} and {outcomes_words(output)}, or were withheld."
    table, row = min(rows, key=lambda pair: float(pair[1]["effective_size"] or 0))
    share = row.get("largest_share")
    carried = (
        f"; one child carries {percent(float(share))} of the arm's weight"
        if isinstance(share, int | float)
        else ""
    )
    size, children = float(row["effective_size"] or 0), row.get("children")
    return (
        f"The smallest effective size is {number(size)} of {shown(children)} children in arm "
        f"{row['arm']}, for {target_phrase(output, table.tag('target'))}{carried}."
    )


def histograms(output: Output) -> list[Part]:
    """Return a histogram of the probability of each arm; with two arms one says it all."""
    parts: list[Part] = []
    for table in [each for each in output.tables if each.name == "overlap"][:MOST_PICTURES]:
        if table.rows:
            arms = list(dict.fromkeys(str(cell) for cell in table.column("of")))
            firsts = [contrast[0][0] for contrast in output.study.estimand.contrasts]
            two = len(arms) == 2
            drawn = ([arm for arm in arms if arm in firsts[:1]] or arms[-1:]) if two else arms
            pictures = [draw_overlap(table, arm) for arm in drawn]
            parts += [Figure(picture) for picture in pictures if picture]
    return parts


def guard_rails(output: Output) -> list[Part]:
    """Return every guard rail that warns or refuses, and every threshold that the study changed;
    how many pass is said, all are in the file.
    """
    changed = changed_words(output)
    parts: list[Part] = [Words(changed, "note")] if changed else []
    tables = [table for table in output.tables if table.name == "guard" and table.rows]
    if not tables:
        return parts
    whole_table = stacked(tables)
    at = whole_table.columns.index("verdict")
    rows = tuple(row for row in whole_table.rows if row[at] != "ok")
    passed = len(whole_table.rows) - len(rows)
    note = f"{passed} of {counted(len(whole_table.rows), 'guard rail')} pass; all are in the file."
    if not rows:
        return [*parts, Words(f"Guard rails: {note}")]
    found = grid(replace(whole_table, rows=rows, note=note))
    return [*parts, replace(found, caption="Guard rails that warn or refuse")]


def truncation(output: Output, *, refused: bool) -> list[Part]:
    """Return truncation paths, of answered or of refused targets."""
    tables = [
        table
        for table in output.tables
        if table.name == "truncation" and target_refused(output, table) == refused
    ]
    parts: list[Part] = []
    for table in tables[:MOST_PICTURES]:
        about = target_phrase(output, table.tag("target"))
        ratio = table.tag("scale") == "ratio"
        unit = "ratio" if ratio else outcome_unit_words(output.study, str(table.tag("outcome")))
        picture = draw_truncation(table, unit=unit, about=about)
        note = table.note or "A path, never an answer: capping weights changes whom it is for."
        if picture:
            parts.append(Figure(picture, note))
    return [*parts, *grids(tables)]
