"""Cerebral palsy.

Any diagnosis of cerebral palsy at whatever age, in hospital or on a death certificate. The group
is the type that was named; where several were, the first in the order below.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("dyskinetic", codes("G803"), deaths=True),
    CodeRule("ataxic", codes("G804"), deaths=True),
    CodeRule("spastic_bilateral", codes("G800-1"), deaths=True),
    CodeRule("spastic_unilateral", codes("G802"), deaths=True),
    CodeRule("other_or_unspecified", codes("G80"), deaths=True),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (type)."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Cerebral palsy",
    summary="Children with a diagnosis of cerebral palsy.",
    reference="ICD-10 (WHO, 2019), G80; Surveillance of Cerebral Palsy in Europe (2000), "
    "Developmental Medicine & Child Neurology 42:816-824",
    groups=(
        ("dyskinetic", "dyskinetic"),
        ("ataxic", "ataxic"),
        ("spastic_bilateral", "spastic, both sides"),
        ("spastic_unilateral", "spastic, one side"),
        ("other_or_unspecified", "another type, or none named"),
    ),
    run=run,
    rules=RULES,
    limits=(
        "Hemiplegia, paraplegia and other paralytic syndromes (G81 to G83) do not count alone: "
        "they also follow injury and illness. Published lists with them find more children.",
        "The diagnosis is often made after the second birthday; a child not yet diagnosed by time "
        "zero is not found.",
    ),
)
