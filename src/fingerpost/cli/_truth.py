"""The truth beside the answers, where the England that was studied is a synthetic one of ours.

Opened only after the finding exists: nothing here can reach an estimate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError

if TYPE_CHECKING:
    from fingerpost.core.estimand import Term
    from fingerpost.core.finding import Finding
    from fingerpost.core.linked import Linked, Strategy
    from fingerpost.core.output import Output
    from fingerpost.records.store import Store

# The recorded levels that are one arm of England, whose potential outcomes are sealed.
ARMS = {("none",): "none", ("support",): "support", ("ehcp",): "ehcp", ("ehcp", "special"): "ehcp"}
TARGETS = ("ate", "att", "atu", "overlap")
SUPPORT = ("support",)
TESTS = {
    "at_least": lambda value, bound: value >= bound,
    "at_most": lambda value, bound: value <= bound,
    "below": lambda value, bound: value < bound,
    "above": lambda value, bound: value > bound,
}


def with_truth(output: Output, finding: Finding, store: Store) -> Output:
    """Return the output with the truth of each term that is kept, if it may be opened.

    The truth is that of the children studied: the contrast of their own potential outcomes. Of arms
    that differ in when or how much, it is that of the whole population they are drawn from, which
    is the same for every target.
    """
    linked = finding.study.linked
    if linked is not None and (linked.zero.repeated or linked.through is not None):
        return output  # provision begun later, or kept up: no truth of that is sealed
    if linked is None or not output.provenance.synthetic or finding.members is None:
        return output
    from fingerpost.england import reveal

    try:
        sealed = reveal.sealed(store.path, [int(key) for key in finding.members])
    except (FingerpostError, KeyError, ValueError):
        return output  # made up, but not an England of ours with its truth beside it
    scenario = str(store.manifest.options.get("scenario", ""))
    found = []
    for term in terms(output):
        value = of_arms(sealed, linked, term) or of_amounts(linked, term, scenario)
        if value is not None and value.scale == term.scale:
            found.append((term, value.value))
    return replace(output, truth=tuple(found))


def terms(output: Output) -> tuple[Term, ...]:
    """Return every term, once, that was answered or refused and of which a truth could be kept."""
    every = [
        *(result.term for result in output.results),
        *(term for refusal in output.refusals for term in refusal.terms),
    ]
    return tuple(
        term
        for term in dict.fromkeys(every)
        if term.target.kind in TARGETS
        and term.target.trim is None
        and term.subgroup is None
        and term.horizon is None
        and [weight for _, weight in term.contrast] == [1.0, -1.0]
    )


def of_arms(sealed: Any, linked: Linked, term: Term) -> Any:
    """Return the truth of two arms of England over the children studied; None where none is kept,
    or where the study's arms are not of England or its target has no members.
    """
    first, second = (arm_of(linked.strategy(arm)) for arm, _ in term.contrast)
    if first is None or second is None or term.target.kind == "overlap":
        return None
    try:
        return sealed.truth(term.outcome, (first, second), term.target.kind)
    except KeyError:
        return None


def arm_of(strategy: Strategy) -> str | None:
    """Return the arm of England that a strategy is; None where it is another."""
    if strategy.timed or strategy.dose:
        return None
    return ARMS.get(strategy.levels)


def of_amounts(linked: Linked, term: Term, scenario: str) -> Any:
    """Return the truth of support of one kind against another; None where none is kept."""
    from fingerpost.england import reveal

    both = [linked.strategy(arm) for arm, _ in term.contrast]
    if any(one.levels != SUPPORT or not (one.timed or one.dose) for one in both):
        return None
    kinds = [amounts(one) for one in both]
    if None in kinds:
        return None
    try:
        return reveal.strategy(term.outcome, kinds[0], against=kinds[1], england=scenario)
    except FingerpostError:
        return None


def amounts(strategy: Strategy) -> Any:
    """Return the delays and planned minutes that a strategy allows; None where it asks for more."""
    from fingerpost.england import reveal
    from fingerpost.england.model import STRENGTH

    if any(one.measure != "minutes_a_week" for one in strategy.dose):
        return None
    least, most = strategy.after or 0, strategy.within
    delays = [
        n for n in range(len(STRENGTH.by_delay)) if n >= least and (most is None or n <= most)
    ]
    minutes = [
        n
        for n in STRENGTH.planned_minutes
        if all(TESTS[one.test](n, one.value) for one in strategy.dose)
    ]
    if not delays or not minutes:
        return None
    return reveal.Amounts(delays=tuple(delays), minutes=tuple(minutes))
