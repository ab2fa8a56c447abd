"""Pages on a trial on its way: what was monitored, and its flow with the items of CONSORT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fingerpost
from fingerpost.core.flow import Flow
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.flow import draw_flow
from fingerpost.plots.monitoring import draw_boundaries
from fingerpost.plots.picture import Picture
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Figure, Part, Section, Words, grid

LOOKS = "looks"


@dataclass(frozen=True, slots=True)
class ConductPage:
    """What a page says besides its tables. flow: drawn first, where there is one. sides: of the
    boundary, where looks are among the tables.
    """

    title: str
    words: tuple[str, ...]
    warns: tuple[str, ...] = ()
    flow: Flow | None = None
    sides: int = 2


def write_conduct(
    study: Study, tables: Sequence[Table], *, page: ConductPage, path: Path
) -> tuple[Path, ...]:
    """Write the page, its tables as long CSV files beside it, and pictures as SVG; return paths."""
    first: list[Part] = [Words(text, "warning") for text in page.warns]
    first += [Words(text) for text in page.words]
    pictures: list[Picture] = []
    if page.flow is not None and (drawn := draw_flow(page.flow)) is not None:
        pictures.append(drawn)
        first.append(Figure(drawn, ""))
    sections = [Section("answer", "Where the trial stands", tuple(first))]
    for table in tables:
        parts: list[Part] = []
        looks = (
            draw_boundaries(table, sides=page.sides, of="trial") if table.name == LOOKS else None
        )
        if looks is not None:
            pictures.append(looks)
            parts.append(Figure(looks, ""))
        held = grid(table) if table.rows else Words("Nothing is noted yet.")
        sections.append(Section(table.name, table.title, (*parts, held)))
    return write_page(
        path,
        study,
        title=page.title,
        sections=sections,
        tables=tables,
        footer=f"fingerpost {fingerpost.__version__}, study {study.name}",
        pictures=pictures,
    )
