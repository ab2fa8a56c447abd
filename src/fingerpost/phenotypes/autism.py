"""Autism.

Any diagnosis of an autism spectrum condition at whatever age, as hospitals record it.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("childhood_autism", codes("F840")),
    CodeRule("atypical_autism", codes("F841")),
    CodeRule("asperger_syndrome", codes("F845")),
    CodeRule("other_or_unspecified", codes("F843-4 F848-9")),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (diagnosis)."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Autism",
    summary="Children in whose hospital records autism is noted.",
    reference="ICD-10 (WHO, 2019), F84 without F84.2",
    groups=(
        ("childhood_autism", "childhood autism"),
        ("atypical_autism", "atypical autism"),
        ("asperger_syndrome", "Asperger syndrome"),
        ("other_or_unspecified", "another pervasive developmental disorder, or not named"),
    ),
    run=run,
    rules=RULES,
    limits=(
        "Rett syndrome (F84.2) does not count here; it counts under `neurodisability`.",
        "Autism is diagnosed outside hospital wards: only children admitted for whatever reason, "
        "and in whose notes it was coded, are found. It is no measure of how common autism is, "
        "and those found are more often ill than other autistic children.",
    ),
)
