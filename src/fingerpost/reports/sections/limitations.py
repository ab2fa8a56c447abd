"""Section 10: what this study cannot say."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.protocol import NOT_STATED
from fingerpost.reports.parts import Bullets, Section, Words
from fingerpost.reports.words import limitations

TITLE = "Limitations"


def section(output: Output) -> Section:
    """Return the limitations that the numbers show, then those that the authors state."""
    stated = output.study.statement.limitations or NOT_STATED
    general = output.study.statement.generalisability or NOT_STATED
    return Section(
        "limitations",
        TITLE,
        (
            Bullets(limitations(output)),
            Words(f"Limitations in the authors' words: {stated}"),
            Words(f"To whom else the answer may apply: {general}"),
        ),
    )
