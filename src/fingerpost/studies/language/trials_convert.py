"""From a document of a trial to what runs."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core import leaves
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Arms, Then
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


def of_stages(arms: Arms, trial: Trial, asked: tuple[str, ...]) -> Arms:
    """Return a trial's arms as its regimes, where it draws once more and estimators of regimes are
    asked, and no others; else its arms of the first draw. What was drawn the second time, and of
    whom, is told by its ledger (`trials.as_drawn`).
    """
    held = set(leaves.names("estimators"))
    staged = [
        name in held and leaves.load("estimators", name, kind=Estimator).staged for name in asked
    ]
    if len(trial.stages) != 1 or not staged or not all(staged):
        return arms
    [stage] = trial.stages
    words = tuple((arm.name, arm.gets or arm.name) for arm in stage.arms)
    then = Then(stage.name, tuple((arm.name, arm.name) for arm in stage.arms), among_of(stage))
    return with_regimes(replace(arms, words=(*arms.words, *words), then=then))


def among_of(stage: Stage) -> tuple[str, str]:
    """Return the (name, level) that tells whom a later stage concerned, as far as one tells it."""
    return stage.among[0] if stage.among else (f"drawn for {stage.name}", "yes")


def with_regimes(arms: Arms) -> Arms:
    """Return arms with what regimes mean, where the study says what their steps do."""
    assert arms.then is not None
    meant = dict(arms.words)
    more = tuple(
        (f"{one}, then {other}", f"{meant[one]}; {meant[other]}")
        for one in arms.firsts
        for other in arms.then.names
        if one in meant and other in meant and f"{one}, then {other}" not in meant
    )
    return replace(arms, words=(*arms.words, *more))


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
