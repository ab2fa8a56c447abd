"""A trial's allocation as inference takes it: units by the names that the ledger holds."""

from __future__ import annotations

import numpy as np

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.errors import UsageError
from fingerpost.core.seeds import stream
from fingerpost.studies.trials.drawing import drawn_of, frame
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.sequences import Held, Sequenced


def sequence_of(opened: Opened, keys: Keys) -> Sequenced:
    """Return the units that were allocated one by one, in order. keys: that open arms."""
    keys.opener  # noqa: B018 - says which key it takes
    held = Held(opened, keys)
    held.read(opened.entries())
    return held.sequence("")


def allocation(opened: Opened, keys: Keys) -> Allocation:
    """Return unit → arm with the chance that each arm had; units named as `keys.unit` names them,
    or, in a register of schools or areas, by their codes.
    """
    if opened.plan["register"]:
        made = drawn_of(opened.folder, opened)
        if made is None:
            raise UsageError(f"{opened.folder}: the register is not drawn yet.")
        return made
    sequence = sequence_of(opened, keys)
    chances = [unit.chances for unit in sequence.units]
    return Allocation(
        units=tuple(unit.name for unit in sequence.units),
        arms=tuple(arm.name for arm in opened.trial.arms),
        code=sequence.places.rows[:, 2].copy(),
        probability=np.array(chances) if all(chances) and chances else None,
        commitment=str(opened.plan["commitments"]["key"]),
    )


def permutations(opened: Opened, keys: Keys, *, count: int) -> Permutations:
    """Return draws that might have been: the procedure run again on the same units in order."""
    if opened.listed:
        raise UsageError("arms came from an external list, whose other draws nobody here knows.")
    made = allocation(opened, keys)
    units = frame(opened) if opened.plan["register"] else sequence_of(opened, keys).arrived()
    seed = stream(opened.study.digest(), "draws that might have been").bytes(32)
    codes = opened.procedure.replay(opened.trial, units, seed, count)
    return Permutations(made.units, made.arms, np.asarray(codes))
