"""Group-sequential: results are looked at on the way; the trial stops early if they are clear.

Drawn in permuted blocks within strata. The looks, and the boundaries that keep the chance of a
false finding over all of them at its level, are named beforehand (`monitoring`); a boundary for
harm binds nobody. `fingerpost trial boundaries` prints them.
"""

from __future__ import annotations

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

LOOKS = Assumption(
    "looks as they were named",
    "Nobody looks but at the looks named beforehand, and when they fall has nothing to do with "
    "what the results were. After an early stop the effect is overstated where that is not allowed "
    "for.",
    diagnostic="looks in the ledger",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    said = trial.monitoring
    many = None if said is None else said.many
    faults = []
    if many is None or many < 2:
        faults.append(
            "monitoring.looks is missing: how many looks, the last analysis counted, such as "
            "monitoring: {looks: 3, bounds: obrien_fleming}."
        )
    return faults + check_blocks(trial)


GROUP_SEQUENTIAL = Design(
    title="Group-sequential",
    summary="Units are drawn in blocks within strata; results are looked at on the way, within "
    "boundaries named beforehand.",
    reference="Jennison & Turnbull (2000), Group Sequential Methods; O'Brien & Fleming (1979), "
    "Biometrics 35:549-556",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, LOOKS),
    shuffled=True,
    denies="Units of an arm that offers less go without what other arms offer until the trial "
    "ends, which is earlier where results are clear.",
    analysis="by_stratum",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
