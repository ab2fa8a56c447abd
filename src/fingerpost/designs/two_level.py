"""Two levels: clusters are drawn to a kind, and within them children to arms. Does it spill over?

In some schools nobody is offered the provision, in others some children are, and which is drawn
again. Children who are not offered it beside others who are, compared with those of schools where
nobody is, tell what reaches them all the same: from staff who know more, or from hands that are
busy elsewhere. `levels` of an arm say in which kind of school it is: `{school: some}`. Arms are
compared by their means, with errors by cluster (`naive`, and `cluster: school` of the assignment).

The draw, to the letter. Clusters stand in the order in which their first child comes, and children
of each cluster and stratum in a sequence of their own. The kind of a cluster stands at its place in
a sequence of blocks (`designs._blocks`) whose first block has the stream 2^43; kinds in the order
in which arms first name them, each with the shares of its arms together, divided by what all these
have in common. Children of cluster c (from 0) and stratum s are drawn among the arms of its kind,
in blocks from stream c·2^44 + s·2^24. Lengths are those of the study that hold the shares.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd

import numpy as np

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial, TrialArm
from fingerpost.designs._blocks import CLUSTER, STRATUM, next_step, sequence
from fingerpost.designs._numbers import Whole, chances, source
from fingerpost.designs._trial_assumptions import AS_ALLOCATED, CONCEALED, LISTED_BEFORE, SEEN_ALIKE
from fingerpost.kernels.trial_power import Scheme

KINDS = CLUSTER // 2  # the first stream of the sequence of clusters
WITHIN_ALONE = Assumption(
    "no spilling over",
    "Nothing reaches a child from another cluster. Within a cluster it may, and that is measured; "
    "how much hangs on how many children of the cluster are provided for, as they were drawn.",
    diagnostic="contamination in the ledger",
)


def kinds(trial: Trial) -> dict[str, list[int]]:
    """Return kind of cluster → the codes of its arms, in the order in which arms name them."""
    found: dict[str, list[int]] = {}
    for code, arm in enumerate(trial.arms):
        found.setdefault(arm.levels[0][1] if arm.levels else "", []).append(code)
    return found


def part_trial(trial: Trial, arms: list[TrialArm]) -> Trial:
    """Return the trial that one of the two draws is, with the lengths that hold its shares."""
    common = gcd(*(arm.share for arm in arms))
    arms = [replace(arm, share=arm.share // common) for arm in arms]
    total = sum(arm.share for arm in arms)
    blocks = tuple(length for length in trial.blocks if length % total == 0)
    return replace(trial, arms=tuple(arms), blocks=blocks)


def of_clusters(trial: Trial) -> Trial:
    """Return the draw of clusters to kinds."""
    arms = [
        TrialArm(kind, sum(trial.arms[at].share for at in codes))
        for kind, codes in kinds(trial).items()
    ]
    return part_trial(trial, arms)


def of_children(trial: Trial) -> list[tuple[Trial, Whole]]:
    """Return the draw of children within each kind of cluster, and the codes of its arms."""
    return [
        (part_trial(trial, [trial.arms[at] for at in codes]), np.array(codes, dtype=np.int64))
        for codes in kinds(trial).values()
    ]


def ordered(cluster: Whole) -> Whole:
    """Return (n,) clusters coded in the order in which their first child came.

    >>> ordered(np.array([7, 2, 7, 5])).tolist()
    [0, 1, 0, 2]
    """
    code: dict[int, int] = {}
    return np.array([code.setdefault(int(one), len(code)) for one in cluster], dtype=np.int64)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    faults, held = [], kinds(trial)
    if any(len(arm.levels) != 1 for arm in trial.arms) or len(held) < 2:
        faults.append(
            "arms: two_level needs levels: {school: kind} of every arm, of two kinds or more, such "
            "as {school: none} of one arm and {school: some} of two."
        )
    elif max(len(codes) for codes in held.values()) < 2:
        faults.append("arms: no kind of cluster has two arms; for clusters alone name cluster.")
    elif trial.arms:
        parts = [of_clusters(trial), *(own for own, _ in of_children(trial))]
        if not trial.blocks or any(not own.blocks for own in parts):
            totals = [sum(arm.share for arm in own.arms) for own in parts]
            faults.append(
                "blocks: lengths that hold the kinds of clusters by their shares, and the arms of "
                f"each kind: multiples of {' and of '.join(map(str, dict.fromkeys(totals)))}."
            )
    if not trial.blocks and not faults:
        faults.append("blocks is missing: lengths of blocks, of clusters and of children.")
    return faults


def step(trial: Trial, arrived: Arrived, seed: bytes) -> Step:
    """Return the arm of the first unit without one. Chances are those before its cluster's kind
    was drawn.
    """
    at, own = len(arrived.arm), ordered(arrived.cluster)
    many = int(own[: at + 1].max()) + 1
    none = np.zeros(many, dtype=np.int64)
    place = Arrived(none[:, None], none, none, none[: int(own[at])])
    kind = next_step(of_clusters(trial), place, seed, lambda units: KINDS + 0 * units.stratum).arm
    part, codes = of_children(trial)[kind]
    found = next_step(part, replace(arrived, cluster=own), seed, streams)
    return Step(int(codes[found.arm]), chances(trial))


def streams(units: Arrived) -> Whole:
    """Return (n,) the first stream of each child's sequence; clusters coded as they came."""
    return np.asarray(units.cluster) * CLUSTER + np.asarray(units.stratum) * STRATUM


def replay(trial: Trial, units: Arrived, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, n) arms that the same units, in the same order, might have been given."""
    numbers, own = source(seed, count, exact=exact), ordered(units.cluster)
    parts, key = of_children(trial), streams(replace(units, cluster=own))
    many = int(own.max()) + 1 if len(own) else 0
    kind = sequence(of_clusters(trial), numbers, first=KINDS, places=many)
    found = np.empty((count, len(own)), dtype=np.int64)
    for first in np.unique(key).tolist():
        rows = np.flatnonzero(key == first)
        for at, (part, codes) in enumerate(parts):
            which = kind[:, own[rows[0]]] == at
            if len(codes) == 1:
                found[np.ix_(which, rows)] = codes[0]
                continue
            drawn = codes[sequence(part, numbers, first=first, places=len(rows))]
            found[np.ix_(which, rows)] = drawn[which]
    return found


def schemes(trial: Trial, scheme: Scheme) -> tuple[tuple[str, str, Scheme], ...]:
    """Return every arm against the first (clusters of two kinds), and arms of one kind with each
    other (children of the same clusters). Raises UsageError where the sizes tell of no clusters.
    """
    if len(scheme.tiers) < 2:
        raise UsageError(
            "trial.power.sizes: two_level needs the children of a cluster, and how many clusters "
            "there are: {child: 20, school: 40}."
        )
    whole = sum(arm.share for arm in trial.arms)
    held = list(kinds(trial).values())
    share = [arm.share / whole for arm in trial.arms]
    kind = {code: at for at, codes in enumerate(held) for code in codes}
    size = {code: sum(share[at] for at in held[kind[code]]) for code in kind}
    found = []
    for one in range(1, len(share)):
        for other in range(one):
            if kind[one] == kind[other]:
                own = beside(scheme, (share[one], share[other]), of=size[one])
            elif other == 0:
                own = apart(scheme, (share[one], share[other]), of=(size[one], size[other]))
            else:
                continue
            found.append((trial.arms[one].name, trial.arms[other].name, own))
    return tuple(found)


def beside(scheme: Scheme, share: tuple[float, float], *, of: float) -> Scheme:
    """Return the comparison of two arms of the same clusters. share: of all children; of: of all
    clusters.
    """
    child, school = scheme.tiers[0], scheme.tiers[-1]
    both = share[0] + share[1]
    tiers = replace(child, size=child.size * both / of), replace(school, size=school.size * of)
    mine = share[0] / both
    return replace(scheme, tiers=tiers, drawn=0, shares=(mine, 1 - mine), arms=2, blocks="constant")


def apart(scheme: Scheme, share: tuple[float, float], *, of: tuple[float, float]) -> Scheme:
    """Return the comparison of two arms of clusters of different kinds.

    Its variance is icc·(1/J₁ + 1/J₀) + (1 − icc)·(1/n₁ + 1/n₀): J clusters of a kind, with n
    children in the arm. share: of all children; of: of all clusters.
    """
    child, school = scheme.tiers[0], scheme.tiers[-1]
    size = child.size * (1 / of[0] + 1 / of[1]) / (1 / share[0] + 1 / share[1])
    tiers = replace(child, size=size), school
    return replace(scheme, tiers=tiers, drawn=1, shares=of, arms=2)


TWO_LEVEL = Design(
    title="Two levels",
    summary="Clusters are drawn to a kind, and within them children to arms, so that what spills "
    "over is seen.",
    reference="Hudgens & Halloran (2008), Journal of the American Statistical Association "
    "103:832-842; Baird, Bohren, McIntosh & Özler (2018), Review of Economics and Statistics "
    "100:844-860",
    staggered=False,
    concurrent=True,
    assumes=(AS_ALLOCATED, CONCEALED, LISTED_BEFORE, WITHIN_ALONE, SEEN_ALIKE),
    denies="Children of schools where nobody is offered it, and some children of the others, go "
    "without what the arms of more offer while the trial lasts.",
    analysis="naive",
    procedure=Procedure(
        check,
        replay,
        step=step,
        strata=True,
        within=True,
        margins=True,
        schemes=schemes,
        across=True,
    ),
)
