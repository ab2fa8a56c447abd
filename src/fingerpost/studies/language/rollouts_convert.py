"""From a document of a roll-out to what runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from fingerpost.core.assignment import Assignment, Schedule
from fingerpost.core.estimand import Target
from fingerpost.core.rollout import (
    Bordering,
    Collection,
    Correlation,
    Draw,
    Limit,
    Monitoring,
    Power,
    Pulse,
    Register,
    Rollout,
    Starts,
    Wave,
)
from fingerpost.studies.language.estimands import EstimandPart
from fingerpost.studies.language.fields import Told
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.rollouts import (
    POWER_KINDS,
    WITH,
    WITHOUT,
    CollectionPart,
    CorrelationPart,
    DrawPart,
    PowerPart,
    PulsePart,
    RegisterPart,
    StartsPart,
)
from fingerpost.studies.language.rollouts_plan import MonitoringPart, RegistryPart

USUAL = Target("exposure_average")


def as_panel(document: Document) -> Document:
    """Return a document of a roll-out with its two arms, without and with provision, and the target
    where it names none; any other document as it is.
    """
    if document.rollout is None:
        return document
    told: dict[str, object] = {}
    if document.arms is None:
        told["arms"] = {
            WITHOUT: Told("provision has not begun"),
            WITH: Told("provision has begun"),
        }
    asked = document.estimand or EstimandPart.model_construct()
    if asked.target is None:
        told["estimand"] = asked.model_copy(update={"target": [USUAL]})
    return document.model_copy(update=told)


def to_rollout(document: Document) -> Rollout | None:
    """Return when provision begins where; None where the document is of no roll-out."""
    part = document.rollout
    if part is None:
        return None
    waves = part.waves or {}
    return Rollout(
        periods=part.periods or (),
        waves=tuple(Wave(name, one.begins or "", one.units) for name, one in waves.items()),
        register=to_register(part.register_),
        draw=to_draw(part.draw),
        anticipation=part.anticipation,
        correlation=next(iter(to_correlations(part.correlation)), None),
        power=to_power(part.power, kind_of(document)),
        collection=to_collection(part.collection),
        adopted=part.adopted or "",
        never=tuple(part.never or ()),
        period=part.period or "",
        children=part.children or "",
        starts=to_starts(part.starts),
        measure=part.measures.column if part.measures else "",
        value=part.measures.value if part.measures else "",
        monitoring=to_monitoring(part.monitoring),
        registry=to_registry(part.registry),
    )


def kind_of(document: Document) -> str:
    """Return the kind of a document's first outcome, as power knows kinds."""
    first = next(iter((document.outcomes or {}).values()), None)
    kind = getattr(first, "kind", None)
    return kind if kind in POWER_KINDS else "continuous"


def to_starts(part: StartsPart | None) -> Starts | None:
    """Return the table of when provision began."""
    if part is None:
        return None
    periods, names = tuple((part.periods or {}).items()), tuple((part.names or {}).items())
    return Starts(part.table, part.unit, part.begins, periods, names)


def scheduled(assignment: Assignment, rollout: Rollout | None) -> Assignment:
    """Return an assignment with the periods and waves of its roll-out, where it has any."""
    if rollout is None or not rollout.waves:
        return assignment
    adoption = tuple((wave.name, wave.begins) for wave in rollout.waves)
    return replace(assignment, schedule=Schedule(rollout.periods, adoption))


def to_register(part: RegisterPart | None) -> Register | None:
    """Return the register."""
    if part is None:
        return None
    return Register(part.table, part.unit, part.name or "", part.size or "", part.neighbours or "")


def to_draw(part: DrawPart | None) -> Draw:
    """Return how waves are drawn."""
    if part is None:
        return Draw()
    limits = tuple(
        Limit(one.at_most, one.wave, one.column or "", one.where) for one in part.limits or ()
    )
    near = part.neighbours
    return Draw(
        balance=tuple(part.balance or ()),
        candidates=part.candidates,
        accept=part.accept,
        limits=limits,
        together=tuple(part.together or ()),
        apart=tuple(part.apart or ()),
        neighbours=None if near is None else Bordering(near.at_least, near.at_most),
        pulse=to_pulse(part.pulse),
    )


def to_pulse(part: PulsePart | None) -> Pulse:
    """Return whence the randomness of the draw comes."""
    if part is None:
        return Pulse()
    return Pulse(part.source, part.after, tuple((part.parties or {}).items()))


def to_correlations(part: CorrelationPart | None) -> tuple[Correlation, ...]:
    """Return every combination of the values of a correlation."""
    if part is None:
        return ()
    every = product(part.icc, part.cac, part.iac, part.churn)
    return tuple(
        Correlation(part.structure, *one, effect_sd=part.effect_sd, effect_corr=part.effect_corr)
        for one in every
    )


def to_power(part: PowerPart | None, kind: str) -> Power | None:
    """Return what the roll-out has to find. kind: of the first outcome."""
    if part is None:
        return None
    held = [one for each in part.correlations or () for one in to_correlations(each)]
    return Power(
        effect=part.effect,
        kind=part.kind or kind,
        sd=part.sd,
        level=part.level,
        level_with=part.level_with,
        children=part.children,
        size_cv=part.size_cv,
        alpha=part.alpha,
        power=part.power,
        target=part.target,
        correlations=tuple(dict.fromkeys(held)) or Power().correlations,
        explained_between=part.explained_between,
        explained_within=part.explained_within,
        unseen=tuple((wave, tuple(periods)) for wave, periods in (part.unseen or {}).items()),
        assumed=tuple(part.assumed or ()),
    )


def to_collection(part: CollectionPart | None) -> Collection | None:
    """Return what every unit owes."""
    if part is None:
        return None
    return Collection(
        tuple(part.columns),
        part.due_days,
        tuple((part.ends or {}).items()),
        tuple((part.plausible or {}).items()),
    )


def to_monitoring(part: MonitoringPart | None) -> Monitoring | None:
    """Return the looks on the way."""
    if part is None:
        return None
    return Monitoring(
        looks=part.looks,
        bounds=part.bounds or "",
        spending=part.spending or "",
        parameter=part.parameter,
        alpha=part.alpha,
        sides=part.sides,
        harm=part.harm,
        looked=part.looked,
    )


def to_registry(part: RegistryPart | None) -> tuple[tuple[str, str], ...]:
    """Return what a registry asks besides, in the order of the language."""
    if part is None:
        return ()
    return tuple((name, text) for name, text in part.model_dump().items() if text is not None)
