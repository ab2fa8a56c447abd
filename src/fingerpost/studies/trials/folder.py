"""The folder of a trial: what was frozen when it was opened, the ledger, and a list of both.

Streams, kinds of event and what each must say are declared here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.leaves import Design, Procedure, load
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies import file_lists
from fingerpost.studies.file_lists import LEDGER as LEDGER
from fingerpost.studies.file_lists import MANIFEST as MANIFEST
from fingerpost.studies.trials.keys import Keys, read_keys

STUDY, PLAN = "study.yaml", "plan.json"
LIST, REGISTER, PULSE, ALLOCATION = "list.sealed", "register.csv", "pulse.json", "allocation.csv"
FILES = (STUDY, PLAN, LIST, REGISTER, PULSE, ALLOCATION, LEDGER)
JOURNAL = "ledger.sqlite-journal"  # SQLite's own, empty between two entries
ALGORITHM = "fingerpost trial 1"
# Kind → what its body must hold; it may hold more. `unit` is never a name in clear.
EVENTS: dict[str, tuple[str, ...]] = {
    "opened": ("plan", "study_digest"),
    "allocated": ("number", "unit", "stage", "sealed", "code"),
    "drawn": ("pulse", "allocation", "units"),
    "frozen": ("unit", "children", "digest"),
    "entered": ("unit", "children", "when"),
    "excluded": ("unit", "words"),
    "received": ("unit",),
    "fidelity": ("unit", "words"),
    "contamination": ("unit", "words"),
    "usual": ("unit", "words"),
    "blinding": ("words",),
    "amendment": ("words",),
    "harm": ("unit", "severity"),
    "withdrew": ("unit", "words"),
    "lost": ("unit", "words"),
    "analysed": ("unit",),
    "unblinded": ("unit", "words"),
    "looked": ("look", "words"),
    "stopped": ("words",),
}
LONGEST = 160


def event(kind: str, body: Mapping[str, Any]) -> Event:
    """Return an event of a trial. Raises UsageError for a kind that there is not, or a body that
    does not say what that kind must.

    >>> event("stopped", {"words": "boundary crossed at look 2"}).kind
    'stopped'
    """
    if kind not in EVENTS:
        raise UsageError(f'a trial has no event "{kind}". There are: {listed(EVENTS)}.')
    missing = [key for key in EVENTS[kind] if key not in body]
    if missing:
        raise UsageError(f"{kind}: the event does not say its {listing(missing)}.")
    canonical(dict(body))
    return Event(kind, dict(body))


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read(path: Path) -> bytes:
    """Return a file's bytes, or say in one line why there are none."""
    if not path.is_file():
        raise Malformed(f"{path}: there is no such file. Restore the folder from a copy.")
    return path.read_bytes()


@dataclass(frozen=True, eq=False, slots=True)
class Opened:
    """A trial that was opened. plan: what was frozen; study: as it was frozen; address: of the
    ledger, a path or URL.
    """

    folder: Path
    plan: dict[str, Any]
    study: Study
    address: str | Path

    @property
    def trial(self) -> Trial:
        """What the study says of the trial."""
        assert self.study.trial is not None
        return self.study.trial

    @property
    def identity(self) -> str:
        """What the keys of this trial are made for: 32 hexadecimal digits."""
        return str(self.plan["trial"])

    @property
    def stream(self) -> str:
        """The name of its stream in a ledger."""
        return f"trial {self.plan['study']}"[:LONGEST] + f" {self.identity[:16]}"

    @property
    def procedure(self) -> Procedure:
        """How its design allocates."""
        return procedure_of(self.study)

    @property
    def listed(self) -> bool:
        """Whether arms come from an external list, and not from the design's procedure."""
        return bool(self.plan["list"])

    def keys(self, path: Path) -> Keys:
        """Return what a key file holds of this trial's keys."""
        return read_keys(path, trial=self.identity, committed=self.plan["commitments"])

    def ledger(self, *, read_only: bool = False) -> Ledger:
        """Return its ledger, to be closed by the caller."""
        if isinstance(self.address, Path) and not self.address.is_file():
            raise Malformed(f"{self.address}: there is no ledger. Restore the folder from a copy.")
        return Ledger(self.address, read_only=read_only, often=True)

    def entries(self) -> tuple[Entry, ...]:
        """Return the entries of its stream."""
        with self.ledger(read_only=True) as held:
            return held.entries(self.stream)


def procedure_of(study: Study) -> Procedure:
    """Return how a trial's design allocates. Raises UsageError where the study is of no trial."""
    if study.trial is None:
        raise UsageError(
            f"{study.name}: this study draws no arms. It needs `trial:` with arms, and "
            "`assignment: {randomised: {design: …}}`; see examples/trials."
        )
    design = getattr(study.assignment, "design", "")
    found = load("designs", design, kind=Design).procedure
    if found is None:
        raise UsageError(
            f'"{design}" is a design of roll-outs. Run `fingerpost rollout randomise`.'
        )
    return found


def open_folder(folder: Path, *, ledger: str | None = None) -> Opened:
    """Return the trial of a folder. Raises Malformed where there is none, or its study or plan is
    not as it was frozen.
    """
    from fingerpost.studies.document import read_study

    if not (folder / PLAN).is_file():
        raise Malformed(
            f"{folder}: no trial lies there. `fingerpost trial open STUDY --out {folder} "
            "--key FILE` opens one."
        )
    plan = read_plan(read(folder / PLAN))
    if sha256(read(folder / STUDY)) != plan["study_file"]:
        raise Malformed(
            f"{folder / STUDY}: it was changed since the trial was opened. Restore it from a copy."
        )
    return Opened(folder, plan, read_study(folder / STUDY), ledger or folder / LEDGER)


def read_plan(content: bytes) -> dict[str, Any]:
    """Return what a plan says. Raises Malformed where it is none."""
    try:
        held: dict[str, Any] = json.loads(content)
        wanted = (
            "study",
            "study_digest",
            "study_file",
            "trial",
            "design",
            "code",
            "list",
            "register",
        )
        fine = held["algorithm"] == ALGORITHM and all(key in held for key in wanted)
        fine = fine and set(held["commitments"]) == {"key", "names", "arms"}
        fine = fine and canonical(held) == content
    except (ValueError, KeyError, TypeError):
        fine = False
    if not fine:
        raise Malformed(
            f"{PLAN}: this is no plan such as `fingerpost trial randomise` of this version writes, "
            "or it was changed. Restore it from a copy."
        )
    return held


def list_files(opened: Opened, ledger: Ledger) -> None:
    """Write the list of the folder's files with their digests and the head of the ledger, while
    nobody writes to it.
    """
    file_lists.list_files(opened.folder, FILES, ledger, stream=opened.stream)


def record(opened: Opened, kind: str, body: Mapping[str, Any], *, key: str) -> Entry:
    """Write an event into a trial's ledger, and the list of files anew.

    key: the name of the request; repeated, it returns the entry that is there.
    """
    said = event(kind, body)
    with opened.ledger() as held:
        entry = held.extend(opened.stream, lambda _: said, key=key)
        list_files(opened, held)
    return entry
