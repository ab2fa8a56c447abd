"""Encouragement: who is invited or helped to take up a provision is drawn, not who has it.

Nobody is kept from anything: every child may take up the provision, and some are encouraged to. It
tells the effect of encouraging, and the effect of the provision on those who take it up because
they were (instrumental variables). Many children are needed where encouraging moves few.
"""

from __future__ import annotations

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

THROUGH = Assumption(
    "only through taking it up",
    "Encouragement changes outcomes through the provision alone, and keeps nobody from it who "
    "would have taken it up.",
    diagnostic="how far encouragement moved taking up",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    none = [arm.name for arm in trial.arms if arm.offer == "none"]
    return [
        *(
            [
                f"arms: {none[0]} offers none, and encouragement keeps nobody from provision. "
                "Write offer: usual of the arm that is not encouraged."
            ]
            if none
            else []
        ),
        *check_blocks(trial),
    ]


ENCOURAGEMENT = Design(
    title="Encouragement",
    summary="Who is encouraged to take up a provision is drawn, in blocks within strata; everybody "
    "may take it up.",
    reference="Angrist, Imbens & Rubin (1996), Journal of the American Statistical Association "
    "91:444-455",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, THROUGH),
    shuffled=True,
    denies="Nobody goes without provision: those who are not encouraged go without the "
    "encouragement alone.",
    analysis="iv",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
