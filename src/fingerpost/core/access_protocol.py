"""A study of access in words: what was asked, part by part, and how it is answered."""

from __future__ import annotations

from fingerpost.core.access import CHARACTERISTICS, ORIGINS, Access
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import listing

HOW = (
    "a logit of provision on group, characteristics and (as a smooth curve) need, averaged over "
    "all children as if of one group, then of the other"
)


def access_protocol(study: Study) -> Table:
    """Return each part of a study of access with what it says, a row each."""
    access = study.access or Access()
    return Table(
        "protocol",
        "The question and how it is answered",
        ("part", "words"),
        ("label", "label"),
        (*who(study, access), *compared(study, access)),
    )


def who(study: Study, access: Access) -> tuple[tuple[str, str], ...]:
    """Return who is studied, what counts as provision, and of what children time is counted."""
    told = f"{access.words} by {zero_words(study)}; what is known only later is not used"
    return (("Who", whom(study)), ("Provision", told), ("Time", when(study)))


def whom(study: Study) -> str:
    """Return who is studied."""
    linked = study.linked
    born = f", born from {linked.born[0]} to {linked.born[1]}" if linked and linked.born else ""
    condition = f" with {linked.phenotype.replace('_', ' ')}" if linked and linked.phenotype else ""
    kind = "mainstream" if linked and linked.school == "mainstream" else "state"
    return f"children{condition} in a {kind} school at {zero_words(study)}{born}"


def when(study: Study) -> str:
    """Return of what time of children's lives access is told."""
    access = study.access or Access()
    last = study.linked.until if study.linked else 6
    return (
        f"to first provision from {ORIGINS[access.origin]} to the end of Year {last}; death "
        "and leaving state schools compete; opting out ends observation"
    )


def zero_words(study: Study) -> str:
    """Return the day at which children are looked at."""
    return study.linked.zero.words() if study.linked else "the date of the question"


def compared(study: Study, access: Access) -> tuple[tuple[str, str], ...]:
    """Return whose gaps are asked, at equal what, and how they are made comparable."""
    groups = [CHARACTERISTICS[name].title for name in access.groups if name in CHARACTERISTICS]
    labels = {each.name: each.label for each in study.covariates if each.label}
    need = access.need.replace("_", " ") if access.need else "none: no gap at equal need is told"
    matters = "" if access.important is None else f"{100 * access.important:g} per 100 children"
    rows = [
        ("Gaps by", listing(groups) or "nothing"),
        ("Alike in", listing([labels.get(name, name) for name in study.given]) or "nothing"),
        ("Need", need),
        ("Standardised", HOW),
        ("Places", listing(access.places) or "none"),
        ("Intervals", f"{100 * study.level:g}%; influence summed by {study.cluster or 'child'}"),
    ]
    if matters:
        rows.append(("Matters", f"a gap of {matters} or more"))
    return tuple(rows)
