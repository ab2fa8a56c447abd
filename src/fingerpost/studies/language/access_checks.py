"""What must hold in a document of access, before any record is read."""

from __future__ import annotations

from fingerpost.core.access import CHARACTERISTICS
from fingerpost.core.errors import listed, nearest
from fingerpost.core.study import Study
from fingerpost.studies.language.access import KIND, OF_EFFECTS
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.linked import read_linked
from fingerpost.studies.language.linked_checks import check_group


def check_access(document: Document, study: Study, faults: FaultList, *, said: set[str]) -> None:
    """Note every fault of a document of access. said: the keys at the top of the file."""
    from fingerpost.cohorts.linked.covariates import BY_NAME, unknown

    for key in OF_EFFECTS:
        if key in said:
            faults.add(
                key,
                f"belongs to studies of effects; this one is of kind {KIND}, in which provision is "
                "the outcome. Leave it out.",
            )
    read = read_linked(document)
    for path, line, words in read.faults:
        if not path.startswith("arms"):
            faults.add(path, words, line=line)
    if read.linked is not None and read.linked.phenotype:
        check_group(read.linked, faults)
    part = document.access
    if part is None or study.access is None:
        return
    if not study.access.groups:
        faults.add("access.groups", f"is missing. Name one or more of {listed(CHARACTERISTICS)}.")
    for name in study.access.groups:
        if name not in CHARACTERISTICS:
            menu = f"Allowed: {listed(CHARACTERISTICS)}.{nearest(name, CHARACTERISTICS)}"
            faults.add("access.groups", f'"{name}" is no characteristic of groups. {menu}')
    for key, names in (("given", study.given), ("need", (study.access.need,))):
        for name in names:
            if name and name not in BY_NAME:
                faults.add(f"access.{key}", unknown(name))
    if study.access.need and study.access.need in study.given:
        faults.add("access.given", f'"{study.access.need}" is the need. Leave it out of given.')
