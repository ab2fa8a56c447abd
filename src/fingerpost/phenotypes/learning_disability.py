"""Learning disability.

Any diagnosis of a learning (intellectual) disability at whatever age, as hospitals record it. The
group is the most severe degree that was recorded.
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    CodeRule("profound", codes("F73")),
    CodeRule("severe", codes("F72")),
    CodeRule("moderate", codes("F71")),
    CodeRule("mild", codes("F70")),
    CodeRule("degree_not_named", codes("F78 F79")),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (degree)."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Learning disability",
    summary="Children in whose hospital records a learning disability is noted.",
    reference="ICD-10 (WHO, 2019), F70 to F79",
    groups=(
        ("profound", "profound"),
        ("severe", "severe"),
        ("moderate", "moderate"),
        ("mild", "mild"),
        ("degree_not_named", "another, or the degree not named"),
    ),
    run=run,
    rules=RULES,
    limits=(
        "Specific learning difficulties, of reading or of speech (F80 to F83), do not count.",
        "It is not what schools record as moderate, severe or profound learning difficulty. Only "
        "children who were admitted, and in whose notes it was coded, are found.",
    ),
)
