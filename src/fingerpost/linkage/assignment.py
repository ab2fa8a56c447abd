"""One to one: which pairs stand together, the best of them, or drawn by how likely they are.

Pairs fall into groups that share no person. Of a group whose ways of pairing off are few, each way
is written out, and chances are exact; groups with many are drawn by a chain of small changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.linkage.scoring import Floats, Ints

# Ways of pairing off a group that are written out; steps of the chain, a pair, of larger groups.
MOST_WAYS = 250
STEPS = 60


@dataclass(frozen=True, eq=False, slots=True)
class Draw:
    """One spine as it was drawn. at: places of the pairs linked. weights: of every pair."""

    at: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class Ways:
    """How pairs may stand together, one to one.

    left, right: people of each pair. start: the first way of each group of pairs; way, pair: one
    entry for each pair in each way. ways: how many in all. large: the pairs of each group with more
    ways than are written out.
    """

    left: Ints
    right: Ints
    start: Ints
    way: Ints
    pair: Ints
    ways: int
    large: tuple[Ints, ...]

    def best(self, weights: Floats) -> Ints:
        """Return the pairs that stand together with most weight, as places, in order.

        weights: of each pair, in bits; what weighs nothing or less is left out. Of ties, the first.
        """
        gain = np.where(weights > 0, weights, -1.0)
        chosen = self._picked(self._of_ways(gain))
        found = [chosen[gain[chosen] > 0], *(assigned(self, group, gain) for group in self.large)]
        return np.sort(np.concatenate(found))

    def drawn(self, weights: Floats, rng: np.random.Generator) -> Ints:
        """Return pairs drawn together, each way by the product of its odds, as places, in order.

        weights: log2 odds of each pair.
        """
        odds = np.log(2.0) * weights
        noise = rng.gumbel(size=self.ways)
        found = [self._picked(self._of_ways(odds) + noise)]
        found += [chain(self, group, odds, rng)[0] for group in self.large]
        return np.sort(np.concatenate(found))

    def chances(self, weights: Floats, rng: np.random.Generator) -> Floats:
        """Return the chance of each pair, given that people pair off one to one."""
        odds = np.log(2.0) * weights
        chance = np.zeros(len(odds))
        if self.ways:
            each = self._of_ways(odds)
            top = np.maximum.reduceat(each, self.start)
            size = np.diff(np.append(self.start, self.ways))
            raised = np.exp(each - np.repeat(top, size))
            raised /= np.repeat(np.add.reduceat(raised, self.start), size)
            np.add.at(chance, self.pair, raised[self.way])
        for group in self.large:
            chance[group] = chain(self, group, odds, rng)[1]
        return chance

    def _of_ways(self, odds: Floats) -> Floats:
        total = np.bincount(self.way, odds[self.pair], minlength=self.ways)
        return total.astype(np.float64)

    def _picked(self, score: Floats) -> Ints:
        """Return the pairs of each group's way with the highest score."""
        if not self.ways:
            return np.zeros(0, dtype=np.int64)
        size = np.diff(np.append(self.start, self.ways))
        top = np.repeat(np.maximum.reduceat(score, self.start), size)
        hits = np.flatnonzero(score == top)
        group = np.repeat(np.arange(len(size)), size)[hits]
        first = hits[np.unique(group, return_index=True)[1]]
        taken = np.zeros(self.ways, dtype=bool)
        taken[first] = True
        return self.pair[taken[self.way]]


def ways_of(left: Ints, right: Ints, counts: tuple[int, int]) -> Ways:
    """Return how pairs may stand together. counts: how many people there are, (left, right)."""
    group = groups(left, right, counts)
    order = np.argsort(group, kind="stable")
    first, size = starts(group[order])
    lefts, rights = distinct_in(group, left), distinct_in(group, right)
    plain = (lefts == 1) | (rights == 1)
    pieces: list[list[Ints]] = [stars(order, first, size, plain)]
    large = []
    for at in np.flatnonzero(~plain):
        pairs = order[first[at] : first[at] + size[at]]
        found = written_out(left[pairs], right[pairs])
        if found is None:
            large.append(np.sort(pairs))
        else:
            pieces.append(as_entries(found, pairs))
    return joined(left, right, pieces, tuple(large))


def joined(left: Ints, right: Ints, pieces: list[list[Ints]], large: tuple[Ints, ...]) -> Ways:
    """Return the ways of many groups, numbered through."""
    start, way, pair, total = [], [], [], 0
    for begins, ways, pairs, count in pieces:
        start.append(begins + total)
        way.append(ways + total)
        pair.append(pairs)
        total += int(count[0])
    return Ways(
        left=left,
        right=right,
        start=np.concatenate(start),
        way=np.concatenate(way),
        pair=np.concatenate(pair),
        ways=total,
        large=large,
    )


def groups(left: Ints, right: Ints, counts: tuple[int, int]) -> Ints:
    """Return the group of each pair, from 0 without gaps: pairs of one group share people."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(left):
        return np.zeros(0, dtype=np.int64)
    total = sum(counts)
    graph = coo_array((np.ones(len(left)), (left, right + counts[0])), shape=(total, total))
    label = connected_components(graph.tocsr(), directed=False)[1]
    return np.asarray(np.unique(label[left], return_inverse=True)[1], dtype=np.int64)


def starts(group: Ints) -> tuple[Ints, Ints]:
    """Return where each group starts in a sorted row of groups, and how many entries it has."""
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    return first.astype(np.int64), size.astype(np.int64)


def distinct_in(group: Ints, person: Ints) -> Ints:
    """Return how many different people each group has."""
    pairs = np.unique(np.stack([group, person]), axis=1)[0]
    return np.bincount(pairs, minlength=int(group.max(initial=-1)) + 1)


def stars(order: Ints, first: Ints, size: Ints, plain: NDArray[np.bool_]) -> list[Ints]:
    """Return the ways of groups about one person: no pair, or one of them."""
    sizes = size[plain] + 1
    start = np.cumsum(sizes) - sizes
    way = np.arange(int(sizes.sum()))
    inside = way - np.repeat(start, sizes)
    holds = inside > 0
    pair = order[(np.repeat(first[plain], sizes) + inside - 1)[holds]]
    return [start, way[holds], pair, np.array([sizes.sum()], dtype=np.int64)]


def as_entries(found: list[tuple[int, ...]], pairs: Ints) -> list[Ints]:
    """Return the ways of one group as entries."""
    way = [at for at, held in enumerate(found) for _ in held]
    place = [one for held in found for one in held]
    return [
        np.zeros(1, dtype=np.int64),
        np.array(way, dtype=np.int64),
        pairs[np.array(place, dtype=np.int64)],
        np.array([len(found)], dtype=np.int64),
    ]


def written_out(left: Ints, right: Ints) -> list[tuple[int, ...]] | None:
    """Return every way of a few pairs to stand together, or None where there are too many.

    >>> written_out(np.array([0, 0, 1]), np.array([0, 1, 1]))
    [(), (2,), (1,), (0,), (0, 2)]
    """
    if len(left) > 2 * MOST_WAYS:
        return None
    # Most groups are of a few shapes: people are numbered within theirs.
    own = (np.unique(each, return_inverse=True)[1].ravel().tolist() for each in (left, right))
    found = of_shape(tuple(zip(*own, strict=True)), MOST_WAYS)
    return None if found is None else list(found)


@lru_cache(maxsize=4096)
def of_shape(pairs: tuple[tuple[int, int], ...], most: int) -> tuple[tuple[int, ...], ...] | None:
    """Return every way of a group's pairs to stand together, or None where there are too many."""
    found: list[tuple[int, ...]] = []
    for one in pairings(pairs, 0, (), frozenset(), frozenset()):
        found.append(one)
        if len(found) > most:
            return None
    return tuple(found)


def pairings(
    pairs: tuple[tuple[int, int], ...],
    at: int,
    held: tuple[int, ...],
    lefts: frozenset[int],
    rights: frozenset[int],
) -> Iterator[tuple[int, ...]]:
    """Yield the ways to go on from some pairs, those that leave the next one out first."""
    if at == len(pairs):
        yield held
        return
    one, other = pairs[at]
    yield from pairings(pairs, at + 1, held, lefts, rights)
    if one not in lefts and other not in rights:
        yield from pairings(pairs, at + 1, (*held, at), lefts | {one}, rights | {other})


def assigned(ways: Ways, group: Ints, gain: Floats) -> Ints:
    """Return the pairs of a large group that stand together with most weight."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    good = group[gain[group] > 0]
    if not len(good):
        return good
    rows, row = np.unique(ways.left[good], return_inverse=True)
    columns, column = np.unique(ways.right[good], return_inverse=True)
    # Whoever is left without a pair has a stand-in of their own, which weighs nothing; one is added
    # to every weight, since a sparse table keeps no noughts.
    own = np.arange(len(rows))
    worth = coo_array(
        (
            np.concatenate([gain[good] + 1, np.ones(len(rows))]),
            (np.concatenate([row, own]), np.concatenate([column, len(columns) + own])),
        )
    ).tocsr()
    one, other = min_weight_full_bipartite_matching(worth, maximize=True)
    real = other < len(columns)
    code = row * len(columns) + column
    taken = good[np.searchsorted(code, one[real] * len(columns) + other[real])]
    return np.sort(taken.astype(np.int64))


def chain(ways: Ways, group: Ints, odds: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Return pairs of a large group drawn together, and how often each stood on the way there.

    A chain of small changes that begins with the best way: a pair is picked at random and joined,
    parted, or put in place of those that stand in its way; the change is kept by Metropolis's rule.
    """
    pairs = list(zip(ways.left[group].tolist(), ways.right[group].tolist(), strict=True))
    place = {pair: at for at, pair in enumerate(pairs)}
    bits = odds[group]
    held = {pairs[at] for at in np.searchsorted(group, assigned(ways, group, odds))}
    partner: tuple[dict[int, int], dict[int, int]] = (
        dict(held),
        {other: one for one, other in held},
    )
    steps = STEPS * len(pairs)
    picks, luck = rng.integers(len(pairs), size=steps), np.log(rng.random(steps))
    stood = np.zeros(len(pairs))
    since = np.zeros(len(pairs), dtype=np.int64)
    for step, (pick, chance) in enumerate(zip(picks.tolist(), luck.tolist(), strict=True)):
        out, into = change(pairs[pick], partner, place)
        gain = sum(bits[at] for at in into) - sum(bits[at] for at in out)
        if (not out and not into) or chance >= gain:
            continue
        for at in out:
            stood[at] += step - since[at]
            one, other = pairs[at]
            partner[0].pop(one, None)
            partner[1].pop(other, None)
        for at in into:
            since[at] = step
            one, other = pairs[at]
            partner[0][one], partner[1][other] = other, one
    now = [place[pair] for pair in partner[0].items()]
    for at in now:
        stood[at] += steps - since[at]
    return group[np.array(now, dtype=np.int64)], stood / max(steps, 1)


def change(
    pair: tuple[int, int], partner: tuple[Any, Any], place: dict[tuple[int, int], int]
) -> tuple[list[int], list[int]]:
    """Return the pairs that part and the pairs that join where one is picked; each change can be
    undone by picking one pair as well.
    """
    one, other = pair
    with_one, with_other = partner[0].get(one), partner[1].get(other)
    if with_one == other:
        return [place[pair]], []
    out = [place[one, with_one]] if with_one is not None else []
    out += [place[with_other, other]] if with_other is not None else []
    into = [place[pair]]
    if len(out) == 2:
        crossed = place.get((with_other, with_one))
        if crossed is None:
            return [], []
        into.append(crossed)
    return out, into
