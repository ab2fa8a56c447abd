"""Permuted blocks: each holds every arm by its share, and their lengths are drawn too.

The draw, to the letter. Units stand in sequences (one, or one a stratum, or one a stratum of a
cluster), in the order in which they come. Block b of sequence (c, s), cluster c and stratum s, has
the stream c·2^44 + s·2^24 + b of `kernels.counter_draws`, which gives numbers below K, L, L − 1, …,
2: K lengths of the study in the order in which it names them, L the longest. The first number is
the place of the block's length l. Its list holds every arm, in order, l times its share of all
shares; it is shuffled (Fisher and Yates) by the last l − 1 numbers. A unit takes what stands at its
place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.errors import listed
from fingerpost.core.trial import Trial
from fingerpost.designs._numbers import Numbers, Whole, chances, source, tickets
from fingerpost.kernels.counter_draws import below, shuffle_bounds, shuffle_rows

CLUSTER, STRATUM = 2**44, 2**24
Sequences = Callable[[Arrived], Whole]


def one_sequence(units: Arrived) -> Whole:
    """Return (n,) the first stream of each unit's sequence: one for all."""
    return np.zeros(len(units.known), dtype=np.int64)


def by_stratum(units: Arrived) -> Whole:
    """Return (n,) the first stream of each unit's sequence: one a stratum."""
    return np.asarray(units.stratum, dtype=np.int64) * STRATUM


def by_cluster(units: Arrived) -> Whole:
    """Return (n,) the first stream of each unit's sequence: one a stratum of each cluster."""
    return by_stratum(units) + np.asarray(units.cluster, dtype=np.int64) * CLUSTER


def check_blocks(trial: Trial) -> list[str]:
    """Return what is wrong with the lengths of blocks."""
    total = sum(arm.share for arm in trial.arms)
    if not trial.blocks:
        return [
            f"blocks is missing: lengths of blocks, multiples of {total} (all shares together), "
            f"such as blocks: [{2 * total}, {3 * total}]."
        ]
    wrong = [str(length) for length in trial.blocks if length % total]
    if wrong:
        return [
            f"blocks: {listed(wrong)} cannot hold every arm by its share. Name multiples of "
            f"{total}, all shares together."
        ]
    return []


def bounds_of(trial: Trial) -> list[int]:
    """Return the bounds of the numbers that every block takes."""
    return [len(trial.blocks), *shuffle_bounds(max(trial.blocks))]


@lru_cache(maxsize=2**16)
def numbers_of(blocks: tuple[int, ...], seed: bytes, stream: int) -> tuple[int, ...]:
    """Return the numbers that one block takes; kept, for a unit asks for all blocks before it."""
    return tuple(below(seed, stream, bounds=[len(blocks), *shuffle_bounds(max(blocks))]))


def block(trial: Trial, drawn: Whole) -> tuple[Whole, list[tuple[Whole, NDArray[np.int64]]]]:
    """Return (d,) lengths of one block in each draw, and (draws of a length, (length, draws) arms).

    drawn: (bounds, d) its numbers.
    """
    lengths = np.asarray(trial.blocks, dtype=np.int64)[drawn[0]]
    held = tickets(trial)
    parts = []
    for length in sorted(set(trial.blocks)):
        which = np.flatnonzero(lengths == length)
        if not len(which):
            continue
        order = np.sort(np.tile(held, length // len(held)))
        rows = np.ascontiguousarray(np.repeat(order[:, None], len(which), axis=1))
        shuffle_rows(rows, drawn[len(drawn) - length + 1 :, which])
        parts.append((which, rows))
    return lengths, parts


def sequence(trial: Trial, numbers: Numbers, *, first: int, places: int) -> Whole:
    """Return (draws, places) the arms of one sequence of units in each draw."""
    bounds, many = bounds_of(trial), numbers.draws
    found = np.empty((places + max(trial.blocks), many), dtype=np.int64)
    begins = np.zeros(many, dtype=np.int64)
    stream = first
    while begins.min(initial=places) < places:
        lengths, parts = block(trial, numbers.below(stream, bounds))
        for which, rows in parts:
            at = np.minimum(begins[which], places) + np.arange(len(rows))[:, None]
            found[at, which] = rows
        begins += lengths
        stream += 1
    return found[:places].T


def allocated(trial: Trial, units: Arrived, numbers: Numbers, sequences: Sequences) -> Whole:
    """Return (draws, n) the arms of all units in each draw."""
    key = sequences(units)
    found = np.empty((numbers.draws, len(key)), dtype=np.int64)
    for first in np.unique(key).tolist():
        own = np.flatnonzero(key == first)
        found[:, own] = sequence(trial, numbers, first=first, places=len(own))
    return found


def next_step(trial: Trial, arrived: Arrived, seed: bytes, sequences: Sequences) -> Step:
    """Return the arm of the first unit without one.

    The chances are the shares: what stands next in a block is known to the holder of the key alone.
    """
    key = sequences(arrived)
    at = len(arrived.arm)
    place = int((key[:at] == key[at]).sum())
    stream = int(key[at])
    while True:
        drawn = numbers_of(trial.blocks, seed, stream)
        length = trial.blocks[drawn[0]]
        if place < length:
            rows = block(trial, np.array(drawn, dtype=np.int64)[:, None])[1][0][1]
            return Step(int(rows[place, 0]), chances(trial))
        place -= length
        stream += 1


def steps(sequences: Sequences) -> Callable[[Trial, Arrived, bytes], Step]:
    """Return the step of a design whose units stand in such sequences."""

    def step(trial: Trial, arrived: Arrived, seed: bytes) -> Step:
        return next_step(trial, arrived, seed, sequences)

    return step


def replays(sequences: Sequences) -> Callable[..., Whole]:
    """Return the replay of a design whose units stand in such sequences."""

    def replay(
        trial: Trial, units: Arrived, seed: bytes, count: int, *, exact: bool = False
    ) -> Whole:
        return allocated(trial, units, source(seed, count, exact=exact), sequences)

    return replay
