"""Tables of a ranking by predicted benefit: whether it tells anything, groups, targeting curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._benefit import Scores, about, fewest, line, over_folds
from fingerpost.estimators._outcome import Array
from fingerpost.kernels.targeting import (
    Order,
    Told,
    area,
    gain,
    group_of,
    mean_within,
    ordered,
    slope,
)

SHARES = tuple(round(0.1 * step, 1) for step in range(1, 11))
TELLS, CANNOT, REVERSED, ALIKE = (
    "tells who benefits more",
    "cannot tell who benefits more",
    "ranks the wrong way round",
    "predicts the same for all",
)
ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
HELD = (
    "On children held out: each fold is ranked by what was learnt from the folds before it, two at "
    "least."
)


@dataclass(frozen=True, eq=False, slots=True)
class Ranking:
    """Scores with (n,) the predicted gain, NaN of children who are not looked at; by fold the order
    of its children; group: (n,) of like size by rank, −1 of those not looked at.
    """

    scores: Scores
    predicted: Array
    orders: dict[int, Order]
    group: NDArray[np.int64]
    groups: int


def ranking(scores: Scores, predicted: Array, groups: int) -> Ranking:
    """Return a ranking within each fold that is looked at."""
    orders, group = {}, np.full(len(predicted), -1)
    for fold in scores.looked_at:
        rows = scores.rows(fold)
        orders[fold] = ordered(predicted[rows], scores.weight[rows])
        group[rows] = group_of(orders[fold], groups)
    return Ranking(scores, predicted, orders, group, groups)


def ranked_tables(rankings: Sequence[Ranking]) -> tuple[Table, ...]:
    """Return the tables of the terms of one outcome together."""
    tag = (("outcome", rankings[0].scores.term.outcome),)
    return (
        rate_table(rankings, tag),
        calibration_table(rankings, tag),
        groups_table(rankings, tag),
        toc_table(rankings, tag),
    )


def verdict(lo: float | None, hi: float | None, *, flat: bool) -> str:
    """Return what an interval of the area under the targeting curve says.

    >>> verdict(-0.1, 0.4, flat=False)
    'cannot tell who benefits more'
    """
    if flat:
        return ALIKE
    if lo is None or hi is None or lo <= 0 <= hi:
        return CANNOT
    return TELLS if lo > 0 else REVERSED


def rate_table(rankings: Sequence[Ranking], tags: tuple[tuple[str, Cell], ...]) -> Table:
    """Return the areas under the targeting curve, and the gap of the groups at its ends."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for one in rankings:
        scores = one.scores
        flat = all(len(order.ends) < 2 for order in one.orders.values())
        found = [("AUTOC", area_of(one)), ("Qini", area_of(one, by_share=True))]
        if can_compare(one):
            found.append(("most less least", gap(one)))
        least = fewest(scores, [one.group >= 0])
        for name, told in found:
            value, lo, hi, p = line(scores, told)
            said = verdict(lo, hi, flat=flat) if name == "AUTOC" else ""
            rows.append((*about(scores), name, value, lo, hi, p, said))
            counts.append(least)
    return Table(
        "benefit_rate",
        "Whether a ranking by predicted benefit tells who benefits",
        ("contrast", "target", "measure", "estimate", "lo", "hi", "p", "verdict"),
        (*("label",) * 3, *("number",) * 4, "label"),
        tuple(rows),
        tells=Tells("who benefits", outcomes=("estimate", "lo", "hi")),
        counts=tuple(counts),
        tags=tags,
        context=f"{HELD} AUTOC: the area under the targeting curve, in the outcome's unit, more "
        "being better; nought where the ranking is no better than chance. Qini: the same, "
        "weighted by the share offered. Most less least: the mean effect of the group "
        "ranked first less that of the group ranked last.",
        note="Where the interval of AUTOC holds nought these children do not tell who benefits "
        "more, whatever single groups seem to show.",
    )


def area_of(one: Ranking, *, by_share: bool = False) -> Told:
    """Return the area under the targeting curve, over folds."""
    effect = one.scores.gain
    return over_folds(
        one.scores, lambda fold, rows: area(one.orders[fold], effect[rows], by_share=by_share)
    )


def gain_of(one: Ranking, share: float) -> Told:
    """Return the targeting curve at a share, over folds."""
    effect = one.scores.gain
    return over_folds(
        one.scores, lambda fold, rows: gain(one.orders[fold], effect[rows], share=share)
    )


def calibration_table(rankings: Sequence[Ranking], tags: tuple[tuple[str, Cell], ...]) -> Table:
    """Return by how much effects differ for each unit by which predictions differ."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for one in rankings:
        told = calibration(one)
        if told is not None:
            value, lo, hi, p = line(one.scores, told)
            rows.append((*about(one.scores), value, lo, hi, p))
            counts.append(fewest(one.scores, [one.group >= 0]))
    return Table(
        "benefit_calibration",
        "Whether predicted differences are of the right size",
        ("contrast", "target", "slope", "lo", "hi", "p"),
        ("label", "label", *("number",) * 4),
        tuple(rows),
        tells=Tells("benefit calibration", units=(("slope", "times the predicted difference"),)),
        counts=tuple(counts),
        tags=tags,
        context=f"{HELD} slope: by how much effects differ where predictions differ by one: one "
        "where they are right in size, less than one where they are too bold, nought where they "
        "tell nothing. p: that it is nought.",
    )


def can_compare(one: Ranking) -> bool:
    """Return whether every fold holds children of the first group and of the last."""
    return all(
        {0, one.groups - 1} <= set(one.group[one.scores.rows(fold)].tolist())
        for fold in one.scores.looked_at
    )


def gap(one: Ranking) -> Told:
    """Return the mean gain of the group ranked first less that of the group ranked last."""
    top, low = group_mean(one, one.groups - 1), group_mean(one, 0)
    return Told(top.value - low.value, top.influence - low.influence)


def group_mean(one: Ranking, group: int, *, turned: bool = True) -> Told:
    """Return the mean gain (or, not turned, effect) of a group, over folds."""
    scores = one.scores
    effect = scores.gain if turned else scores.effect
    return over_folds(
        scores,
        lambda j, rows: mean_within(
            scores.weight[rows], effect[rows], own=one.group[rows] == group
        ),
    )


def calibration(one: Ranking) -> Told | None:
    """Return the slope of effects in predictions within the folds looked at."""
    scores = one.scores
    rows = np.flatnonzero(one.group >= 0)
    found = slope(
        scores.gain[rows],
        one.predicted[rows],
        weight=scores.weight[rows],
        fold=scores.folds.code[rows],
    )
    if found is None:
        return None
    influence = np.zeros(len(one.predicted))
    influence[rows] = found.influence
    return Told(found.value, influence)


def groups_table(rankings: Sequence[Ranking], tags: tuple[tuple[str, Cell], ...]) -> Table:
    """Return the effect in each group of children by predicted benefit (GATES)."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for one in rankings:
        for group in range(one.groups):
            own = one.group == group
            every = [own & (one.scores.folds.code == fold) for fold in one.scores.looked_at]
            if not all(part.any() for part in every):
                continue  # predictions that many children share leave some group empty
            value, lo, hi, _ = line(one.scores, group_mean(one, group, turned=False))
            rows.append((*about(one.scores), name_of(group, one.groups), value, lo, hi))
            counts.append(fewest(one.scores, [own]))
    return Table(
        "benefit_groups",
        "The effect by predicted benefit",
        ("contrast", "target", "group", "estimate", "lo", "hi"),
        (*("label",) * 3, *("number",) * 3),
        tuple(rows),
        tells=Tells("benefit groups", outcomes=("estimate", "lo", "hi")),
        counts=tuple(counts),
        tags=tags,
        context=f"{HELD} Groups of like size by predicted benefit, the least first; the effect as "
        "the study asks it, measured in each (sorted group effects).",
        note="Intervals hold group by group.",
    )


def name_of(group: int, groups: int) -> str:
    """Return a group in words. No figures: a gate could not tell them from numbers of children.

    >>> [name_of(group, 3) for group in range(3)]
    ['least', 'second', 'most']
    """
    return "least" if group == 0 else "most" if group == groups - 1 else ORDINALS[group - 1]


def toc_table(rankings: Sequence[Ranking], tags: tuple[tuple[str, Cell], ...]) -> Table:
    """Return the targeting curve."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for one in rankings:
        scores = one.scores
        for share in SHARES:
            whole = share >= 1
            value, lo, hi, _ = (0.0, 0.0, 0.0, None) if whole else line(scores, gain_of(one, share))
            rows.append((*about(scores), share, value, lo, hi))
            first = np.zeros(len(one.group), dtype=np.bool_)
            for fold, order in one.orders.items():
                first[scores.rows(fold)] = order.first(share) > 0.5
            parts = [first, ~first & (one.group >= 0)]
            counts.append(fewest(scores, parts[:1] if whole else parts))
    return Table(
        "benefit_toc",
        "Offering it first to those predicted to gain most",
        ("contrast", "target", "offered first", "gain", "lo", "hi"),
        ("label", "label", *("number",) * 4),
        tuple(rows),
        tells=Tells(
            "targeting curve",
            keys=("offered first",),
            outcomes=("gain", "lo", "hi"),
            units=(("offered first", "share of 1"),),
        ),
        counts=tuple(counts),
        tags=tags,
        context=f"{HELD} gain: by how much more the share ranked first benefits, on average, than "
        "children in general, more being better (targeting operator characteristic).",
        note="Intervals hold point by point.",
    )
