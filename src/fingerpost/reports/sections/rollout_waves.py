"""When provision began where, and how each wave went over the periods."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import sentence
from fingerpost.plots.wave_flow import draw_cluster_periods
from fingerpost.plots.wave_means import draw_wave_means
from fingerpost.reports.names import first_open
from fingerpost.reports.parts import Figure, Part, Section, Words, grid
from fingerpost.reports.phrases import outcome_words, spec_of

TITLE = "When provision began"
BOXES = "Units of the wave stand in brackets, those with the outcome in the boxes."
NOTE = "Hollow points are periods without provision, filled ones with it."


def section(output: Output) -> Section:
    """Return the waves, and a picture of their means for each outcome."""
    waves = [table for table in output.tables if table.name == "waves"]
    means = [table for table in output.tables if table.name == "wave_periods"]
    figures = [
        Figure(picture, NOTE)
        for table in means
        if (
            picture := draw_wave_means(
                table, unit=unit_words(output, table), about=name_of(output, table)
            )
        )
    ]
    parts: list[Part] = [
        Words(
            "Each wave is the units in which provision began in one period. What the waves were "
            "like before is no proof that they would have gone alike, but waves that went apart "
            "before will hardly have done so."
        ),
        *first_open(figures),
        *(grid(table) for table in waves),
    ]
    counts = [table for table in output.tables if table.name == "cluster_periods"]
    boxes = [
        Figure(picture, f"{sentence(name_of(output, table))} {BOXES}")
        for table in counts
        if (picture := draw_cluster_periods(table))
    ]
    parts += first_open(boxes)
    parts += [grid(table) for table in counts]
    return Section("waves", TITLE, tuple(parts))


def name_of(output: Output, table: Table) -> str:
    """Return a table's outcome in a reader's words."""
    return outcome_words(output.study, str(table.tag("outcome")))


def unit_words(output: Output, table: Table) -> str:
    """Return the unit of a table's outcome, or its name where it has none."""
    spec = spec_of(output.study, str(table.tag("outcome")))
    return (spec.measure.measured_in if spec else "") or name_of(output, table)
