"""The answer of a study of access: gaps as observed, alike and at equal need; how sure they are."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.words import sentence
from fingerpost.reports.access import by_characteristic, in_all, lead, reasons, refused_alike
from fingerpost.reports.parts import Bullets, Heading, Part, Section, Words

TITLE = "The answer, and how sure it is"


def section(output: Output) -> Section:
    """Return how many are provided for, what was found of each pair of groups, and how sure."""
    parts: list[Part] = []
    if output.study.question:
        parts.append(Words(output.study.question, "question"))
    if output.study.population_words:
        parts.append(Words(f"Who: {sentence(output.study.population_words)}"))
    parts += [Words(text, "refused") for text in refused_alike(output)]
    parts += [Words(text, "answer") for text in (*in_all(output), *lead(output))]
    parts += [
        Words(text, "refused" if refused else "answer")
        for text, refused in by_characteristic(output)
    ]
    parts += [Heading("How sure, and why", "certainty"), Bullets(reasons(output))]
    mends = tuple(dict.fromkeys(refusal.mend for refusal in output.refusals if refusal.mend))
    if mends:
        parts += [Heading("What would make it tellable", "refusals"), Bullets(mends)]
    return Section("answer", TITLE, tuple(parts))
