"""Whence a procedure has its random numbers: from one key, to the byte, or for many draws at once.

A procedure is written once, over many draws side by side, and asks for whole numbers below bounds
from numbered streams. `Counted` answers from `kernels.counter_draws` under a seed of 32 bytes for
each draw, as the draw itself is made; `Quick` from one generator, for inference that needs ten
thousand draws, where what counts is that they are as likely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.trial import Trial
from fingerpost.kernels.counter_draws import below

Whole = NDArray[np.int64]


class Numbers(Protocol):
    """A source of whole numbers for so many draws."""

    @property
    def draws(self) -> int:
        """How many draws are made side by side."""

    def below(self, stream: int, bounds: Sequence[int]) -> Whole:
        """Return (bounds, draws) whole numbers below each bound, of one stream of each draw."""


class Counted:
    """Numbers to the byte: one seed of 32 bytes for each draw."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        """Take the seeds."""
        self.seeds = tuple(seeds)

    @property
    def draws(self) -> int:
        """How many draws are made side by side."""
        return len(self.seeds)

    def below(self, stream: int, bounds: Sequence[int]) -> Whole:
        """Return (bounds, draws) whole numbers below each bound."""
        found = [below(seed, stream, bounds=bounds) for seed in self.seeds]
        return np.array(found, dtype=np.int64).reshape(len(found), len(bounds)).T


class Quick:
    """Numbers of one generator: as likely, and many at once. Streams are not told apart."""

    def __init__(self, seed: bytes, draws: int) -> None:
        """Begin the generator from the seed."""
        self.made = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big")))
        self.many = draws

    @property
    def draws(self) -> int:
        """How many draws are made side by side."""
        return self.many

    def below(self, stream: int, bounds: Sequence[int]) -> Whole:
        """Return (bounds, draws) whole numbers below each bound."""
        tops = np.asarray(bounds, dtype=np.int64)[:, None]
        return self.made.integers(0, tops, size=(len(bounds), self.many))


def source(seed: bytes, count: int, *, exact: bool) -> Numbers:
    """Return the source of `count` draws: under seeds of their own to the byte, or quick."""
    if exact:
        return Counted([seed_of(seed, at) for at in range(count)])
    return Quick(seed, count)


def seed_of(seed: bytes, at: int) -> bytes:
    """Return the seed of draw `at` of those that another seed stands for.

    SHA-256(seed ‖ "replay" ‖ at), at as 8 bytes, most significant first.

    >>> seed_of(bytes(32), 0).hex()[:16]
    '81ea5701a1943216'
    """
    return hashlib.sha256(seed + b"replay" + at.to_bytes(8, "big")).digest()


def tickets(trial: Trial) -> Whole:
    """Return (total shares,) the code of each arm as often as its share says, arms in order."""
    return np.repeat(np.arange(len(trial.arms)), [arm.share for arm in trial.arms])


def chances(trial: Trial) -> tuple[float, ...]:
    """Return each arm's share of all shares."""
    total = sum(arm.share for arm in trial.arms)
    return tuple(arm.share / total for arm in trial.arms)


def equal(trial: Trial) -> bool:
    """Return whether every arm has the same share."""
    return len({arm.share for arm in trial.arms}) == 1
