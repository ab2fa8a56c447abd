"""What `study compare` prints of the gap between a trial and records in which nobody drew."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fingerpost.cli._gap import BEYOND, WITHIN, Gap
from fingerpost.plots.numbers import number, percent

TRUE = "The records are made up, so the truth is known: "


def in_words(gap: Gap, *, regression: bool = True) -> list[str]:
    """Return a gap in sentences. regression: whether that of the records is told."""
    told = [*first(gap), *chance(gap), *agreement(gap), *confounding(gap)]
    return [*told, *(omitted(gap) if regression else ()), *true(gap)]


def shown(value: float, gap: Gap) -> str:
    """Return a distance in the unit of the answers: of logarithms, as a ratio."""
    return number(math.exp(value)) if gap.trial["scale"] == "ratio" else number(value)


def first(gap: Gap) -> Iterator[str]:
    """Yield how wide the gap is, and how wide it was before adjustment."""
    trial, emulated = gap.trial, gap.emulated
    more = (
        None if trial["subgroup"] is None else f"among {trial['subgroup']}",
        None if trial["horizon"] is None else f"by {trial['horizon']:g}",
    )
    asked = ", ".join(filter(None, (trial["outcome"], trial["contrast"], *more)))
    apart = f"{number(abs(gap.gap))} {'more' if gap.gap >= 0 else 'less'} than"
    if trial["scale"] == "ratio":
        apart = f"{shown(gap.gap, gap)} times"
    same = trial["target"] == emulated["target"]
    yield (
        f"{asked}: the trial says {number(trial['value'])} ({trial['target']}), the records "
        f"{number(emulated['value'])} ({emulated['estimator']}, {emulated['target']}). The trial's "
        f"is {apart} the records'."
        + ("" if same else " Some of that may be that the two are for different people.")
    )
    if gap.unadjusted is not None and gap.explained is not None:
        now = (
            f"adjustment took away {percent(gap.explained)} of it"
            if gap.explained >= 0
            else "adjustment made it wider"
        )
        yield f"Without adjustment the gap was {shown(gap.unadjusted, gap)}: {now}."


def chance(gap: Gap) -> Iterator[str]:
    """Yield what chance makes of the gap."""
    if gap.errors is None:
        yield "One of the two has no standard error, so what chance makes of the gap is not told."
        return
    verdict = {
        WITHIN: "Chance alone makes gaps as wide as this",
        BEYOND: "Chance alone does not make a gap as wide as this",
    }.get(gap.chance, "Whether chance alone makes a gap as wide as this is not told")
    log = " of logarithms" if gap.trial["scale"] == "ratio" else ""
    if gap.independent is not None:
        yield f"{verdict}: its standard error{log} is {number(gap.independent)}."
        return
    least, most = gap.errors
    yield (
        f"{verdict}: whatever their errors share, the standard error{log} of the gap is between "
        f"{number(least)} and {number(most)}."
    )


def agreement(gap: Gap) -> Iterator[str]:
    """Yield in which senses the two agree."""
    words = {True: "yes", False: "no", None: "not told"}
    yield "Agreement: " + "; ".join(f"{how}: {words[one]}" for how, one in gap.agree) + "."


def confounding(gap: Gap) -> Iterator[str]:
    """Yield what confounding would explain the gap, as risk ratios."""
    if gap.e_value is not None:
        yield (
            "If confounding made the whole gap, something unrecorded would have to go both with "
            f"the arm and with the outcome by a risk ratio of {number(gap.e_value)} or more, "
            f"beyond what was adjusted for (E-value of {gap.source})."
        )


def omitted(gap: Gap) -> Iterator[str]:
    """Yield what would move the records' regression to the trial's answer."""
    told = gap.omitted
    if told is None:
        if gap.trial["scale"] == "difference":
            yield (
                "The records' study has no omitted_variable among its sensitivity analyses: with "
                "it, what would move a regression to the trial's answer is told too."
            )
        return
    yield (
        f"The records' regression says {number(told.estimate)}. Something unrecorded that "
        f"explains {percent(told.strength)} of what is left both of the arm and of the outcome "
        "would move it to the trial's answer; nothing weaker on both counts would."
    )
    if told.benchmarks:
        each = "; ".join(
            f"{name}, {number(by)}"
            + (f" (the distance is {number(abs(told.gap) / by)} times that)" if by > 0 else "")
            for name, by in told.benchmarks
        )
        yield f"As strong as a recorded covariate, at worst, it would move it by: {each}."


def true(gap: Gap) -> Iterator[str]:
    """Yield what of the gap is which, where the truth is known."""
    drawn, records = gap.truths
    if drawn is None or records is None:
        return
    ratio = gap.trial["scale"] == "ratio"
    on = math.log if ratio else float
    apart = on(drawn) - on(records)
    errors = (on(gap.trial["value"]) - on(drawn), on(gap.emulated["value"]) - on(records))
    told = [shown(one, gap) for one in (apart, *errors)]
    yield (
        f"{TRUE}{number(drawn)} in the trial, {number(records)} in the records. Of the gap, "
        f"{told[0]} is that they ask of different people, {told[1]} the trial's own error, and "
        f"{told[2]}{' (divided by)' if ratio else ' (taken off)'} the records' error, in which "
        "confounding is."
    )
