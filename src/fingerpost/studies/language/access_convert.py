"""From a document of access to what runs: its arms, its covariates, what it asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fingerpost.core.access import PLACES, Access
from fingerpost.core.linked import LEVELS, Linked, Strategy
from fingerpost.studies.language.access import KIND, NOTHING, PROVIDED, WITHOUT
from fingerpost.studies.language.fields import Told
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.parts import AssignmentPart, ObservedPart
from fingerpost.studies.language.strategies import STRATEGIES


def as_effect(document: Document) -> Document:
    """Return a document of access with the arms and the covariates that its children are read by;
    any other as it is.
    """
    part = document.access
    if document.kind != KIND or part is None:
        return document
    observed = ObservedPart.model_construct(
        given=(tuple(part.given or ()), None),
        cluster=None if part.cluster == "child" else part.cluster,
    )
    given: dict[str, Any] = {
        "arms": {WITHOUT: Told(NOTHING), PROVIDED: Told(part.provision)},
        "assignment": AssignmentPart.model_construct(observed=observed, randomised=None),
    }
    return document.model_copy(update=given)


def to_linked(linked: Linked | None, access: Access | None) -> Linked | None:
    """Return what is asked of linked records: in a study of access every child is in one of two
    arms, for whoever was not provided for in the way that counts was not provided for.
    """
    if linked is None or access is None:
        return linked
    others = tuple(name for name in LEVELS if name not in access.levels)
    arms = (
        (WITHOUT, Strategy(f"without {access.words}", others)),
        (PROVIDED, Strategy(access.words, access.levels)),
    )
    return replace(linked, strategies=arms)


def to_access(document: Document) -> Access | None:
    """Return what a document asks of access, None where it is of an effect."""
    part = document.access
    if document.kind != KIND or part is None:
        return None
    return Access(
        levels=STRATEGIES[part.provision],
        words=part.provision,
        origin=part.origin,
        groups=tuple(dict.fromkeys(part.groups or ())),
        need=part.need or "",
        places=PLACES if part.places is None else tuple(dict.fromkeys(part.places)),
        important=part.important,
        slope=part.slope,
        reliability=part.reliability,
    )
