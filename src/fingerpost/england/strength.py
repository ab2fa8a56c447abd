"""How strong provision is, by delay and amount, and the slope that gives an outcome its effect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from fingerpost.england._draws import Floats, Ints
from fingerpost.england.model import RATE, STRENGTH, OutcomeModel
from fingerpost.england.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Cells:
    """Every combination of delay, planned minutes and share delivered.

    share: (d, p, s) chance of each among children provided for by Year 1 spring. strength:
    (d, p, s) with mean 1 under share.
    """

    share: Floats
    strength: Floats


@cache
def cells() -> Cells:
    """Return the chances and strengths of the cells, by enumeration.

    >>> found = cells()
    >>> round(float((found.share * found.strength).sum()), 12)
    1.0
    """
    delay = delay_shares().mean(axis=0)
    delay = np.array(STRENGTH.concern_terms) / sum(STRENGTH.concern_terms) @ delay
    share = (
        delay[:, None, None]
        * np.array(STRENGTH.planned_share)[None, :, None]
        * np.array(STRENGTH.delivered_share)[None, None, :]
    )
    raw = (
        np.array(STRENGTH.by_delay)[:, None, None]
        * np.array(STRENGTH.by_planned)[None, :, None]
        * np.array(STRENGTH.by_delivered)[None, None, :]
    )
    return Cells(share, raw / (share * raw).sum())


@cache
def delay_shares() -> Floats:
    """Return the chance of each delay: (kind of authority, term of concern, delay in terms)."""
    waits = np.array(STRENGTH.waits)
    terms = len(STRENGTH.concern_terms)
    left = terms - 1 - np.arange(terms)
    open_ = np.arange(waits.shape[1])[None, :] <= left[:, None]
    weights = waits[:, None, :] * open_[None, :, :]
    return np.asarray(weights / weights.sum(axis=2, keepdims=True), dtype=np.float64)


def strength_of(delay: Ints, planned: Ints, delivered: Ints) -> Floats:
    """Return the strength of provision: (n,), from the position of each in `STRENGTH`."""
    return np.asarray(cells().strength[delay, planned, delivered], dtype=np.float64)


def slope(outcome: OutcomeModel, scenario: Scenario) -> float:
    """Return what one unit of strength adds: to the log rate, or to the score.

    For a rate the slope makes the mean of exp(slope × strength) over the cells the declared ratio,
    raised to the scenario's multiple: an effect of −1 is the inverse ratio.
    """
    times = scenario.times(outcome)
    if outcome.scale != RATE:
        return outcome.effect * times
    return rate_slope(float(outcome.effect**times))


@cache
def rate_slope(ratio: float) -> float:
    """Return β with Σ share × exp(β × strength) = ratio, by Newton's steps.

    >>> rate_slope(1.0)
    0.0
    """
    share, strength = cells().share, cells().strength
    beta = float(np.log(ratio))
    for _ in range(30):
        weights = share * np.exp(beta * strength)
        beta -= float((weights.sum() - ratio) / (weights * strength).sum())
    return beta
