"""Spina bifida.

Any diagnosis of spina bifida at whatever age, in hospital or on a death certificate.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("with_hydrocephalus", codes("Q050-4"), deaths=True),
    CodeRule("without_hydrocephalus_or_unspecified", codes("Q05"), deaths=True),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Spina bifida",
    who="children born with spina bifida",
    summary="Children with a diagnosis of spina bifida.",
    reference="ICD-10 (WHO, 2019), Q05; EUROCAT Guide 1.5 (2022), neural tube defects",
    groups=(
        ("with_hydrocephalus", "with hydrocephalus"),
        ("without_hydrocephalus_or_unspecified", "without hydrocephalus, or it is not said"),
    ),
    run=run,
    rules=RULES,
    limits=("Spina bifida occulta (Q76.0) does not count.",),
)
