"""Minimisation: the arm that would leave arms most alike is the likelier one, and never certain.

The draw, to the letter (Pocock & Simon 1975; Kuznetsova & Tymofyeyev 2012 of unequal shares). An
arm stands for as many copies as its share says, T in all, copies of the first arm first; copies are
treated alike, so that each unit's chance of each arm is its share, whatever came before. If the
next unit went to a copy, units with its level would be counted by copy; the imbalance is the sum
over what is known, by weight, of the range of these counts, or of T times the sum of their squares
less the square of their sum (T² times their variance). Copies of least imbalance are preferred.

Unit i takes numbers below 1,000,000, T, T − 1, …, 2 from stream i of `kernels.counter_draws`. A
list of the copies is shuffled by the last T − 1. If the first number is below λ the unit takes the
first preferred copy of the list, else the first of all. λ is 1,000,000·(T·likely − 1)/(T − 1),
rounded: one copy preferred alone has the chance `likely`, and the others share the rest. A unit
whose arm was not drawn here (of a list brought from elsewhere) counts as the first copy of its arm
in its list.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.trial import Minimise, Trial
from fingerpost.designs._numbers import Counted, Numbers, Whole, equal, tickets
from fingerpost.kernels.counter_draws import below, shuffle_bounds, shuffle_rows

MILLION = 1_000_000


def check_minimise(trial: Trial) -> list[str]:
    """Return what is wrong with what a trial says of minimisation."""
    faults = []
    likely = (trial.minimise or Minimise()).likely
    if not trial.known:
        faults.append("known is missing: what arms are to be alike in, {name: [levels]}.")
    if trial.arms and likely <= 1 / len(trial.arms):
        faults.append(
            f"minimise.likely: {likely:g} is no more than chance among {len(trial.arms)} arms. "
            "Write a probability above that and below 1, such as 0.8."
        )
    return faults


def whole_weights(trial: Trial) -> Whole:
    """Return (f,) weights of what is known as whole numbers, 0 of what is not minimised."""
    said = dict((trial.minimise or Minimise()).weights)
    texts = [Decimal(str(said.get(one.name, 0.0 if said else 1.0))) for one in trial.known]
    places = max((-int(text.as_tuple().exponent) for text in texts), default=0)
    return np.array([int(text * 10 ** max(places, 0)) for text in texts], dtype=np.int64)


def mixing(trial: Trial) -> int:
    """Return λ: of a million units, those for which only preferred copies are in question."""
    copies, likely = len(tickets(trial)), (trial.minimise or Minimise()).likely
    return round(MILLION * (copies * likely - 1) / (copies - 1))


def preferred(trial: Trial, counts: Whole, weights: Whole) -> NDArray[np.bool_]:
    """Return (T, draws) which copies would leave least imbalance.

    counts: (f, T, draws) units so far with the next one's level, by what is known and copy.
    """
    copies = counts.shape[1]
    measure = (trial.minimise or Minimise()).measure
    score = np.empty(counts.shape[1:], dtype=np.int64)
    for copy in range(copies):
        after = counts.copy()
        after[:, copy] += 1
        if measure == "range":
            apart = after.max(axis=1) - after.min(axis=1)
        else:
            apart = copies * (after**2).sum(axis=1) - after.sum(axis=1) ** 2
        score[copy] = weights @ apart
    least: NDArray[np.bool_] = score == score.min(axis=0)
    return least


def numbers_of(trial: Trial) -> list[int]:
    """Return the bounds of the numbers that every unit takes."""
    return [MILLION, *shuffle_bounds(len(tickets(trial)))]


def taken(trial: Trial, least: NDArray[np.bool_], drawn: Whole) -> Whole:
    """Return (draws,) the copy that the next unit takes. drawn: (bounds, draws) its numbers."""
    many = drawn.shape[1]
    rows = np.ascontiguousarray(np.repeat(np.arange(len(least))[:, None], many, axis=1))
    shuffle_rows(rows, drawn[1:])
    open_to = np.take_along_axis(least, rows, axis=0) | (drawn[0] >= mixing(trial))
    found: Whole = rows[open_to.argmax(axis=0), np.arange(many)]
    return found


def minimised(trial: Trial, units: Arrived, numbers: Numbers) -> Whole:
    """Return (draws, n) the copies that all units take in each draw."""
    weights, bounds, many = whole_weights(trial), numbers_of(trial), numbers.draws
    shape, each = (len(tickets(trial)), many), np.arange(many)
    counts = [np.zeros((len(one.levels), *shape), dtype=np.int64) for one in trial.known]
    found = np.empty((many, len(units.known)), dtype=np.int64)
    for at, levels in enumerate(np.asarray(units.known).tolist()):
        own = np.stack([count[level] for count, level in zip(counts, levels, strict=True)])
        copy = taken(trial, preferred(trial, own, weights), numbers.below(at, bounds))
        for count, level in zip(counts, levels, strict=True):
            count[level, copy, each] += 1
        found[:, at] = copy
    return found


def plainly_taken(
    counts: list[list[int]], weights: list[int], drawn: list[int], *, sure: int, measure: str
) -> tuple[int, list[int]]:
    """Return the copy of one unit in one draw, and the list of copies as shuffled: `taken` in plain
    numbers, twenty times as quick where there is but one draw.
    """
    copies = len(counts[0])
    order = list(range(copies))
    for last, other in zip(range(copies - 1, 0, -1), drawn[1:], strict=True):
        order[last], order[other] = order[other], order[last]
    if drawn[0] >= sure:
        return order[0], order
    score = []
    for copy in range(copies):
        total = 0
        for held, weight in zip(counts, weights, strict=True):
            held[copy] += 1
            if measure == "range":
                total += weight * (max(held) - min(held))
            else:
                total += weight * (copies * sum(x * x for x in held) - sum(held) ** 2)
            held[copy] -= 1
        score.append(total)
    least = min(score)
    return next(copy for copy in order if score[copy] == least), order


def copies_before(trial: Trial, arrived: Arrived, seed: bytes) -> Whole:
    """Return (m,) the copies of the units that have an arm: their arms, where shares are equal, and
    otherwise what the procedure gave them, made again.
    """
    arm = np.asarray(arrived.arm, dtype=np.int64)
    if equal(trial):
        return arm
    weights, bounds = whole_weights(trial).tolist(), numbers_of(trial)
    arm_of, sure = tickets(trial).tolist(), mixing(trial)
    measure = (trial.minimise or Minimise()).measure
    counts = [[[0] * len(arm_of) for _ in one.levels] for one in trial.known]
    found = []
    for at, (given, levels) in enumerate(
        zip(arm.tolist(), np.asarray(arrived.known).tolist(), strict=False)
    ):
        own = [count[level] for count, level in zip(counts, levels, strict=True)]
        drawn = below(seed, at, bounds=bounds)
        copy, order = plainly_taken(own, weights, drawn, sure=sure, measure=measure)
        if arm_of[copy] != given:
            copy = next(each for each in order if arm_of[each] == given)
        for held in own:
            held[copy] += 1
        found.append(copy)
    return np.array(found, dtype=np.int64)


def minimised_step(trial: Trial, arrived: Arrived, seed: bytes) -> Step:
    """Return the arm of the first unit without one, and each arm's chance given all before it."""
    at, arm_of = len(arrived.arm), tickets(trial)
    known, copy = np.asarray(arrived.known), copies_before(trial, arrived, seed)
    own = [copy[known[:at, f] == known[at, f]] for f in range(known.shape[1])]
    counts = np.array([np.bincount(each, minlength=len(arm_of)) for each in own])[:, :, None]
    least = preferred(trial, counts, whole_weights(trial))
    drawn = Counted([seed]).below(at, numbers_of(trial))
    arm = int(arm_of[int(taken(trial, least, drawn)[0])])
    return Step(arm, chances_given(trial, least[:, 0]))


def chances_given(trial: Trial, least: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return the chance of each arm where some copies are preferred."""
    sure, arm_of = mixing(trial) / MILLION, tickets(trial)
    each = (1 - sure) / len(least) + sure * least / least.sum()
    return tuple(float(held) for held in np.bincount(arm_of, weights=each))
