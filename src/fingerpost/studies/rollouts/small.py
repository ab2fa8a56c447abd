"""Warnings of answers that rest on few units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.panel import Panel
from fingerpost.core.words import counted, listing

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
FEW = 5  # units; an effect that rests on fewer is mostly their own fortune
ONE = "the effect rests on {units}: fewer than {few} units, so that it may be their own fortune"
SEVERAL = (
    "{exposures} of the mean over exposures, each of which counts alike, {rest} on {units}: fewer "
    "than {few} units, so that it may be their own fortune"
)


def small_waves(panel: Panel, answer: Answer) -> tuple[tuple[Term, str], ...]:
    """Return a warning for each answer of which an exposure rests on few units."""
    if answer.estimate is None:
        return ()
    return tuple((term, words) for term in answer.estimate.terms for words in _words(panel, term))


def _words(panel: Panel, term: Term) -> Iterator[str]:
    """Yield the warning of one term."""
    adopted = np.asarray(panel.adopted, dtype=np.int64)
    recorded = panel.told(term.outcome)
    every = _exposures(adopted, recorded)
    kind = term.target.kind
    asked = {
        "at_exposure": [int(term.exposure_time or 0)],
        "exposure_average": every,
        "long_term": every[-1:],
    }.get(kind, [])
    small = [at for at in asked if 0 < len(_reached(adopted, at, recorded)) < FEW]
    if not small:
        return
    # The fewest units are those of the longest exposure.
    units = _units(panel, _reached(adopted, small[-1], recorded))
    if kind != "exposure_average":
        yield ONE.format(units=units, few=FEW)
        return
    told = f"exposure{'s' * (len(small) > 1)} {listing([str(at) for at in small])}"
    rest = "rests" if len(small) == 1 else "rest (the last of them)"
    yield SEVERAL.format(exposures=told, rest=rest, units=units, few=FEW)


def _exposures(adopted: Ints, told: Flags) -> list[int]:
    """Return the exposures for which some unit is without provision at the same time. told: (t,)
    whether the outcome was recorded in a period.
    """
    return [at for at in range(len(told)) if len(_reached(adopted, at, told))]


def _reached(adopted: Ints, exposure: int, told: Flags) -> Ints:
    """Return when provision began in the units that are seen so long after it."""
    periods = len(told)
    last = periods - 1 if (adopted < 0).any() else int(adopted.max(initial=0)) - 1
    then = adopted + exposure
    found: Ints = adopted[(adopted > 0) & (then <= last) & told[np.minimum(then, periods - 1)]]
    return found


def _units(panel: Panel, begun: Ints) -> str:
    """Return how many units began when."""
    parts = [
        f"{counted(int(np.count_nonzero(begun == at)), 'unit')} where provision began in "
        f"{panel.periods[int(at)]}"
        for at in np.unique(begun)
    ]
    return listing(parts)
