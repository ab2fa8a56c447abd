"""The one door to the truth of a synthetic England, for after a finding exists.

>>> arms = ("support", "none")
>>> round(superpopulation("unauthorised_absence", arms, population="cleft_isolated").value, 3)
0.86
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerpost.core.errors import UsageError, listed
from fingerpost.england import truth
from fingerpost.england.model import OUTCOMES, RATE, STRENGTH
from fingerpost.england.scenarios import DEFAULT, scenario
from fingerpost.england.strength import cells, slope
from fingerpost.england.truth import EVERYONE, RECEIVED, Sealed, Value

STRATEGY = {
    **{model.name: model for model in OUTCOMES},
    "ks1_maths": next(model for model in OUTCOMES if model.name == "ks1"),
    "ks2_maths": next(model for model in OUTCOMES if model.name == "ks2"),
}


def populations(england: str = DEFAULT) -> tuple[str, ...]:
    """Return the populations whose truth is kept in a scenario."""
    return tuple(
        dict.fromkeys(each.population for each in truth.values() if each.scenario == england)
    )


def superpopulation(
    measure: str,
    contrast: tuple[str, str],
    *,
    population: str = "all",
    england: str = DEFAULT,
    target: str = "ate",
    scale: str | None = None,
) -> Value:
    """Return a true contrast over the endless population that an England is drawn from.

    contrast: (arm, against which), of none, support and ehcp. england: a scenario. target: ate, att
    or atu. scale: ratio or difference; the measure's own where not given. Raises UsageError where
    no such truth is kept.
    """
    place = RECEIVED[target]
    received = EVERYONE if place is None else contrast[place]
    for each in truth.values():
        asked = (each.scenario, each.population, each.measure, each.received)
        if asked == (england, population, measure, received):
            return each.value(contrast, target, scale)
    raise UsageError(
        f"No truth is kept of {measure} in {population} under {england}. Populations: "
        f"{listed(populations(england))}."
    )


@dataclass(frozen=True, slots=True)
class Amounts:
    """Provision by Year 1 spring of some kinds only; empty where any will do.

    delays: terms from first concern. minutes: planned minutes a week. delivered: share delivered.
    """

    delays: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    delivered: tuple[float, ...] = ()


def strategy(
    measure: str, of: Amounts, *, against: Amounts | None, england: str = DEFAULT
) -> Value:
    """Return the true contrast of provision of some kind with that of another, or with none.

    Delay and amount are shared out without regard to the child, so that the truth is the same in
    every population and target. Raises UsageError for a measure on which provision does not act
    directly.

    >>> soon, late = Amounts(delays=(0, 1)), Amounts(delays=(3, 4, 5, 6))
    >>> round(strategy("wellbeing", soon, against=late).value, 3)
    0.161
    """
    if measure not in STRATEGY:
        raise UsageError(f"No truth by strategy is kept of {measure}.")
    model = STRATEGY[measure]
    beta = slope(model, scenario(england))
    rate = model.scale == RATE
    means = [acting(each, beta, rate) if each else float(rate) for each in (of, against)]
    value = means[0] / means[1] if rate else means[0] - means[1]
    scale = "ratio" if rate else "difference"
    return Value(measure, ("as asked", "as asked"), scale, "all", "ate", value)


def acting(kinds: Amounts, beta: float, rate: bool) -> float:
    """Return the mean of exp(β × strength), or of β × strength, over provision of some kinds."""
    share, strength = cells().share, cells().strength
    held = share.copy()
    allowed = (
        (kinds.delays, range(len(STRENGTH.by_delay))),
        (kinds.minutes, STRENGTH.planned_minutes),
        (kinds.delivered, STRENGTH.delivered),
    )
    for axis, (asked, every) in enumerate(allowed):
        keep = np.array([not asked or each in asked for each in every], dtype=float)
        shape = [1, 1, 1]
        shape[axis] = len(keep)
        held = held * keep.reshape(shape)
    added = beta * strength
    return float((held * (np.exp(added) if rate else added)).sum() / held.sum())


def sealed(folder: Path, children: Iterable[int] | None = None) -> Sealed:
    """Return the sealed truth of the children of an England, or of some of them.

    Raises Malformed where the folder holds none, KeyError for a child who is not of that England.
    """
    held = truth.open_sealed(folder)
    return held if children is None else held.of(children)


def sample_truth(
    folder: Path,
    children: Iterable[int],
    *,
    measure: str,
    contrast: tuple[str, str],
    target: str = "ate",
) -> Value | None:
    """Return the contrast over these children's own potential outcomes; None where none is kept.

    contrast: (arm, against which), of none, support and ehcp. target: ate, att or atu.
    """
    if not truth.known(measure):
        return None
    return sealed(folder, children).truth(measure, contrast, target)
