"""The protocol of a study in plain words, as `fingerpost study describe` prints it."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from fingerpost.cohorts.linked.flatten import covariates
from fingerpost.core import protocol as words
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import SEEN, RecordsMeasure, load
from fingerpost.core.protocols import protocol_of
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import listing
from fingerpost.studies.linked import spelt

WIDTH = 96
MARGIN = 16


def describe(study: Study) -> str:
    """Return the study in words, then the target trial beside its emulation; plain text."""
    lines = [study.name, fill(study.question, WIDTH), ""]
    if study.access is not None or study.rollout is not None:
        lines += [entry(*map(str, row)) for row in protocol_of(study).rows]
        return "\n".join([*lines, entry("Release", study.release)]) + "\n"
    study = spelt(study)
    lines += [entry(label, text) for label, text in in_short(study)]
    table = words.protocol(study)
    lines += ["", table.title, *target_trial(table), *seen_in(study), *read_from(study)]
    return "\n".join(lines) + "\n"


def counted(
    flow: Flow,
    *,
    before: Iterable[tuple[str, int, float | None]] = (),
    unknown: Iterable[str] = (),
) -> str:
    """Return a flow as lines: each step with how many left, then the children of each arm.

    before: arm, its children who had been provided for in an earlier school year, and the median
    years before time zero in which that began. unknown: what covariates cannot say of some births.
    """
    lines = ["", "Who is studied, counted", entry("  Start", f"{flow.start:,} {flow.counts}")]
    for step in flow.steps:
        left = f"{step.left:,} left, {step.remaining:,} stayed"
        lines.append(entry("", f"{step.reason}: {left}"))
    lines += [entry("  Arm", f"{arm}: {count:,}") for arm, count in flow.arms]
    for arm, count, years in before:
        since = "" if years is None else f", for {years:.1f} years (median)"
        words = f"{arm}: {count:,} provided for in an earlier school year{since}"
        lines.append(entry("  Before", words))
    lines += [entry("  Unknown", words) for words in unknown]
    return "\n".join(lines) + "\n"


def read_from(study: Study) -> list[str]:
    """Return how each covariate of linked records is read; nothing for a study of one table."""
    if study.linked is None:
        return []
    lines = ["", "Covariates, from what was known by time zero"]
    for one in covariates(study):
        place = one.table or "child and school_census"
        lines.append(entry("", f"{one.name}: {one.words or one.label} (table {place})"))
    return lines


def seen_in(study: Study) -> list[str]:
    """Return where each outcome of linked records is seen, and what ends the time in which it
    would be; nothing for a study of one table.
    """
    if study.linked is None:
        return []
    lines = ["", "Outcomes, and what ends the time in which they would be seen"]
    for spec in study.outcomes:
        leaf = load("outcomes", spec.name, kind=RecordsMeasure)
        lines.append(entry("", f"{spec.name}: {leaf.seen}; ended by {SEEN[leaf.seen]}"))
    words = "also by the end of the records: children whose window they do not hold leave, counted"
    return [*lines, entry("", words)]


def entry(label: str, text: str) -> str:
    """Return one labelled paragraph with a hanging indent."""
    return fill(
        text,
        WIDTH,
        initial_indent=f"{label:<{MARGIN - 1}} ",
        subsequent_indent=" " * MARGIN,
        break_on_hyphens=False,
        break_long_words=False,
    )


def in_short(study: Study) -> list[tuple[str, str]]:
    """Return the study's parts as (label, words)."""
    said = [
        ("Who", words.who(study)),
        ("Compare", compared(study)),
        ("From", study.time_zero or words.NOT_STATED),
        ("Until", study.follow_up or words.NOT_STATED),
        ("Outcome", words.outcomes(study)),
    ]
    said += [("For", each) for each in words.for_whom(study)]
    said += by_draw(study) if study.assignment.randomised else by_life(study)
    said.append(("Estimated by", listing(study.estimators)))
    if study.primary:
        said.append(("Primary", listing(study.primary)))
    said.append(("Agreement", words.agreement(study)))
    if study.sensitivity:
        said.append(("Sensitivity", listing([each.leaf for each in study.sensitivity])))
    said.append(("Guard rails", "; ".join(words.overrides(study)) or "the defaults"))
    said.append(("Release", study.release))
    return said


def compared(study: Study) -> str:
    """Return each contrast as `first against second`, with what the arms mean."""
    meaning = dict(study.arms.words)

    def arm(name: str) -> str:
        return f"{name} ({meaning[name]})" if name in meaning and meaning[name] != name else name

    pairs = [[name for name, _ in contrast] for contrast in study.estimand.contrasts]
    return "; ".join(" against ".join(arm(name) for name in pair) for pair in pairs)


def by_life(study: Study) -> list[tuple[str, str]]:
    """Return how arms that nobody drew are made comparable, and what stays open."""
    return [
        ("Assigned", "by life, not by a draw"),
        ("Made alike on", words.made_alike(study)),
        (
            "Not measured",
            "anything else that moved both the arm and the outcome: it is not made alike, and no "
            "analysis of these records can make it so",
        ),
    ]


def by_draw(study: Study) -> list[tuple[str, str]]:
    """Return how the arms were drawn, and what covariates are for."""
    said = [("Assigned", words.drawn(study))]
    if study.given or study.all_but is not None:
        said.append(
            (
                "Covariates",
                f"{words.made_alike(study)}; the arms are comparable by the draw",
            )
        )
    return said


def target_trial(table: Table) -> list[str]:
    """Return the rows of the protocol table as paragraphs."""
    lines: list[str] = []
    left, right = ("Target trial", "Here") if "emulation" in table.title else ("Planned", "Done")
    for item, component, specified, done in table.rows:
        lines += ["", f"{component} (TARGET {item})"]
        lines += [entry(f"  {left}", str(specified)), entry(f"  {right}", str(done))]
    return lines
