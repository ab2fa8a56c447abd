"""Stratified blocks: permuted blocks of random length, a sequence of them in every stratum.

Arms are alike in what makes the strata, and in how many they hold of each. Few strata, each of
which fills several blocks: with many strata of a few units blocks stay open and arms drift apart,
and minimisation keeps balance better.
"""

from __future__ import annotations

from fingerpost.core.leaves import Design, Procedure
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

STRATIFIED = Design(
    title="Stratified blocks",
    summary="Units are drawn in blocks of random length within every stratum.",
    reference="Kernan, Viscoli, Makuch, Brass & Horwitz (1999), Journal of Clinical Epidemiology "
    "52:19-26",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    shuffled=True,
    denies="Units of an arm that offers less go without what other arms offer while the trial "
    "lasts.",
    analysis="by_stratum",
    procedure=Procedure(check_blocks, replays(by_stratum), step=steps(by_stratum), strata=True),
)
