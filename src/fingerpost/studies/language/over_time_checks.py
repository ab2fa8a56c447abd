"""What must hold of trials that repeat and of strategies sustained over time, before records."""

from __future__ import annotations

from fingerpost.core.estimand import Target
from fingerpost.core.linked import Linked
from fingerpost.core.study import Study
from fingerpost.studies.language.faults import FaultList

TRIAL = "trial"
EVERYONE = Target("ate")


def check_over_time(linked: Linked, study: Study, faults: FaultList) -> None:
    """Note what does not go together with trials that repeat or strategies that are sustained."""
    repeated = linked.zero.repeated
    if TRIAL in (*study.given, *study.subgroups, *study.estimand.subgroups) and not repeated:
        words = f"{TRIAL} is for a trial each school year, and time zero is of one year."
        faults.add("assignment.observed.given", words)
    if linked.through is None:
        return
    if repeated:
        words = "a trial each year and strategies sustained over years are two designs. Choose one."
        faults.add("time_zero", words)
    check_arms(linked, faults)
    if any(target != EVERYONE for target in study.estimand.targets):
        words = "every child is copied to every sustained strategy, so that only ate has a meaning."
        faults.add("estimand.target", words)


def check_arms(linked: Linked, faults: FaultList) -> None:
    """Note arms that are not sustained through one school year within follow-up."""
    through = linked.through
    for arm, one in linked.strategies:
        if one.through != through:
            words = (
                f"all arms are sustained through one school year. Write through: year {through}."
            )
            faults.add(f"arms.{arm}", words)
        if one.begins not in (None, linked.zero.year):
            words = f"begins in Year {one.begins}, and time zero is in Year {linked.zero.year}."
            faults.add(f"arms.{arm}", words)
    if through is not None and not linked.zero.year <= through <= linked.until:
        words = f"Year {through} is not between time zero and the end of follow-up."
        faults.add("arms", words)
