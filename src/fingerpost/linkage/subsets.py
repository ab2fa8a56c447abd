"""Large groups of which one side is few: chances and draws by sums over who of the few is taken.

The many take partners in turn; all that the next must know is who of the few is gone. So sums over
2 ^ few sets stand for sums over all ways of pairing off, however many these are: what is called
forward filtering and backward sampling of hidden states. Source: Scott 2002, JASA 97:337.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.linkage.scoring import Floats, Ints

# Of the side that is fewer, at most; numbers that are held at most.
MOST_FEW, MOST_HELD = 12, 4_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Turns:
    """A group as turns of its many. few: how many the others are. pairs: of each turn, their
    places; takes: of each pair, which of the few it takes, as a power of two.
    """

    few: int
    pairs: tuple[Ints, ...]
    takes: Ints


def turns_of(left: Ints, right: Ints) -> Turns | None:
    """Return a group as turns; None where both of its sides are many.

    left, right: people of each of its pairs.
    """
    few, of_few = np.unique(left, return_inverse=True)
    many, of_many = np.unique(right, return_inverse=True)
    if len(few) > len(many):
        few, of_few, many, of_many = many, of_many, few, of_few
    if len(few) > MOST_FEW or (len(many) + 1) << len(few) > MOST_HELD:
        return None
    order = np.argsort(of_many, kind="stable")
    ends = np.cumsum(np.bincount(of_many))[:-1]
    return Turns(len(few), tuple(np.split(order, ends)), np.left_shift(1, of_few))


def weighed(odds: Floats) -> tuple[float, Floats]:
    """Return the weight of taking nobody in a turn and those of its pairs, the largest of them 1.

    odds: log odds. All ways take part in every turn, so that a factor of it changes no chance.
    """
    top = max(0.0, float(odds.max()))
    return float(np.exp(-top)), np.exp(odds - top)


def fronts(turns: Turns, odds: Floats) -> list[Floats]:
    """Return before each turn, and after the last, the weight of each set of the few being taken,
    the largest 1.
    """
    sets = np.arange(1 << turns.few)
    held = [np.zeros(len(sets))]
    held[0][0] = 1.0
    for pairs in turns.pairs:
        nobody, weights = weighed(odds[pairs])
        after = nobody * held[-1]
        for pair, weight in zip(pairs, weights, strict=True):
            free = sets[sets & turns.takes[pair] == 0]
            after[free | turns.takes[pair]] += weight * held[-1][free]
        held.append(after / after.max())
    return held


def chances(turns: Turns, odds: Floats) -> Floats:
    """Return the chance of each pair of a group, given that people pair off one to one.

    odds: log odds of each pair.
    """
    sets, chance = np.arange(1 << turns.few), np.zeros(len(odds))
    held, back = fronts(turns, odds), np.ones(1 << turns.few)
    for at in reversed(range(len(turns.pairs))):
        pairs, front = turns.pairs[at], held[at]
        nobody, weights = weighed(odds[pairs])
        before = nobody * back
        for pair, weight in zip(pairs, weights, strict=True):
            free = sets[sets & turns.takes[pair] == 0]
            taken = weight * back[free | turns.takes[pair]]
            chance[pair] = front[free] @ taken
            before[free] += taken
        chance[pairs] /= front @ before
        back = before / before.max()
    return chance


def drawn(turns: Turns, odds: Floats, rng: np.random.Generator) -> Ints:
    """Return pairs of a group drawn together, each way by the product of its odds, as places."""
    held = fronts(turns, odds)
    taken = int(rng.choice(len(held[-1]), p=held[-1] / held[-1].sum()))
    found = []
    for at in reversed(range(len(turns.pairs))):
        pairs = turns.pairs[at]
        nobody, weights = weighed(odds[pairs])
        own = turns.takes[pairs]
        free = np.where(taken & own, taken - own, 0)
        ways = np.append(np.where(taken & own, weights * held[at][free], 0.0), 0.0)
        ways[-1] = nobody * held[at][taken]
        chosen = int(rng.choice(len(ways), p=ways / ways.sum()))
        if chosen < len(pairs):
            found.append(int(pairs[chosen]))
            taken -= int(own[chosen])
    return np.array(sorted(found), dtype=np.int64)
