"""Simple randomisation: every unit is drawn by itself, whatever those before it were.

Nobody can guess the next arm. In small trials arms may turn out of unequal size: of 40 children,
one draw in twelve leaves 14 or fewer in one of two arms. Unit i takes a number below all shares
together from stream i of `kernels.counter_draws`; shares stand in the order of arms.
"""

from __future__ import annotations

import numpy as np

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.leaves import Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._numbers import Whole, chances, source, tickets
from fingerpost.designs._trial_assumptions import INDIVIDUAL
from fingerpost.kernels.counter_draws import below


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design: it asks for nothing."""
    del trial
    return []


def step(trial: Trial, arrived: Arrived, seed: bytes) -> Step:
    """Return the arm of the first unit without one."""
    held = tickets(trial)
    at = below(seed, len(arrived.arm), bounds=[len(held)])[0]
    return Step(int(held[at]), chances(trial))


def replay(trial: Trial, units: Arrived, seed: bytes, count: int, *, exact: bool = False) -> Whole:
    """Return (count, n) arms that the units might have been given."""
    numbers, held = source(seed, count, exact=exact), tickets(trial)
    found = np.empty((count, len(units.known)), dtype=np.int64)
    for at in range(found.shape[1]):
        found[:, at] = held[numbers.below(at, [len(held)])[0]]
    return found


SIMPLE = Design(
    title="Simple randomisation",
    summary="Every unit is drawn by itself, with the same chances whatever came before.",
    reference="Rosenberger & Lachin (2015), Randomization in Clinical Trials, 2nd ed., chapter 3",
    staggered=False,
    concurrent=True,
    assumes=INDIVIDUAL,
    shuffled=True,
    denies="Units of an arm that offers less go without what other arms offer while the trial "
    "lasts.",
    analysis="naive",
    procedure=Procedure(check, replay, step=step),
)
