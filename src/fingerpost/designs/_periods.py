"""Arms that come and go: blocks within strata of each time in which the same arms are there.

The draw, to the letter. A border is a number of units after which an arm is there for the first
time (`opens`) or takes no more (`closes`); a unit that comes when p borders have been reached is of
period p, from 0. Arms that are there stand in their order. Units of period p and stratum s are a
sequence of `designs._blocks` of its own, whose first block has the stream p·2^44 + s·2^24; blocks
have the study's lengths that are multiples of the shares of these arms together, in the order in
which it names them. Where there is none they have the least multiple that is no shorter than the
shortest.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import CLUSTER, by_stratum, next_step, sequence
from fingerpost.designs._numbers import Whole, source


def borders(trial: Trial) -> list[int]:
    """Return the numbers of units after which other arms are there.

    >>> from fingerpost.core.trial import TrialArm
    >>> borders(Trial((TrialArm("a"), TrialArm("b", closes=60), TrialArm("c", opens=30))))
    [30, 60]
    """
    found = {arm.opens for arm in trial.arms} | {arm.closes or 0 for arm in trial.arms}
    return sorted(found - {0})


def open_at(trial: Trial, place: int) -> list[int]:
    """Return the codes of the arms that are there for the unit of a place, from 0."""
    return [
        code
        for code, arm in enumerate(trial.arms)
        if arm.opens <= place and (arm.closes is None or place < arm.closes)
    ]


def period_trial(trial: Trial, place: int) -> tuple[Trial, Whole]:
    """Return the trial that a period is, and the codes of its arms in the whole."""
    codes = open_at(trial, place)
    arms = tuple(trial.arms[code] for code in codes)
    total = sum(arm.share for arm in arms)
    blocks = tuple(length for length in trial.blocks if length % total == 0)
    if not blocks:
        blocks = (-(-min(trial.blocks) // total) * total,)
    return replace(trial, arms=arms, blocks=blocks), np.array(codes, dtype=np.int64)


def by_period(trial: Trial, units: Arrived) -> Whole:
    """Return (n,) the first stream of each unit's sequence: one a stratum of each period."""
    place = np.arange(len(units.known))
    period = np.searchsorted(np.array(borders(trial), dtype=np.int64), place, side="right")
    return by_stratum(units) + period.astype(np.int64) * CLUSTER


def step(trial: Trial, arrived: Arrived, seed: bytes) -> Step:
    """Return the arm of the first unit without one, and each arm's chance, 0 of those not there."""
    own, codes = period_trial(trial, len(arrived.arm))
    found = next_step(own, arrived, seed, lambda units: by_period(trial, units))
    chance = np.zeros(len(trial.arms))
    chance[codes] = found.probability
    return Step(int(codes[found.arm]), tuple(float(one) for one in chance))


def replay(trial: Trial, units: Arrived, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, n) arms that the same units, in the same order, might have been given."""
    numbers, key = source(seed, count, exact=exact), by_period(trial, units)
    found = np.empty((count, len(key)), dtype=np.int64)
    for first in np.unique(key).tolist():
        rows = np.flatnonzero(key == first)
        own, codes = period_trial(trial, int(rows[0]))
        found[:, rows] = codes[sequence(own, numbers, first=first, places=len(rows))]
    return found


def chances(trial: Trial, units: Arrived) -> NDArray[np.float64]:
    """Return (n, k) each unit's chance of each arm: its share of those that are there."""
    found = np.zeros((len(units.known), len(trial.arms)))
    for begin in (0, *borders(trial)):
        codes = open_at(trial, begin)
        shares = np.array([trial.arms[code].share for code in codes], dtype=np.float64)
        found[begin:] = 0.0
        found[begin:, codes] = shares / shares.sum()
    return found


def period(trial: Trial, place: int) -> str:
    """Return what the time is called in which the unit of a place came.

    >>> from fingerpost.core.trial import TrialArm
    >>> period(Trial((TrialArm("a"), TrialArm("b"), TrialArm("c", opens=30))), 30)
    'from unit 31'
    """
    edges = borders(trial)
    at = bisect_right(edges, place)
    begins = edges[at - 1] + 1 if at else 1
    return f"units {begins} to {edges[at]}" if at < len(edges) else f"from unit {begins}"


def check_blocks_of_periods(trial: Trial) -> list[str]:
    """Return what is wrong with blocks, and with the times of arms."""
    faults = []
    if not trial.blocks:
        total = sum(arm.share for arm in trial.arms)
        faults.append(
            f"blocks is missing: lengths of blocks, such as blocks: [{total}, {2 * total}]."
        )
    for arm in trial.arms:
        if arm.closes is not None and arm.closes <= arm.opens:
            faults.append(f"arms.{arm.name}: it closes after {arm.closes} units, before it opens.")
    if trial.arms and (trial.arms[0].opens or trial.arms[0].closes is not None):
        faults.append(
            f"arms.{trial.arms[0].name}: the first arm is what others are compared with, and is "
            "there from first to last. Leave its opens and closes out."
        )
    alone = [
        place for place in (0, *borders(trial)) if trial.arms and len(open_at(trial, place)) < 2
    ]
    if len(trial.arms) > 1 and alone and not faults:
        faults.append(f"arms: after {alone[0]} units one arm alone is there. Leave two or more.")
    return faults
