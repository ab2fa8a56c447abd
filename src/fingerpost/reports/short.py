"""Further answers to one question, in a few words each, and no more of them than can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, Result
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import percent
from fingerpost.reports.phrases import horizon_words, in_unit, outcome_words, people, unit_of
from fingerpost.reports.truth import in_its_unit, truth_of

MOST_SHORT = 8  # further answers told after the first; all are in the report


def told_in_short(output: Output, found: Sequence[Result]) -> str:
    """Return the first answer for every other term that differs from the one told in full in one
    thing (time, target or subgroup), each in a few words; and how many others there are.
    """
    first = found[0]
    terms = {first.term}
    others: list[Result] = []
    for result in found:
        if result.term not in terms:
            terms.add(result.term)
            others.append(result)
    others.sort(key=lambda result: distance(first.term, result.term))
    near = [one for one in others if distance(first.term, one.term)[0] == 1][:MOST_SHORT]
    told = list(clauses(output, first, near))
    left = len(others) - len(near)
    if left > 0:
        told.append(
            f"{counted(left, 'further answer')} {'is' if left == 1 else 'are'} in the report"
        )
    return sentence("; ".join(told)) if told else ""


def distance(first: Term, other: Term) -> tuple[int, bool, bool, bool]:
    """Return how unlike another term is: in how many things, and in which."""
    unlike = (
        other.subgroup != first.subgroup,
        other.target != first.target,
        other.horizon != first.horizon,
    )
    return (sum(unlike), *unlike)


def clauses(output: Output, first: Result, others: Iterable[Result]) -> Iterable[str]:
    """Yield a clause a term; whom it is for is not said again where only the time is another."""
    before = first.term
    for result in others:
        term = result.term
        by = "" if term.horizon is None else f"by {horizon_words(term, output.study)}"
        same = replace(before, horizon=term.horizon) == term
        alone = replace(first.term, subgroup=term.subgroup, horizon=term.horizon) == term
        who = f"among {term.subgroup}" if term.subgroup and alone else f"for {people(term)}"
        parts = (by,) if same and by else (who, by)
        before = term
        told = in_short(output, result)
        yield f"{', '.join(part for part in parts if part)}: {told}{doubts(output, result)}"


def doubts(output: Output, result: Result) -> str:
    """Return, in brackets, what speaks against a further answer: disagreement, warnings; and what
    is true, where that is known.
    """
    found = []
    value = truth_of(output, result.term)
    if value is not None:
        found.append(f"planted truth {in_its_unit(output, result, value)}")
    if any(each.term == result.term and each.agree is False for each in output.agreements):
        found.append("the primary answers disagree")
    if result.warnings:
        rails = {
            row.get("words")
            for table in output.tables
            if table.name == "guard"
            for row in table.records()
        }
        found.append("guard rails warn" if rails & set(result.warnings) else "with a warning")
    return f" ({'; '.join(found)})" if found else ""


def in_short(output: Output, result: Result) -> str:
    """Return a value with its limits, in its unit."""
    unit = unit_of(output.study, result.term)
    limits = (result.lo, result.hi)
    return in_unit(result.value, limits, unit=unit, scale=result.term.scale)


def provided_words(output: Output, term: Term) -> str:
    """Return what share would be provided for in place of what share, for a change of odds."""
    if term.target.delta is None:
        return ""
    shares = {
        float(row["delta"]): float(row["provided"])
        for table in output.tables
        if table.plays("odds curve") and table.tag("outcome") == term.outcome
        for row in table.records()
        if row.get("contrast") == term.words()
        and isinstance(row["delta"], int | float)
        and isinstance(row["provided"], int | float)
    }
    then, now = shares.get(term.target.delta), shares.get(1.0)
    if then is None or now is None:
        return ""
    return f"Then {percent(then)} would be under {term.contrast[0][0]}, in place of {percent(now)}."


def step_words(output: Output, result: Result) -> str:
    """Return what an instrument's answer is where arms are steps of a dose; empty elsewhere."""
    term, arms = result.term, output.study.arms.names
    known = {name: at for at, name in enumerate(arms)}
    if term.target.kind != "compliers" or len(arms) < 3 or len(term.contrast) != 2:
        return ""
    (first, up), (second, down) = term.contrast
    if (up, down) != (1.0, -1.0) or not {first, second} <= set(known):
        return ""
    steps = known[first] - known[second]
    told = (
        f"The instrument moves children up or down the steps {', '.join(arms)}, and tells one "
        "average change a step, over the steps and the children that it moves"
    )
    if abs(steps) == 1:
        return f"{told}: the answer is that average, and not of the step between these arms alone."
    made = "that average to the power" if term.scale == "ratio" else "that average times"
    return (
        f"{told}: the answer is {made} {steps}, as if every step did the same, which is not tested."
    )


def says_nothing(output: Output, result: Result) -> str:
    """Return that a result tells nothing, where the same estimator's set of values not rejected has
    no end; empty elsewhere.
    """
    for item in output.regions:
        same = item.estimator == result.estimator and item.region.term == result.term
        if same and any(math.isinf(end) for piece in item.region.pieces for end in piece):
            return sentence(
                f"we cannot tell how {outcome_words(output.study, result.term.outcome)} differs "
                f"for {people(result.term)}: the values not rejected have no end, and the number "
                f"that {result.estimator} computes ({in_short(output, result)}) means nothing by "
                "itself"
            )
    return ""


def parted(output: Output, result: Result) -> str:
    """Return that primary answers to one question part: where some find a difference and others,
    by their intervals, do not, or find the opposite; empty elsewhere.
    """
    own = [
        one
        for one in output.results
        if one.primary and one.term == result.term and one.lo is not None and one.hi is not None
    ]
    sides = {side_of(one) for one in own}
    if side_of(result) is None or len(sides) < 2:
        return ""
    clear = listing(dict.fromkeys(one.estimator for one in own if side_of(one)))
    others = listing(dict.fromkeys(one.estimator for one in own if not side_of(one)))
    if sides != {-1, 1} and others and agreed(output, own):
        return (
            "The primary answers agree in size by the distance declared beforehand; the interval "
            f"of {others} just includes no difference, and that of {clear} does not, so that "
            "whether there is a difference at all is not settled."
        )
    none = 1.0 if result.term.scale == "ratio" else 0.0
    if any(one.value < none for one in own) and any(one.value > none for one in own):
        told = listing([f"{in_short(output, one)} by {one.estimator}" for one in own])
        return f"The primary answers disagree in sign, so nothing is settled: {told}."
    return (
        f"Primary answers part, so nothing is settled: the interval of {others} includes "
        f"no difference, and that of {clear} does not."
    )


def agreed(output: Output, results: Sequence[Result]) -> bool:
    """Return whether results of one term were found to agree, by what was declared beforehand."""
    term, named = results[0].term, {one.estimator for one in results}
    return any(
        found.term == term and bool(found.agree) and named <= set(found.estimators)
        for found in output.agreements
    )


def side_of(result: Result) -> int | None:
    """Return on which side of no difference an interval lies: -1 or 1, 0 where it holds it, None
    where there is none.
    """
    if result.lo is None or result.hi is None:
        return None
    none = 1.0 if result.term.scale == "ratio" else 0.0
    return int(result.lo > none) - int(result.hi < none)


def few_events(output: Output, result: Result) -> str:
    """Return on how few events an answer rests, where a guard rail warns of them; empty elsewhere.
    The release policy has had its say on the number.
    """
    term = result.term
    found = [
        str(row["words"])
        for table in output.tables
        if table.name == "guard"
        and (table.tag("outcome"), table.tag("contrast"), table.tag("target"))
        == (term.outcome, term.words(), term.label())
        for row in table.records()
        if row.get("rule") == "events" and row.get("verdict") == "warn" and row.get("words")
    ]
    if not found:
        return ""
    return f"This rests on few events: {listing(list(dict.fromkeys(found)))}."
