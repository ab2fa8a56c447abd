"""Who is not in an answer: left before the analysis, without a covariate, without an outcome."""

from __future__ import annotations

from collections.abc import Mapping

from fingerpost.core.output import Output
from fingerpost.core.reasons import wants_covariate
from fingerpost.core.table import Cell
from fingerpost.core.words import counted, listing, p_words, sentence
from fingerpost.plots.numbers import percent
from fingerpost.reports.controls import sensitivity_tables
from fingerpost.reports.phrases import outcome_words

UNRECORDED = "is not recorded"
UNLIKELY = 0.05  # p of losses being alike in all waves, below which it is said


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
    if output.study.rollout is not None:
        return " ".join(not_returned(output))
    told = []
    for step in output.flow.steps:
        if step.outcome is not None and step.left:
            whole = step.left + step.remaining
            name = outcome_words(output.study, step.outcome)
            share = percent(step.left / whole)
            told.append(f"{step.left:,} of {whole:,} {output.flow.counts} ({share}) for {name}")
    if not told:
        return stood_for(output)
    return sentence(
        f"no outcome was recorded for {listing(tuple(told))}: the answers are for the others, and "
        "stand for all only if those without an outcome are like them"
    )


def not_returned(output: Output) -> tuple[str, ...]:
    """Return, by outcome, how many units' outcome was not recorded in every period, by wave, and
    whether waves lost more of them than chance gives.
    """
    found = []
    for table in output.tables:
        if not table.plays("lost by wave"):
            continue
        rows = table.records()
        whole = next((row for row in rows if row["provision began"] == "all"), None)
        if whole is None or not isinstance(whole["left out"], int) or not whole["units"]:
            continue
        name, gone, many = str(table.tag("outcome")), whole["left out"], int(str(whole["units"]))
        each = [wave_lost(row) for row in rows if row is not whole]
        waves = f" (by when provision began: {'; '.join(each)})" if all(each) else ""
        p, uneven = whole["p"], ""
        if isinstance(p, int | float) and p <= UNLIKELY:
            bounds = sensitivity_tables(output, "unreturned bounds")
            mend = "bounds say" if bounds else "unreturned_bounds (sensitivity) would say"
            uneven = (
                f". Waves lost more or fewer than chance gives ({p_words(float(p))}): those who "
                f"are left of them may not be alike, and {mend} what that can do"
            )
        found.append(
            sentence(
                f"{outcome_words(output.study, name)} was not recorded in every period for "
                f"{gone:,} of {many:,} {output.flow.counts} ({percent(gone / many)}){waves}: the "
                "answers are for the others, and stand for all only if those that are left out "
                f"are like them{uneven}"
            )
        )
    return tuple(found)


def wave_lost(row: Mapping[str, Cell]) -> str:
    """Return how many units of a wave are left out; empty where that is withheld."""
    gone, many = row["left out"], row["units"]
    if not isinstance(gone, int) or not isinstance(many, int):
        return ""
    return f"{row['provision began']} {gone:,} of {many:,}"


def stood_for(output: Output) -> str:
    """Return how many children without an outcome others stand for, by arm, and whether bounds say
    what if they are unlike; empty where there are none.
    """
    table = output.table("recorded")
    found: dict[str, list[str]] = {}
    for row in table.records() if table else ():
        whole, gone, share = row["children"], row["without outcome"], row["share"]
        if isinstance(whole, int) and isinstance(gone, int) and isinstance(share, int | float):
            words = f"{gone:,} of {whole:,} {row['arm']} ({percent(float(share))})"
            found.setdefault(outcome_words(output.study, str(row["outcome"])), []).append(words)
    if not found:
        return ""
    linked = output.study.linked
    over_time = linked is not None and linked.through is not None
    whose = "children who kept to their strategy to the end" if over_time else "children"
    told = "; ".join(f"for {name}, {' v '.join(words)}" for name, words in found.items())
    bounded = sensitivity_tables(output, "unassessed bounds")
    mend = "" if bounded else "; bounds for the unassessed, if asked for, tell what if they are not"
    return sentence(
        f"no outcome was recorded of some {whose} ({told}): others whose outcome was recorded "
        f"stand for them, as if they were alike given the records{mend}"
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
