"""Duration and dose: how much of a provision, or how long, is drawn.

Arms are in order of dose, which each says as a number: `levels: {weeks: 10}`. No arm need go
without: the least dose can be what is given anyway. What was drawn is the dose that was offered;
the dose that was taken is not, and is read through what was offered (iv).
"""

from __future__ import annotations

from itertools import pairwise

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

OFFERED = Assumption(
    "the dose that was offered",
    "Effects are of the dose that was offered; children who took less or more than that chose to.",
    diagnostic="sessions offered and attended",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    doses = [dose_of(arm.levels) for arm in trial.arms]
    if any(dose is None for dose in doses):
        return [
            "arms: each says its dose as one number, such as levels: {weeks: 10}.",
            *check_blocks(trial),
        ]
    told = [dose for dose in doses if dose is not None]
    rising = all(one < other for one, other in pairwise(told))
    return [
        *([] if rising else ["arms: name them in order of dose, the least first, each once."]),
        *check_blocks(trial),
    ]


def dose_of(levels: tuple[tuple[str, str], ...]) -> float | None:
    """Return the dose of an arm, None where it says none.

    >>> dose_of((("weeks", "10"),)), dose_of((("weeks", "ten"),))
    (10.0, None)
    """
    if len(levels) != 1:
        return None
    try:
        return float(levels[0][1])
    except ValueError:
        return None


DOSE = Design(
    title="Duration and dose",
    summary="How much of a provision, or how long, is drawn, in blocks within strata.",
    reference="Bretz, Pinheiro & Branson (2005), Biometrics 61:738-748; Warren, Fey & Yoder "
    "(2007), Mental Retardation and Developmental Disabilities Research Reviews 13:70-77",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, OFFERED),
    shuffled=True,
    denies="Children of a lower dose go without what a higher one would add while the trial lasts.",
    analysis="by_stratum",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
