"""The page of the looks of a trial: where each would stop it, and what looking costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fingerpost
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.monitoring import draw_boundaries
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Figure, Part, Section, Words, grid

NOTE = (
    "Whoever looks and stops where the bound is not passed, or goes on where it is, changes the "
    "error of the trial: say beforehand who looks, and who decides."
)


def write_boundaries(
    table: Table, answer: Sequence[str], *, sides: int, path: Path
) -> tuple[Path, ...]:
    """Write the page, its table as a long CSV file beside it, and the picture as SVG; return the
    paths of page and picture.
    """
    drawn = draw_boundaries(table, sides=sides, of="trial")
    figures: list[Part] = [] if drawn is None else [Figure(drawn, "")]
    told: list[Part] = [Words(text) for text in answer]
    return write_page(
        path,
        Study("boundaries", "Where would a look stop it?"),
        title="Looks before the end",
        sections=(
            Section("answer", "Where a look would stop it", (*told, *figures, grid(table))),
            Section("method", "How to read it", (Words(NOTE, "note"),)),
        ),
        tables=(table,),
        footer=f"fingerpost {fingerpost.__version__}",
        pictures=() if drawn is None else (drawn,),
    )
