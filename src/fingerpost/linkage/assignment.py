"""One to one: which pairs stand together, the best of them, or drawn by how likely they are.

Pairs fall into groups that share no person. Of a group whose ways of pairing off are few, each way
is written out, and of one with few people on a side all are summed (`subsets`): chances are exact.
Groups with many people on both sides are drawn by a chain of small changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fingerpost.linkage import subsets
from fingerpost.linkage.scoring import Floats, Ints
from fingerpost.linkage.subsets import turns_of

# Ways of pairing off a group that are written out; steps of the chain, a pair, of larger groups;
# random numbers that are drawn at a time.
MOST_WAYS = 250
STEPS = 60
BLOCK = 65_536


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
        found += [self._drawn_of(group, odds, rng) for group in self.large]
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
            turns = turns_of(self.left[group], self.right[group])
            if turns is None:
                chance[group] = chain(self, group, odds, rng)[1]
            else:
                chance[group] = subsets.chances(turns, odds[group])
        return chance

    def _drawn_of(self, group: Ints, odds: Floats, rng: np.random.Generator) -> Ints:
        turns = turns_of(self.left[group], self.right[group])
        if turns is None:
            return chain(self, group, odds, rng)[0]
        return group[subsets.drawn(turns, odds[group], rng)]

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


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """Ways of some groups, as `Ways` has them, numbered from 0."""

    start: Ints
    way: Ints
    pair: Ints
    ways: int


def ways_of(left: Ints, right: Ints, counts: tuple[int, int]) -> Ways:
    """Return how pairs may stand together. counts: how many people there are, (left, right)."""
    group = groups(left, right, counts)
    order = np.argsort(group, kind="stable")
    first, size = starts(group[order])
    lefts, rights = distinct_in(group, left), distinct_in(group, right)
    plain = (lefts == 1) | (rights == 1)
    pieces = [stars(order, first, size, plain)]
    large = []
    for at in np.flatnonzero(~plain):
        pairs = order[first[at] : first[at] + size[at]]
        found = written_out(left[pairs], right[pairs])
        if found is None:
            large.append(np.sort(pairs))
        else:
            pieces.append(as_entries(found, pairs))
    return joined(left, right, pieces, tuple(large))


def joined(left: Ints, right: Ints, pieces: list[Entries], large: tuple[Ints, ...]) -> Ways:
    """Return the ways of many groups, numbered through."""
    before = np.cumsum([0, *(piece.ways for piece in pieces)])
    return Ways(
        left=left,
        right=right,
        start=np.concatenate([piece.start + n for piece, n in zip(pieces, before, strict=False)]),
        way=np.concatenate([piece.way + n for piece, n in zip(pieces, before, strict=False)]),
        pair=np.concatenate([piece.pair for piece in pieces]),
        ways=int(before[-1]),
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


def stars(order: Ints, first: Ints, size: Ints, plain: NDArray[np.bool_]) -> Entries:
    """Return the ways of groups about one person: no pair, or one of them."""
    sizes = size[plain] + 1
    start = np.cumsum(sizes) - sizes
    way = np.arange(int(sizes.sum()))
    inside = way - np.repeat(start, sizes)
    holds = inside > 0
    pair = order[(np.repeat(first[plain], sizes) + inside - 1)[holds]]
    return Entries(start, way[holds], pair, int(sizes.sum()))


def as_entries(found: list[tuple[int, ...]], pairs: Ints) -> Entries:
    """Return the ways of one group as entries."""
    way = [at for at, held in enumerate(found) for _ in held]
    place = [one for held in found for one in held]
    return Entries(
        start=np.zeros(1, dtype=np.int64),
        way=np.array(way, dtype=np.int64),
        pair=pairs[np.array(place, dtype=np.int64)],
        ways=len(found),
    )


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


class Matching:
    """The pairs of one large group, by number, and which of them stand together at some step.

    left, right: the two people of each pair, numbered from 0. of_left, of_right: the pair that each
    person stands in, -1 for none. stood: for how many steps each pair stood, until it parted.
    """

    __slots__ = ("_code", "_place", "_since", "left", "of_left", "of_right", "right", "stood")

    def __init__(self, left: Ints, right: Ints) -> None:
        """Number the people of a group; nobody stands in a pair."""
        lefts, one = np.unique(left, return_inverse=True)
        rights, other = np.unique(right, return_inverse=True)
        # Lists of whole numbers: a step reads a few of them, which costs numpy ten times as much.
        self.left: list[int] = one.tolist()
        self.right: list[int] = other.tolist()
        self._code: list[int] = (one * len(rights)).tolist()
        self._place = {code: at for at, code in enumerate((one * len(rights) + other).tolist())}
        self.of_left = [-1] * len(lefts)
        self.of_right = [-1] * len(rights)
        self._since = [0] * len(left)
        self.stood = [0] * len(left)

    def join(self, pair: int, step: int) -> None:
        """Let two stand together who stand with nobody."""
        self.of_left[self.left[pair]] = self.of_right[self.right[pair]] = pair
        self._since[pair] = step

    def apart(self, pair: int, step: int) -> None:
        """Let a pair stand together no more."""
        self.of_left[self.left[pair]] = self.of_right[self.right[pair]] = -1
        self.stood[pair] += step - self._since[pair]

    def crossed(self, first: int, second: int) -> int:
        """Return the pair of the first's right person with the second's left, -1 for none."""
        return self._place.get(self._code[second] + self.right[first], -1)

    def standing(self, steps: int) -> list[int]:
        """Return the pairs that stand at the end, after so many steps, as if they parted there."""
        found = [pair for pair in self.of_left if pair >= 0]
        for pair in found:
            self.apart(pair, steps)
        return found


def chain(ways: Ways, group: Ints, odds: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Return pairs of a large group drawn together, and how often each stood on the way there.

    odds: log odds of every pair. A chain of small changes that begins with the best way: a pair is
    picked at random and parted, joined, or put in place of the one or two that stand in its way, in
    which case those left over stand together; the change is kept by Metropolis's rule.
    """
    # As many picks undo a change as make it (one; a crossing: either of its two new pairs makes it,
    # either of its two old ones undoes it), so that each way is met by the product of its odds.
    now = Matching(ways.left[group], ways.right[group])
    for pair in np.searchsorted(group, assigned(ways, group, odds)).tolist():
        now.join(pair, 0)
    left, right, of_left, of_right = now.left, now.right, now.of_left, now.of_right
    worth = [*odds[group].tolist(), 0.0]  # the last is of no pair, whose number is -1
    steps = STEPS * len(group)
    for step, pick, luck in picked(len(group), steps, rng):
        one, other, crossed = of_left[left[pick]], of_right[right[pick]], -1
        if one == pick:
            if luck < -worth[pick]:
                now.apart(pick, step)
            continue
        if one >= 0 and other >= 0:
            crossed = now.crossed(one, other)
            if crossed < 0:
                continue
        if luck >= worth[pick] + worth[crossed] - worth[one] - worth[other]:
            continue
        for pair in (one, other):
            if pair >= 0:
                now.apart(pair, step)
        now.join(pick, step)
        if crossed >= 0:
            now.join(crossed, step)
    found = now.standing(steps)
    return group[np.array(found, dtype=np.int64)], np.array(now.stood) / max(steps, 1)


def picked(pairs: int, steps: int, rng: np.random.Generator) -> Iterator[tuple[int, int, float]]:
    """Yield each step, a pair at random, and the log of a number at random from 0 to 1."""
    for start in range(0, steps, BLOCK):
        size = min(BLOCK, steps - start)
        picks = rng.integers(pairs, size=size).tolist()
        # 1 less a number below 1 is above 0, which has no log.
        luck = np.log(1 - rng.random(size)).tolist()
        yield from zip(range(start, start + size), picks, luck, strict=True)
