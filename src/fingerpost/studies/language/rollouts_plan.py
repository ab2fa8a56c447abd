"""Parts of a roll-out that only its plan uses: looks on the way, and what registries ask."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from fingerpost.core.rollout import BOUNDS, SHAPED, SPENDING, Monitoring, Rollout
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.fields import (
    Number,
    Part,
    Share,
    Text,
    accepts,
    among,
    as_number,
    as_text,
    as_whole,
    misread,
    whole_within,
)

MOST_LOOKS = 40


def as_looks(node: object) -> tuple[str, ...] | int:
    """Return the looks: periods after whose returns somebody looks, or how many there are."""
    if isinstance(node, list):
        return tuple(as_text(item) for item in node)
    found = as_whole(node)
    if not 1 <= found <= MOST_LOOKS:
        raise misread(node, f"from 1 look (the last analysis alone) to {MOST_LOOKS}.")
    return found


LOOKS_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MOST_LOOKS},
        {"type": "array", "items": {"type": ["string", "number"]}},
    ]
}


def as_looked(node: object) -> tuple[float, ...] | int:
    """Return the look at which records were taken: its number, or the shares of all information at
    the looks held until then.
    """
    if not isinstance(node, list):
        return as_whole(node)
    found = tuple(as_number(item) for item in node)
    rises = all(one < other for one, other in pairwise((0.0, *found)))
    if not found or not rises or found[-1] > 1:
        raise misread(node, "shares of all information that rise from above 0 to at most 1.")
    return found


LOOKED_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MOST_LOOKS},
        {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
    ]
}


class MonitoringPart(Part):
    """Looks at the results before the end."""

    looks: (
        Annotated[tuple[str, ...] | int, PlainValidator(as_looks), accepts(LOOKS_FORM)] | None
    ) = Field(
        None,
        description="Periods after whose returns somebody looks, or how many looks, the last "
        "analysis counted; one each academic year if left out.",
    )
    bounds: Annotated[Text, among("a boundary", BOUNDS)] | None = Field(
        None, description="An exact boundary: obrien_fleming, pocock or wang_tsiatis."
    )
    spending: Annotated[Text, among("a way of spending error", SPENDING)] | None = Field(
        None,
        description="In place of bounds, how error is spent: obrien_fleming (if neither is said), "
        "pocock, power or exponential.",
    )
    parameter: Number | None = Field(
        None, description="Of wang_tsiatis δ (0 to 0.5), of power ρ (above 0), of exponential γ."
    )
    alpha: Share = Field(0.05, description="Level of the test, both sides together (0.05).")
    sides: whole_within(1, 2) = Field(  # type: ignore[valid-type]
        2, description="2: benefit and harm are tested; 1: benefit alone."
    )
    harm: Annotated[float, PlainValidator(as_number), Field(ge=0, lt=0.5)] = Field(
        0.10, description="One-sided level of a bound for harm that binds nobody (0.10); 0: none."
    )
    looked: (
        Annotated[tuple[float, ...] | int, PlainValidator(as_looked), accepts(LOOKED_FORM)] | None
    ) = Field(
        None,
        description="Of a trial, at which look these records were taken, from 1; or, where error "
        "is spent, the share of all information at each look held until then (1: the last).",
    )


class RegistryPart(Part):
    """What a registry or a protocol asks that no other part of a study says."""

    title: Text | None = Field(None, description="The scientific title.")
    numbers: Text | None = Field(None, description="Other numbers that it is known by.")
    sponsor: Text | None = Field(None, description="Who answers for it.")
    other_sponsors: Text | None = Field(None, description="Who answers for it besides, or none.")
    roles: Text | None = Field(None, description="Who does what: authors, sponsor, committees.")
    public_contact: Text | None = Field(None, description="Whom anyone may ask.")
    scientific_contact: Text | None = Field(None, description="Whom researchers may ask.")
    countries: Text | None = Field(None, description="Where units are.")
    setting: Text | None = Field(None, description="Where provision is given.")
    condition: Text | None = Field(None, description="The need or problem that is studied.")
    eligibility: Text | None = Field(None, description="Which units and children count, and not.")
    recruitment: Text | None = Field(None, description="How units join, and how far that is.")
    lawfulness: Text | None = Field(
        None, description="Why nobody waits for what the law owes them, and who confirmed it."
    )
    consent: Text | None = Field(None, description="Who agrees, and how; or why nobody is asked.")
    equipoise: Text | None = Field(
        None, description="That nobody knows which arm is better, and who doubts it."
    )
    assent: Text | None = Field(
        None, description="How children themselves are told and asked, and may stop."
    )
    families: Text | None = Field(None, description="What families and children decided about it.")
    stopping: Text | None = Field(None, description="When it stops early, or stops for a child.")
    harms: Text | None = Field(None, description="How harm is looked for and told.")
    oversight: Text | None = Field(None, description="Who sees results before the end.")
    blinding: Text | None = Field(None, description="Who does not know the order, until when.")
    confidentiality: Text | None = Field(None, description="How records are kept and guarded.")
    missing_returns: Text | None = Field(
        None, description="What is done about returns that do not come."
    )
    multiplicity: Text | None = Field(None, description="How several answers are guarded against.")
    amendments: Text | None = Field(None, description="How changes of the plan are made and told.")
    dissemination: Text | None = Field(None, description="Where and when results are published.")


def check_monitoring(rollout: Rollout, faults: FaultList) -> None:
    """Looks are periods in order; a boundary or spending, with its number where it needs one."""
    asked = rollout.monitoring
    if asked is None:
        return
    at = "rollout.monitoring"
    if asked.looked is not None:
        faults.add(f"{at}.looked", "is of trials. Leave it out.")
    check_shape(asked, at, faults)
    if not isinstance(asked.looks, tuple):
        return
    strange = [one for one in asked.looks if one not in rollout.periods]
    for one in strange:
        faults.add(f"{at}.looks", f'"{one}" is not a period.')
    places = [rollout.periods.index(one) for one in asked.looks if one not in strange]
    if not asked.looks or places != sorted(set(places)):
        faults.add(f"{at}.looks", "names periods in order, each once.")


def check_shape(asked: Monitoring, at: str, faults: FaultList) -> None:
    """A boundary or spending, one of both, with its number where it needs one."""
    if asked.bounds and asked.spending:
        faults.add(f"{at}.spending", "and bounds are given together. Keep one.")
    needs = asked.shape in SHAPED
    if needs and asked.parameter is None:
        faults.add(f"{at}.parameter", f"is missing: {asked.shape} needs one.")
    elif not needs and asked.parameter is not None:
        faults.add(f"{at}.parameter", f"is told, and {asked.shape} takes none. Leave it out.")
    elif asked.shape == "wang_tsiatis" and not 0 <= (asked.parameter or 0) <= 0.5:
        faults.add(f"{at}.parameter", "δ lies between 0 (O'Brien & Fleming) and 0.5 (Pocock).")
    elif asked.shape == "power" and (asked.parameter or 0) <= 0:
        faults.add(f"{at}.parameter", "ρ is above 0: error spent may only rise.")
