"""What a study of a roll-out asked and how it was answered."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.rollout_protocol import rollout_protocol
from fingerpost.reports.parts import Bullets, Heading, Part, Section, grid
from fingerpost.reports.told import told

TITLE = "The roll-out and how it is answered"


def section(output: Output) -> Section:
    """Return the protocol of a roll-out."""
    parts: tuple[Part, ...] = (grid(rollout_protocol(output.study)),)
    more = told(output)
    if more:
        parts = (*parts, Heading("What the estimators were told", "told"), Bullets(more))
    return Section("protocol", TITLE, parts)
