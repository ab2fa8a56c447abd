"""Waves drawn within strata, the best balanced kept (covariate-constrained randomisation).

The draw, to the letter; `docs/manual/draw.md` says the same in words. Units stand in the order of
the frozen register, waves in the order in which they begin, strata in the order in which they first
appear. N units, n(s) in stratum s, w(k) in wave k.

1. Every wave gets floor(n(s)·w(k) / N) of the units of every stratum.
2. Rounding r says which waves get one more unit of which stratum, from stream 2^63 + r of
   `kernels.counter_draws`, as `designs._rounding` says: always exactly w(k) in all, and on average
   n(s)·w(k) / N of every stratum. Candidate c takes rounding c mod R, R being
   2^10 + floor(2^18 / ((strata − 1)(waves − 1) + 1)), at most 2^13.
3. From stream c: a list of a stratum's waves (its whole shares wave by wave, then the waves with
   one more, both in the order of waves) is shuffled; its units take what stands at their own place.
   Strata take their turn in their own order.
4. A candidate counts if it meets every limit and every pair declared together or apart, and as many
   neighbours start in one wave as are declared at least, and at most.
5. Its score is the sum, over columns and waves, of floor(Z² / w(k)), Z being the sum over the
   wave's units of `standardised` values: whole numbers throughout, so that any two programs agree.
6. Of E candidates that count the A = ceil(E · accept) with the least score are kept, ties by the
   smaller number; the one kept in place `below(A)` of stream 2^64 − 1, in order of their numbers,
   is the draw.

Moulton 2004; Li, Turner, Heagerty, Murray, Vollmer & DeLong 2017, for more than two arms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import TooFew
from fingerpost.designs._rounding import book_size, roundings
from fingerpost.kernels.counter_draws import PICK, below, below_many, shuffle_bounds, shuffle_rows

ALGORITHM = "fingerpost-draw-2"
UNIT = 10_000  # a standard deviation, in the whole numbers of scores
MILLION = 1_000_000
CHUNK = 8_192
Whole = NDArray[np.int64]
Codes = NDArray[np.uint8] | NDArray[np.uint16]
Tell = Callable[[int], None]


@dataclass(frozen=True, eq=False, slots=True)
class Cap:
    """A limit in whole numbers: the weights of a wave's units add up to at most `at_most`.

    wave: its place, −1 for every wave. weights: (u,), 0 where a unit does not count. scale: how
    many of these whole numbers make one of the reader's.
    """

    words: str
    wave: int
    weights: Whole
    at_most: int
    scale: int = 1


@dataclass(frozen=True, eq=False, slots=True)
class Near:
    """Neighbours in whole numbers: the weights of pairs (p, 2) whose units share a wave add up to
    `at_least` and `at_most`.
    """

    words: str
    pairs: Whole
    weights: Whole
    at_least: int
    at_most: int

    def held(self, codes: Codes) -> Whole:
        """Return that sum, by candidate."""
        found = np.zeros(len(codes), np.int64)
        for one, other, weight in zip(*self.pairs.T, self.weights, strict=True):
            found += weight * (codes[:, one] == codes[:, other])
        return found

    def share(self, held: int) -> float:
        """Return a sum as a part of all pairs."""
        return held / max(int(self.weights.sum()), 1)


@dataclass(frozen=True, eq=False, slots=True)
class Space:
    """What is drawn from. strata: (u,) codes in order of appearance; waves: (k,) units of each;
    scores: (c, u) standardised values; together, apart: (p, 2) places of units; near: how many
    neighbours may share a wave.
    """

    strata: Whole
    waves: Whole
    scores: Whole
    caps: tuple[Cap, ...] = ()
    together: Whole = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    apart: Whole = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    near: Near | None = None

    @property
    def sizes(self) -> Whole:
        """(s,) units of each stratum."""
        return np.bincount(self.strata).astype(np.int64)

    @property
    def shares(self) -> Whole:
        """(s, k) whole shares: what every wave is sure to get of every stratum."""
        return np.asarray(self.sizes[:, None] * self.waves[None, :] // len(self.strata))

    @property
    def bounds(self) -> list[int]:
        """The numbers that a candidate needs, in order."""
        return [bound for size in self.sizes for bound in shuffle_bounds(int(size))]

    @property
    def book(self) -> int:
        """How many roundings candidates take in turn."""
        return book_size(len(self.sizes), len(self.waves))

    def rounded(self, seed: bytes, numbers: Whole) -> NDArray[np.bool_]:
        """(s, k, roundings) which waves get one more unit of each stratum, by rounding."""
        return roundings(self.sizes, self.waves, seed=seed, numbers=numbers)


def whole(texts: Sequence[str]) -> tuple[list[int], int]:
    """Return decimal numbers as whole numbers, and how many of these make one.

    Raises ValueError where one is no decimal number.

    >>> whole(["1.5", "-2", "0.25"])
    ([150, -200, 25], 100)
    """
    try:
        found = [Decimal(text) for text in texts]
    except InvalidOperation:
        raise ValueError("not a decimal number") from None
    if not all(one.is_finite() for one in found):
        raise ValueError("not a finite number")
    places = max((-int(one.as_tuple().exponent) for one in found), default=0)
    scale = 10 ** max(places, 0)
    return [int(one * scale) for one in found], scale


def standardised(values: Sequence[int]) -> list[int]:
    """Return whole numbers standardised, in ten-thousandths of their standard deviation.

    Of N numbers x, a = N·x − Σx and Q = Σa²: the sign of a times floor(√floor(10^8·N·a² / Q));
    zeros where all are alike. Whole numbers throughout.

    >>> standardised([1, 2, 3])
    [-12247, 0, 12247]
    """
    n, total = len(values), sum(values)
    apart = [n * value - total for value in values]
    square = sum(a * a for a in apart)
    if not square:
        return [0] * n
    return [
        (1 if a > 0 else -1) * isqrt(UNIT * UNIT * n * a * a // square) if a else 0 for a in apart
    ]


def draw_candidates(
    space: Space,
    streams: Sequence[int] | Whole,
    *,
    seed: bytes,
    book: NDArray[np.bool_] | None = None,
) -> Codes:
    """Return candidates by number: (streams, u) places of waves.

    book: (s, k, r) the first r roundings, where the caller holds those that are needed.
    """
    kind: Any = np.uint8 if len(space.waves) < 256 else np.uint16
    numbers = np.asarray(streams, dtype=np.int64)
    place = numbers % space.book
    if book is None:
        needed, place = np.unique(place, return_inverse=True)
        book = space.rounded(seed, needed)
    found = np.empty((len(numbers), len(space.strata)), dtype=kind)
    for start in range(0, len(numbers), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = _chunk(space, seed, numbers[part], book[:, :, place[part]]).T
    return found


def _chunk(space: Space, seed: bytes, streams: Whole, more: NDArray[np.bool_]) -> Codes:
    """Return candidates of a few streams: (u, streams). more: (s, k, streams) their roundings."""
    kind: Any = np.uint8 if len(space.waves) < 256 else np.uint16
    sizes, shares = space.sizes, space.shares
    chosen = below_many(seed, streams, bounds=space.bounds)
    found = np.empty((len(space.strata), len(streams)), dtype=kind)
    at = 0
    for stratum, size in enumerate(sizes):
        sure = np.repeat(np.arange(len(space.waves), dtype=kind), shares[stratum])
        rows = np.empty((int(size), len(streams)), dtype=kind)
        rows[: len(sure)] = sure[:, None]
        # Every stream has as many waves with one more: those that are no whole share.
        ones = np.nonzero(more[stratum].T)[1]
        rows[len(sure) :] = ones.reshape(len(streams), int(size) - len(sure)).T
        shuffle_rows(rows, chosen[at : at + int(size) - 1])
        found[space.strata == stratum] = rows
        at += int(size) - 1
    return found


def sums_by_wave(space: Space, codes: Codes, weights: Whole) -> NDArray[np.float64]:
    """Return sums of (r, u) weights by wave: (waves, r, candidates), exact while below 2^53."""
    turned = np.asarray(weights, dtype=np.float64)
    found = np.empty((len(space.waves), len(weights), len(codes)))
    for start in range(0, len(codes), 1024):
        part = np.ascontiguousarray(codes[start : start + 1024].T)
        for wave in range(len(space.waves)):
            found[wave, :, start : start + 1024] = turned @ (part == wave)
    return found


def score(space: Space, codes: Codes) -> Whole:
    """Return the balance score of candidates (candidates,): the less the better."""
    sums = sums_by_wave(space, codes, space.scores).astype(np.int64)
    return np.asarray((sums * sums // space.waves[:, None, None]).sum(axis=(0, 1)))


def broken(space: Space, codes: Codes) -> NDArray[np.bool_]:
    """Return which of what is declared candidates break: (limits + together + apart + 1 where
    neighbours are bounded, candidates).
    """
    rows: list[NDArray[np.bool_]] = []
    if space.caps:
        sums = sums_by_wave(space, codes, np.array([cap.weights for cap in space.caps]))
        for at, cap in enumerate(space.caps):
            held = sums[:, at].max(axis=0) if cap.wave < 0 else sums[cap.wave, at]
            rows.append(np.asarray(held > cap.at_most))
    rows += [codes[:, one] != codes[:, other] for one, other in space.together]
    rows += [codes[:, one] == codes[:, other] for one, other in space.apart]
    if space.near is not None:
        held = space.near.held(codes)
        rows.append(np.asarray((held < space.near.at_least) | (held > space.near.at_most)))
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(codes))


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """The candidates that were kept. numbers: (a,) in order; scores: (a,) theirs; all_scores: (e,)
    of every candidate that counts, in order of size; seen: how many were drawn; chosen: the number
    of the draw itself.
    """

    numbers: Whole
    scores: Whole
    all_scores: Whole
    seen: int
    chosen: int

    @property
    def cutoff(self) -> int:
        """The largest score that was kept."""
        return int(self.scores.max())


def chunks(space: Space, seed: bytes, count: int) -> Iterator[tuple[int, Codes]]:
    """Yield candidates 0 … count − 1 a chunk at a time, with the number of the first."""
    book = space.rounded(seed, np.arange(min(count, space.book)))
    for start in range(0, count, CHUNK):
        part = range(start, min(start + CHUNK, count))
        yield start, draw_candidates(space, part, seed=seed, book=book)


def millionths(accept: float) -> int:
    """Return the share of candidates that is kept in millionths: one at the least.

    >>> millionths(0.1), millionths(4e-7)
    (100000, 1)
    """
    return max(1, round(accept * MILLION))


def keep(space: Space, seed: bytes, *, count: int, accept: int, tell: Tell | None = None) -> Kept:
    """Return which of `count` candidates are kept and which is drawn. accept: in millionths.

    Raises TooFew where no candidate counts.
    """
    numbers, scores = [], []
    for start, codes in chunks(space, seed, count):
        fine = np.flatnonzero(~broken(space, codes).any(axis=0))
        numbers.append(fine + start)
        scores.append(score(space, codes[fine]))
        if tell is not None:
            tell(start + len(codes))
    counting, theirs = np.concatenate(numbers), np.concatenate(scores)
    if not len(counting):
        raise TooFew(
            f"none of {count:,} candidates meets every limit and pair. Loosen one, or draw more "
            "candidates."
        )
    kept = -(-len(counting) * accept // MILLION)
    order = np.sort(np.argsort(theirs, kind="stable")[:kept])
    chosen = below(seed, PICK, bounds=[kept])[0]
    return Kept(
        counting[order], theirs[order], np.sort(theirs), count, int(counting[order][chosen])
    )


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """What the kept draws are like. by_wave: (u, k) how often each unit is in each wave; least,
    most: of two units, how often the same wave at the least and at the most; mean: on average;
    locked: (p, 2) pairs always or never together that no constraint declared. None is said of pairs
    (least −1) where units are too many to look at every pair.
    """

    draws: int
    distinct: int
    by_wave: Whole
    least: int
    most: int
    mean: float
    locked: Whole


MOST_PAIRED = 3_000


def shape(space: Space, codes: Codes) -> Shape:
    """Return what (draws, u) kept draws are like: chances by unit, and of pairs."""
    draws, units = codes.shape
    by_wave = np.stack([(codes == wave).sum(axis=0) for wave in range(len(space.waves))], axis=1)
    distinct = len(np.unique(np.ascontiguousarray(codes).view(f"V{codes[0].nbytes}")))
    none = np.zeros((0, 2), np.int64)
    if units > MOST_PAIRED:
        return Shape(draws, distinct, by_wave.astype(np.int64), -1, -1, np.nan, none)
    same = np.zeros((units, units))
    for wave in range(len(space.waves)):
        own = (codes == wave).astype(np.float32)
        same += own.T @ own
    free = np.triu(np.ones((units, units), dtype=np.bool_), 1)
    for one, other in (*space.together, *space.apart):
        free[min(one, other), max(one, other)] = False
    pairs = same[free]
    locked = np.argwhere(free & ((same == 0) | (same == draws)))
    if not len(pairs):
        return Shape(draws, distinct, by_wave.astype(np.int64), -1, -1, np.nan, none)
    return Shape(
        draws=draws,
        distinct=distinct,
        by_wave=by_wave.astype(np.int64),
        least=int(pairs.min()),
        most=int(pairs.max()),
        mean=float(pairs.mean() / draws),
        locked=locked.astype(np.int64),
    )
