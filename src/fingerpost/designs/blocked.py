"""Individuals within clusters: children are drawn within their own school, class or area.

Every cluster is a trial of its own, whose children are drawn in permuted blocks, in each stratum of
the cluster. What clusters differ in cancels, and fewer children are needed than where whole
clusters are drawn; provision of one child must not reach the others of the cluster.
"""

from __future__ import annotations

from fingerpost.core.leaves import Design, Procedure
from fingerpost.designs._blocks import by_cluster, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

BLOCKED = Design(
    title="Individuals within clusters",
    summary="Children are drawn in blocks of random length within every cluster.",
    reference="Raudenbush & Liu (2000), Psychological Methods 5:199-213",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    shuffled=True,
    denies="In every cluster, children of an arm that offers less go without what other arms offer "
    "while the trial lasts.",
    analysis="by_stratum",
    procedure=Procedure(
        check_blocks, replays(by_cluster), step=steps(by_cluster), strata=True, within=True
    ),
)
