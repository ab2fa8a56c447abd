"""The page of a trial's power: what it finds, along which curves, and how many units it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.picture import Picture
from fingerpost.plots.trial_power import draw_trial_power
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grid
from fingerpost.reports.power import PowerPage, shown

CURVES = ("power_by_icc", "power_by_units")
FIRST = ("trial_power", "needed", "levels")
SIMULATED = ("power_at_least", "power_of_outcomes", "adaptive", "regimes")


def write_trial_power(
    study: Study,
    tables: Sequence[Table],
    *,
    page: PowerPage,
    level: str,
    power: float,
    path: Path,
) -> tuple[Path, ...]:
    """Write the page, its tables as long CSV files beside it, and each picture as SVG; return the
    paths of page and pictures. level: what units of the highest level are; power: that asked for.
    """
    by = {table.name: table for table in tables}
    drawn = pictures(by, page, level, power)
    return write_page(
        path,
        study,
        title=f"Power: {study.question or study.name}",
        sections=sections(by, page, drawn),
        tables=tables,
        footer=f"{page.made_by}, study {study.name}",
        pictures=drawn,
    )


def pictures(
    by: dict[str, Table], page: PowerPage, level: str, power: float
) -> tuple[Picture, ...]:
    """Return every curve there is."""
    return tuple(
        one
        for name in CURVES
        if name in by
        for one in draw_trial_power(
            by[name],
            unit=page.unit,
            level=level,
            times=page.times,
            effect=page.effect,
            power=power,
        )
    )


def sections(
    by: dict[str, Table], page: PowerPage, drawn: Sequence[Picture]
) -> tuple[Section, ...]:
    """Return the page's sections in order."""
    told: list[Part] = [Words(text) for text in page.answer]
    told += [Words(text, "warning") for text in page.cautions]
    told += [grid(scaled(by[name], page)) for name in FIRST if name in by]
    note = Words(
        "Nobody knows the intra-cluster correlation of a new trial beforehand: read the whole "
        "curve, not its best point.",
        "note",
    )
    marks = "The dashed line is the effect to be found, or the power that is asked for."
    figures = [Figure(each, marks if page.effect is not None else "") for each in drawn]
    simulated = [grid(by[name]) for name in SIMULATED if name in by]
    return (
        Section("answer", "What this trial can find", tuple(told)),
        Section("curves", "Where the numbers are less sure", (note, *figures)),
        *((Section("simulated", "What was simulated", tuple(simulated)),) if simulated else ()),
        Section("assumes", "What its results will take for granted", (Bullets(page.assumes),)),
        Section("method", "How it was computed", (Bullets(page.notes),)),
    )


def scaled(table: Table, page: PowerPage) -> Table:
    """Return a table with its effects in the unit of the page, its own words kept."""
    found = shown(table, page) if table.tells.units else table
    return replace(found, context=table.context) if page.times == 1 else found
