"""Drawing a register: all units at once, from the plan's digest and a public pulse, so that anyone
can make the draw again without a key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Allocation
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.files import put
from fingerpost.core.leaves import Procedure
from fingerpost.core.rollout import Frame
from fingerpost.core.trial import Trial
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry
from fingerpost.studies.rollouts.frozen import as_csv
from fingerpost.studies.rollouts.pulses import read_pulse, seed_of
from fingerpost.studies.trials.folder import (
    ALLOCATION,
    PULSE,
    REGISTER,
    Opened,
    event,
    list_files,
    read,
    sha256,
)
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.opening import named_by_key
from fingerpost.studies.trials.sequences import Held
from fingerpost.studies.trials.units import frame_of


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A draw of a register. file: unit → arm as CSV. new: whether it was made now."""

    allocation: Allocation
    file: bytes
    entry: Entry
    new: bool


def frame(opened: Opened) -> Frame:
    """Return the units as they were frozen. Raises Malformed where the register was changed."""
    register = opened.trial.register
    if register is None or not opened.plan["register"]:
        raise UsageError(f"{opened.study.name}: units of this trial come one by one.")
    if sha256(read(opened.folder / REGISTER)) != opened.plan["register"]:
        raise Malformed(f"{REGISTER}: it was changed since the trial was opened.")
    own = replace(register, table=REGISTER, neighbours="")
    study = replace(opened.study, trial=replace(opened.trial, register=own))
    return frame_of(study, opened.folder)


def replayed(opened: Opened, pulse: bytes) -> tuple[Allocation, bytes]:
    """Return the draw that a pulse gives, and its file."""
    found = read_pulse(pulse, opened.plan["pulse"])
    units = frame(opened)
    seed = seed_of(bytes.fromhex(commitment(opened)), found)
    draw = opened.procedure.draw
    assert draw is not None
    made = draw(opened.trial, units, seed)
    arms = [made.arms[int(code)] for code in made.code]
    columns = {"unit": list(made.units)}
    if made.strata:
        columns["stratum"] = list(made.strata)
    columns["arm"] = arms
    if made.probability is not None:
        for at, arm in enumerate(made.arms):
            columns[f"chance of {arm}"] = [f"{chance:.6f}" for chance in made.probability[:, at]]
    content = as_csv(columns)
    return replace(made, commitment=commitment(opened), digest=sha256(content)), content


def might_have_been(
    procedure: Procedure, trial: Trial, units: Frame, *, seed: bytes, count: int
) -> NDArray[np.int64]:
    """Return (d, u) arms in draws that might have been: as many as asked, fewer where no more are
    possible. Of a draw that keeps the best of its candidates, of as many sets of candidates as it
    takes.
    """
    codes = np.asarray(procedure.replay(trial, units, seed, count), dtype=np.int64)
    sets = 0
    while len(codes) < count:
        more = np.asarray(procedure.replay(trial, units, seed_of_set(seed, sets), count))
        if not sets and np.array_equal(more, codes):
            return codes  # every draw that is possible
        codes = np.concatenate([codes, more.astype(np.int64)])[:count]
        sets += 1
    return codes


def seed_of_set(seed: bytes, at: int) -> bytes:
    """Return the seed of one more set of candidates."""
    return hashlib.sha256(seed + at.to_bytes(4, "big")).digest()


def commitment(opened: Opened) -> str:
    """Return what is committed to before the pulse: SHA-256 of the plan."""
    return sha256(canonical(opened.plan))


def draw(opened: Opened, pulse: bytes, *, keys: Keys | None = None) -> Drawn:
    """Draw a register, write its file and its event. Made again with the same pulse it is the same.

    keys: of any role, where clusters have lists of children that must be frozen. Raises UsageError
    where a cluster's list is not, or the register was drawn with another pulse.
    """
    made, content = replayed(opened, pulse)
    said = event(
        "drawn",
        {"pulse": sha256(pulse), "allocation": sha256(content), "units": len(made.units)},
    )
    with opened.ledger() as held:
        entries = held.entries(opened.stream)
        refuse_unfrozen(opened, entries, keys)
        before = any(entry.kind == "drawn" for entry in entries)
        entry = held.extend(opened.stream, lambda _: said, key="drawn")
        if entry.body != said.body:
            raise UsageError(
                "the register was drawn already, with another pulse. A draw is made once."
            )
        put(opened.folder / PULSE, pulse)
        put(opened.folder / ALLOCATION, content)
        list_files(opened, held)
    return Drawn(made, content, entry, not before)


def refuse_unfrozen(opened: Opened, entries: tuple[Entry, ...], keys: Keys | None) -> None:
    """Raise UsageError where a cluster's list of children is not frozen."""
    if opened.trial.roll is None:
        return
    if keys is None:
        raise UsageError(
            "--key is missing: whether the clusters' lists of children are frozen is known by the "
            "names that the ledger holds. A key of any role will do."
        )
    held = Held(opened, None)
    held.read(entries)
    units = frame(opened).units
    names = units if named_by_key(opened.study) else tuple(keys.unit(unit) for unit in units)
    missing = sum(name not in held.children for name in names)
    if missing:
        raise UsageError(
            f"{missing} of {len(units)} clusters have no frozen list of children. Whoever is "
            "listed after the arm is known may be listed because of it. Freeze them first: "
            "`fingerpost trial note DIR freeze --roll FILE --key FILE`."
        )


def drawn_of(folder: Path, opened: Opened) -> Allocation | None:
    """Return the draw of a folder, made again; None where it is not made yet."""
    if not (folder / PULSE).is_file():
        return None
    return replayed(opened, read(folder / PULSE))[0]
