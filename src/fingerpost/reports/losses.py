"""Who is not in an answer: left before the analysis, without a covariate, without an outcome."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.reasons import wants_covariate
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import percent
from fingerpost.reports.phrases import outcome_words

UNRECORDED = "is not recorded"


def lost(output: Output) -> str:
    """Return how many children left on the way from the records, and at which step most did."""
    steps = [step for step in output.flow.steps if step.left and step.outcome is None]
    if not steps:
        return ""
    gone = sum(step.left for step in steps)
    most = max(steps, key=lambda step: step.left)
    flow = output.flow
    return (
        f"{counted(gone, 'child', several=flow.counts)} of {flow.start:,} left before the "
        f"analysis, most of them ({most.left:,}) at the step “{most.reason}”"
    )


def armless(output: Output) -> str:
    """Return how many children left since nothing says which arm they were in."""
    steps = [step for step in output.flow.steps if step.left and UNRECORDED in step.reason]
    steps = [step for step in steps if step.reason.startswith("exposure ")]
    gone = sum(step.left for step in steps)
    if not gone:
        return ""
    whole = steps[0].left + steps[0].remaining
    return sentence(
        f"{gone:,} of {whole:,} {output.flow.counts} ({percent(gone / whole)}) left because it was "
        "not recorded which arm they were in: the answers are for the others, and mislead if that "
        "goes with the arm and the outcome"
    )


def unseen(output: Output) -> str:
    """Return how many children have no outcome, by outcome: the answers are for the others."""
    told = []
    for step in output.flow.steps:
        if step.outcome is not None and step.left:
            whole = step.left + step.remaining
            name = outcome_words(output.study, step.outcome)
            share = percent(step.left / whole)
            told.append(f"{step.left:,} of {whole:,} {output.flow.counts} ({share}) for {name}")
    if not told:
        return ""
    return sentence(
        f"no outcome was recorded for {listing(tuple(told))}: the answers are for the others, and "
        "stand for all only if those without an outcome are like them"
    )


def incomplete(output: Output) -> str:
    """Return how many children left for want of a covariate: the answers are for the others."""
    steps = [step for step in output.flow.steps if step.left and wants_covariate(step.reason)]
    gone = sum(step.left for step in steps)
    if not gone:
        return ""
    whole = steps[0].left + steps[0].remaining
    return sentence(
        f"{gone:,} of {whole:,} {output.flow.counts} ({percent(gone / whole)}) left because a "
        "covariate was "
        "not recorded: the answers are for the others, and stand for all only if they are alike"
    )
