"""Matched pairs: units that are as alike as can be are paired, and one of each pair is drawn.

For few units that differ much, such as schools. Units are paired so that the distances within pairs
add up to least (Mahalanobis's, over the columns of `match`), within strata; of an odd number the
one that is least like the others is drawn by itself. Pair p takes a number below 2 from stream p of
`kernels.counter_draws`: the arm of its unit that stands first in the register. Units that are left
alone come after the pairs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.core.allocation import Allocation
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.leaves import Design, Procedure
from fingerpost.core.rollout import Frame
from fingerpost.core.trial import Trial
from fingerpost.designs._numbers import Counted, Numbers, Whole, equal, source
from fingerpost.designs._pairing import pairs
from fingerpost.designs._trial_assumptions import CLUSTERED
from fingerpost.kernels.trial_power import Scheme


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    faults = []
    if len(trial.arms) != 2 or not equal(trial):
        faults.append("arms: matched_pairs draws between two arms of the same share.")
    if not trial.match:
        faults.append("match is missing: the columns of the register on which pairs are alike.")
    return faults


def paired(trial: Trial, frame: Frame) -> tuple[Whole, Whole]:
    """Return (p, 2) places of units that are paired, and (a,) of those left alone."""
    missing = [name for name in trial.match if name not in frame.covariates]
    if missing:
        raise UsageError(f"match: the register holds no number {listed(missing)}.")
    values = np.column_stack([frame.covariates[name] for name in trial.match])
    both, alone = [], []
    for stratum in np.unique(frame.strata):
        own = np.flatnonzero(frame.strata == stratum)
        two, one = pairs(values[own])
        both.append(own[two])
        alone.append(own[one])
    return np.concatenate(both), np.concatenate(alone)


def flipped(units: int, two: Whole, one: Whole, numbers: Numbers) -> Whole:
    """Return (draws, u) arms of all units in each draw."""
    found = np.empty((numbers.draws, units), dtype=np.int64)
    for at, (first, second) in enumerate(two.tolist()):
        found[:, first] = numbers.below(at, [2])[0]
        found[:, second] = 1 - found[:, first]
    for at, unit in enumerate(one.tolist(), len(two)):
        found[:, unit] = numbers.below(at, [2])[0]
    return found


def draw(trial: Trial, frame: Frame, seed: bytes) -> Allocation:
    """Return the allocation of the units of a register; `strata` says which are a pair."""
    two, one = paired(trial, frame)
    called = np.empty(len(frame.units), dtype=object)
    for at, pair in enumerate(two, 1):
        called[pair] = f"pair {at}"
    # Of one stratum each, and drawn each by itself: no two of them are a pair.
    called[one] = ["alone"] if len(one) == 1 else [f"alone {at}" for at in range(1, len(one) + 1)]
    return Allocation(
        units=frame.units,
        arms=tuple(arm.name for arm in trial.arms),
        code=flipped(len(frame.units), two, one, Counted([seed]))[0],
        probability=np.full((len(frame.units), 2), 0.5),
        strata=tuple(str(name) for name in called),
    )


def replay(trial: Trial, units: Frame, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, u) arms that the same pairs might have been given."""
    two, one = paired(trial, units)
    return flipped(len(units.units), two, one, source(seed, count, exact=exact))


def schemes(trial: Trial, scheme: Scheme) -> tuple[tuple[str, str, Scheme], ...]:
    """Return the comparison of the two arms, on as many degrees of freedom as pairs, less one. What
    pairing explains is named as any covariate's share (`explained`).
    """
    other, one = trial.arms[:2]
    return ((one.name, other.name, replace(scheme, paired=True)),)


MATCHED_PAIRS = Design(
    title="Matched pairs",
    summary="Units that are as alike as can be are paired, and one of each pair is drawn.",
    reference="Greevy, Lu, Silber & Rosenbaum (2004), Biostatistics 5:263-275; Imai, King & Nall "
    "(2009), Statistical Science 24:29-53",
    staggered=False,
    concurrent=True,
    assumes=CLUSTERED,
    shuffled=True,
    denies="One unit of every pair goes without what the other is offered while the trial lasts.",
    analysis="by_stratum",
    procedure=Procedure(check, replay, draw=draw, strata=True, schemes=schemes),
)
