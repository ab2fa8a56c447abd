"""Adaptive, several arms: the trial begins with several provisions and goes on with the best.

Drawn in permuted blocks within strata among the arms that are there. At the looks named beforehand
(`monitoring: {looks}`) arms that do worst take no more: `fingerpost trial note DIR amendment
--closes ARM --words …` writes it into the ledger, and who comes from then on is drawn among the
others. `trial power` says by which rule (`power: {adaptive: {rule: drop_losers, keep: […]}}`), with
the boundary that keeps the chance of declaring any arm better, where none is, at its level.

The best of several arms looks better than it is, for it was chosen. The boundary allows for that;
the plain effect over all units (`by_stratum`) does not: of three arms none of which does anything
it is off by nearly half of its standard error. `chosen_arm` takes away what the choice added.
"""

from __future__ import annotations

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._periods import chances, check_blocks_of_periods, period, replay, step
from fingerpost.designs._trial_assumptions import INDIVIDUAL

BY_RULE = Assumption(
    "dropped by the rule",
    "Arms are dropped at the looks that were named beforehand, by the rule that was, and those who "
    "enrol do not know how arms did.",
    diagnostic="amendments and looks in the ledger",
)
CHOSEN = Assumption(
    "chosen arms look better",
    "The effect of an arm that stayed is overstated by a plain comparison of all units; it is read "
    "by an estimator that takes away what the choice added.",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    said = trial.monitoring
    many = None if said is None else said.many
    faults = []
    if len(trial.arms) < 3:
        faults.append("arms: adaptive_multi_arm begins with three or more; name group_sequential.")
    if many is None or many < 2:
        faults.append(
            "monitoring.looks is missing: how many looks, the last analysis counted, such as "
            "monitoring: {looks: 2}."
        )
    late = [arm.name for arm in trial.arms if arm.opens]
    if late:
        faults.append(f"arms.{late[0]}: no arm enters on the way. Name platform, or leave it out.")
    return faults + check_blocks_of_periods(trial)


ADAPTIVE_MULTI_ARM = Design(
    title="Several arms, losers dropped",
    summary="Units are drawn among three arms or more; at looks named beforehand the worst are "
    "dropped.",
    reference="Thall, Simon & Ellenberg (1988), Biometrika 75:303-310; Royston, Parmar & Qian "
    "(2003), Statistics in Medicine 22:2239-2256; Dimairo et al. (2020), BMJ 369:m115",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, BY_RULE, CHOSEN),
    shuffled=True,
    denies="Units of each arm go without what the other arms offer while the trial lasts; what an "
    "arm that was dropped offers goes on for those who were drawn into it.",
    analysis="chosen_arm",
    procedure=Procedure(
        check, replay, step=step, strata=True, margins=True, chances=chances, period=period
    ),
)
