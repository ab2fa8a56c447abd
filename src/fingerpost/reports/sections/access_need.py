"""Of whom need is on record, and what need that nobody recorded could explain."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.plots.access_unrecorded import draw_unrecorded
from fingerpost.reports.access import EQUAL_NEED, needed_rows
from fingerpost.reports.names import first_open
from fingerpost.reports.parts import Figure, Heading, Part, Section, Words, grid, grids

TITLE = "Need: what is on record, and what is not"
ABOUT = {EQUAL_NEED: "at equal recorded need", "alike": "alike in what was measured"}


def section(output: Output) -> Section:
    """Return the coverage of recorded need, and the gaps under unrecorded need."""
    table = output.table("access_need")
    parts: list[Part] = []
    if table is not None and table.rows:
        parts.append(grid(table))
    else:
        parts.append(Words("The study asks for no recorded need, or its table was withheld."))
    parts += [
        Heading("What unrecorded need could explain", "unrecorded"),
        Words(
            "Need is recorded with error, or not at all, and groups may differ in what nobody "
            "recorded. How large would such a difference have to be to leave no gap? The slope is "
            "the log-odds of provision a standard deviation of need."
        ),
        *figures(output),
        *grids(each for each in output.tables if each.name == "access_needed"),
    ]
    return Section("need", TITLE, tuple(parts))


def figures(output: Output) -> list[Part]:
    """Return a curve a pair of groups: of those whose gap is firmest first."""
    tables = [table for table in output.tables if table.name == "access_unrecorded"]
    order = {
        str(row["contrast"]): abs(float(str(row["needed"])))
        for row in needed_rows(output)
        if isinstance(row["needed"], int | float)
    }
    drawn = []
    for contrast in sorted(order, key=lambda name: -order[name]):
        own = [table for table in tables if contrast in table.column("contrast")]
        if not own:
            continue
        # The last is the one at equal need, where there is one.
        kind = str(own[-1].column("gap_kind")[0])
        picture = draw_unrecorded(own[-1], contrast=contrast, about=ABOUT.get(kind, kind))
        if picture:
            drawn.append(Figure(picture, "The dashed line is no gap; the band is the interval."))
    return list(first_open(drawn))
