"""The planted gaps beside the gaps that a study of access found in a synthetic England of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fingerpost.core.access import CHARACTERISTICS
from fingerpost.core.errors import FingerpostError
from fingerpost.core.linked import LEVELS
from fingerpost.core.words import listing

if TYPE_CHECKING:
    from fingerpost.core.estimand import Term
    from fingerpost.core.finding import Finding
    from fingerpost.core.output import Output
    from fingerpost.records.store import Store

OBSERVED, EQUAL_NEED = "association", "equal_need"
PROVISION = "provision"
ALIKE = "gaps between children alike in what was measured"
WHY_ALIKE = (
    "need that nobody recorded is averaged over as it goes with what was measured, which is a "
    "matter of a model and not of this England's recipe"
)
OTHER = "time to first provision, and whether a concern is raised"
WHY_OTHER = "only provision by the spring of Year 1 has a planted gap"
# What is recorded of conditions that bring provision: planted gaps are of children alike in them.
CONDITIONS = ("neurodevelopmental", "chronic_condition", "eyfsp_emerging")
NEED = "gaps at equal need"
WHY_NEED = (
    "the planted gaps are between children with the same conditions, and this study does not take "
    "account of {missing}: what goes with those is in its gaps"
)
LEVEL = "gaps in the provision that this study counts"
WHY_LEVEL = "the planted gaps are of any recorded provision by the spring census of Year 1"


def with_gaps(output: Output, finding: Finding, store: Store) -> Output:
    """Return the output with the planted gaps, as observed and at equal need.

    At equal need it is how much more likely the same children were to be provided for in the one
    group than in the other; as observed, what their own chances differ by. A study that leaves out
    what is recorded of conditions asks of another gap at equal need, whose truth is not kept.
    """
    from fingerpost.england import reveal

    linked, access = finding.study.linked, finding.study.access
    if linked is None or access is None or finding.members is None:
        return output
    try:
        found = reveal.planted(store.path, [int(key) for key in finding.members])
    except (FingerpostError, KeyError, ValueError):
        return output
    zero = (linked.zero.year, linked.zero.census)
    if set(access.levels) != set(LEVELS[1:]) or zero != (1, "spring"):
        return replace(output, untold=((LEVEL, WHY_LEVEL),))
    without = [name for name in CONDITIONS if name not in finding.study.given]
    truth = [
        (result.term, value)
        for result in output.results
        if not (without and result.term.target.kind == EQUAL_NEED)
        and (value := gap_of(found, result.term)) is not None
    ]
    need = ((NEED, WHY_NEED.format(missing=listing(without))),) if without else ()
    untold = (*need, (ALIKE, WHY_ALIKE), (OTHER, WHY_OTHER))
    return replace(output, truth=tuple(truth), untold=untold)


def gap_of(found: Any, term: Term) -> float | None:
    """Return the planted gap of a term; None where it is of another kind."""
    if term.outcome != PROVISION or term.target.kind not in (OBSERVED, EQUAL_NEED):
        return None
    name, values = values_of(term)
    if name is None:
        return None
    concerned = term.subgroup is not None
    make = found.gap if term.target.kind == EQUAL_NEED else found.observed
    return float(make(name, values, concerned=concerned))


def values_of(term: Term) -> tuple[str | None, tuple[str, str]]:
    """Return the characteristic that the groups of a term are of, and their values in records.

    >>> from fingerpost.core.estimand import Target, Term, pair
    >>> values_of(Term("provision", pair("boys", "girls"), Target("association")))
    ('sex', ('M', 'F'))
    """
    labels = [label for label, _ in term.contrast]
    for one in CHARACTERISTICS.values():
        value = {words: code for code, words in one.groups}
        if all(label in value for label in labels) and len(labels) == 2:
            return one.name, (value[labels[0]], value[labels[1]])
    return None, ("", "")
