"""People paired off one to one: scored pairs with the chance of each, and the best links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fingerpost.core.seeds import stream
from fingerpost.linkage.assignment import Ways, ways_of
from fingerpost.linkage.scoring import CLOSE, Floats, Ints, Scored, bits

# Rounds until chances agree with how many are linked.
ROUNDS = 10
# Sets of pairs, one to one each, that between them hold every hospital record, at most.
MOST_COVERS = 4


@dataclass(frozen=True, slots=True)
class Paired:
    """Scored pairs, paired off one to one.

    chance: of each pair, given that people pair off one to one. best: the places of the pairs that
    are linked, at a threshold.
    """

    scored: Scored
    ways: Ways
    chance: Floats
    best: Ints


def pair_off(found: Scored, *, threshold: float, seed: int) -> Paired:
    """Return scored pairs one to one, those that are at least as likely as a threshold linked."""
    ways = ways_of(found.left, found.right, found.counts)
    found, chance = settled(found, ways, seed=seed)
    weights = found.weights()
    # A sum of weights, so that of two ways to pair people off the likelier one is taken.
    best = ways.best(np.where(chance >= threshold, np.maximum(weights, 1e-9), -1.0))
    return Paired(found, ways, chance, best)


def settled(found: Scored, ways: Ways, *, seed: int) -> tuple[Scored, Floats]:
    """Return pairs weighed by the odds of two people left over, and the chance of each, one to one:
    as many are linked as the chances sum to.
    """
    found = found.expecting(found.linked)
    for _ in range(ROUNDS):
        before = bits(found.model.prior)
        chance = ways.chances(found.weights(), stream("linkage", "chances", seed=seed))
        after = found.expecting(min(float(chance.sum()), min(found.counts)))
        if abs(bits(after.model.prior) - before) < CLOSE:
            break
        found = after
    return found, chance


def covers(paired: Paired) -> Iterator[Ints]:
    """Yield sets of pairs, one to one each, that between them hold every hospital record, the
    likelier pairs first; after `MOST_COVERS` whoever is left over is let go.
    """
    found, weights = paired.scored, paired.scored.weights()
    worth = weights - weights.min() + 1.0
    left = np.zeros(found.counts[0], dtype=bool)
    for _ in range(MOST_COVERS):
        at = paired.ways.best(np.where(left[found.left], -1.0, worth))
        if not len(at):
            return
        yield at
        left[found.left[at]] = True
