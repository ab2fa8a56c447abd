"""The one door to the truth of a synthetic England, for after a finding exists.

>>> arms = ("support", "none")
>>> round(superpopulation("unauthorised_absence", arms, population="cleft_isolated").value, 3)
0.86
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.engines._parquet import arrow
from fingerpost.england import remaking, truth
from fingerpost.england._draws import Floats
from fingerpost.england.identifiers import IDENTITY, TRUTH
from fingerpost.england.model import OUTCOMES, RATE, STRENGTH
from fingerpost.england.planted import Planted
from fingerpost.england.planted import planted as planted_in
from fingerpost.england.potential import ARMS
from fingerpost.england.scenarios import DEFAULT, scenario
from fingerpost.england.strength import cells, slope
from fingerpost.england.truth import EVERYONE, RECEIVED, Sealed, Value

if TYPE_CHECKING:
    import pyarrow as pa

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
    if children is None:
        return truth.open_sealed(folder)
    keys = np.fromiter(children, dtype=np.int64)
    return truth.open_sealed(folder, keys).of(keys)


def identity(folder: Path) -> pa.Table:
    """Return who is who: `hospital_id` and `child_id` of every child whom both sides know.

    Raises Malformed where the folder holds no such truth.
    """
    if not folder.is_dir():
        raise Malformed(f"link: there is no folder {folder}. Name the records that were linked.")
    path = folder / TRUTH / f"{IDENTITY}.parquet"
    if not path.is_file():
        raise Malformed(
            f"link: {folder} holds no {TRUTH}/{path.name}: who is who is known of made-up people "
            f"alone. `fingerpost link run {folder}` estimates quality without it."
        )
    return arrow(path)


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


def plans(folder: Path, children: Iterable[int]) -> Floats:
    """Return (n,) how likely a plan rather than support is for each of these children of an
    England, were it provided for: any provision is support and plans in these shares.
    """
    found = remaking.chosen(remaking.made(folder, remaking.share_of_plans), children)
    return np.asarray(found["plans"], dtype=np.float64)


def persistent_absence(folder: Path, children: Iterable[int]) -> Floats:
    """Return (n, arms) whether each of these children would miss a tenth of its sessions in each
    arm (none, support, ehcp), with the luck it had; NaN of a child without sessions.

    It has no closed form: the same children are given each provision in turn.
    """
    found = remaking.chosen(remaking.made(folder, remaking.persistent), children)
    return np.stack([np.asarray(found[arm], dtype=np.float64) for arm in ARMS], axis=1)


def begun_in_year_1(folder: Path, measure: str, *, england: str = DEFAULT) -> tuple[float, float]:
    """Return what support that begins in Year 1 does on average: (what means are multiplied by,
    what is added to them), of which one is idle (1, or 0).

    In an England whose later provision acts on nothing, support that begins after Year 1 does
    nothing: (1, 0). Raises UsageError for a measure on which provision does not act directly.
    """
    if measure not in STRATEGY:
        raise UsageError(f"No truth by strategy is kept of {measure}.")
    model = STRATEGY[measure]
    added = slope(model, scenario(england)) * remaking.strengths_in_year_1(folder)
    if model.scale == RATE:
        return float(np.exp(added).mean()), 0.0
    return 1.0, float(added.mean())


def acts_later(england: str) -> bool:
    """Return whether provision that begins after Year 1 acts on outcomes in a scenario."""
    return scenario(england).late > 0


def planted(folder: Path, children: Iterable[int]) -> Planted:
    """Return the gaps in provision that an England was given among these of its children."""
    return planted_in(folder, children)
