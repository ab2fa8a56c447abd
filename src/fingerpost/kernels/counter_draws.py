"""Random numbers specified to the byte, so that anyone can draw them again in any language.

Block b of stream s under a seed of 32 bytes is SHA-256(seed ‖ s ‖ b), s and b as 8 bytes each, most
significant first: one compression of the hash. The bytes of a stream are its blocks in order, read
as numbers of 8 bytes, most significant first.

What is wanted of a stream is a number below each of several bounds, in turn. The bounds are cut
into groups: each takes the next ones as long as their product P is at most 2^48. A group takes one
number v from the stream; while v ≥ 2^64 − 2^64 mod P, the next one instead, so that each of the P
outcomes is exactly as likely. The first bound b of the group gets v mod b; then v becomes the whole
part of v / b, and the next bound has its turn (Brackett-Rozinsky & Lemire 2024 draw groups of
numbers for a shuffle from one word likewise).

A shuffle is that of Fisher and Yates (Knuth, The Art of Computer Programming, volume 2, algorithm
P): for i from the last place down to 1, j = below(i + 1), and places i and j change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBER, BLOCK = 8, 32
MOST = 2**48  # a group's product: a number is passed over less than once in 65,000
WHOLE = 2**64
PICK = 2**64 - 1  # the stream that picks one of the draws that were kept
Streams = Sequence[int] | NDArray[np.int64]


def block(seed: bytes, stream: int, at: int) -> bytes:
    """Return block `at` of a stream.

    >>> block(bytes(32), 0, 0).hex()[:16]
    '17b0761f87b081d5'
    """
    return hashlib.sha256(seed + stream.to_bytes(8, "big") + at.to_bytes(8, "big")).digest()


def shuffle_bounds(places: int) -> list[int]:
    """Return the bounds that a shuffle of so many places needs.

    >>> shuffle_bounds(4)
    [4, 3, 2]
    """
    return list(range(places, 1, -1))


def groups(bounds: Sequence[int]) -> list[list[int]]:
    """Return bounds cut into groups that one number serves each.

    >>> groups([2**40, 200, 3, 2])
    [[1099511627776, 200], [3, 2]]
    """
    found: list[list[int]] = []
    for bound in bounds:
        if not 1 <= bound <= MOST:
            raise ValueError(f"a bound lies from 1 to 2^48; {bound} does not")
        if not found or prod(found[-1]) * bound > MOST:
            found.append([])
        found[-1].append(bound)
    return found


def below(seed: bytes, stream: int, *, bounds: Sequence[int]) -> list[int]:
    """Return a number below each bound, one stream: the plain form of `below_many`.

    >>> below(bytes(32), 0, bounds=[6, 5, 4, 3, 2])
    [5, 1, 3, 0, 0]
    """
    found: list[int] = []
    at = 0
    for group in groups(bounds):
        product = prod(group)
        while True:
            held = block(seed, stream, at * NUMBER // BLOCK)
            value = int.from_bytes(held[at * NUMBER % BLOCK :][:NUMBER], "big")
            at += 1
            if value < WHOLE - WHOLE % product:
                break
        for bound in group:
            value, rest = divmod(value, bound)
            found.append(rest)
    return found


def numbers(seed: bytes, streams: Streams, *, count: int) -> NDArray[np.uint64]:
    """Return the first `count` numbers of each stream: (count, streams)."""
    blocks = -(-count * NUMBER // BLOCK)
    message = np.empty((len(streams), blocks, 16), dtype=np.uint8)
    message[:, :, :8] = np.asarray(streams, dtype=">u8").view(np.uint8).reshape(-1, 1, 8)
    message[:, :, 8:] = np.arange(blocks, dtype=">u8").view(np.uint8).reshape(1, -1, 8)
    tails = message.tobytes()
    begun = hashlib.sha256(seed)

    def made(at: int) -> bytes:
        # A copy of the hash begun with the seed costs less than a new one.
        own = begun.copy()
        own.update(tails[at : at + 16])
        return own.digest()

    whole = b"".join(map(made, range(0, len(tails), 16)))
    found = np.frombuffer(whole, dtype=">u8").reshape(len(streams), -1)
    drawn: NDArray[np.uint64] = np.ascontiguousarray(found[:, :count].T).astype(np.uint64)
    return drawn


def below_many(seed: bytes, streams: Streams, *, bounds: Sequence[int]) -> NDArray[np.int64]:
    """Return a number below each bound, many streams at once: (bounds, streams).

    Streams in which a number was passed over, very few, are computed one by one.
    """
    cut = groups(bounds)
    drawn = numbers(seed, streams, count=len(cut))
    found: NDArray[np.int64] = np.empty((len(bounds), len(streams)), dtype=np.int64)
    passed = np.zeros(len(streams), dtype=np.bool_)
    place = iter(range(len(bounds)))
    for value, group in zip(drawn, cut, strict=True):
        product = prod(group)
        passed |= value > np.uint64(WHOLE - WHOLE % product - 1)
        for at, bound in zip(islice(place, len(group)), group, strict=True):
            rest = value // np.uint64(bound)
            found[at] = value - rest * np.uint64(bound)
            value = rest
    for one in np.flatnonzero(passed).tolist():
        found[:, one] = below(seed, int(streams[one]), bounds=bounds)
    return found


def shuffle_rows(rows: NDArray[Any], chosen: NDArray[np.int64]) -> None:
    """Shuffle the rows of a (places, streams) array within each stream, in place.

    rows: contiguous. chosen: (places − 1, streams), a number below places, …, below 2.
    """
    places, wide = rows.shape
    if not rows.flags.c_contiguous:
        raise ValueError("rows are to lie one after another in memory")
    across = np.arange(wide)
    flat = rows.reshape(-1)
    for step, last in enumerate(range(places - 1, 0, -1)):
        other = chosen[step] * wide + across
        held = rows[last].copy()
        rows[last] = flat[other]
        flat[other] = held
