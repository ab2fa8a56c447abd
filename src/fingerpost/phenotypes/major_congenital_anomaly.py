"""Major congenital anomaly, after the EUROCAT guide.

A code of any of thirteen groups (twelve systems and others), recorded up to the age of one year in
hospital or on a death certificate. Minor anomalies are left out as the guide says, as far as
ICD-10 can tell them apart. The group is the system where one alone is affected, else `several`:
`alone: true` keeps the children with exactly one. `anomaly` asks for one anomaly within the
systems, such as `hypospadias`; the group is then its system.
"""

from typing import Any

import narwhals as nw

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._eurocat import (
    ANOMALIES,
    INFANT_LIMIT,
    REFERENCE,
    RULES,
    SYSTEMS,
    TERM_LIMIT,
    WORDS,
)
from fingerpost.phenotypes._eurocat import (
    anomaly as rule_of,
)
from fingerpost.phenotypes._groups import count, meets, named, one_each
from fingerpost.phenotypes._match import Frame, Until, signals

SEVERAL = "several"


def run(store: Any, *, until: Until = None, alone: bool = False, anomaly: str = "") -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (system).

    Raises UsageError for an anomaly that is not in the list.
    """
    systems = list(SYSTEMS)
    if anomaly and anomaly not in ANOMALIES:
        raise UsageError(
            f'major_congenital_anomaly: there is no anomaly "{anomaly}".'
            f"{nearest(anomaly, ANOMALIES)} There are: {listed(ANOMALIES)}."
        )
    asked = [rule_of("asked", ANOMALIES[anomaly][2])] if anomaly else []
    found = signals(store, [*RULES, *asked], until=until)
    if alone:
        found = found.filter(count(systems) == 1)
    if anomaly:
        return one_each(found, ["asked"], group=nw.lit(ANOMALIES[anomaly][0]))
    one = {system: meets(system) for system in systems}
    return one_each(found, systems, group=named({SEVERAL: count(systems) > 1, **one}))


PHENOTYPE = Phenotype(
    title="Major congenital anomaly",
    who="children born with a major congenital anomaly",
    summary="Children with a major congenital anomaly recorded in their first year.",
    reference=REFERENCE,
    groups=(*WORDS.items(), (SEVERAL, "more than one of these")),
    run=run,
    rules=RULES,
    limits=(
        TERM_LIMIT,
        INFANT_LIMIT,
        "Anorectal malformation and diaphragmatic hernia are found by their codes. The published "
        "definitions, which also ask for an operation or a death certificate, find a few more; "
        "the former is the list `anorectal_ford_v1`, used through `code_list`.",
        "ICD-10 cannot tell some minor anomalies from major ones: they count.",
    ),
    options=(
        ("alone", "true: only children of whom exactly one system is affected (default false)"),
        ("anomaly", f"one anomaly within the systems: {listed(ANOMALIES)}"),
    ),
)
