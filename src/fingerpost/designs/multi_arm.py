"""Several arms: provisions are compared with one another, or each with the first arm, in one trial.

Drawn in permuted blocks within strata. One comparison group serves several provisions; with k arms
compared with it, it is best sized √k times as large as each of them (Dunnett), which `share` says
in whole numbers. What is said of several comparisons allows for their number.
"""

from __future__ import annotations

from fingerpost.core.leaves import Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    few = len(trial.arms) < 3
    return [
        *(["arms: multi_arm compares three or more; for two name stratified."] if few else []),
        *check_blocks(trial),
    ]


MULTI_ARM = Design(
    title="Several arms",
    summary="Units are drawn among three arms or more, in blocks of random length within strata.",
    reference="Dunnett (1955), Journal of the American Statistical Association 50:1096-1121; "
    "Juszczak, Altman, Hopewell & Schulz (2019), JAMA 321:1610-1620",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    shuffled=True,
    denies="Units of each arm go without what the other arms offer while the trial lasts.",
    analysis="by_stratum",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
