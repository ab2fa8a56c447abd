"""Epilepsy.

Any diagnosis of epilepsy at whatever age, in hospital or on a death certificate.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("epilepsy", codes("G40 F803"), deaths=True),
    CodeRule("status_epilepticus_only", codes("G41"), deaths=True),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Epilepsy",
    summary="Children with a diagnosis of epilepsy.",
    reference="ICD-10 (WHO, 2019), G40, G41 and F80.3",
    groups=(
        ("epilepsy", "epilepsy, Landau-Kleffner syndrome among it"),
        ("status_epilepticus_only", "status epilepticus and no other code of epilepsy"),
    ),
    run=run,
    rules=RULES,
    limits=(
        "Febrile and other convulsions (R56) and the adverse effects of medicines for epilepsy "
        "(Y46) do not count.",
        "Epilepsy that never led to an admission is not found.",
    ),
)
