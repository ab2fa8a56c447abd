"""The page of a power calculation: what a roll-out finds, along which curves, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.design_matrix import draw_design_matrix
from fingerpost.plots.picture import Picture
from fingerpost.plots.power_curves import draw_power_curves
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grid

CURVES, MATRIX = "power_curves", "design_matrix"
# A page shows these where they have rows; the rest lies beside it.
SHOWN = ("power", "exposures", "waves")


@dataclass(frozen=True, slots=True)
class PowerPage:
    """What a page of power says besides its tables.

    answer: sentences that come first; cautions: those that stand out. assumes: what reading the
    results will take. unit, times: of effects as they are shown. effect: the one to be found.
    """

    answer: tuple[str, ...]
    cautions: tuple[str, ...]
    assumes: tuple[str, ...]
    notes: tuple[str, ...]
    unit: str
    times: float = 1.0
    effect: float | None = None
    made_by: str = ""


def pictures(tables: Sequence[Table], page: PowerPage) -> tuple[Picture, ...]:
    """Return the curves, then the design."""
    by = {table.name: table for table in tables}
    curves = draw_power_curves(by[CURVES], unit=page.unit, times=page.times, effect=page.effect)
    matrix = draw_design_matrix(by[MATRIX])
    return (*curves, *([matrix] if matrix else []))


def sections(
    tables: Sequence[Table], page: PowerPage, drawn: Sequence[Picture]
) -> tuple[Section, ...]:
    """Return the page's sections in order."""
    by = {table.name: table for table in tables}
    note = "" if page.effect is None else "The dashed line is the effect to be found."
    figures = [Figure(each, note if each.source == CURVES else "") for each in drawn]
    curves = [each for each in figures if each.picture.source == CURVES]
    matrix = [each for each in figures if each.picture.source == MATRIX]
    told: list[Part] = [Words(text) for text in page.answer]
    told += [Words(text, "warning") for text in page.cautions]
    told += [grid(shown(by[name], page)) for name in SHOWN[:2] if name in by]
    curve_notes = Words(
        "Nobody knows the cluster autocorrelation of a new roll-out beforehand, and how levels "
        "drift matters as much: read the whole curve, not its best point.",
        "note",
    )
    return (
        Section("answer", "What this roll-out can find", tuple(told)),
        Section("curves", "As the level of a unit drifts", (curve_notes, *curves)),
        Section("design", "Who begins when", (*matrix, grid(by[SHOWN[2]]))),
        Section("assumes", "What its results will take for granted", (Bullets(page.assumes),)),
        Section("method", "How it was computed", (Bullets(page.notes),)),
    )


def shown(table: Table, page: PowerPage) -> Table:
    """Return a table with its effects in the unit of the page; files keep that of the data."""
    scaled = {table.columns.index(name) for name, _ in table.tells.units}
    rows = tuple(
        tuple(
            cell * page.times if at in scaled and isinstance(cell, float) else cell
            for at, cell in enumerate(row)
        )
        for row in table.rows
    )
    return replace(table, rows=rows, context=f"Effects and standard errors in {page.unit}.")


def write_power_page(
    study: Study, tables: Sequence[Table], *, page: PowerPage, path: Path
) -> tuple[Path, ...]:
    """Write the page, its tables as long CSV files beside it, and each picture as SVG; return the
    paths of page and pictures.
    """
    drawn = pictures(tables, page)
    return write_page(
        path,
        study,
        title=f"Power: {study.question or study.name}",
        sections=sections(tables, page, drawn),
        tables=tables,
        footer=f"{page.made_by}, study {study.name}",
        pictures=drawn,
    )
