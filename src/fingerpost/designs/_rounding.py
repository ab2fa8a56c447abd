"""Which waves get one more unit of a stratum: controlled rounding that is exact on average.

Every wave is owed n(s)·w(k) / N units of stratum s. It gets the whole of that, or one more, such
that the units of every stratum and of every wave add up, and such that the mean over roundings is
what it is owed: every unit of every stratum is then as likely to be in a wave as any other.

Cells are held in N-ths: b(s, k) = n(s)·w(k) mod N, of which N is one more unit. Waves are shuffled,
then strata. As long as cells lie between 0 and N there is a cycle of such cells, each two sharing a
stratum and a wave in turn, since no stratum and no wave can have only one: from the first such cell
(strata, then waves, in their shuffled order) to the first other one of its wave, from there to the
first other one of its stratum, and so on until a stratum or a wave comes again. Along the cycle
cells are raised and lowered in turn, by as much as leaves all of them within 0 to N: `up` one way
round, `down` the other; up where v · (up + down) < down · 2^24, v being the next number below 2^24.
So nothing changes on average, and one cell more is settled (Cox 1987, Journal of the American
Statistical Association 82:520-524; Gandhi, Khuller, Parthasarathy & Srinivasan 2006, Journal of
the ACM 53:324-360).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.counter_draws import below_many, shuffle_bounds, shuffle_rows

MOST, LEAST, WORK = 2**13, 2**10, 2**18
FIRST = 2**63  # the stream of the first rounding; those of candidates lie below
FINE = 2**24  # in so many parts a probability is told
SLICE = 4_096
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]


def book_size(strata: int, waves: int) -> int:
    """Return how many roundings a draw's candidates take in turn: fewer where each is more work.

    >>> book_size(9, 5), book_size(100, 5), book_size(1, 2)
    (8192, 1684, 8192)
    """
    return min(MOST, LEAST + WORK // ((strata - 1) * (waves - 1) + 1))


def rounding_bounds(strata: int, waves: int) -> list[int]:
    """Return the numbers that a rounding needs, in order: shuffles of waves and of strata, and one
    for every cycle that there can be.

    >>> rounding_bounds(2, 3)
    [3, 2, 2, 16777216, 16777216]
    """
    cycles = (strata - 1) * (waves - 1)
    return [*shuffle_bounds(waves), *shuffle_bounds(strata), *[FINE] * cycles]


def roundings(sizes: Whole, waves: Whole, *, seed: bytes, numbers: Whole) -> Flags:
    """Return which waves get one more unit of each stratum: (s, k, roundings).

    sizes: (s,) units of strata; waves: (k,) units of waves, as many in all. numbers: of roundings.
    """
    found = np.zeros((len(sizes), len(waves), len(numbers)), dtype=np.bool_)
    owed = sizes[:, None] * waves[None, :] % int(sizes.sum())
    if not owed.any():
        return found
    bounds = rounding_bounds(len(sizes), len(waves))
    for start in range(0, len(numbers), SLICE):
        part = numbers[start : start + SLICE].astype(np.uint64) + np.uint64(FIRST)
        chosen = below_many(seed, part.tolist(), bounds=bounds)
        found[:, :, start : start + SLICE] = _rounded(owed, int(sizes.sum()), chosen)
    return found


def _rounded(owed: Whole, whole: int, chosen: Whole) -> Flags:
    """Return roundings of owed (s, k), in parts of `whole`, from (bounds, roundings) numbers."""
    strata, waves = owed.shape
    order = _shuffled(waves, chosen[: waves - 1])
    turns = _shuffled(strata, chosen[waves - 1 : waves + strata - 2])
    cells = np.ascontiguousarray(owed[turns.T[:, :, None], order.T[:, None, :]])
    table = _Table(cells, whole)
    live = np.arange(len(cells))
    for numbers in chosen[waves + strata - 2 :]:
        live = live[table.free.reshape(len(cells), -1)[live].any(axis=1)]
        if not len(live):
            break
        table.settle(live, numbers[live])
    found = np.zeros((strata, waves, len(cells)), dtype=np.bool_)
    many = np.arange(len(cells))
    found[turns.T[:, :, None], order.T[:, None, :], many[:, None, None]] = cells == whole
    return found


class _Table:
    """Cells (r, s, k) of many roundings at once, and which of them are not settled."""

    def __init__(self, cells: Whole, whole: int) -> None:
        self.cells, self.whole = cells, whole
        self.free = (cells > 0) & (cells < whole)
        # The same by wave, so that those of a wave lie one after another in memory as well.
        self.turned = np.ascontiguousarray(self.free.transpose(0, 2, 1))

    def settle(self, live: Whole, numbers: Whole) -> None:
        """Settle a cycle of each of the roundings `live`."""
        _, strata, waves = self.cells.shape
        (rows, columns), begin, end = self.cycles(live)
        at = np.arange(len(rows))[:, None]
        on = (at >= begin) & (at <= end)
        plus = on & ((at - begin) % 2 == 0)
        flat = self.cells.reshape(-1)
        place = (live * strata + rows) * waves + columns
        held = flat[place]
        rest = self.whole - held
        up = np.where(on, np.where(plus, rest, held), self.whole).min(axis=0)
        down = np.where(on, np.where(plus, held, rest), self.whole).min(axis=0)
        step = np.where(numbers * (up + down) < down * FINE, up, -down)
        held = held + np.where(plus, step, -step)
        flat[place[on]] = held[on]
        settled = on & ((held == 0) | (held == self.whole))
        self.free.reshape(-1)[place[settled]] = False
        other = (live * waves + columns) * strata + rows
        self.turned.reshape(-1)[other[settled]] = False

    def cycles(self, live: Whole) -> tuple[tuple[Whole, Whole], Whole, Whole]:
        """Return a walk over free cells that ends where it closes a cycle: strata and waves of its
        cells (steps, live), and the first and the last of them that are of the cycle.

        It begins in the first free cell, goes to the first other one of the same wave, from there
        to the first other one of the same stratum, and so on.
        """
        _, strata, waves = self.cells.shape
        first = self.free.reshape(len(self.free), -1)[live].argmax(axis=1)
        row, column = first // waves, first % waves
        rows, columns = [row], [column]
        # The step that left each stratum, and each wave; −1 where none has.
        left_row = np.full((len(live), strata), -1)
        left_column = np.full((len(live), waves), -1)
        begin, end = np.zeros(len(live), dtype=np.int64), np.zeros(len(live), dtype=np.int64)
        going = np.arange(len(live))
        left_row[going, row] = 0
        by_row, by_column = self.free.reshape(-1, waves), self.turned.reshape(-1, strata)
        step = 0
        while len(going):
            step += 1
            row, column = row.copy(), column.copy()
            own, cut, across = row[going], column[going], np.arange(len(going))
            if step % 2:
                others = by_column[live[going] * waves + cut]
                others[across, own] = False
                left_column[going, cut] = step
                row[going] = others.argmax(axis=1)
                closed = left_row[going, row[going]]
            else:
                others = by_row[live[going] * strata + own]
                others[across, cut] = False
                left_row[going, own] = step
                column[going] = others.argmax(axis=1)
                closed = left_column[going, column[going]]
            rows.append(row)
            columns.append(column)
            done = closed >= 0
            begin[going[done]], end[going[done]] = closed[done], step
            going = going[~done]
        return (np.array(rows), np.array(columns)), begin, end


def _shuffled(places: int, chosen: Whole) -> Whole:
    """Return 0 … places − 1 shuffled in every stream: (places, streams)."""
    rows = np.repeat(np.arange(places)[:, None], chosen.shape[1], axis=1)
    shuffle_rows(rows, chosen)
    return rows
