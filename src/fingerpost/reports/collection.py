"""The page of a collection: where returns stand, and waves on the calendar and on a map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.board import draw_board
from fingerpost.plots.gantt import draw_gantt
from fingerpost.plots.hexmap import draw_hexmap, read_hexjson
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Figure, Part, Section, Words, grid


@dataclass(frozen=True, slots=True)
class CollectionPage:
    """What the page shows. summary: sentences that come first. calendar: None where no wave is
    told; waves: a row a unit; hexmap: a layout's file, where there is one.
    """

    study: str
    day: str
    summary: tuple[str, ...]
    board: Table
    periods: Table
    calendar: Table | None
    waves: Table
    hexmap: Path | None = None
    made_by: str = ""
    synthetic: bool = False


def sections(page: CollectionPage) -> tuple[Section, ...]:
    """Return the page's sections in order."""
    told: list[Part] = [Words(text) for text in page.summary]
    board = draw_board(page.board)
    figures: list[Part] = [Figure(board)] if board else []
    found = [
        Section("answer", "Where returns stand", (*told, grid(page.periods))),
        Section("board", "The board", (*figures, Words(page.board.context, "note"))),
    ]
    calendar = draw_gantt(page.calendar) if page.calendar else None
    pictures: list[Part] = [Figure(calendar)] if calendar else []
    if page.hexmap is not None:
        drawn = draw_hexmap(page.waves, read_hexjson(page.hexmap))
        pictures.append(
            Figure(drawn)
            if drawn
            else Words("No area of this roll-out is in the layout that was named.", "warning")
        )
    if pictures:
        found.append(Section("waves", "Who begins when", tuple(pictures)))
    return tuple(found)


def write_collection_page(page: CollectionPage, path: Path) -> Path:
    """Write the page and its tables as CSV beside it, and return its path."""
    tables = [page.board, page.periods, page.waves, *([page.calendar] if page.calendar else [])]
    found = write_page(
        path,
        Study(page.study, ""),
        title=f"Returns: {page.study}, {page.day}",
        sections=sections(page),
        tables=[table for table in tables if table.rows],
        footer=f"{page.made_by}, study {page.study}",
        synthetic=page.synthetic,
    )
    return found[0]
