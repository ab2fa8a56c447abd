"""Any list of codes of yours.

A file in the format of the ECHILD phenotype code list repository (code.echild.ac.uk), from a
folder that `folder` or the variable FINGERPOST_CODELISTS names, or by its path. None comes with
this project. What the file's flags say is honoured: emergencies only, first diagnosis only, length
of stay, age, birth weight and gestation, codes that undo another, codes that must stand beside it,
other explanations. A flag that is not known is refused rather than passed over. The group is the
file's own; where a child meets several, the first in the file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._codelist import find_list, read_list
from fingerpost.phenotypes._groups import meets, met_together, named, one_each
from fingerpost.phenotypes._lists import (
    BOTH,
    OTHERWISE,
    UNLESS,
    WAYS,
    Rules,
    chosen,
    rules_of,
    rules_of_both,
)
from fingerpost.phenotypes._match import Frame, Until, first, known, signals


def run(
    store: Any,
    *,
    until: Until = None,
    name: str = "",
    folder: str | Path | None = None,
    by: str = "group",
    where: Mapping[str, object] | None = None,
    fields: Sequence[str] | None = None,
    both: bool | None = None,
) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (the file's own).

    name: of the list, or the path of its file. by: the column that groups it. where: column
    → value or values of the rows to use. fields: those to look at, in the file's words. both:
    whether a diagnosis needs a procedure; by default where the list is known to say so.
    Raises UsageError for a list that is not there or does not have what was asked for; Malformed,
    with every fault, for a file that breaks the format.
    """
    if not name:
        raise UsageError("code_list: names no list. Write phenotype: {code_list: NAME}.")
    whole = read_list(find_list(name, folder=folder))
    rows = chosen(whole, where=where, fields=fields)
    if whole.name in BOTH if both is None else both:
        return supported(store, rules_of_both(whole, rows), until, whole.name)
    asked = rules_of(whole, rows, by=by)
    found = signals(store, [*asked.rules, *asked.other], until=until)
    if asked.other:
        doubtful = [part for _, parts in asked.groups for part in parts if part.endswith(UNLESS)]
        found = found.with_columns(*[unexplained(part) for part in both_dates(doubtful)])
    label = named({group: meets(*parts) for group, parts in asked.groups})
    return one_each(found, [part for _, parts in asked.groups for part in parts], group=label)


def supported(store: Any, asked: Rules, until: Until, name: str) -> Frame:
    """Return the children whose diagnosis a procedure or a death certificate supports."""
    found = signals(store, [*asked.rules, *asked.other], until=until)
    there = {rule.group for rule in asked.rules}
    ways = [way for way in WAYS if there.issuperset(way)]
    if not ways:
        raise UsageError(
            f"code_list: {name} holds no procedure and no cause of death that could support a "
            "diagnosis. Say both: false."
        )
    sure = found.filter(~meets(OTHERWISE)) if asked.other else found
    return met_together(sure, ways, group=name)


def both_dates(parts: Sequence[str]) -> list[str]:
    """Return the columns of dates of groups."""
    return [name for part in parts for name in (first(part), known(part))]


def unexplained(column: str) -> nw.Expr:
    """Return a date, missing where there is another explanation."""
    return nw.when(~meets(OTHERWISE)).then(nw.col(column)).alias(column)


PHENOTYPE = Phenotype(
    title="A list of codes of yours",
    summary="Children who meet a list of codes that you hold as a file.",
    reference="ECHILD phenotype code list repository, code.echild.ac.uk (2026), design principles",
    groups=(),
    run=run,
    terms=(
        "A code of three characters stands for all its subdivisions, one of four for itself alone.",
        "Lists beside the file (`…_exclusions`, `…_medical`, `…_differential_diag`) are read where "
        "a flag refers to them; removals and truncations are notes on how the list was made.",
        "For `anorectal_ford_v1` a diagnosis needs a procedure, or a death certificate, as its "
        "documentation says.",
        "A condition on age, birth weight or gestation is not met where these are not recorded.",
    ),
    limits=(
        "Fields that these records do not hold (health-care resource groups, general practices, "
        "places of residence) cannot be looked at; a list that needs them says so.",
    ),
    options=(
        ("name", "name of the list, or path of its file"),
        ("folder", "folder of the lists (default: what FINGERPOST_CODELISTS names)"),
        ("by", "column of the file that groups the codes (default group)"),
        ("where", "column: value, or values, of the rows to use (default all)"),
        ("fields", "fields to look at, in the file's words (default all)"),
        ("both", "true: a diagnosis needs a procedure (default: where the list is known to)"),
    ),
    needs=("name",),
)
