"""Waves issued one by one; where a keeper holds the secret, opened one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts.drawing import (
    allocation_file,
    open_folder,
    replayed,
    salt_of,
    secret_for,
    units_in,
)
from fingerpost.studies.rollouts.folder import ALLOCATION, SECRET, put
from fingerpost.studies.rollouts.frozen import Frozen
from fingerpost.studies.rollouts.registering import event, stream_of


def issue(
    folder: Path, wave: str, *, keeper: Path | None = None, ledger: str | None = None
) -> tuple[str, ...]:
    """Issue a wave: write its event, open its seal where it has one, and return its units.

    Waves are issued in order. keeper: the file of the secret, where later waves are kept to
    oneself; with the last wave the secret itself is put into the folder, so that anyone can replay
    the draw. Raises UsageError for a wave that there is not, or out of turn. Issued again, a wave
    is the same.
    """
    frozen = open_folder(folder)
    if wave not in frozen.waves:
        raise UsageError(
            f'there is no wave "{wave}". There are: {listed(frozen.waves)}.'
            f"{nearest(wave, frozen.waves)}"
        )
    secret = secret_for(frozen, keeper)
    units = units_in(replayed(folder, keeper=keeper), wave)
    salted = {"salt": salt_of(secret, wave).hex()} if secret else {}
    said = event("issued", {"wave": wave, "units": units, **salted})

    def decide(entries: Sequence[Entry]) -> Event:
        check_turn(frozen, wave, entries)
        return said

    stream = stream_of(frozen)
    with folders.writing(folder, stream, ledger=ledger) as held:
        held.append(stream, decide, key=f"issued {wave}")
        if secret:
            put(folder / ALLOCATION, told_file(frozen, held.entries(stream)))
        if secret and wave == frozen.waves[-1]:
            put(folder / SECRET, f"{secret.hex()}\n".encode())
        folders.note(folder, held, stream)
    return tuple(units)


def is_issued(folder: Path, wave: str, *, ledger: str | None = None) -> bool:
    """Return whether a wave is issued already, as the ledger of its draw says."""
    frozen = open_folder(folder)
    with Ledger(folders.address_of(folder, ledger), read_only=True) as held:
        entries = held.entries(stream_of(frozen))
    return any(entry.kind == "issued" and entry.body["wave"] == wave for entry in entries)


def check_turn(frozen: Frozen, wave: str, entries: Sequence[Entry]) -> None:
    """Raise UsageError where a wave is not the next to be issued."""
    if not any(entry.kind == "drawn" for entry in entries):
        raise UsageError("nothing is drawn yet, as the ledger says. Draw first.")
    anew = [entry.body["commitment"] for entry in entries if entry.kind == "replanned"]
    if anew:
        raise UsageError(
            "what was not issued is drawn anew: issue it by the draw whose commitment is "
            f"{anew[0]}."
        )
    issued = {entry.body["wave"] for entry in entries if entry.kind == "issued"}
    turn = next(name for name in frozen.waves if name not in issued)
    if wave != turn:
        raise UsageError(f"wave {wave} is not next: {turn} is to be issued before it.")


def told_file(frozen: Frozen, entries: Sequence[Entry]) -> bytes:
    """Return unit → wave as CSV, as far as waves are issued."""
    issued = {
        unit: frozen.waves.index(entry.body["wave"])
        for entry in entries
        if entry.kind == "issued"
        for unit in entry.body["units"]
    }
    return allocation_file(frozen, [issued.get(unit, -1) for unit in frozen.units])
