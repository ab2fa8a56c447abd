"""Verifying a trial: files against digests, the ledger's chain, the sequence; with the key, every
allocation made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Head
from fingerpost.ledger.store import Ledger
from fingerpost.studies.trials import folder as folders
from fingerpost.studies.trials.drawing import replayed
from fingerpost.studies.trials.folder import (
    ALLOCATION,
    EVENTS,
    FILES,
    JOURNAL,
    LEDGER,
    MANIFEST,
    PLAN,
    PULSE,
    Opened,
    open_folder,
    sha256,
)
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.opening import code_digest
from fingerpost.studies.trials.sequences import Held, unit_of

Tell = Callable[[int], None]
CHANGED = "its bytes are not those that manifest.json lists: it was changed"


@dataclass(frozen=True, eq=False, slots=True)
class Verified:
    """What verifying found. faults: each names its file or entry. notes: what a reader should know
    though nothing is wrong. allocated: units by stage. replayed: how many allocations were made
    again. head: of the ledger, to be compared with a published one.
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    allocated: tuple[tuple[str, int], ...]
    replayed: int
    head: Head | None


def verify(
    folder: Path,
    *,
    key: Path | None = None,
    ledger: str | None = None,
    published: Head | None = None,
    tell: Tell | None = None,
) -> Verified:
    """Return all that is not in a trial's folder as it was left, without a network.

    key: of any role. With that of who sees, every seal is opened; with that of who opened the
    trial, every allocation is made again. published: a head made public earlier. tell: hears how
    many are made again.
    """
    check = _Check(folder)
    check.undo()
    check.files()
    opened = check.opened(ledger)
    if opened is not None:
        keys = opened.keys(key) if key else None
        check.chain(opened, published)
        check.sequence()
        check.drawn(opened)
        if keys is not None and not check.faults:
            check.replay(opened, keys, tell)
        check.others(opened, keys)
    faults = tuple(dict.fromkeys(check.faults))
    counts = tuple(check.counts.items())
    return Verified(faults, tuple(check.notes), counts, check.replayed, check.head)


class _Check:
    """One verification: what has been read so far, and what was found wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.entries: tuple[Entry, ...] = ()
        self.counts: dict[str, int] = {}
        self.listed: dict[str, Any] = {}
        self.moved = False
        self.replayed = 0
        self.head: Head | None = None

    def undo(self) -> None:
        """Have SQLite undo what somebody had begun to write who was stopped."""
        journal = self.folder / JOURNAL
        if not (journal.is_file() and journal.stat().st_size and (self.folder / LEDGER).is_file()):
            return
        try:
            with Ledger(self.folder / LEDGER, often=True) as held:
                held.streams()
        except FingerpostError as error:
            self.faults.extend(error.problems)

    def fault(self, name: str, words: str) -> None:
        """Note a fault of a file."""
        self.faults.append(f"{name}: {words}.")

    def files(self) -> None:
        """Hold every file against the list, and the list against itself."""
        path = self.folder / MANIFEST
        if not path.is_file():
            self.fault(MANIFEST, "there is no such file, so that what else should be there is open")
            return
        content = path.read_bytes()
        try:
            held = json.loads(content)
            own = held.pop("manifest")
            whole = json.dumps({**held, "manifest": own}, indent=1, sort_keys=True) + "\n"
            fine = own == sha256(canonical(held)) and whole.encode() == content
            files: dict[str, str] = dict(held["files"])
        except (ValueError, KeyError, TypeError, AttributeError):
            fine, files, held = False, {}, {}
        if not fine:
            self.fault(MANIFEST, "it does not fit its own digest: it was changed")
            return
        self.listed = held
        for name, known in files.items():
            there = (self.folder / name).is_file()
            if not there:
                self.fault(name, f"it is listed in {MANIFEST} and is not there")
            elif sha256((self.folder / name).read_bytes()) != known:
                # More entries change the ledger's file too: the chain says whether it is those.
                self.moved = self.moved or name == LEDGER
                if name != LEDGER:
                    self.fault(name, CHANGED)
        for name in FILES:
            if name not in files and (self.folder / name).is_file():
                self.fault(name, f"it lies there, and {MANIFEST} does not list it")

    def opened(self, ledger: str | None) -> Opened | None:
        """Return the trial; None where its plan or study cannot be read."""
        try:
            return open_folder(self.folder, ledger=ledger)
        except FingerpostError as error:
            self.faults.extend(error.problems)
            if self.moved:
                self.fault(LEDGER, CHANGED)
            return None

    def chain(self, opened: Opened, published: Head | None) -> None:
        """Hold the ledger against itself, the plan, the list and a published head."""
        try:
            with opened.ledger(read_only=True) as held:
                heads = {opened.stream: published} if published else {}
                for fault in held.check(streams=[opened.stream], published=heads):
                    self.fault(LEDGER, fault.words)
                self.entries = held.entries(opened.stream)
                self.head = held.head(opened.stream)
        except FingerpostError as error:
            self.faults.extend(error.problems)
            if self.moved:
                self.fault(LEDGER, CHANGED)
            return
        known = self.listed.get("ledger") or {}
        at = known.get("number", 0)
        there = self.entries[at - 1].hash if 0 < at <= len(self.entries) else ""
        if known and there != known.get("hash"):
            self.fault(
                LEDGER, f"entry {at}, the last that {MANIFEST} lists, is not there as it was"
            )
        elif known and at < self.head.number:
            self.notes.append(
                f"{MANIFEST} lists entries up to {at} of {self.head.number}: a command was stopped "
                "before it wrote the list anew; the next one does."
            )
        elif self.moved:
            self.fault(LEDGER, CHANGED)
        first = _body(self.entries[0]) if self.entries else {}
        if first.get("plan") != sha256(canonical(opened.plan)):
            self.fault(LEDGER, f"it was not opened with {PLAN} as that lies there")
        if first.get("study_digest") != opened.plan["study_digest"]:
            self.fault(LEDGER, "it was opened with another study than the plan's")

    def sequence(self) -> None:
        """Hold the numbers of allocations to an unbroken sequence, each unit to one of a stage."""
        seen: set[tuple[str, str]] = set()
        for entry in self.entries:
            body = _body(entry)
            missing = [key for key in EVENTS.get(entry.kind, ("?",)) if key not in body]
            if entry.kind not in EVENTS or missing:
                self.fault(LEDGER, f"entry {entry.number} is no entry of a trial ({entry.kind})")
                continue
            if entry.kind != "allocated":
                continue
            stage, unit = str(body["stage"]), str(body["unit"])
            number = self.counts.get(stage, 0) + 1
            self.counts[stage] = number
            if body["number"] != number:
                words = f"bears number {body['number']}, where {number} was next"
                self.fault(LEDGER, f"entry {entry.number} {words}")
            if (stage, unit) in seen:
                self.fault(LEDGER, f"entry {entry.number} allocates a unit a second time")
            seen.add((stage, unit))

    def drawn(self, opened: Opened) -> None:
        """Draw a register again, and hold the pulse and the draw to what the ledger says."""
        said = next((_body(entry) for entry in self.entries if entry.kind == "drawn"), None)
        if said is None or self.faults:
            return
        try:
            pulse = folders.read(self.folder / PULSE)
            made, content = replayed(opened, pulse)
            held = folders.read(self.folder / ALLOCATION)
        except FingerpostError as error:
            self.faults.extend(error.problems)
            return
        if sha256(pulse) != said.get("pulse"):
            self.fault(PULSE, "it is not the pulse that the ledger says was drawn with")
        if content != held or sha256(content) != said.get("allocation"):
            self.fault(ALLOCATION, "the draw made again gives another: it was changed")
        self.counts[""] = len(made.units)
        self.replayed = len(made.units)

    def replay(self, opened: Opened, keys: Keys, tell: Tell | None) -> None:
        """Open every seal, and with the key that opened the trial make every allocation again."""
        held = Held(opened, keys)
        for entry in self.entries:
            if entry.kind == "allocated" and keys.arms is not None:
                try:
                    unit = unit_of(entry, keys)
                    if keys.allocation is not None:
                        self.compare(held, entry)
                        self.replayed += 1
                except Malformed as error:
                    self.faults.extend(f"{LEDGER}: {words}" for words in error.problems)
                    return
                if tell is not None and unit.number % 100 == 0:
                    tell(unit.number)
            held.read([entry])

    def compare(self, held: Held, entry: Entry) -> None:
        """Hold an allocation to what the procedure gives."""
        assert held.keys is not None
        unit = unit_of(entry, held.keys)
        try:
            step = held.step(unit.stage, dict(unit.known), unit.cluster)
        except (FingerpostError, ValueError) as error:
            self.fault(LEDGER, f"entry {entry.number} cannot be made again: {error}")
            return
        if step.arm != unit.arm:
            self.fault(
                LEDGER,
                f"entry {entry.number} (number {unit.number}): the procedure gives another arm "
                "than the one that was allocated",
            )
        wanted = tuple(f"{chance:.9f}" for chance in step.probability)
        if wanted != tuple(f"{chance:.9f}" for chance in unit.chances):
            words = f"entry {entry.number} (number {unit.number}): the chances of arms are others"
            self.fault(LEDGER, words)

    def others(self, opened: Opened, keys: Keys | None) -> None:
        """Note what a reader should know."""
        own = code_digest(str(opened.plan["design"]))
        first = sha256(canonical(opened.plan["code"]))[:16]
        used = {_body(one).get("code") for one in self.entries if one.kind == "allocated"}
        if used - {own} or first != own:
            self.notes.append(
                "the trial was opened, or units were allocated, by another version of the program "
                "than this one"
                + ("; this one gives the same." if self.replayed and not self.faults else ".")
            )
        if keys is None and not opened.plan["register"]:
            self.notes.append(
                "without a key: the chain, the sequence and the commitments; not which arms. With "
                "--key every allocation is made again."
            )
        elif keys is not None and keys.allocation is None:
            self.notes.append(f"with the key of who {keys.role}: allocations were not made again.")
        known = {*FILES, MANIFEST, JOURNAL}
        strange = sorted(path.name for path in self.folder.iterdir() if path.name not in known)
        if strange:
            self.notes.append(f"also there, and no part of the trial: {', '.join(strange)}.")


def _body(entry: Entry) -> dict[str, Any]:
    """Return an entry's body, empty where it is no longer one."""
    try:
        found = json.loads(entry.text)
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def checked(folder: Path, *, key: Path | None = None, ledger: str | None = None) -> Opened:
    """Return the trial of a folder once it is verified. Raises Malformed with all that is wrong."""
    found = verify(folder, key=key, ledger=ledger)
    if found.faults:
        raise Malformed(f"{folder}: {fault}" for fault in found.faults)
    return folders.open_folder(folder, ledger=ledger)
