"""Clusters: schools, classes or areas are drawn whole, the best balanced draws kept.

For provision that a school gives or does not, and where children of one class would share it. All
clusters are known beforehand; arms have their shares in every stratum, and of the draws that are
possible those are kept that balance what the study names (`draw: {balance, accept}`). Where there
are few enough of them, such as 12,870 of 8 of 16 counties, every one is looked at.
"""

from __future__ import annotations

from fingerpost.core.leaves import Design, Procedure
from fingerpost.designs._clusters import check_draw, draw, replay
from fingerpost.designs._trial_assumptions import CLUSTERED

CLUSTER = Design(
    title="Cluster randomisation",
    summary="Clusters are drawn whole within strata, balanced on what is known of them.",
    reference="Moulton (2004), Clinical Trials 1:297-305; Li, Turner, Heagerty, Murray, Vollmer & "
    "DeLong (2017), Statistics in Medicine 36:3791-3806",
    staggered=False,
    concurrent=True,
    assumes=CLUSTERED,
    shuffled=True,
    denies="Every child of a cluster in an arm that offers less goes without what other arms offer "
    "while the trial lasts.",
    analysis="cluster_means",
    procedure=Procedure(check_draw, replay, draw=draw, strata=True),
)
