"""Section 1: what cannot be told, the answer, and how sure it is."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.reports.parts import Bullets, Heading, Part, Section, Words
from fingerpost.reports.words import answers, reasons, refusals

TITLE = "The answer, and how sure it is"


def section(output: Output) -> Section:
    """Return the answer, refusals first, and how sure it is and why."""
    parts: list[Part] = []
    if output.study.question:
        parts.append(Words(output.study.question, "question"))
    tone = "refused" if output.refusals else "answer"
    parts += [Words(text, tone) for text in answers(output)]
    parts += [Heading("How sure, and why", "certainty"), Bullets(reasons(output))]
    if output.refusals:
        parts += [Heading("What cannot be told", "refusals"), Bullets(refusals(output))]
    return Section("answer", TITLE, tuple(parts))
