"""Verifying a draw: every file against its digest, the ledger's chain, and the draw replayed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Head
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts import folder as folders
from fingerpost.studies.rollouts.drawing import (
    Drawn,
    allocation_file,
    chances_file,
    drawn_files,
    open_folder,
    opened_secret,
    replay,
    seal_of,
)
from fingerpost.studies.rollouts.folder import (
    ALLOCATION,
    CHANCES,
    COMMITMENT,
    DRAW,
    LEDGER,
    MANIFEST,
    NAMES,
    NEIGHBOURS,
    PLAN,
    PULSE,
    REGISTER,
    REHEARSAL,
    SECRET,
    STUDY,
    sha256,
)
from fingerpost.studies.rollouts.frozen import Frozen, code_digests, open_frozen
from fingerpost.studies.rollouts.issuing import told_file
from fingerpost.studies.rollouts.pulses import (
    Randomness,
    read_pulse,
    seed_of,
    unasked_round,
    unnamed_round,
)
from fingerpost.studies.rollouts.registering import commitment_file, stream_of

Tell = Callable[[int], None]
CHANGED = "its bytes are not those that manifest.json lists: it was changed"
UNFINISHED = "an earlier command was stopped before it was done"


@dataclass(frozen=True, eq=False, slots=True)
class Verified:
    """What verifying found. faults: each names its file and place. notes: what a reader should know
    though nothing is wrong. drawn: the draw replayed, None where it is not made or still sealed.
    head: of the ledger, to be compared with a published one. entries: of this draw in the ledger.
    unfinished: whether all that is wrong is that the ledger is ahead of the list of files.
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    drawn: Drawn | None
    head: Head | None
    entries: tuple[Entry, ...] = ()
    unfinished: bool = False


def verify(
    folder: Path,
    *,
    ledger: str | None = None,
    published: Head | None = None,
    tell: Tell | None = None,
) -> Verified:
    """Return all that is not in a folder as the draw left it, without a network.

    ledger: the URL of a database, where the ledger does not lie in the folder. published: a head
    made public earlier. tell: hears how many candidates are drawn again.
    """
    check = _Check(folder, ledger, tell)
    check.files()
    check.frozen_files()
    check.chain(published)
    check.replayed()
    check.pulse()
    faults = tuple(dict.fromkeys(check.faults))
    behind = bool(faults) and all(UNFINISHED in fault for fault in faults)
    return Verified(faults, tuple(check.notes), check.drawn, check.head, check.entries, behind)


def finish(folder: Path, *, ledger: str | None = None, tell: Tell | None = None) -> Verified:
    """Write the list of files anew where the ledger alone is ahead of it, and verify again.

    A command that is stopped between the ledger and the list leaves them so. Where anything else is
    wrong nothing is written.
    """
    found = verify(folder, ledger=ledger, tell=tell)
    if not found.unfinished:
        return found
    with Ledger(folders.address_of(folder, ledger)) as held:
        folders.note(folder, held, stream_of(open_folder(folder)))
    return verify(folder, ledger=ledger, tell=tell)


def checked(
    folder: Path, *, ledger: str | None = None, tell: Tell | None = None
) -> tuple[Drawn, Verified]:
    """Return the draw of a folder once it is verified: what an analysis takes its units, waves,
    chances and possible draws from; and what verifying found. Raises Malformed with all that was
    changed, or where the draw is not made, or still sealed.
    """
    found = verify(folder, ledger=ledger, tell=tell)
    if found.faults:
        raise Malformed(f"{folder}: {fault}" for fault in found.faults)
    if found.drawn is None:
        raise Malformed(f"{folder}: the draw cannot be replayed: {' '.join(found.notes)}")
    return found.drawn, found


AFTERWARDS = ("started", "slipped", "replanned")  # events that nothing but a draw comes before


class _Check:
    """One verification: what has been read so far, and what was found wrong."""

    def __init__(self, folder: Path, ledger: str | None, tell: Tell | None) -> None:
        self.folder, self.ledger, self.tell = folder, ledger, tell
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.frozen: Frozen | None = None
        self.entries: tuple[Entry, ...] = ()
        self.drawn: Drawn | None = None
        self.head: Head | None = None
        self.listed: dict[str, Any] = {}
        self.moved = False  # whether the ledger's file is another than the one listed

    def fault(self, name: str, words: str) -> None:
        """Note a fault of a file."""
        self.faults.append(f"{name}: {words}.")

    def bytes_of(self, name: str) -> bytes | None:
        """Return a file's bytes, None where it is not there."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def files(self) -> None:
        """Hold every file against the manifest, and the manifest against itself."""
        content = self.bytes_of(MANIFEST)
        if content is None:
            self.fault(MANIFEST, "there is no such file, so that what else should be there is open")
            return
        try:
            held = json.loads(content)
            own = held.pop("manifest")
            whole = json.dumps({**held, "manifest": own}, indent=1, sort_keys=True) + "\n"
            fine = own == sha256(canonical(held)) and whole.encode() == content
            files: dict[str, str] = dict(held["files"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.fault(MANIFEST, "it is no list such as a draw writes: it was changed")
            return
        if not fine:
            self.fault(MANIFEST, "it does not fit its own digest: it was changed")
            return
        self.listed = held
        for name, known in files.items():
            found = self.bytes_of(name)
            if found is None:
                self.fault(name, "it is listed in manifest.json and is not there")
            elif sha256(found) != known:
                # More entries change the ledger's file too: the chain says whether it is those.
                self.moved = self.moved or name == LEDGER
                if name != LEDGER:
                    self.fault(name, CHANGED)
        for name in NAMES:
            if name not in (*files, MANIFEST) and self.bytes_of(name) is not None:
                self.fault(name, "it lies there, and manifest.json does not list it")
        others = folders.others(self.folder)
        if others:
            self.notes.append(f"also there, and no part of the draw: {', '.join(others)}.")

    def frozen_files(self) -> None:
        """Hold the plan against its commitment, the register and study against the plan."""
        plan, register = self.bytes_of(PLAN), self.bytes_of(REGISTER)
        if plan is None or register is None:
            return
        try:
            frozen = open_frozen(plan, register)
        except FingerpostError as error:
            self.faults.extend(f"{PLAN}, {REGISTER}: {words}" for words in error.problems)
            return
        if frozen.document != plan:
            self.fault(PLAN, "it is not the canonical JSON that was committed to")
        if sha256(register) != frozen.plan.get("register"):
            self.fault(REGISTER, "its digest is not that of the plan")
        study = self.bytes_of(STUDY)
        if sha256(study or b"") != (frozen.plan.get("study_file") or sha256(b"")):
            self.fault(STUDY, "its digest is not that of the plan")
        rehearsal = self.bytes_of(REHEARSAL)
        if sha256(rehearsal or b"") != (frozen.plan.get("rehearsal") or sha256(b"")):
            self.fault(REHEARSAL, "its digest is not that of the plan")
        near = self.bytes_of(NEIGHBOURS)
        if sha256(near or b"") != (frozen.plan.get("neighbours") or sha256(b"")):
            self.fault(NEIGHBOURS, "its digest is not that of the plan")
        if self.bytes_of(COMMITMENT) != commitment_file(frozen):
            self.fault(COMMITMENT, f"it is not the commitment to {PLAN} as that lies there")
        if frozen.plan.get("code") != code_digests():
            self.notes.append(
                "the draw was made by another version of the program; it is replayed by this one, "
                "after the same specification."
            )
        unnamed = unnamed_round(frozen.plan["pulse"])
        self.notes.extend([unnamed] if unnamed else [])
        self.frozen = frozen

    def chain(self, published: Head | None) -> None:
        """Hold the ledger against itself, the plan, the manifest and a published head."""
        if self.frozen is None:
            if self.moved:
                self.fault(LEDGER, CHANGED)
            return
        stream = stream_of(self.frozen)
        try:
            address = folders.address_of(self.folder, self.ledger)
            with Ledger(address, read_only=True) as held:
                heads = {stream: published} if published else {}
                for fault in held.check(streams=[stream], published=heads):
                    self.fault(LEDGER, fault.words)
                self.entries = held.entries(stream)
                self.head = held.head(stream)
                others = self.grown(held, stream)
        except FingerpostError as error:
            self.faults.extend(error.problems)
            if self.moved:
                self.fault(LEDGER, CHANGED)
            return
        known = self.listed.get("ledger")
        if known and self.ahead(known):
            kinds = listing(entry.kind for entry in self.entries[known["number"] :])
            self.fault(
                LEDGER,
                f"it is ahead of manifest.json ({kinds}): {UNFINISHED}, or somebody else wrote to "
                "it. Run that command again; or look at the entries, and have the list written "
                f"anew: fingerpost rollout verify {self.folder} --finish",
            )
        elif known and known != {"number": self.head.number, "hash": self.head.hash}:
            self.fault(
                LEDGER,
                f"its last entry ({self.head.number}) is not the one that manifest.json lists "
                f"({known.get('number')})",
            )
        elif self.moved and others:
            self.notes.append(
                f"{LEDGER}: other streams have grown in it since: {listing(others)}; this draw's "
                "is as it was listed."
            )
        elif self.moved:
            self.fault(LEDGER, CHANGED)
        self.told(self.frozen)

    def ahead(self, known: dict[str, Any]) -> bool:
        """Return whether the ledger goes on from the entry that the list names as its last."""
        at = known.get("number")
        return (
            isinstance(at, int)
            and 0 < at < len(self.entries)
            and self.entries[at - 1].hash == known.get("hash")
        )

    def grown(self, held: Ledger, own: str) -> list[str]:
        """Return other streams of the ledger's file that only grew since it was listed; none where
        any of them was changed.
        """
        if not self.moved:
            return []
        listed = dict(self.listed.get("streams") or {})
        found = []
        for stream in dict.fromkeys((*held.streams(), *listed)):
            if stream == own:
                continue
            known = listed.get(stream)
            before = {stream: Head(known["number"], known["hash"])} if known else {}
            if held.check(streams=[stream], published=before):
                return []
            if held.head(stream).number > (known["number"] if known else 0):
                found.append(stream)
        return found

    def told(self, frozen: Frozen) -> None:
        """Hold what the ledger says of the draw against the files."""
        commitment = frozen.commitment.hex()
        bodies = {entry.kind: _body(entry) for entry in reversed(self.entries)}
        kinds = [entry.kind for entry in self.entries]
        if kinds[:2] != ["registered", "committed"]:
            self.fault(LEDGER, "it does not begin with registering the draw and committing to it")
        for later in ("issued", *AFTERWARDS):
            if later in kinds and "drawn" not in kinds[: kinds.index(later)]:
                self.fault(LEDGER, f"it holds {later} before anything is drawn")
        if bodies.get("registered", {}).get("study_digest") != frozen.plan.get("study_digest"):
            self.fault(LEDGER, "it is of another study than plan.json, or does not register it")
        if bodies.get("committed", {}).get("commitment") != commitment:
            self.fault(LEDGER, f"the commitment it holds is not that of {PLAN}")
        for key, name in (("pulse", PULSE), ("draw", DRAW), ("probabilities", CHANCES)):
            content = self.bytes_of(name)
            said = bodies.get("drawn", {}).get(key)
            if said and content is None:
                words = "it is not there, though the ledger says that the draw is made: an earlier "
                words += (
                    "command was stopped. Run `fingerpost rollout randomise` with the pulse again"
                )
                self.fault(name, words)
            elif (said or content is not None) and sha256(content or b"") != said:
                self.fault(name, "its digest is not that which the ledger holds of the draw")

    def replayed(self) -> None:
        """Draw again, and compare byte by byte; where waves are sealed, hold seals to what is open.

        Nothing is replayed where the plan or the register is not as it was committed to.
        """
        frozen, pulse = self.frozen, self.bytes_of(PULSE)
        if frozen is None or any(fault.startswith((PLAN, REGISTER)) for fault in self.faults):
            return
        if pulse is None:
            if self.bytes_of(DRAW) is None and self.bytes_of(ALLOCATION) is None:
                self.notes.append("committed to, and not drawn yet.")
            return
        try:
            found = read_pulse(pulse, frozen.plan["pulse"])
            secret = opened_secret(self.folder, frozen)
        except FingerpostError as error:
            self.faults.extend(f"{PULSE}: {words}" for words in error.problems)
            return
        self.opened(frozen)
        if secret is None:
            self.sealed(frozen)
            return
        if secret and hashlib.sha256(secret).hexdigest() != frozen.plan["sealed"]:
            self.fault(SECRET, "it is not the secret that the draw was committed to with")
            return
        self.compare(frozen, found, pulse, secret)

    def pulse(self) -> None:
        """Say what a pulse that was saved cannot show by itself."""
        content = self.bytes_of(PULSE)
        if self.frozen is not None and content is not None:
            self.notes.extend(unasked_round(self.frozen.plan["pulse"], content))

    def compare(self, frozen: Frozen, found: Randomness, pulse: bytes, secret: bytes) -> None:
        """Draw again and compare every file."""
        try:
            drawn = replay(frozen, seed_of(frozen.commitment, found, secret), tell=self.tell)
        except FingerpostError as error:
            self.faults.extend(f"{PLAN}: {words}" for words in error.problems)
            return
        files = drawn_files(drawn, found, pulse, secret)
        files[ALLOCATION] = allocation_file(frozen, drawn.chosen)
        files[CHANCES] = chances_file(drawn)
        for name, content in files.items():
            held = self.bytes_of(name)
            if held is None:
                self.fault(name, "it is not there, though the draw is made")
            elif held != content:
                self.fault(
                    name, f"the draw replayed gives another file: {first_apart(held, content)}"
                )
        self.drawn = drawn

    def opened(self, frozen: Frozen) -> None:
        """Hold waves that are issued against their seals, and the open allocation against them."""
        try:
            said = json.loads(self.bytes_of(DRAW) or b"{}")
            marks = dict(said.get("seals", {}))
        except (ValueError, TypeError, AttributeError, RecursionError):
            marks = {}
        for entry in self.entries:
            body = _body(entry)
            if entry.kind != "issued" or not frozen.plan["sealed"]:
                continue
            try:
                seal = seal_of(bytes.fromhex(body["salt"]), body["wave"], body["units"])
                fine = seal == marks.get(body["wave"])
            except (KeyError, ValueError, TypeError):
                fine = False
            if not fine:
                self.fault(LEDGER, f"entry {entry.number}: wave {body.get('wave')} breaks its seal")

    def sealed(self, frozen: Frozen) -> None:
        """Say that later waves are still sealed, and look at what is open."""
        issued = [_body(entry).get("wave") for entry in self.entries if entry.kind == "issued"]
        told = ", ".join(map(str, issued)) or "none yet"
        self.notes.append(
            f"later waves are sealed (issued: {told}): the draw can be replayed once the last wave "
            "is issued and the keeper's secret lies here."
        )
        held = self.bytes_of(ALLOCATION)
        try:
            content = told_file(frozen, self.entries)
        except (KeyError, ValueError, TypeError):
            return
        if held is not None and held != content:
            words = f"it is not what the issued waves say: {first_apart(held, content)}"
            self.fault(ALLOCATION, words)


def _body(entry: Entry) -> dict[str, Any]:
    """Return an entry's body, empty where it is no longer one."""
    try:
        found = json.loads(entry.text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def first_apart(held: bytes, right: bytes) -> str:
    """Return in words where two files first part ways.

    >>> first_apart(b"a\\nb\\n", b"a\\nc\\n")
    'line 2 is "b" and should be "c"'
    """
    one, other = (text.decode("utf-8", "replace").split("\n") for text in (held, right))
    for at, (a, b) in enumerate(_side_by_side(one, other), start=1):
        if a != b:
            return f'line {at} is "{a[:80]}" and should be "{b[:80]}"'
    return "their bytes differ"


def _side_by_side(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of two files in pairs, empty where one has no more."""
    for at in range(max(len(one), len(other))):
        yield (one[at] if at < len(one) else "", other[at] if at < len(other) else "")
