"""Permuted blocks: arms stay close to their shares all the way, as every block holds them exactly.

Lengths of blocks are drawn too (`blocks: [4, 6]`), so that the end of a block, where the next arm
is certain, is harder to guess from what came before. One sequence serves all units: for one in
every stratum name the design stratified.
"""

from __future__ import annotations

from fingerpost.core.leaves import Design, Procedure
from fingerpost.designs._blocks import check_blocks, one_sequence, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

PERMUTED_BLOCKS = Design(
    title="Permuted blocks",
    summary="Units are drawn in blocks of random length, each of which holds every arm by its "
    "share.",
    reference="Matts & Lachin (1988), Controlled Clinical Trials 9:327-344",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    shuffled=True,
    denies="Units of an arm that offers less go without what other arms offer while the trial "
    "lasts.",
    analysis="naive",
    procedure=Procedure(check_blocks, replays(one_sequence), step=steps(one_sequence)),
)
