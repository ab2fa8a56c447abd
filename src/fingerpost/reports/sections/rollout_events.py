"""Effects by periods since provision began, and what trends did before."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.plots.event_study import draw_event_study
from fingerpost.reports.names import first_open
from fingerpost.reports.parts import Figure, Part, Section, Words, grid
from fingerpost.reports.sections.rollout_waves import name_of, unit_words

TITLE = "Effects as time goes on"
NONE = "No estimator of this study gives effects by periods since provision began."
BEFORE = ("pre_trends", "leads", "trend_bounds", "bacon", "several_outcomes")


def section(output: Output) -> Section:
    """Return an event study of each leaf and outcome, then what is known of trends before."""
    tables = [table for table in output.tables if table.name == "event_study"]
    figures = [
        Figure(picture, about(output, table))
        for table in tables
        if (picture := draw_event_study(table, unit=unit_words(output, table), words=table.leaf))
    ]
    parts: list[Part] = [*first_open(figures)] or [Words(NONE)]
    parts += [grid(table) for table in output.tables if table.name in BEFORE]
    return Section("events", TITLE, tuple(parts))


def about(output: Output, table: Table) -> str:
    """Return what a picture is of, and how it is read."""
    before = any(isinstance(at, int | float) and at < 0 for at in table.column("exposure"))
    line = (
        "; the dashed line is where provision began. Effects before it should be nought."
        if before
        else ". No period before provision began is drawn: this estimator gives no effect there."
    )
    return (
        f"{name_of(output, table)[:1].upper()}{name_of(output, table)[1:]}. Thick bars hold one "
        f"effect, thin bars all of them at once{line}"
    )
