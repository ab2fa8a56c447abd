"""The attacks: what someone who adds and subtracts can get from what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fingerpost.release.policies import SRS, Rules
from fingerpost.release.rounding import ladder, nearest
from fingerpost.release.suppression import Partition, suppressed

LEAST, BASE = SRS.threshold, SRS.base
COUNTS = st.one_of(st.integers(0, 14), st.integers(0, 300))


def attack(cells, partitions, hidden, at):
    """Return the least and the most that one hidden cell can be, with every total known exactly.

    Written here anew: the gate's own linear programme is not asked.
    """
    rows = [[float(place in part.cells) for place in range(len(cells))] for part in partitions]
    totals = [sum(cells[place] for place in part.cells) for part in partitions]
    bounds = [
        (0, None)
        if place in hidden
        else (nearest(count, BASE) - BASE / 2, nearest(count, BASE) + BASE / 2)
        for place, count in enumerate(cells)
    ]
    aim = np.zeros(len(cells))
    aim[at] = 1
    ends = []
    for sign in (1, -1):
        found = linprog(sign * aim, A_eq=rows, b_eq=totals, bounds=bounds)
        assert found.status in (0, 3)
        ends.append(float(found.x[at]) if found.status == 0 else -sign * np.inf)
    return ends


def holds(cells, partitions):
    """Assert that no count under the threshold can be told from the rest, where any rest is shown.

    Where nothing of its partitions is shown only their totals speak, and they are not ours to hide.
    """
    hidden = suppressed(cells, partitions, SRS)
    for at, count in enumerate(cells):
        if count >= LEAST:
            continue
        assert at in hidden
        mine = [part for part in partitions if at in part.cells]
        if all(place in hidden for part in partitions for place in part.cells) or not mine:
            continue
        low, high = attack(cells, partitions, hidden, at)
        assert low <= 1e-6 and high >= LEAST - 1 - 1e-6, (cells, sorted(hidden), at, low, high)
    return hidden


@settings(max_examples=100, deadline=None)
@given(st.lists(COUNTS, min_size=2, max_size=12))
@example([3, 97])
@example([0, 100])
@example([9, 9, 13])
@example([4, 10, 10, 10])
def test_no_cell_of_a_partition_can_be_told(cells):
    holds(cells, [Partition(tuple(range(len(cells))), sum(cells))])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 5), st.data())
def test_no_cell_of_a_table_with_both_margins_can_be_told(height, width, data):
    cells = data.draw(st.lists(COUNTS, min_size=height * width, max_size=height * width))
    places = np.arange(height * width).reshape(height, width)
    lines = [*places, *places.T]
    partitions = [
        Partition(tuple(int(p) for p in line), sum(cells[p] for p in line)) for line in lines
    ]
    holds(cells, partitions)


def test_the_attack_finds_what_primary_suppression_alone_gives_away():
    whole = [Partition((0, 1, 2), 303)]
    assert attack([3, 100, 200], whole, {0}, 0) == pytest.approx([0, 8])
    assert suppressed([3, 100, 200], whole, SRS) > {0}


def test_nothing_is_hidden_where_nothing_is_small():
    assert not suppressed([10, 60, 300], [Partition((0, 1, 2), 370)], SRS)


def test_a_cycle_of_pairs_is_not_told_by_its_corners():
    """Two hidden cells a line are not enough where the lines close a cycle of unequal cells."""
    cells = [2, 50, 80, 50, 3, 60, 70, 90, 100]
    places = np.arange(9).reshape(3, 3)
    lines = [*places, *places.T]
    holds(cells, [Partition(tuple(map(int, line)), sum(cells[p] for p in line)) for line in lines])


# ----------------------------------------------------------------------------- ladders
@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=2, max_size=8))
@example([23, 32, 20])
@example([403, 400])
def test_no_difference_of_counts_of_one_arm_tells_of_few(counts):
    """A count is shown rounded, or as a count at most nine above it is: nobody is told which, but
    of the largest, which stands for itself. A small difference from that one, or between counts
    shown alike, may be anything from 0 to 9; any other stays as uncertain as that.
    """
    own = ladder(counts, SRS)
    slack = BASE / 2
    for one in counts:
        for other in counts:
            # Of fewer than twice the threshold it is known besides that no shown count is under it.
            if one == other or not 0 <= one - other < LEAST or other < 2 * LEAST:
                continue
            first, second = own.shown(one), own.shown(other)
            under = 0 if one == max(counts) else LEAST - 1
            most = first + slack - max(LEAST, second - slack - (LEAST - 1))
            least = first - slack - under - (second + slack)
            assert most - max(0, least) >= LEAST - 1, (one, other, first, second)
            if first == second or one == max(counts):
                assert least <= 0 and most >= LEAST - 1, (one, other, first, second)


def test_a_count_close_below_another_is_shown_alike():
    own = ladder([403, 400, 394, 393], SRS)
    assert [own.shown(each) for each in (403, 400, 394, 393, 9)] == [405, 405, 405, 395, None]


@given(st.integers(LEAST, 10_000))
def test_rounding_moves_a_count_by_half_the_base_at_most(count):
    assert abs(nearest(count, BASE) - count) <= BASE / 2
    assert nearest(count, BASE) % BASE == 0


def test_a_threshold_of_another_policy_is_heard():
    strict = Rules(threshold=20, base=10)
    assert suppressed([15, 85], [Partition((0, 1), 100)], strict) == {0, 1}
    assert ladder([19, 40], strict).shown(19) is None
