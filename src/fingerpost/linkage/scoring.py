"""Fellegi and Sunter's model: how likely each level is in matches (m) and in others (u).

A pair's weight is log2 of the odds that it is a match: of two people at random, times m / u of each
comparison. Agreement on one value is worth 1 over how often that value is borne, in place of 1 / u.
Source: Fellegi and Sunter 1969, JASA 64:1183; Winkler 1988 on how it is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Pairs less likely than this are let go: together they hold next to none of the matches.
FLOOR = 0.001
# Of a level that was never seen: Jeffreys' half.
UNSEEN = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt.

    names: of the comparisons. m, u: chance of each level (strongest first, `differ` last) of each.
    seen: (matches, others) that m and u rest on, a pair of numbers a comparison. prior: chance that
    two people at random are one. frequency: whether values' own frequency counts, a comparison.
    """

    names: tuple[str, ...]
    m: tuple[Floats, ...]
    u: tuple[Floats, ...]
    seen: tuple[tuple[float, float], ...]
    prior: float
    pairs: float
    frequency: tuple[bool, ...]

    def weights(self, patterns: Ints) -> Floats:
        """Return the weight of patterns (P × comparisons, -1 unknown) before values' frequency."""
        total = np.full(len(patterns), np.log2(self.prior) - np.log2(1 - self.prior))
        for at, (m, u) in enumerate(zip(self.m, self.u, strict=True)):
            with np.errstate(divide="ignore"):
                bits = np.log2(m) - np.log2(u)
                if self.frequency[at]:
                    bits[0] = np.log2(m[0])
            total += np.append(bits, 0.0)[patterns[:, at]]
        return total

    def told(self) -> dict[str, Any]:
        """Return the model as plain data: no identifier is in it."""
        return {
            "prior": self.prior,
            "comparisons": {
                name: {"m": [float(x) for x in m], "u": [float(x) for x in u]}
                for name, m, u in zip(self.names, self.m, self.u, strict=True)
            },
        }


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs that may be matches, at least `FLOOR` likely each, and what they rest on.

    left, right: people by number, sorted. pattern: which row of `patterns` (levels, -1 unknown).
    rarity: log2 of how often the values that they agree on are borne, 0 where that does not count.
    counts: how many people there are, (left, right). compared: how many pairs were looked at.
    """

    left: Ints
    right: Ints
    pattern: Ints
    rarity: Floats
    patterns: Ints
    model: Model
    counts: tuple[int, int]
    compared: int

    def weights(self, model: Model | None = None) -> Floats:
        """Return each pair's weight, under a model or the one that was learnt."""
        chosen = model or self.model
        return chosen.weights(self.patterns)[self.pattern] - self.rarity

    def redrawn(self, rng: np.random.Generator) -> Model:
        """Return the model with its parameters drawn anew: Dirichlet about m and u, Gamma about
        the number of matches.
        """
        model = self.model
        matches = max(model.prior * model.pairs, UNSEEN)
        return replace(
            model,
            m=tuple(drawn(p, n, rng) for p, (n, _) in zip(model.m, model.seen, strict=True)),
            u=tuple(drawn(p, n, rng) for p, (_, n) in zip(model.u, model.seen, strict=True)),
            prior=min(float(rng.gamma(matches)) / model.pairs, 0.5),
        )


def drawn(chances: Floats, seen: float, rng: np.random.Generator) -> Floats:
    """Return chances drawn anew, given that they rest on so many pairs."""
    made = rng.dirichlet(chances * seen + UNSEEN / len(chances))
    return np.asarray(np.maximum(made, 1e-12), dtype=np.float64)


def probability(weights: Floats) -> Floats:
    """Return the chance that a weight stands for.

    >>> probability(np.array([0.0, 1.0])).round(3).tolist()
    [0.5, 0.667]
    """
    return np.asarray(1 / (1 + np.exp2(-np.clip(weights, -1000, 1000))), dtype=np.float64)
