"""A page of a trial: sentences first, then tables, each also a CSV file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Bullets, Part, Section, Words, grid


@dataclass(frozen=True, slots=True)
class Told:
    """One section: its heading, sentences, and the names of its tables. listed: sentences as a
    list.
    """

    identifier: str
    title: str
    words: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    listed: bool = False
    warns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialPage:
    """What a page says besides its tables. synthetic: whether records are made up."""

    title: str
    sections: tuple[Told, ...]
    made_by: str = ""
    synthetic: bool = False


def section(told: Told, by: dict[str, Table]) -> Section:
    """Return one section with its tables."""
    parts: list[Part] = [Words(text, "warning") for text in told.warns]
    if told.listed and told.words:
        parts.append(Bullets(told.words))
    else:
        parts += [Words(text) for text in told.words]
    parts += [grid(by[name], csv=name) for name in told.tables if name in by]
    return Section(told.identifier, told.title, tuple(parts))


def write_trial_page(
    study: Study, tables: Sequence[Table], *, page: TrialPage, path: Path
) -> tuple[Path, ...]:
    """Write the page, and its tables as long CSV files beside it; return the path of the page."""
    by = {table.name: table for table in tables}
    return write_page(
        path,
        study,
        title=page.title,
        sections=[section(told, by) for told in page.sections],
        tables=tables,
        footer=f"{page.made_by}, study {study.name}",
        synthetic=page.synthetic,
    )
