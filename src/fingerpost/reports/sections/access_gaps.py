"""Gaps between groups, one picture a characteristic, and what of each gap goes with what."""

from __future__ import annotations

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted
from fingerpost.plots.forest import COLUMNS, KINDS, draw_forest
from fingerpost.plots.numbers import ABSENT, number
from fingerpost.reports.access import (
    ALIKE,
    CONCERN,
    EQUAL_NEED,
    EXPLAINED,
    OBSERVED,
    PROVISION,
    Gap,
    characteristic_of,
    gaps,
)
from fingerpost.reports.names import first_open
from fingerpost.reports.parts import Entry, Figure, Grid, Heading, Part, Section, Words, grids
from fingerpost.reports.phrases import outcome_words, places_of, unit_of
from fingerpost.reports.sections.estimates import results_grid
from fingerpost.reports.truth import truth_parts

TITLE = "Gaps between groups"
KINDS_OF_GAP = (
    (OBSERVED, "as observed", "other"),
    (ALIKE, "alike in what was measured", "other"),
    (EQUAL_NEED, "at equal recorded need", "primary"),
)


def section(output: Output) -> Section:
    """Return gaps in provision, what explains them, and gaps in raising a concern."""
    found = gaps(output)
    pairs = counted(len(found), "pair")
    parts: list[Part] = [
        Words(
            f"{pairs} of groups are compared. A gap is the difference between two groups in how "
            "many of 100 children are provided for; “alike in what was measured” averages a model "
            "of provision over all children, group by group."
        )
    ]
    parts += pictures(output, found)
    shown = [gap for gap in found if explained_row(output, gap)]
    if shown:
        parts.append(decomposition(output, shown))
    concern = gaps(output, CONCERN)
    if concern:
        parts += [
            Heading("Before provision: whether a concern is raised", "concern"),
            *pictures(output, concern, CONCERN),
        ]
    parts += grids(table for table in output.tables if table.name == "access_tests")
    parts += truth_parts(output)
    parts += results_grid(output, output.results, "Gaps")
    return Section("gaps", TITLE, tuple(parts))


def pictures(output: Output, found: tuple[Gap, ...], outcome: str = PROVISION) -> list[Part]:
    """Return a picture a characteristic."""
    by_title: dict[str, list[Gap]] = {}
    for gap in found:
        by_title.setdefault(characteristic_of(gap.contrast) or gap.contrast, []).append(gap)
    figures = []
    name = outcome_words(output.study, outcome)
    for title, own in by_title.items():
        table = forest(f"Gaps by {title}: {name}", own, ((("outcome", outcome), ("by", title))))
        picture = draw_forest(table, unit="difference, per 100 children")
        if picture:
            note = "The line at 0 is no gap. Each pair is compared as observed, between children "
            note += "alike in what was measured, and at equal need where that can be told."
            figures.append(Figure(picture, note))
    return list(first_open(figures))


def forest(title: str, found: list[Gap], tags: tuple[tuple[str, Cell], ...]) -> Table:
    """Return gaps as a forest is drawn: a heading a pair, a row a way of comparing."""
    rows: list[tuple[Cell, ...]] = []
    for gap in found:
        for key, words, role in KINDS_OF_GAP:
            result = gap.whole.get(key) or (gap.inner.get(key) if key == EQUAL_NEED else None)
            if result is None:
                continue
            among = " (of those with a concern)" if result.term.subgroup else ""
            rows.append((gap.contrast, f"{words}{among}", None, *ends(result), role, ""))
    return Table("estimates", title, COLUMNS, KINDS, tuple(rows), tags=tags)


def ends(result: Result) -> tuple[Cell, Cell, Cell]:
    """Return a gap and its interval, of 100 children."""
    value, lo, hi = (
        None if each is None else 100 * each for each in (result.value, result.lo, result.hi)
    )
    return value, lo, hi


def explained_row(output: Output, gap: Gap) -> tuple[Entry, ...]:
    """Return what of one gap goes with need, characteristics and neither; empty where not told."""
    keys = (OBSERVED, f"{EXPLAINED} need", f"{EXPLAINED} characteristics", EQUAL_NEED)
    parts = gap.parts
    if not set(keys) <= set(parts):
        return ()
    cells = []
    for key in keys:
        result = parts[key]
        unit = unit_of(output.study, result.term)
        places = places_of(result, unit)
        shown = [
            ABSENT if each is None else number(each * unit.times, places)
            for each in (result.value, result.lo, result.hi)
        ]
        cells.append(Entry(f"{shown[0]} ({shown[1]} to {shown[2]})", numeric=True))
    among = parts[EQUAL_NEED].term.subgroup or "all children"
    return (Entry(gap.contrast), Entry(among), *cells)


def decomposition(output: Output, found: list[Gap]) -> Grid:
    """Return what of each gap goes with need, with characteristics, and with neither."""
    return Grid(
        "What of each gap goes with what, per 100 children",
        ("Pair", "Among", "Gap", "With need", "With characteristics", "With neither"),
        tuple(explained_row(output, gap) for gap in found),
        "estimates",
        "The parts add up to the gap: the mean over both orders of adjusting for need and for "
        "characteristics. What goes with neither is the gap at equal need.",
    )
