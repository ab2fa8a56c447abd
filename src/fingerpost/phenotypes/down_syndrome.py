"""Down syndrome.

Any diagnosis of Down syndrome at whatever age, in hospital or on a death certificate.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("mosaic", codes("Q901"), deaths=True),
    CodeRule("translocation", codes("Q902"), deaths=True),
    CodeRule("trisomy_or_unspecified", codes("Q90"), deaths=True),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (kind of trisomy)."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Down syndrome",
    who="children with Down syndrome",
    summary="Children with a diagnosis of Down syndrome.",
    reference="ICD-10 (WHO, 2019), Q90; EUROCAT Guide 1.5 (2022), chromosomal anomalies",
    groups=(
        ("mosaic", "mosaicism"),
        ("translocation", "translocation"),
        ("trisomy_or_unspecified", "free trisomy, or the kind not named"),
    ),
    run=run,
    rules=RULES,
    limits=("One mistaken code is enough to find a child: no laboratory record confirms it here.",),
)
