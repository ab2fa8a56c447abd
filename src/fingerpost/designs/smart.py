"""SMART: children are drawn again as they go on, among those whom it concerns: what next, for whom?

A sequential multiple-assignment randomised trial: a first provision is drawn, and later, among
children who did not gain from it (`among`), what comes next. It compares strategies of the kind
“begin with this; if it does not help, go over to that”. Each stage is drawn in permuted blocks
within strata, as a trial of its own under a seed of its own.
"""

from __future__ import annotations

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._stages import check_stage_blocks, check_stages
from fingerpost.designs._trial_assumptions import INDIVIDUAL

TAILORED = Assumption(
    "told alike",
    "Whether a child gained from the first provision is told by the same rule in every arm, by "
    "somebody who does not know what would be drawn next.",
    diagnostic="blinding of assessors in the ledger",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    return [*check_blocks(trial), *check_stages(trial), *check_stage_blocks(trial)]


SMART = Design(
    title="Sequence of draws (SMART)",
    summary="Children are drawn first, and again later among those whom the next step concerns.",
    reference="Murphy (2005), Statistics in Medicine 24:1455-1481; Lei, Nahum-Shani, Lynch, Oslin "
    "& Murphy (2012), Annual Review of Clinical Psychology 8:21-48",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, TAILORED),
    shuffled=True,
    denies="At each stage children of an arm that offers less go without what other arms offer "
    "until the next stage, or the trial's end.",
    analysis="by_stratum",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
