"""Crossover: every child is given both provisions, one after the other, and the order is drawn.

For provision whose effect goes again when it ends: a room, a device, an adult beside the child. A
child is its own comparison, so that far fewer are needed than where each is given one. What an arm
is, is an order: `levels: {first: A, second: B}`. Orders are drawn in permuted blocks within strata.

The analysis is of half the difference between the first period and the second, a number a child: it
is compared between the two orders (`by_stratum`), so that whatever differs between the periods for
all children drops out. What lies between periods (`washout`) is stated beforehand. No test for
carry-over is made first, to choose the analysis by it: that rule is wrong far more often than it
says, as its first step and its second lean on the same children (Freeman 1989).
"""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._numbers import equal
from fingerpost.designs._trial_assumptions import INDIVIDUAL
from fingerpost.kernels.trial_power import Scheme

NO_CARRY_OVER = Assumption(
    "nothing carries over",
    "What was given in the first period no longer works when the second is measured. The trial "
    "itself cannot tell: a difference between the orders' totals says little, and is not tested to "
    "choose the analysis.",
)
NO_ORDER = Assumption(
    "the same in either period",
    "What a provision does, beside the other, does not hang on whether it comes first or second; "
    "else the answer is the mean of the two.",
)
PERIODS = ("first", "second")


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    faults = []
    given = [dict(arm.levels) for arm in trial.arms]
    told = all(set(one) == set(PERIODS) for one in given)
    mirrored = (
        told
        and len(given) == 2
        and given[0]["first"] == given[1]["second"] != given[0]["second"] == given[1]["first"]
    )
    if not mirrored or not equal(trial):
        faults.append(
            "arms: crossover draws between two orders of the same share, the second the first "
            "turned round, such as arms: {a then b: {levels: {first: a, second: b}}, b then a: "
            "{levels: {first: b, second: a}}}."
        )
    if not trial.washout:
        faults.append(
            "washout is missing: what lies between the two periods, in words, such as washout: "
            "eight weeks without either, of which nothing is measured."
        )
    return faults + check_blocks(trial)


def schemes(trial: Trial, scheme: Scheme) -> tuple[tuple[str, str, Scheme], ...]:
    """Return what is given first under the second order against what is given first under the
    first: half the difference of two measurements, that hang together as `stays` says.
    """
    first, second = (dict(arm.levels)["first"] for arm in trial.arms)
    return ((second, first, replace(scheme, before=1, after=1, compares="change", times=0.25)),)


CROSSOVER = Design(
    title="Crossover",
    summary="Every child is given both provisions, one after the other; the order is drawn.",
    reference="Senn (2002), Cross-over Trials in Clinical Research, 2nd ed.; Freeman (1989), "
    "Statistics in Medicine 8:1421-1432; Dwan, Li, Altman & Elbourne (2019), BMJ 366:l4378",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, NO_CARRY_OVER, NO_ORDER),
    shuffled=True,
    denies="In each period children go without what the other order gives in it; over both periods "
    "nobody goes without either.",
    analysis="by_stratum",
    procedure=Procedure(
        check, replays(by_stratum), step=steps(by_stratum), strata=True, schemes=schemes,
        periods=True,
    ),
)  # fmt: skip
