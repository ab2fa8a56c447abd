"""Spines drawn given exposure and outcome: by turns the links, and what holds among those linked.

What a link brings together are facts of a pair: each value that hospitals know, and whether the
identifiers agree. Among links each fact depends on what schools know of the child, its arm and
outcomes among it, and on the hospital's values before it; of two people who are not one it does
not. By turns, regressions of the facts are drawn given the links, and the links, one to one, given
the regressions: Gutman, Afendulis and Zaslavsky 2013, JASA 108:34. How many are linked is drawn
likewise; each of those left on one side is as likely to be each of those left on the other: Sadinle
2017, JASA 112:600.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import NotFitted
from fingerpost.linkage.assignment import Draw, Ways
from fingerpost.linkage.given import Design, design_of
from fingerpost.linkage.scoring import Floats, Ints, Model, Scored

Flags = NDArray[np.bool_]
# Turns before the first spine, and from one to the next.
BURN, THIN = 20, 3
# Beyond so many standard deviations a value says no more.
FAR = 4.0
# Values with more than this share alike are no measurement on a scale; where they are cut.
LUMP, CUTS = 0.1, (0.2, 0.4, 0.6, 0.8, 0.95)
# Precision of the prior of a coefficient of a column with standard deviation 1.
PRIOR = 1.0
# A mode is reached where it lies within a tenth of its standard error: the square of that. Steps
# with the curvature that is held, and steps of Newton and halvings of each, until it is.
REACHED, HELD, STEPS, HALVINGS = 0.01, 4, 100, 40
# Curvatures are worked out anew once so many links are others, as a share; rounds of first links.
ANEW, ROUNDS = 0.02, 5
# Pairs whose columns are weighed at a time.
ROWS = 16_384


@dataclass(frozen=True, eq=False, slots=True)
class Fact:
    """One thing that is known of pairs, and what to hold it against.

    value: (P,) a standard score, or 0 and 1 where `flag`. known: (P,) of which pairs it is known.
    width: how many columns of the design it leans on. apart: (P,) log2 of its chance where the two
    are not one; None for agreement, which the model of links answers for. comparison: which one
    agreement is of, else -1.
    """

    value: Floats
    known: Flags
    width: int
    flag: bool
    apart: Floats | None = None
    comparison: int = -1


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """A regression at its mode: that, the inverse of its curvature, a root of the inverse, and the
    links that the curvature was worked out for.
    """

    mode: Floats
    inverse: Floats
    root: Floats
    linked: Floats


def spines(
    found: Scored, ways: Ways, facts: tuple[Fact, ...], design: Design, rng: np.random.Generator
) -> Iterator[Draw]:
    """Yield spines without end."""
    at = first(found, ways)
    held: dict[int, Fitted] = {}
    before: dict[int, Floats] = {}
    for turn in count(1):
        model = found.redrawn(rng, len(at))
        weights = found.weights(model)
        linked = np.zeros(len(weights))
        linked[at] = 1.0
        for number, fact in enumerate(facts):
            x, own = design.values[:, : fact.width], linked * fact.known
            held[number] = settled(x, fact, own, held.get(number))
            before[number], linear, scale = drawn(
                fact, x, own, held=held[number], before=before.get(number), rng=rng
            )
            weights += bits_of(fact, linear, scale=scale, model=model)
        at = ways.drawn(weights, rng)
        if turn > BURN and (turn - BURN) % THIN == 0:
            yield Draw(at, weights)


def first(found: Scored, ways: Ways) -> Ints:
    """Return the likeliest links, once it is reckoned with how many there are."""
    at = ways.best(found.weights())
    for _ in range(ROUNDS):
        at = ways.best(found.expecting(len(at)).weights())
    return at


def bits_of(fact: Fact, linear: Floats, *, scale: float, model: Model) -> Floats:
    """Return what a fact adds to the weight of each pair.

    linear: (P,) the predictor of its regression, as that was drawn. scale: of a measurement, its
    variance about it. model: of links, as it was drawn.
    """
    if fact.apart is None:
        agrees = model.m[fact.comparison][0]
        apart = np.log2(np.where(fact.value == 1, agrees, 1 - agrees))
    else:
        apart = fact.apart
    return np.where(fact.known, chance_bits(fact, linear, scale) - apart, 0.0)


def drawn(
    fact: Fact,
    x: Floats,
    linked: Floats,
    *,
    held: Fitted,
    before: Floats | None,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, float]:
    """Return coefficients of a regression drawn given the links, the predictor at them, and the
    variance of a measurement about it.

    linked: 1 for pairs that are linked and of which the fact is known, else 0. held: the regression
    at its mode given these links. before: coefficients as they were drawn the turn before. Those of
    a flag are drawn about the mode, from those before and the normal curve there, and taken with
    the chance of Metropolis and Hastings, else those before stand: what hardly a child tells of has
    no normal curve. Source: Neal 1999, Bayesian Statistics 6:475, on the step.
    """
    toss = rng.standard_normal(len(held.mode))
    if not fact.flag:
        left = linked * (fact.value - x @ held.mode)
        scale = float(left @ left) / rng.chisquare(max(linked.sum() - len(toss), 1.0))
        made = held.mode + np.sqrt(scale) * (held.root @ toss)
        return made, x @ made, scale
    last = held.mode if before is None else before
    away = np.linalg.solve(held.root, last - held.mode)
    # Bold and shy steps in turn: bold ones alone are hardly ever taken where a curve is far from
    # normal, shy ones alone take long. Of any length they keep the normal curve as it is.
    kept = rng.random()
    to = kept * away + np.sqrt(1 - kept**2) * toss
    made = held.mode + held.root @ to
    here, there = x @ made, x @ last
    gain = height_at(here, fact, linked, made) - height_at(there, fact, linked, last)
    if np.log(rng.random()) < gain + 0.5 * (to @ to - away @ away):
        return made, here, 1.0
    return last, there, 1.0


# --------------------------------------------------------------------------------------- facts
def facts_of(
    found: Scored, hospital: dict[str, Floats], school: dict[str, Floats], arms: tuple[str, ...]
) -> tuple[tuple[Fact, ...], Design]:
    """Return the facts of pairs and the design they are regressed on."""
    design = design_of(found.left, found.right, hospital=hospital, school=school, arms=arms)
    facts = [agreement(found, design, at) for at in range(found.patterns.shape[1])]
    # One row a hospital record, to learn how its values lie without a child.
    once = np.unique(found.left, return_index=True)[1]
    alone = np.column_stack(
        [np.ones(len(found.left)), *(one[found.left] for one in own_columns(hospital))]
    )
    for at, column in enumerate(hospital.values()):
        before = alone[:, : at + 1]
        for value, known, flag in pieces(column, found.left):
            fact = Fact(value, known & design.known, design.until[at], flag)
            learnt = np.zeros(len(value))
            learnt[once[known[once]]] = 1.0
            facts.append(replace(fact, apart=marginal(before, fact, learnt)))
    return tuple(one for one in facts if varies(one)), design


def varies(fact: Fact) -> bool:
    """Return whether a fact is known of some pairs and not the same of all."""
    told = fact.value[fact.known]
    return bool(len(told)) and bool(told.min() < told.max())


def own_columns(hospital: dict[str, Floats]) -> list[Floats]:
    """Return hospitals' columns as standard scores, 0 where not known."""
    made = []
    for column in hospital.values():
        known = np.isfinite(column)
        spread = float(column[known].std()) if known.any() else 0.0
        middle = float(column[known].mean()) if known.any() else 0.0
        made.append(np.where(known, column - middle, 0.0) / (spread or 1.0))
    return made


def agreement(found: Scored, design: Design, at: int) -> Fact:
    """Return whether one comparison is on its strongest level."""
    level = found.patterns[found.pattern, at]
    known = (level >= 0) & design.known
    return Fact((level == 0).astype(float), known, design.plain, True, comparison=at)


def pieces(column: Floats, left: Ints) -> Iterator[tuple[Floats, Flags, bool]]:
    """Yield a hospital column as facts: value, of which pairs it is known, whether it is a flag.

    A measurement is one standard score; counts and labels are steps: more than the first value,
    and of those who have more than it, more than the next.
    """
    told = column[np.isfinite(column)]
    if not len(told):
        return
    common = np.unique(told, return_counts=True)[1].max()
    if common < LUMP * len(told):
        score = np.clip((column - told.mean()) / told.std(), -FAR, FAR)[left]
        yield np.nan_to_num(score), np.isfinite(score), False
        return
    cuts = np.unique(np.quantile(told, CUTS, method="lower"))
    above = np.isfinite(column)
    for cut in np.unique(np.append(cuts, told.min())):
        more = above & (column > cut)
        if more.any() and (above & ~more).any():
            yield more[left].astype(float), above[left], True
        above = more


def marginal(before: Floats, fact: Fact, learnt: Floats) -> Floats:
    """Return (P,) log2 of the chance of a hospital value, given those before it alone."""
    held = fitted(before, fact, learnt, None)
    linear = before @ held.mode
    scale = float(learnt @ (fact.value - linear) ** 2 / learnt.sum())
    return chance_bits(fact, linear, scale)


# --------------------------------------------------------------------------------- regressions
def penalty(size: int) -> Floats:
    """Return the precision of the prior of coefficients: next to none for the constant."""
    found = np.full(size, PRIOR)
    found[0] = 1e-3
    return found


def mean_of(linear: Floats, *, flag: bool) -> Floats:
    """Return the mean of a fact at a linear predictor."""
    return 1 / (1 + np.exp(-np.clip(linear, -30, 30))) if flag else linear


def settled(x: Floats, fact: Fact, linked: Floats, before: Fitted | None) -> Fitted:
    """Return a regression at its mode given the links, from where it was given those before.

    Few links differ from turn to turn, so that steps with the curvature that is held lead there.
    Where they do not, all is worked out anew: away from its mode a regression says of sure links
    that they cannot be. Raises NotFitted.
    """
    if before is None or np.abs(linked - before.linked).sum() > ANEW * linked.sum():
        return fitted(x, fact, linked, before)
    mode = before.mode
    for _ in range(HELD):
        slope = slope_at(x @ mode, x, fact, linked, mode)
        step = before.inverse @ slope
        if slope @ step < REACHED:
            return replace(before, mode=mode)
        mode = mode + step
    return fitted(x, fact, linked, before)


def fitted(x: Floats, fact: Fact, linked: Floats, before: Fitted | None) -> Fitted:
    """Return the mode of a regression under its prior, and the curvature there: Newton's steps,
    each halved until it leads upwards, as what is climbed has one top.

    linked: (P,) weights. before: the same regression of an earlier turn, to begin with. Raises
    NotFitted where the mode is not reached.
    """
    prior = penalty(x.shape[1])
    mode = plain(fact, linked, len(prior)) if before is None else before.mode
    for _ in range(STEPS):
        linear = x @ mode
        mean = mean_of(linear, flag=fact.flag)
        weight = linked * mean * (1 - mean) if fact.flag else linked
        inverse = np.linalg.inv(squared(x, weight) + np.diag(prior))
        slope = slope_at(linear, x, fact, linked, mode)
        step = inverse @ slope
        if slope @ step < REACHED:
            root = np.linalg.cholesky((inverse + inverse.T) / 2)
            return Fitted(mode, np.asarray(inverse), np.asarray(root), linked)
        along, height = x @ step, height_at(linear, fact, linked, mode)
        for halved in range(HALVINGS):
            length = 0.5**halved
            there = height_at(linear + length * along, fact, linked, mode + length * step)
            if there > height:
                break
        mode = mode + length * step
    raise NotFitted(
        "link: what hospitals know could not be set against what schools know, so that links "
        "cannot be drawn given this study. Link without --study: answers over the spines are then "
        "a sensitivity range."
    )


def plain(fact: Fact, linked: Floats, size: int) -> Floats:
    """Return coefficients to begin with: the mean of a fact and nothing else."""
    mode = np.zeros(size)
    share = float(linked @ fact.value + 0.5) / (max(float(linked.sum()), 1.0) + 1)
    mode[0] = np.log(share / (1 - share)) if fact.flag else 0.0
    return mode


def slope_at(linear: Floats, x: Floats, fact: Fact, linked: Floats, mode: Floats) -> Floats:
    """Return the slope (q,) of the logarithm of the posterior of coefficients.

    linear: (P,) the predictor at them.
    """
    left = linked * (fact.value - mean_of(linear, flag=fact.flag))
    return np.asarray(x.T @ left - penalty(len(mode)) * mode)


def height_at(linear: Floats, fact: Fact, linked: Floats, mode: Floats) -> float:
    """Return the logarithm of the posterior of coefficients, but for a constant."""
    if fact.flag:
        of_pairs = fact.value * linear - np.logaddexp(0.0, linear)
    else:
        of_pairs = -0.5 * (fact.value - linear) ** 2
    return float(linked @ of_pairs - 0.5 * penalty(len(mode)) @ mode**2)


def squared(x: Floats, weight: Floats) -> Floats:
    """Return XᵀWX (q, q), a block of rows after the other, so that X is not held twice."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), ROWS):
        block = x[start : start + ROWS]
        total += (block * weight[start : start + ROWS, None]).T @ block
    return total


def chance_bits(fact: Fact, linear: Floats, scale: float) -> Floats:
    """Return log2 of the chance of a fact's values at linear predictors, or of their density."""
    if fact.flag:
        found = -np.logaddexp(0.0, np.where(fact.value == 1, -linear, linear))
    else:
        found = -0.5 * ((fact.value - linear) ** 2 / scale + np.log(2 * np.pi * scale))
    return np.asarray(found / np.log(2.0), dtype=np.float64)
