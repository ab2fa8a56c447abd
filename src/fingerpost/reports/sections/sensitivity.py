"""Section 8: how strong a failure of an assumption would have to be to change the answer."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.plots.contour import draw_contour
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.names import about, first_open
from fingerpost.reports.parts import (
    Bullets,
    Figure,
    Heading,
    Part,
    Section,
    Words,
    grids,
    heading_of,
)
from fingerpost.reports.phrases import outcome_unit_words
from fingerpost.reports.refusals import sensitivity_refusals
from fingerpost.reports.sections.challenges import drawn
from fingerpost.reports.sections.estimates import results_grid
from fingerpost.reports.words import sensitivity, shown

# Grids of numbers that a picture shows; all are in the file.
DRAWN = ("strength contour", "tipping contour", "selection grid")
TITLE = "What if the assumptions fail?"


def section(output: Output) -> Section:
    """Return what each sensitivity analysis says, with its tables and its picture."""
    leaves = list(dict.fromkeys(one.leaf for one in output.sensitivity))
    if not leaves:
        none = (
            f"No sensitivity analysis was asked for: {counted(len(output.results), 'estimate')} of "
            f"{outcomes_words(output)} stand as they are."
        )
        return Section("sensitivity", TITLE, (Words(none),))
    parts: list[Part] = [Words(text) for text in sensitivity(output)]
    for leaf in leaves:
        tables = [t for one in output.sensitivity if one.leaf == leaf for t in one.tables]
        controls = [r for one in output.sensitivity if one.leaf == leaf for r in one.results]
        parts.append(Heading(heading_of(leaf), f"sensitivity-{leaf}"))
        refused = sensitivity_refusals(output, leaf)
        parts += [Bullets(refused)] if refused else []
        parts += contours(output, tables)
        parts += first_open(list(drawn(output, tables)))
        parts += grids(table for table in tables if table.tells.role not in DRAWN)
        parts += results_grid(output, controls, "Estimates of controls", f"controls_{leaf}")
        if not any(table.rows for table in tables) and not controls and not refused:
            asked = listing([spec.name for spec in output.study.outcomes])
            parts.append(Words(f"This analysis gave no table for {asked or 'the outcome'}."))
    return Section("sensitivity", TITLE, tuple(parts))


def contours(output: Output, tables: list[Table]) -> list[Part]:
    """Return the contour pictures, each with the benchmarks that bear the same tags."""
    parts: list[Part] = []
    for table in tables:
        if not table.plays("strength contour"):
            continue
        marks = [t for t in tables if t.plays("benchmarks")]
        same = [t for t in marks if dict(t.tags) == dict(table.tags)] or marks[:1]
        unit = outcome_unit_words(output.study, str(table.tag("outcome") or ""))
        picture = draw_contour(table, same[0] if same else None, unit=unit)
        if picture:
            corner = min(table.rows, key=lambda row: (float(str(row[0])), float(str(row[1]))))
            whose = about(output, [table])
            note = (f"For {whose}. " if whose else "") + (
                f"Adjusted estimates in {unit}; {shown(corner[2])} with no unrecorded cause. The "
                "bold line: no difference would be left. Diamonds: an unrecorded cause as strong "
                "as the covariate named."
            )
            parts.append(Figure(picture, note))
    return parts
