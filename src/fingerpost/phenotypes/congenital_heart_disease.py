"""Congenital heart disease.

Major anomalies of the heart as in `major_congenital_anomaly`: recorded up to the age of one year
in hospital or on a death certificate, an open duct and a narrowed lung artery only in children
born at 37 weeks or later. The group is `severe` where any severe anomaly is recorded.
"""

from dataclasses import replace
from typing import Any

from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._eurocat import (
    INFANT_LIMIT,
    REFERENCE,
    SEVERE_HEART,
    TERM_LIMIT,
    anomaly,
)
from fingerpost.phenotypes._eurocat import RULES as ANOMALIES
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

RULES = (
    anomaly("severe", SEVERE_HEART),
    *(replace(rule, group="other") for rule in ANOMALIES if rule.group == "heart"),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Congenital heart disease",
    who="children born with congenital heart disease",
    summary="Children with a major anomaly of the heart recorded in their first year.",
    reference=REFERENCE,
    groups=(("severe", "a severe heart anomaly"), ("other", "another major heart anomaly")),
    run=run,
    rules=RULES,
    limits=(
        TERM_LIMIT,
        INFANT_LIMIT,
        "Operations are not looked at; the list `sevchd_gimeno_v1`, used through `code_list`, "
        "does.",
    ),
)
