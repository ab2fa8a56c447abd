"""Fellegi and Sunter's model: how likely each level is in matches (m) and in others (u).

A pair's weight is log2 of the odds that it is a match, times m / u of each comparison: of two
people at random while the model is learnt, and of two whom nobody else is linked with once people
pair off one to one. Agreement on one value is worth 1 over how often that value is borne, in place
of 1 / u.
Source: Fellegi and Sunter 1969, JASA 64:1183; Winkler 1988 on how it is learnt; Sadinle 2017, JASA
112:600 on one to one.
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
# Rounds until how many are linked agrees with the odds it gives, and how near is near: in bits.
ROUNDS, CLOSE = 100, 1e-3


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt.

    names: of the comparisons. m, u: chance of each level (strongest first, `differ` last) of each.
    seen: (matches, others) that m and u rest on, a pair of numbers a comparison. prior: chance that
    two people at random are one; that two are whom nobody else is linked with, where `linked` says
    how many are expected to be linked one to one. frequency: whether values' own frequency counts,
    a comparison. untaught: comparisons of whose m nothing was learnt: a declared one stands.
    """

    names: tuple[str, ...]
    m: tuple[Floats, ...]
    u: tuple[Floats, ...]
    seen: tuple[tuple[float, float], ...]
    prior: float
    pairs: float
    frequency: tuple[bool, ...]
    linked: float | None = None
    untaught: tuple[str, ...] = ()

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
            "linked": self.linked,
            "untaught": list(self.untaught),
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

    def redrawn(self, rng: np.random.Generator, linked: float | None = None) -> Model:
        """Return the model with its parameters drawn anew: Dirichlet about m and u, Beta about the
        share that is linked.

        linked: how many are; as many as the model expects where None.
        """
        model = self.model
        return replace(
            model,
            m=tuple(drawn(p, n, rng) for p, (n, _) in zip(model.m, model.seen, strict=True)),
            u=tuple(drawn(p, n, rng) for p, (_, n) in zip(model.u, model.seen, strict=True)),
            prior=prior_of(self.linked if linked is None else linked, self.counts, rng),
        )

    def pairs(self, at: Ints) -> tuple[Ints, Ints]:
        """Return the two people of pairs, by their places."""
        return self.left[at], self.right[at]

    @property
    def linked(self) -> float:
        """How many pairs are expected to be linked, one to one."""
        model = self.model
        first = model.prior * model.pairs if model.linked is None else model.linked
        return min(max(first, 0.0), float(min(self.counts)))

    def expecting(self, linked: float) -> Scored:
        """Return the pairs weighed by the odds of two people whom nobody else is linked with, where
        so many are expected to be linked.
        """
        prior = left_over(linked, self.counts)
        return replace(self, model=replace(self.model, prior=prior, linked=linked))


def left_over(linked: float, counts: tuple[int, int]) -> float:
    """Return the chance that two people are one whom nobody else is linked with.

    linked: how many are. counts: people of each side. Where all of a side are linked it stays below
    one: the share that is linked is (1 + linked) / (2 + left side), as a uniform prior has it.

    >>> chance = left_over(9, (10, 12))  # odds 10 to 2, of each of 12 - 9 + 1
    >>> round(chance / (1 - chance), 6)
    1.25
    """
    return odds_of((1 + linked) / (2 + counts[0]), linked, counts[1])


def prior_of(linked: float, counts: tuple[int, int], rng: np.random.Generator) -> float:
    """Return the chance that two of those left are one, drawn given how many are linked."""
    return odds_of(float(rng.beta(1 + linked, 1 + counts[0] - linked)), linked, counts[1])


def odds_of(share: float, linked: float, right: int) -> float:
    """Return the chance that two of those left are one, a share of the left side being linked.

    right: how many people the other side has.
    """
    odds = share / max(1 - share, 1e-12) / (right - linked + 1)
    return odds / (1 + odds)


def one_to_one(found: Scored) -> Scored:
    """Return pairs weighed by the odds of two whom nobody else is linked with, and those alone that
    are at least `FLOOR` likely by them.

    How many are linked is what these odds themselves expect, each pair standing against the others
    of its two people alone; `pairing.pair_off` then reckons with whole ways of pairing off.
    """
    found = found.expecting(found.linked)
    least = np.log2(FLOOR) - np.log2(1 - FLOOR)
    free = np.clip(found.weights() - bits(found.model.prior), -500, 500)
    for _ in range(ROUNDS):
        here = bits(found.model.prior)
        at = np.flatnonzero(free + here >= least)
        left, right, odds = found.left[at], found.right[at], np.exp2(free[at] + here)
        beside = np.bincount(left, odds)[left] + np.bincount(right, odds)[right] - odds
        found = found.expecting(min(float((odds / (1 + beside)).sum()), min(found.counts)))
        if abs(bits(found.model.prior) - here) < CLOSE:
            break
    return possible(likely(found))


def possible(found: Scored) -> Scored:
    """Return pairs without those that others of their people leave less than `FLOOR`.

    Take a way to pair off that holds the pair (l, r), and give l instead its likeliest partner r',
    whom it takes from l'' if need be. Odds change by the ratio of the two pairs, and by that of
    (l'', r'). So the pair's chance is at most odds(l, r) / odds(l, r') × (1 + the sum of odds of
    others with r'); likewise for r. Without these pairs groups of people stay small.
    """
    odds = np.exp2(np.clip(found.weights(), -500, 500))
    rising = np.argsort(odds)
    keep = np.ones(len(odds), dtype=np.bool_)
    for own, other in ((found.left, found.right), (found.right, found.left)):
        best = np.zeros(int(own.max(initial=-1)) + 1, dtype=np.int64)
        best[own[rising]] = rising  # the last that is written is the largest
        first = best[own]
        beside = np.bincount(other, odds)[other[first]] - odds[first]
        most = odds / odds[first] * (1 + np.maximum(beside, 0.0))
        keep &= (most >= FLOOR) | (first == np.arange(len(odds)))
    return kept(found, keep)


def bits(chance: float) -> float:
    """Return log2 of the odds of a chance."""
    return float(np.log2(chance) - np.log2(1 - chance))


def likely(found: Scored) -> Scored:
    """Return the pairs that are at least `FLOOR` likely."""
    return kept(found, probability(found.weights()) >= FLOOR)


def kept(found: Scored, keep: NDArray[np.bool_]) -> Scored:
    """Return some of the pairs."""
    return replace(
        found,
        left=found.left[keep],
        right=found.right[keep],
        pattern=found.pattern[keep],
        rarity=found.rarity[keep],
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
