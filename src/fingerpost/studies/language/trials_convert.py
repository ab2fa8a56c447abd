"""From a document of a trial to what runs."""

from __future__ import annotations

from fingerpost.core.trial import Enactment, Known, Minimise, Roll, Stage, Trial, TrialArm
from fingerpost.studies.language.fields import Told
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.rollouts_convert import (
    to_draw,
    to_monitoring,
    to_register,
    to_registry,
)
from fingerpost.studies.language.trials import (
    EnactmentPart,
    MinimisePart,
    RollPart,
    TrialArmPart,
    TrialPart,
)
from fingerpost.studies.language.trials_power import to_trial_power


def as_drawn(document: Document) -> Document:
    """Return a document of a trial with the arms of its draw, where it names no others."""
    part = document.trial
    if part is None or document.arms is not None or not part.arms:
        return document
    words = {name: Told(arm.gets or name) for name, arm in part.arms.items()}
    return document.model_copy(update={"arms": words})


def to_trial(document: Document) -> Trial | None:
    """Return how arms are drawn; None where the document is of no trial."""
    part = document.trial
    if part is None:
        return None
    return Trial(
        arms=to_trial_arms(part.arms),
        size=part.size,
        known=tuple(Known(name, levels) for name, levels in (part.known or {}).items()),
        blocks=part.blocks or (),
        minimise=to_minimise(part.minimise),
        match=tuple(part.match or ()),
        register=to_register(part.register_),
        draw=to_draw(part.draw),
        roll=to_roll(part.roll),
        stages=to_stages(part),
        consent=tuple(part.consent or ()),
        plans=part.plans or "",
        power=to_trial_power(part.power),
        monitoring=to_monitoring(part.monitoring),
        registry=to_registry(part.registry),
        washout=part.washout or "",
    )


def to_trial_arms(arms: dict[str, TrialArmPart] | None) -> tuple[TrialArm, ...]:
    """Return arms in the order in which they are written."""
    return tuple(
        TrialArm(
            name,
            one.share,
            one.gets or "",
            one.offer,
            tuple((one.levels or {}).items()),
            to_enactment(one.enact),
            one.opens,
            one.closes,
        )
        for name, one in (arms or {}).items()
    )


def to_enactment(part: EnactmentPart | None) -> Enactment | None:
    """Return what an arm is in a synthetic England."""
    if part is None:
        return None
    return Enactment(part.level, part.begins, part.minutes, part.delivered)


def to_minimise(part: MinimisePart | None) -> Minimise | None:
    """Return how imbalance is kept small, None where nothing is said of it."""
    if part is None:
        return None
    return Minimise(tuple((part.weights or {}).items()), part.likely, part.measure)


def to_roll(part: RollPart | None) -> Roll | None:
    """Return the list of children of clusters."""
    if part is None:
        return None
    return Roll(part.table, part.unit, part.child, tuple(part.baseline or ()))


def to_stages(part: TrialPart) -> tuple[Stage, ...]:
    """Return the later stages, in order."""
    return tuple(
        Stage(name, to_trial_arms(one.arms), one.among or ())
        for name, one in (part.stages or {}).items()
    )
