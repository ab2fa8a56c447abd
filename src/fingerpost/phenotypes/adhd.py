"""Attention deficit hyperactivity disorder (ADHD).

Any diagnosis of a hyperkinetic disorder at whatever age, as hospitals record it.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("with_conduct_disorder", codes("F901")),
    CodeRule("attention_and_activity_or_unspecified", codes("F90")),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Attention deficit hyperactivity disorder",
    summary="Children in whose hospital records a hyperkinetic disorder is noted.",
    reference="ICD-10 (WHO, 2019), F90",
    groups=(
        ("with_conduct_disorder", "hyperkinetic conduct disorder"),
        ("attention_and_activity_or_unspecified", "another hyperkinetic disorder, or not named"),
    ),
    run=run,
    rules=RULES,
    limits=(
        "Attention deficit without hyperactivity (F98.8) does not count: the code holds other "
        "disorders too.",
        "ADHD is diagnosed and treated outside hospital wards, and mostly after age 6: few of the "
        "children who have it are found, and they are more often ill than the others.",
    ),
)
