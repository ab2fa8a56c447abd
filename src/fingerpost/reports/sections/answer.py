"""Section 1: what cannot be told, the answer, and how sure it is."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.words import sentence
from fingerpost.reports.corrected import many_asked
from fingerpost.reports.parts import Bullets, Heading, Part, Section, Words
from fingerpost.reports.refusals import refusals
from fingerpost.reports.words import answers, asks, questions, reasons

TITLE = "The answer, and how sure it is"
MANY = 3


def section(output: Output) -> Section:
    """Return the answer, refusals first, and how sure it is and why."""
    parts: list[Part] = []
    if output.study.question:
        parts.append(Words(output.study.question, "question"))
    if output.study.population_words:
        parts.append(Words(f"Who: {sentence(output.study.population_words)}"))
    parts += [Words(text, tone) for text, tone in toned(output)]
    parts += [
        Heading("How sure, and why", "certainty"),
        Bullets((*reasons(output), *multiplicity(output))),
    ]
    if output.refusals:
        parts += [Heading("What cannot be told", "refusals"), Bullets(refusals(output))]
    return Section("answer", TITLE, tuple(parts))


def toned(output: Output) -> tuple[tuple[str, str], ...]:
    """Return each answer with its tone: refused, or an answer."""
    told = answers(output)
    refused = [any(asks(r, one) for r in output.refusals) for one in questions(output)]
    if len(refused) != len(told):  # associations alone, which no question asks for
        refused = [False] * len(told)
    return tuple(
        (text, "refused" if tone else "answer") for text, tone in zip(told, refused, strict=True)
    )


def multiplicity(output: Output) -> tuple[str, ...]:
    """Return how many questions are answered at once, where there are three or more."""
    asked = len(questions(output))
    if asked < MANY:
        return ()
    made = f"{asked} questions (outcomes by contrasts) are asked here, with {len(output.results)} "
    if many_asked(output):
        return (
            f"{made}estimates in all. Intervals are each for itself; what stands when all are "
            "asked at once is told by the analysis of many comparisons.",
        )
    return (
        f"{made}estimates in all. No correction for multiplicity was made: the more answers, the "
        "likelier that one of their intervals leaves out no difference by chance alone.",
    )
