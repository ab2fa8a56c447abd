"""What a study of access asked and how it was answered, and what it cannot say."""

from __future__ import annotations

from fingerpost.core.access_protocol import access_protocol
from fingerpost.core.output import Output
from fingerpost.core.protocol import NOT_STATED
from fingerpost.reports.access import limitations
from fingerpost.reports.parts import Bullets, Heading, Section, Words, grid

TITLE = "How it was asked and answered"


def section(output: Output) -> Section:
    """Return the protocol of a study of access, and its limitations."""
    stated = output.study.statement.limitations or NOT_STATED
    return Section(
        "protocol",
        TITLE,
        (
            grid(access_protocol(output.study)),
            Heading("Limitations", "limitations"),
            Bullets(limitations(output)),
            Words(f"Limitations in the authors' words: {stated}"),
        ),
    )
