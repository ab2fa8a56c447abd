"""Cleft lip or palate without another major congenital anomaly.

The population of HOPE's study of provision for children born with a cleft. A cleft counts at
whatever age it was recorded; another major anomaly counts where it was recorded up to the age of
one year, as in `major_congenital_anomaly`, and takes the child out.
"""

from typing import Any

from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._clefts import GROUPS, LIMITS, REFERENCE, RULES, TERMS, kind
from fingerpost.phenotypes._eurocat import RULES as ANOMALIES
from fingerpost.phenotypes._groups import meets, one_each
from fingerpost.phenotypes._match import Frame, Until, signals

OTHERS = tuple(rule for rule in ANOMALIES if rule.group != "orofacial")
SYSTEMS = tuple(dict.fromkeys(rule.group for rule in OTHERS))


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (kind of cleft)."""
    found = signals(store, (*RULES, *OTHERS), until=until)
    alone = found.filter(~meets(*SYSTEMS))
    return one_each(alone, [rule.group for rule in RULES], group=kind())


PHENOTYPE = Phenotype(
    title="Cleft lip or palate without other anomalies",
    who="children born with a cleft lip or palate and no other major anomaly",
    summary="Children born with a cleft and, as far as is known, no other major anomaly.",
    reference=REFERENCE,
    groups=GROUPS,
    run=run,
    rules=RULES,
    unless=OTHERS,
    terms=(
        *TERMS,
        "A child with a major anomaly of any other system, recorded up to the age of one year, is "
        "left out: the codes are those of `major_congenital_anomaly`.",
        "With `until`, only anomalies that could be known by then take a child out.",
    ),
    limits=LIMITS,
    within=("cleft",),
)
