"""Cleft lip or palate, with or without other anomalies.

A cleft counts at whatever age it was recorded, in hospital or on a death certificate. The group is
the kind of cleft.
"""

from typing import Any

from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._clefts import GROUPS, LIMITS, REFERENCE, RULES, TERMS, kind
from fingerpost.phenotypes._groups import one_each
from fingerpost.phenotypes._match import Frame, Until, signals


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (kind of cleft)."""
    found = signals(store, RULES, until=until)
    return one_each(found, [rule.group for rule in RULES], group=kind())


PHENOTYPE = Phenotype(
    title="Cleft lip or palate",
    who="children born with a cleft lip or palate",
    summary="Children born with a cleft, whatever else they were born with.",
    reference=REFERENCE,
    groups=GROUPS,
    run=run,
    rules=RULES,
    terms=TERMS,
    limits=LIMITS,
    within=("cleft",),
)
