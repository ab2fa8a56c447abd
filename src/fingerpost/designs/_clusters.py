"""Arms drawn among units that are all known beforehand, the best balanced draws kept.

The draw, to the letter. Of N units, arm k of share a(k), of A shares in all, gets floor(N·a(k) / A)
units; where units are left, f(k) = N·a(k) mod A is what it is still owed, in A-ths. A number v
below A comes from stream 2^64 − 2 of `kernels.counter_draws`: arms take one more in which f(1) + …
+ f(k − 1) ≤ v + j·A < f(1) + … + f(k) for a whole number j from 0.

Where the draws that are possible are no more than the study's `candidates`, and every stratum can
hold arms by their shares exactly (or there is one stratum), all of them are listed: strata in the
order in which they first appear, in each of them arms in alphabetical order of their places, the
last stratum changing first. Otherwise candidates are drawn as `designs._constrained` says of waves.
Those that meet every limit and pair are scored as it says, and of E that count the ceil(E · accept)
of least score are kept; of a full list also those that score no more than the last of them, so that
with every draw its mirror image is kept. The one in place `below(A)` of stream 2^64 − 1, of A that
are kept, is the draw. Where the study names nothing to balance every one that counts is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Allocation
from fingerpost.core.errors import TooFew, UsageError
from fingerpost.core.rollout import Frame, Limit
from fingerpost.core.trial import Trial
from fingerpost.designs._constrained import (
    MILLION,
    Cap,
    Space,
    broken,
    draw_candidates,
    keep,
    millionths,
    score,
    standardised,
    whole,
)
from fingerpost.designs._numbers import Whole, seed_of
from fingerpost.kernels.counter_draws import PICK, below

ODD = PICK - 1  # the stream that says which arms get one more unit


def owed(shares: Sequence[int], units: int) -> tuple[list[int], list[int]]:
    """Return what each arm is sure of, and what it is owed beyond that, in parts of all shares.

    >>> owed([1, 1], 15), owed([2, 1], 8)
    (([7, 7], [1, 1]), ([5, 2], [1, 2]))
    """
    total = sum(shares)
    return [units * share // total for share in shares], [units * share % total for share in shares]


def arm_sizes(trial: Trial, units: int, seed: bytes) -> Whole:
    """Return (k,) units of each arm; the odd ones drawn, so that on average it has its share."""
    shares = [arm.share for arm in trial.arms]
    sizes, parts = owed(shares, units)
    total = sum(shares)
    at = below(seed, ODD, bounds=[total])[0]
    ends = np.cumsum(parts)
    for point in range(at, int(ends[-1]), total):
        sizes[int(np.searchsorted(ends, point, side="right"))] += 1
    return np.array(sizes, dtype=np.int64)


def check_draw(trial: Trial) -> list[str]:
    """Return what is wrong with what a trial says of a draw among units known beforehand."""
    arms = {arm.name for arm in trial.arms}
    return [
        f'draw.limits: "{limit.wave}" is no arm of the trial.'
        for limit in trial.draw.limits
        if limit.wave is not None and limit.wave not in arms
    ]


def values_of(frame: Frame, name: str) -> list[str]:
    """Return a column of the register as decimal texts."""
    if name not in frame.covariates:
        raise UsageError(f"draw.balance: the register holds no number {name}.")
    return [format(Decimal(repr(float(value))), "f") for value in frame.covariates[name]]


def cap_of(trial: Trial, frame: Frame, limit: Limit) -> Cap:
    """Return a limit in whole numbers."""
    texts = values_of(frame, limit.column) if limit.column else ["1"] * len(frame.units)
    # Of a sum that is held to a limit six decimals are enough, and it fits its 64 bits.
    numbers, scale = whole([*(f"{Decimal(text):.6f}" for text in texts), str(limit.at_most)])
    weights = np.array(numbers[:-1], dtype=np.int64)
    if limit.where is not None:
        weights = weights * (frame.labels[limit.where[0]] == limit.where[1])
    arms = [arm.name for arm in trial.arms]
    wave = -1 if limit.wave is None else arms.index(limit.wave)
    return Cap(limit.column or "units", wave, weights, numbers[-1], scale)


def pairs_of(frame: Frame, pairs: Sequence[tuple[str, str]]) -> Whole:
    """Return (p, 2) places of pairs of units; UsageError where one is not in the register."""
    at = {unit: place for place, unit in enumerate(frame.units)}
    unknown = sorted({unit for pair in pairs for unit in pair if unit not in at})
    if unknown:
        raise UsageError(
            f"draw: {', '.join(unknown[:3])} stands in a pair and not in the register."
        )
    return np.array([[at[one], at[other]] for one, other in pairs], dtype=np.int64).reshape(-1, 2)


def space_of(trial: Trial, frame: Frame, seed: bytes) -> Space:
    """Return what is drawn from. Raises TooFew where an arm would hold no unit."""
    sizes = arm_sizes(trial, len(frame.units), seed)
    if sizes.min() < 1:
        raise TooFew(f"{len(frame.units)} units are too few for {len(sizes)} arms of these shares.")
    scores = [standardised(whole(values_of(frame, name))[0]) for name in trial.draw.balance]
    return Space(
        in_order(frame.strata),
        sizes,
        np.array(scores, dtype=np.int64).reshape(len(scores), len(frame.units)),
        tuple(cap_of(trial, frame, limit) for limit in trial.draw.limits),
        pairs_of(frame, trial.draw.together),
        pairs_of(frame, trial.draw.apart),
    )


def in_order(strata: Whole) -> Whole:
    """Return strata coded in the order in which they first appear.

    >>> in_order(np.array([2, 0, 2, 1])).tolist()
    [0, 1, 0, 2]
    """
    code: dict[int, int] = {}
    return np.array([code.setdefault(int(one), len(code)) for one in strata], dtype=np.int64)


def shares_exactly(space: Space) -> bool:
    """Return whether every stratum can hold arms by their sizes exactly."""
    return bool((space.sizes[:, None] * space.waves[None, :] % len(space.strata) == 0).all())


def possible(space: Space) -> int:
    """Return how many draws are possible; 0 where odd units of strata make them hard to count."""
    if not shares_exactly(space):
        return 0
    return prod(
        factorial(int(size)) // prod(factorial(int(own)) for own in shares)
        for size, shares in zip(space.sizes, space.shares, strict=True)
    )


def arrangements(shares: Sequence[int]) -> Whole:
    """Return every order of arms of which each has so many places: (orders, places), sorted.

    >>> arrangements([2, 1]).tolist()
    [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    """
    found = np.zeros((1, 0), dtype=np.int64)
    left = np.array([shares], dtype=np.int64)
    for _ in range(sum(shares)):
        rows, arms = np.nonzero(left > 0)
        found = np.column_stack([found[rows], arms])
        left = left[rows]
        left[np.arange(len(rows)), arms] -= 1
    return found


def every_draw(space: Space) -> Whole:
    """Return every draw that is possible: (draws, u)."""
    own = [arrangements(shares.tolist()) for shares in space.shares]
    at = np.array(list(product(*(range(len(each)) for each in own))), dtype=np.int64)
    found = np.empty((len(at), len(space.strata)), dtype=np.int64)
    for stratum, orders in enumerate(own):
        found[:, space.strata == stratum] = orders[at[:, stratum]]
    return found


class Set:
    """The draws that are possible under a seed: codes (a, u); the place of the draw itself; whether
    they are all there are, and not candidates.
    """

    def __init__(self, codes: Whole, place: int, *, exact: bool) -> None:
        """Take the draws."""
        self.codes, self.place, self.exact = codes, place, exact

    @property
    def chosen(self) -> Whole:
        """(u,) the draw itself."""
        found: Whole = self.codes[self.place]
        return found


def kept_draws(trial: Trial, frame: Frame, seed: bytes) -> Set:
    """Return the draws that are possible, and which of them the seed makes."""
    space = space_of(trial, frame, seed)
    accept = millionths(trial.draw.accept) if len(space.scores) else MILLION
    if 0 < possible(space) <= trial.draw.candidates:
        codes = every_draw(space)
        codes = codes[~broken(space, codes.astype(np.uint16)).any(axis=0)]
        if not len(codes):
            raise TooFew("none of the possible draws meets every limit and pair. Loosen one.")
        scores = score(space, codes.astype(np.uint16))
        most = np.sort(scores)[-(-len(codes) * accept // MILLION) - 1]
        codes = codes[scores <= most]
        return Set(codes, below(seed, PICK, bounds=[len(codes)])[0], exact=True)
    kept = keep(space, seed, count=trial.draw.candidates, accept=accept)
    drawn = draw_candidates(space, kept.numbers, seed=seed).astype(np.int64)
    return Set(drawn, int(np.searchsorted(kept.numbers, kept.chosen)), exact=False)


def stratum_words(frame: Frame) -> tuple[str, ...]:
    """Return the name of each unit's stratum; () where there is one for all."""
    if not len(frame.strata) or not np.ptp(frame.strata):
        return ()
    names = frame.stratum_names or tuple(range(int(frame.strata.max()) + 1))
    return tuple(str(names[int(at)]) for at in frame.strata)


def counted_chances(codes: Whole, arms: int) -> NDArray[np.float64]:
    """Return (u, k) the share of draws in which each unit is in each arm."""
    return np.stack([(codes == arm).mean(axis=0) for arm in range(arms)], axis=1)


def draw(trial: Trial, frame: Frame, seed: bytes) -> Allocation:
    """Return the allocation of the units of a register."""
    held = kept_draws(trial, frame, seed)
    return Allocation(
        units=frame.units,
        arms=tuple(arm.name for arm in trial.arms),
        code=held.chosen,
        probability=counted_chances(held.codes, len(trial.arms)),
        strata=stratum_words(frame),
        draws=0 if held.exact else len(held.codes),
    )


def replay(trial: Trial, units: Frame, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, u) arms that the units might have been given.

    Of the draws that were possible under the seed, at random; all of them, in order, where they are
    as many as are asked or fewer. exact: each is drawn anew under a seed of its own.
    """
    if exact:
        own = [kept_draws(trial, units, seed_of(seed, at)).chosen for at in range(count)]
        return np.array(own, dtype=np.int64)
    codes = kept_draws(trial, units, seed).codes
    if len(codes) <= count:
        return codes
    made = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big")))
    found: Whole = codes[made.choice(len(codes), size=count, replace=False)]
    return found
