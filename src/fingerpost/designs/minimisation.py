"""Minimisation: the arm that would leave arms most alike is the likelier one, and never certain.

For trials with much to be alike in and few units: every margin is kept balanced, where strata would
be many and small. The random element (`likely`, 0.8) is what keeps the next arm from being known to
whoever sees those before. Every unit's chance of each arm, before the first is allocated, is the
arm's share, of unequal shares too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived
from fingerpost.core.leaves import Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._minimising import check_minimise, minimised, minimised_step
from fingerpost.designs._numbers import Whole, chances, source, tickets
from fingerpost.designs._trial_assumptions import INDIVIDUAL


def replay(trial: Trial, units: Arrived, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, n) arms that the units, in the same order, might have been given."""
    return tickets(trial)[minimised(trial, units, source(seed, count, exact=exact))]


def marginal(trial: Trial, units: Arrived) -> NDArray[np.float64]:
    """Return (n, k) each unit's chance of each arm before the first was allocated: the share.

    What a unit's chance was given those before it is in the ledger; it is no weight of an analysis,
    for it depends on arms that the draw gave others.
    """
    return np.tile(chances(trial), (len(units.known), 1))


MINIMISATION = Design(
    title="Minimisation",
    summary="Each unit is likelier drawn into the arm that leaves arms most alike in what is "
    "known, and never certain of it.",
    reference="Pocock & Simon (1975), Biometrics 31:103-115; Kuznetsova & Tymofyeyev (2012), "
    "Statistics in Medicine 31:701-723",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    denies="Units of an arm that offers less go without what other arms offer while the trial "
    "lasts.",
    analysis="g_formula",
    procedure=Procedure(
        check_minimise, replay, step=minimised_step, margins=True, chances=marginal
    ),
)
