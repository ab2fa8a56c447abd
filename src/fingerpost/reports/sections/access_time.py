"""When children are first provided for, with death and leaving state schools competing."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.plots.access_incidence import draw_access_incidence
from fingerpost.reports.access import origin_words
from fingerpost.reports.names import first_open
from fingerpost.reports.parts import Figure, Part, Section, Words, grid

TITLE = "When children are first provided for"
NONE = "No curve of first provision came with this output."
NOTE = "Bands hold at each time by itself, with 95% confidence, by the clusters of the study."


def section(output: Output) -> Section:
    """Return the curves of all children and of each characteristic, with how follow-up ended."""
    table, ends = output.table("access_incidence"), output.table("access_ends")
    if table is None or not table.rows:
        return Section("time", TITLE, (Words(NONE),))
    time = f"years since {origin_words(output)}"
    names = dict.fromkeys(str(cell or "") for cell in table.column("characteristic"))
    drawn = (draw_access_incidence(table, characteristic=name, time=time) for name in names)
    parts: list[Part] = [
        Words(
            f"Time is counted in {time}. A child who died or left state schools is provided for no "
            "more: it is counted as such, not as if it were still waiting."
        ),
        *first_open([Figure(picture, NOTE) for picture in drawn if picture]),
        grid(table),
    ]
    if ends is not None and ends.rows:
        parts.append(grid(ends))
    return Section("time", TITLE, tuple(parts))
