"""Numbers specified to the byte: vectors computed by hand, and the laws of a fair shuffle."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise, permutations
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.kernels.counter_draws import (
    MOST,
    WHOLE,
    below,
    below_many,
    block,
    groups,
    numbers,
    shuffle_bounds,
    shuffle_rows,
)

ZEROS = bytes(32)
# The SHA-256 of 48 zero bytes: `head -c 48 /dev/zero | sha256sum`.
FIRST = "17b0761f87b081d5cf10757ccc89f12be355c70e2e29df288b65b30710dcbcd1"


def test_the_first_block_is_the_hash_of_seed_stream_and_counter():
    assert block(ZEROS, 0, 0).hex() == FIRST == hashlib.sha256(bytes(48)).hexdigest()
    # Stream 5, block 256, as the eight bytes of each would be written down.
    said = b"s" * 32 + b"\x00\x00\x00\x00\x00\x00\x00\x05" + b"\x00\x00\x00\x00\x00\x00\x01\x00"
    assert block(b"s" * 32, 5, 256) == hashlib.sha256(said).digest()


def test_numbers_below_bounds_by_hand():
    # 0x17b0761f87b081d5 is 1706994136565973461. Divided with remainder by 6, 5, 4, 3 and 2 in turn:
    steps = (
        (1_706_994_136_565_973_461, 6, 284_499_022_760_995_576, 5),
        (284_499_022_760_995_576, 5, 56_899_804_552_199_115, 1),
        (56_899_804_552_199_115, 4, 14_224_951_138_049_778, 3),
        (14_224_951_138_049_778, 3, 4_741_650_379_349_926, 0),
        (4_741_650_379_349_926, 2, 2_370_825_189_674_963, 0),
    )
    assert all(whole == bound * rest + left for whole, bound, rest, left in steps)
    assert below(ZEROS, 0, bounds=[6, 5, 4, 3, 2]) == [5, 1, 3, 0, 0]
    # The second number of the stream is bytes 8 to 15 of the block.
    first, second = below(ZEROS, 0, bounds=[2**48, 10])
    assert first == int(FIRST[4:16], 16)
    assert second == int("cf10757ccc89f12b", 16) % 10 == 9


def test_groups_are_as_long_as_their_product_allows():
    cut = groups(shuffle_bounds(152))
    assert [bound for group in cut for bound in group] == list(range(152, 1, -1))
    for group, following in pairwise(cut):
        assert prod(group) <= MOST < prod(group) * following[0]
    with pytest.raises(ValueError, match="2\\^48"):
        groups([MOST + 1])


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(1, 400), max_size=60))
def test_many_streams_at_once_are_the_same_as_one_by_one(seed, bounds):
    streams = [0, 1, 7, 2**40, 2**63 - 1]
    found = below_many(seed, np.array(streams), bounds=bounds)
    assert found.T.tolist() == [below(seed, stream, bounds=bounds) for stream in streams]


def test_a_number_that_would_favour_some_is_passed_over():
    bound = 2**47 + 1
    limit = WHOLE - WHOLE % bound
    streams = np.arange(300_000)
    drawn = numbers(ZEROS, streams, count=1)[0]
    passed = streams[drawn >= np.uint64(limit)].tolist()
    assert passed, "another seed is needed"
    found = below_many(ZEROS, passed, bounds=[bound])[0]
    for stream, value in zip(passed, found.tolist(), strict=True):
        held = block(ZEROS, stream, 0)
        assert int.from_bytes(held[:8], "big") >= limit
        assert value == int.from_bytes(held[8:16], "big") % bound


def test_every_order_is_as_likely():
    chosen = below_many(b"k" * 32, np.arange(48_000), bounds=shuffle_bounds(4))
    rows = np.repeat(np.arange(4)[:, None], 48_000, axis=1)
    shuffle_rows(rows, chosen)
    seen = Counter(map(tuple, rows.T.tolist()))
    assert set(seen) == set(permutations(range(4)))
    expected = 48_000 / factorial(4)
    square = sum((count - expected) ** 2 / expected for count in seen.values())
    assert square < 49.7  # the 0.1% point of chi-square with 23 degrees of freedom


def test_a_shuffle_changes_places_from_the_last_down():
    rows = np.array([[10], [11], [12]])
    shuffle_rows(rows, np.array([[0], [1]]))  # places 2 and 0 change, then 1 stays
    assert rows[:, 0].tolist() == [12, 11, 10]
    with pytest.raises(ValueError, match="memory"):
        shuffle_rows(np.zeros((3, 4)).T, np.zeros((3, 3), np.int64))
