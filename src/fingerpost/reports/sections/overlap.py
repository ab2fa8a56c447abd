"""Section 6: whether every child could have been in every arm."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted
from fingerpost.plots.numbers import number, percent
from fingerpost.plots.overlap import draw_overlap
from fingerpost.plots.truncation import draw_truncation
from fingerpost.plots.weights import draw_weights
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.names import about, alike, first_open
from fingerpost.reports.parts import Figure, Part, Section, Words, grid, grids, stacked
from fingerpost.reports.phrases import headings, outcome_unit_words, target_phrase
from fingerpost.reports.refusals import target_refused
from fingerpost.reports.words import changed_words, shown

TITLE = "Could every child have been in every arm?"


def section(output: Output) -> Section:
    """Return histograms, weights, overlap by subgroup, guard rails and the truncation path."""
    weights = [table for table in output.tables if table.name == "weights" and table.rows]
    parts: list[Part] = [Words(opening(output, weights)), *histograms(output)]
    parts += effective_sizes(output, weights)
    clustered = output.study.cluster not in (None, "child")
    parts += grids(
        table if clustered else without(table, "largest_cluster_share") for table in weights
    )
    parts += grids(
        table for table in output.tables if table.name in ("overlap_subgroups", "model_form")
    )
    parts += guard_rails(output)
    parts += grids(table for table in output.tables if table.name in ("trim", "trim_who"))
    parts += truncation(output, refused=False)
    return Section("overlap", TITLE, tuple(parts))


def without(table: Table, column: str) -> Table:
    """Return a table as it is shown, one column left out."""
    kept = [at for at, name in enumerate(table.columns) if name != column]
    return replace(
        table,
        columns=tuple(table.columns[at] for at in kept),
        kinds=tuple(table.kinds[at] for at in kept),
        rows=tuple(tuple(row[at] for at in kept) for row in table.rows),
    )


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
        held = ", or were withheld" if output.withheld else ""
        return f"No weights were made for {arms} and {outcomes_words(output)}{held}."
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
    figures: list[Figure] = []
    for same in alike(each for each in output.tables if each.name == "overlap"):
        table = same[0]
        if table.rows:
            arms = list(dict.fromkeys(str(cell) for cell in table.column("of")))
            firsts = [contrast[0][0] for contrast in output.study.estimand.contrasts]
            two = len(arms) == 2
            drawn = ([arm for arm in arms if arm in firsts[:1]] or arms[-1:]) if two else arms
            note = about(output, same)
            pictures = [draw_overlap(table, arm) for arm in drawn]
            figures += [
                Figure(picture, f"For {note}." if note else "") for picture in pictures if picture
            ]
    return [*first_open(figures)]


def effective_sizes(output: Output, weights: list[Table]) -> list[Part]:
    """Return bars of effective size, a picture a question; questions that are alike share one."""
    asked: dict[tuple[Cell, Cell], list[Table]] = {}
    for table in weights:
        asked.setdefault((table.tag("outcome"), table.tag("contrast")), []).append(table)
    same: dict[tuple[object, ...], list[list[Table]]] = {}
    for tables in asked.values():
        key = tuple((table.tag("target"), table.rows) for table in tables)
        same.setdefault(key, []).append(tables)
    figures: list[Figure] = []
    for each in same.values():
        picture = draw_weights(each[0], headings(output))
        words = about(output, [table for tables in each for table in tables], target=False)
        if picture:
            figures.append(Figure(picture, f"For {words}." if words else ""))
    return [*first_open(figures)]


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
        return [*parts, Words(f"Guard rails: {note.replace('the file', 'guard.csv')}")]
    found = grid(replace(whole_table, rows=rows, note=note))
    return [*parts, replace(found, caption="Guard rails that warn or refuse")]


def truncation(output: Output, *, refused: bool) -> list[Part]:
    """Return truncation paths, of answered or of refused targets."""
    tables = [
        table
        for table in output.tables
        if table.name == "truncation" and target_refused(output, table) == refused
    ]
    figures: list[Figure] = []
    for same in alike(tables):
        table = same[0]
        ratio = table.tag("scale") == "ratio"
        unit = "ratio" if ratio else outcome_unit_words(output.study, str(table.tag("outcome")))
        picture = draw_truncation(table, unit=unit, about=about(output, same))
        note = table.note or "A path, never an answer: capping weights changes whom it is for."
        if picture:
            figures.append(Figure(picture, note))
    return [*first_open(figures), *grids(tables)]
