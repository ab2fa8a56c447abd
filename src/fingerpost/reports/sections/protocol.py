"""Section 3: the target trial in words, beside its emulation."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.protocol import overrides, protocol
from fingerpost.core.words import counted
from fingerpost.reports.parts import Bullets, Heading, Part, Section, Words, grid
from fingerpost.reports.told import told

TITLE = "The study as a trial"


def section(output: Output) -> Section:
    """Return the protocol table and every guard rail that the study changed."""
    study = output.study
    table = protocol(study)
    drawn = "drew its arms" if study.assignment.randomised else "emulates a trial"
    words = (
        f"The study “{study.name}” {drawn}: {counted(len(study.arms.names), 'arm')}, "
        f"{counted(len(study.outcomes), 'outcome')}, {counted(len(study.given), 'covariate')}. "
        f"{table.context}"
    )
    changed = overrides(study)
    parts: tuple[Part, ...] = (Words(words), grid(table, caption=table.title))
    more = told(output)
    if more:
        parts = (*parts, Heading("What the estimators were told", "told"), Bullets(more))
    if changed:
        parts = (*parts, Words("Guard rails changed before the run:"), Bullets(changed))
    return Section("protocol", TITLE, parts)
