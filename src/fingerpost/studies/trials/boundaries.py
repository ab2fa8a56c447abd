"""Looks of a trial before its end: where each would stop it, and what looking costs.

Boundaries are of the standardised effect, positive for benefit, at shares of all information (of
children seen, where each tells alike). Exact families keep their level at the looks planned; error
spending keeps it at whatever looks are held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

import fingerpost
from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.rollout import BOUNDS, SHAPED, SPENDING, Monitoring
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.group_sequential import (
    WIDEST,
    crossing,
    drift_of,
    fractions_of,
)
from fingerpost.kernels.trial_power import power_of
from fingerpost.studies.rollouts.monitoring import NAMES, boundary, harm_bounds

SCHEMA_VERSION = "1"
KIND = "boundaries of looks"
# As papers call them, besides our names.
ALSO = {"kim_demets": "power", "hwang_shih_decani": "exponential"}


@dataclass(frozen=True, slots=True)
class TrialLook:
    """One look. information: share of all. bound: of the standardised effect, infinite where
    nothing can stop there; p: its one-sided p-value. spent: error of one side spent by then. stops,
    stops_if: chance of having stopped by then without an effect and with the one to be found. harm:
    a bound for harm that binds nobody, as a positive number. units: seen by then; None where no
    effect is named.
    """

    information: float
    bound: float
    p: float
    spent: float
    stops: float
    stops_if: float
    harm: float | None
    units: float | None


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The looks of a trial. asked: shape, level, sides. power: that inflation is told at.
    inflation: how many times the units of a trial without looks are needed. fixed, most: units of a
    trial without looks, and of this one if nothing stops it; expected, expected_if: on average
    without an effect and with it; None where no effect is named.
    """

    asked: Monitoring
    power: float
    looks: tuple[TrialLook, ...]
    inflation: float
    effect: float | None
    fixed: float | None
    most: float | None
    expected: float | None
    expected_if: float | None

    @property
    def bounds(self) -> tuple[float, ...]:
        """The boundary, look by look."""
        return tuple(look.bound for look in self.looks)


def asked_for(
    *,
    bounds: str | None,
    spending: str | None,
    parameter: float | None,
    alpha: float,
    sides: int,
    harm: float,
) -> Monitoring:
    """Return what is asked for, by our names; hyphens or underscores, papers' names too.

    Raises UsageError with every fault: a strange name, a number that is missing or not taken.

    >>> asked_for(bounds=None, spending="hwang-shih-decani", parameter=-4, alpha=0.025, sides=1,
    ...     harm=0).shape
    'exponential'
    """
    faults = []
    shape = own_name(bounds)
    way = own_name(spending)
    if shape and way:
        faults.append("--bounds and --spending are told together. Keep one.")
    if shape and shape not in BOUNDS:
        faults.append(f'--bounds "{bounds}": allowed are {menu(BOUNDS)}.{nearest(shape, BOUNDS)}')
    if way and way not in SPENDING:
        faults.append(
            f'--spending "{spending}": allowed are {menu(SPENDING)}.{nearest(way, SPENDING)}'
        )
    named = shape or way or SPENDING[0]
    if named in SHAPED and parameter is None:
        faults.append(f"--parameter is missing: {named} needs one.")
    if named not in SHAPED and parameter is not None:
        faults.append(f"--parameter is told, and {named} takes none. Leave it out.")
    if named == "wang_tsiatis" and parameter is not None and not 0 <= parameter <= 0.5:
        faults.append("--parameter: δ lies between 0 (O'Brien & Fleming) and 0.5 (Pocock).")
    if named == "power" and parameter is not None and parameter <= 0:
        faults.append("--parameter: ρ is above 0, for error spent may only rise.")
    if not 0 < alpha < 0.5:
        faults.append(f"--alpha {alpha:g}: a level above 0 and below 0.5.")
    if sides not in (1, 2):
        faults.append(f"--sides {sides}: 1 or 2.")
    if not 0 <= harm < 0.5:
        faults.append(f"--harm {harm:g}: a one-sided level below 0.5, or 0 for none.")
    if faults:
        raise UsageError(faults)
    return Monitoring(None, shape, way, parameter, alpha, sides, harm)


def own_name(word: str | None) -> str:
    """Return a name as the language has it."""
    plain = (word or "").strip().lower().replace("-", "_")
    return ALSO.get(plain, plain)


def menu(names: Sequence[str]) -> str:
    """Return names as the command line writes them."""
    return listed(name.replace("_", "-") for name in names)


def boundaries(
    asked: Monitoring,
    looks: int | Sequence[float],
    *,
    power: float = 0.90,
    effect: float | None = None,
    share: float = 0.5,
) -> Boundaries:
    """Return the boundary at so many looks, or at these shares of all information.

    power: at which inflation is told. effect: difference of two means in standard deviations, for
    numbers of units; share: of units with provision. Raises UsageError for shares that do not rise.
    """
    if isinstance(looks, int) and looks > 40:
        raise UsageError(f"--looks {looks}: 40 at the most.")
    if not 0.5 < power < 1 or not 0 < share < 1:
        raise UsageError("--power lies above 0.5 and below 1, --share above 0 and below 1.")
    if effect is not None and effect == 0:
        raise UsageError("--effect 0: no trial finds nothing. Name the effect to be found.")
    t = fractions_of(looks)
    alpha = asked.alpha / asked.sides
    bounds = boundary(asked, t)
    drift = drift_of(bounds, t, power=power)
    spent, stops_if = crossing(bounds, t).cumsum(), crossing(bounds, t, drift=drift).cumsum()
    harm = harm_bounds(asked, t)
    cost = (drift / float(ndtri(1 - alpha) + ndtri(power))) ** 2 / float(t[-1])
    fixed = most = expected = expected_if = None
    if effect is not None:
        fixed = once(abs(effect), alpha=alpha, power=power, share=share)
        most = fixed * cost
        # Without an effect both sides stop; with it the far side never does.
        expected = most * mean_share(t, asked.sides * spent)
        expected_if = most * mean_share(t, stops_if)
    rows = tuple(
        TrialLook(
            float(t[at]),
            float(bounds[at]) if bounds[at] < WIDEST else math.inf,
            float(ndtr(-bounds[at])),
            float(spent[at]),
            float(asked.sides * spent[at]),
            float(stops_if[at]),
            None if harm is None else float(harm[at]),
            None if most is None else float(most * t[at] / t[-1]),
        )
        for at in range(len(t))
    )
    return Boundaries(asked, power, rows, cost, effect, fixed, most, expected, expected_if)


def once(effect: float, *, alpha: float, power: float, share: float) -> float:
    """Return how many units a trial without looks draws, one-sided, by a t test of two means.

    effect: in standard deviations, above 0. Not rounded up: what looks multiply is the number.

    >>> round(once(0.2, alpha=0.025, power=0.8, share=0.5), 3)
    786.813
    """

    def short(units: float) -> float:
        error = 1 / math.sqrt(units * share * (1 - share))
        return power_of(effect, error, df=units - 2, alpha=alpha, sides=1) - power

    by_z = (float(ndtri(1 - alpha) + ndtri(power)) / effect) ** 2 / (share * (1 - share))
    return float(brentq(short, 3.01, by_z + 50, xtol=1e-9))


def mean_share(fractions: Array, stopped: Array) -> float:
    """Return the mean share of units that is seen, given the chance of having stopped by each look.

    >>> mean_share(np.array([0.5, 1.0]), np.array([0.4, 0.9]))
    0.8
    """
    own = np.diff(np.concatenate([[0.0], stopped[:-1], [1.0]]))
    return float(own @ (fractions / fractions[-1]))


# ---------------------------------------------------------------------- tables, words, data
def looks_table(found: Boundaries) -> Table:
    """Return every look, a row each."""
    return Table(
        "looks",
        "Looks on the way",
        (
            *("look", "after", "information", "bound", "p", "spent"),
            *("stops", "stops_if", "harm", "units"),
        ),
        (
            *("number", "label", "share", "number", "number", "number"),
            *("share", "share", "number", "number"),
        ),
        tuple(
            (
                at,
                "the end" if at == len(found.looks) else f"look {at}",
                one.information,
                one.bound if math.isfinite(one.bound) else None,
                one.p,
                one.spent,
                one.stops,
                one.stops_if,
                one.harm,
                one.units,
            )
            for at, one in enumerate(found.looks, start=1)
        ),
        context="bound: of the standardised effect, positive for benefit; p: its one-sided "
        "p-value. spent: error of one side by then. stops: chance of having stopped by then "
        "without an effect; stops_if: with one that is found with the power asked for.",
        tells=Tells(keys=("look",)),
    )


def shape_words(asked: Monitoring) -> str:
    """Return the shape of a boundary in words.

    >>> shape_words(Monitoring(bounds="wang_tsiatis", parameter=0.25))
    'exact, Wang and Tsiatis (0.25)'
    """
    by = f"{NAMES[asked.shape]}" + ("" if asked.parameter is None else f" ({asked.parameter:g})")
    return f"exact, {by}" if asked.bounds else f"error spent like {by}"


def record(found: Boundaries) -> dict[str, Any]:
    """Return looks as JSON-ready data; a bound that nothing reaches is null."""
    table = looks_table(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "shape": found.asked.shape,
        "exact": bool(found.asked.bounds),
        "parameter": found.asked.parameter,
        "alpha": found.asked.alpha,
        "sides": found.asked.sides,
        "information": [one.information for one in found.looks],
        "bounds": [one.bound if math.isfinite(one.bound) else None for one in found.looks],
        "looks": table.records(),
        "power": found.power,
        "inflation": found.inflation,
        "effect": found.effect,
        "n_fixed": found.fixed,
        "n_max": found.most,
        "n_expected_h0": found.expected,
        "n_expected_h1": found.expected_if,
        "provenance": {"code_version": fingerpost.__version__, "records": "none read"},
    }
