"""What must hold in a document of a trial, before any unit is allocated."""

from __future__ import annotations

from fingerpost.core.errors import listed, nearest
from fingerpost.core.leaves import Design, load, names
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.rollouts_plan import check_shape
from fingerpost.studies.language.trials_power import check_trial_power

LAWFUL = (
    "What an EHC plan specifies is owed to the child (Children and Families Act 2014, section 42; "
    "check with a lawyer): nobody may be drawn to go without it, for however long. Lawful designs: "
    "waiting_list or, as a roll-out, stepped_wedge (the order in which what is not owed begins); "
    "dose (more than plans specify); stratified with two arms that both give what is owed, in "
    "another mode; encouragement (who is helped to take up what everybody may)."
)


def analysed(document: Document) -> bool:
    """Return whether a document of a trial asks for an analysis, and not for its draw alone."""
    return bool(document.outcomes or document.estimators)


def check_trial(document: Document, study: Study, faults: FaultList) -> None:
    """Note every fault of a document of a trial."""
    trial, part = study.trial, document.assignment
    if trial is None or part is None:
        return
    if part.randomised is None or part.observed is not None:
        faults.add("assignment", "of a trial says randomised: {design: …, unit: …}, and no more.")
        return
    check_design(trial, study, part.randomised.design, faults)
    check_arms_of(trial, faults)
    check_known(trial, study, faults)
    check_lawful(trial, faults)
    check_looks(trial, faults)
    if document.trial is not None:
        check_trial_power(document.trial.power, tuple(arm.name for arm in trial.arms), faults)


def check_design(trial: Trial, study: Study, design: str, faults: FaultList) -> None:
    """The design is one of trials, and what it needs is said."""
    known = names("designs")
    at = "assignment.randomised.design"
    if design not in known:
        menu = f"Allowed: {listed(known)}.{nearest(design, known)}"
        faults.add(at, f'"{design}" is no design. {menu}')
        return
    procedure = load("designs", design, kind=Design).procedure
    if procedure is None:
        faults.add(at, f'"{design}" is a design of roll-outs. Write rollout: in place of trial:.')
        return
    for words in procedure.check(trial) if trial.arms else []:
        faults.add("trial", words)
    moving = [arm.name for arm in trial.arms if arm.opens or arm.closes is not None]
    if moving and procedure.period is None:
        faults.add(
            "trial.arms",
            f"{moving[0]}: under {design} arms are there from first to last. Leave opens and "
            "closes out, or name the design platform.",
        )
    if study.assignment.strata and not procedure.strata:
        faults.add(
            "assignment.randomised.strata",
            f"{design} does not draw within strata. "
            + (
                "Leave them out: it keeps arms alike in all that is under trial.known."
                if trial.known and procedure.step is not None and not trial.blocks
                else "Name the design stratified, or leave them out."
            ),
        )


def check_looks(trial: Trial, faults: FaultList) -> None:
    """The boundary is told whole, and the look at which records were taken was planned."""
    asked, at = trial.monitoring, "trial.monitoring.looked"
    if asked is not None:
        check_shape(asked, "trial.monitoring", faults)
    if asked is None or asked.looked is None:
        return
    if asked.many is None:
        faults.add(at, "is said, and looks is not: how many looks are there?")
    elif isinstance(asked.looked, tuple):
        if asked.bounds:
            faults.add(
                at,
                "holds shares of information, and exact bounds hold for looks as they were "
                "planned. Write the number of the look, or spending in place of bounds.",
            )
    elif not 1 <= asked.looked <= asked.many:
        faults.add(
            at,
            f"{asked.looked} is no look that was planned: there are {asked.many}, the last "
            "analysis counted.",
        )


def check_arms_of(trial: Trial, faults: FaultList) -> None:
    """Two arms or more; factors alike in every arm of a factorial trial."""
    if trial.arms and len(trial.arms) < 2:
        faults.add("trial.arms", "one arm is no comparison. Name two or more.")
    factors = {tuple(name for name, _ in arm.levels) for arm in trial.arms}
    if len(factors) > 1:
        faults.add("trial.arms", "levels: every arm names the same factors, in the same order.")


def check_known(trial: Trial, study: Study, faults: FaultList) -> None:
    """Strata, weights and later stages speak of what is known."""
    declared = tuple(one.name for one in trial.known)
    asked = [("assignment.randomised.strata", name) for name in study.assignment.strata]
    if trial.minimise is not None:
        asked += [("trial.minimise.weights", name) for name, _ in trial.minimise.weights]
    if trial.register is not None:
        return
    for at, name in asked:
        if name not in declared:
            menu = f"Allowed: {listed(declared)}." if declared else "Nothing is."
            faults.add(at, f'"{name}" is not under trial.known. {menu}')


def check_lawful(trial: Trial, faults: FaultList) -> None:
    """An arm without provision says what is done about children whose plan specifies it."""
    offers = {arm.offer for arm in trial.arms} | {
        arm.offer for stage in trial.stages for arm in stage.arms
    }
    if "none" not in offers:
        return
    if trial.plans == "kept":
        faults.add(
            "trial.plans", f"kept, and an arm that offers none, contradict each other. {LAWFUL}"
        )
    elif trial.plans != "excluded":
        faults.add(
            "trial.plans",
            f"is missing: an arm offers none. Write plans: excluded, if that is so. {LAWFUL}",
        )
