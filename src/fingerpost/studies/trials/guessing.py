"""How often the next arm of a trial is guessed right by who sees those before it.

Blackwell & Hodges (1957), Annals of Mathematical Statistics 28:449-460.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.trial import Trial

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]


def kinds_alike(trial: Trial) -> Whole | None:
    """Return (k, k) whether arms are of the same kind of cluster, None where there are no kinds."""
    if not all(arm.levels for arm in trial.arms):
        return None
    kinds = np.unique([arm.levels[0][1] for arm in trial.arms], return_inverse=True)[1]
    return (kinds[:, None] == kinds).astype(np.int64)


def right_guesses(
    codes: Whole,
    sequence: Whole,
    *,
    inverse: Floats,
    there: NDArray[np.bool_],
    alike: Whole | None = None,
) -> Floats:
    """Return (d,) the share of right guesses of one who guesses the arm that has had fewest units
    for its share so far in the unit's sequence, at random where several have.

    codes: (d, n) arms of draws; sequence: (n,) codes; inverse: (k,) one over shares; there: (n, k)
    arms that a unit can be given; alike: (k, k) arms of the same kind, where one arm that was seen
    in a sequence tells of which kind all of it are.
    """
    draws, n = codes.shape
    held = np.zeros((int(sequence.max()) + 1, draws, len(inverse)))
    right = np.zeros(draws)
    each = np.arange(draws)
    for at in range(n):
        own = held[sequence[at]]
        may = np.broadcast_to(there[at], own.shape)
        if alike is not None:
            seen = (own > 0).astype(np.int64)
            may = may & (seen @ alike == seen.sum(axis=1, keepdims=True))
        least = may & (own == np.where(may, own, np.inf).min(axis=1, keepdims=True))
        arm = codes[:, at]
        right += least[each, arm] / least.sum(axis=1)
        own[each, arm] += inverse[arm]
    return np.asarray(right / n)
