"""What a trial with looks may say of its effect at the look at which its records were taken.

Where the boundary was crossed there, or that look was the last, the trial has ended by its own
rule: the stagewise ordering gives an estimate, limits and a p-value that allow for looks
(`kernels.stagewise`). Elsewhere it had not ended, and the repeated interval alone holds, which
holds at every look whatever the reason for stopping. One effect is judged by the boundary: where
several contrasts or horizons are asked, nothing says which of them stopped the trial.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.inference import intervals
from fingerpost.core.rollout import Monitoring
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.group_sequential import (
    WIDEST,
    fractions_of,
    spending,
    spent_bounds,
)
from fingerpost.kernels.stagewise import repeated, stagewise
from fingerpost.studies.cautions import judged, looks
from fingerpost.studies.rollouts.monitoring import benefit, boundary

NAME = "looked"
COLUMNS: tuple[tuple[str, str], ...] = (
    *(("estimator", "label"), ("contrast", "label"), ("target", "label")),
    *(("look", "number"), ("looks", "number"), ("information", "share")),
    *(("statistic", "number"), ("bound", "number"), ("crossed", "flag")),
    *(("estimate", "number"), ("lo", "number"), ("hi", "number"), ("p", "number")),
    *(("repeated_lo", "number"), ("repeated_hi", "number")),
)
COLUMN = {name: at for at, (name, _) in enumerate(COLUMNS)}
ANSWERS = ("estimate", "lo", "hi", "repeated_lo", "repeated_hi")
CONTEXT = (
    "estimate, lo, hi: median-unbiased, with limits, by the stagewise ordering of ends; p: of no "
    "effect, by the same, {sides}-sided. They hold where the trial ends at this look by its "
    "boundary, or since it is the last. repeated_lo, repeated_hi: the repeated interval ({level}), "
    "which holds whatever the reason for stopping. statistic: the effect over its error, positive "
    "for benefit; bound: where it stops the trial."
)
SEVERAL = (
    "Several effects are asked of the outcome, and nothing says which of them the boundary judged: "
    "repeated intervals alone are given, each for itself."
)
GOES_ON = (
    "The boundary was not crossed, and the look is not the last: by its own rule the trial had not "
    "stopped, and the repeated interval alone holds."
)


@dataclass(frozen=True, eq=False, slots=True)
class Stop:
    """The look at which records were taken. number, of how many; fractions, bounds: (k,) shares of
    all information and the boundary of one side, at the looks held until then, this one counted.
    """

    number: int
    looks: int
    fractions: Array
    bounds: Array
    last: bool
    sides: int


def stop_of(asked: Monitoring) -> Stop | None:
    """Return the look at which records were taken; None where nobody says.

    >>> stop = stop_of(Monitoring(looks=5, bounds="pocock", looked=2))
    >>> stop.bounds.round(3).tolist(), stop.fractions.tolist(), stop.last
    ([2.413, 2.413], [0.2, 0.4], False)
    """
    said, many = asked.looked, asked.many
    if said is None or many is None:
        return None
    if isinstance(said, int):
        whole = fractions_of(many)
        bounds = boundary(asked, whole)[:said]
        return Stop(said, many, whole[:said], bounds, said == many, asked.sides)
    t, last = np.array(said), said[-1] >= 1
    spend = spending(asked.shape, asked.parameter or 0.0)
    bounds = spent_bounds(said, asked.alpha / asked.sides, spend=spend)
    total = max(many, len(said))
    return Stop(total if last else len(said), total, t, bounds, last, asked.sides)


@dataclass(frozen=True, slots=True)
class Effect:
    """One estimator's answer, on the scale of the estimates. error: half of its own interval over
    the critical value of the normal, so that few units count as they do there. n: children.
    """

    leaf: str
    term: Term
    value: float
    error: float
    n: int | None


def tables(study: Study, answers: Iterable[Answer]) -> tuple[Table, ...]:
    """Return the table of the look of a trial, a row an estimator and effect on all children of
    its first outcome; none of other studies, and where nobody says at which look records were
    taken.
    """
    asked = None if study.trial is None else study.trial.monitoring
    stop = None if asked is None or looks(study) < 2 else stop_of(asked)
    found = [] if stop is None else list(effects(study, answers))
    if asked is None or stop is None or not found:
        return ()
    alone = len({(each.term.contrast, each.term.horizon) for each in found}) == 1
    rows = tuple(row(study, stop, each, alone=alone) for each in found)
    ends = stop.last or any(each[COLUMN["crossed"]] for each in rows)
    level = 1 - 2 * asked.alpha / asked.sides
    return (
        Table(
            NAME,
            "At the look at which records were taken",
            tuple(COLUMN),
            tuple(kind for _, kind in COLUMNS),
            rows,
            tells=Tells(
                "looked at",
                keys=("look", "looks"),
                answers=ANSWERS,
                units=(("bound", "standard errors"), ("statistic", "standard errors")),
            ),
            counts=tuple(each.n for each in found),
            tags=(("outcome", found[0].term.outcome), ("scale", found[0].term.scale)),
            context=CONTEXT.format(
                sides="two" if asked.sides == 2 else "one", level=f"{100 * level:g}%"
            ),
            note=SEVERAL if not alone else "" if ends else GOES_ON,
        ),
    )


def effects(study: Study, answers: Iterable[Answer]) -> Iterator[Effect]:
    """Yield every answer that the boundary judges and that has an error."""
    for answer in answers:
        found = answer.estimate
        limits = None if found is None else intervals(found, study.level)
        if found is None or limits is None:
            continue
        errors = (limits[:, 1] - limits[:, 0]) / 2 / float(ndtri(0.5 + study.level / 2))
        for at, term in enumerate(found.terms):
            if judged(study, term) and math.isfinite(errors[at]) and errors[at] > 0:
                n = None if found.n is None else int(found.n[at])
                yield Effect(answer.leaf, term, float(found.value[at]), float(errors[at]), n)


def row(study: Study, stop: Stop, each: Effect, *, alone: bool) -> tuple[Cell, ...]:
    """Return what one answer says at the look. alone: whether it is the one that was judged."""
    bound, sign = float(stop.bounds[-1]), direction(study, each.term)
    z = sign * each.value / each.error
    crossed = (abs(z) if stop.sides == 2 else z) >= bound
    told: list[float | None] = [None] * 4
    if alone and (crossed or stop.last):
        found = stagewise(
            z, bounds=stop.bounds, fractions=stop.fractions, sides=stop.sides, level=study.level
        )
        ends = sorted(sign * one * each.error for one in (found.low, found.high))
        told = [*(shown(each.term, one) for one in (sign * found.median * each.error, *ends))]
        told.append(found.p)
    always = (None, None) if bound >= WIDEST else repeated(each.value, each.error, bound=bound)
    return (
        *(each.leaf, each.term.words(), each.term.label()),
        *(stop.number, stop.looks, float(stop.fractions[-1])),
        *(z, bound if bound < WIDEST else None, crossed),
        *told,
        *(None if one is None else shown(each.term, one) for one in always),
    )


def shown(term: Term, value: float) -> float:
    """Return a number of the scale of the estimates as answers show it."""
    return math.exp(value) if term.scale == "ratio" else value


def direction(study: Study, term: Term) -> float:
    """Return the sign of an effect that is a benefit: turned round where the contrast is of the
    trial's first arm with another.
    """
    first = study.trial.arms[0].name if study.trial and study.trial.arms else ""
    against = any(arm == first and weight > 0 for arm, weight in term.contrast)
    return -benefit(study) if against else benefit(study)
