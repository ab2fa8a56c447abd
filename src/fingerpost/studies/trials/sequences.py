"""The units of a trial in the order in which they were allocated, read from its ledger as it grows.

Whoever allocates keeps what was read: the next time only later entries are read, and each is held
against the hash of the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Arrived, Step
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.trial import Trial, TrialArm
from fingerpost.ledger.chain import FIRST, hash_of
from fingerpost.ledger.events import Entry
from fingerpost.studies.trials.folder import LIST, Opened, read, sha256
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.lists import opened_list, strata_of
from fingerpost.studies.trials.sealing import unseal

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit that was allocated. name: as the ledger holds it. number: its place in its stage.
    arm: code. chances: of each arm. known: (name, level). cluster: as the ledger holds it.
    """

    name: str
    number: int
    stage: str
    arm: int
    chances: tuple[float, ...]
    known: tuple[tuple[str, str], ...]
    cluster: str
    entry: int


def gone(arm: TrialArm, at: int) -> bool:
    """Return whether an arm left before so many units were allocated."""
    return arm.closes is not None and arm.closes <= at


class Rows:
    """Whole numbers in rows, to which rows are added."""

    def __init__(self, wide: int) -> None:
        """Begin with none."""
        self._held = np.zeros((64, wide), dtype=np.int64)
        self.count = 0

    def add(self, row: Sequence[int]) -> None:
        """Add a row."""
        if self.count == len(self._held):
            self._held = np.concatenate([self._held, np.zeros_like(self._held)])
        self._held[self.count] = row
        self.count += 1

    @property
    def rows(self) -> Codes:
        """(n, wide) the rows."""
        found: Codes = self._held[: self.count]
        return found


def context_of(unit: str, stage: str, number: int) -> str:
    """Return what a sealed allocation belongs to."""
    return f"allocated {stage} {number} {unit}"


@dataclass(eq=False, slots=True)
class Sequenced:
    """The units of one stage of a trial, and how the next is allocated."""

    trial: Trial
    seed: bytes | None
    strata: tuple[int, ...]  # places of strata among what is known
    units: list[Unit] = field(default_factory=list)
    known: Rows = field(default_factory=lambda: Rows(0))
    places: Rows = field(default_factory=lambda: Rows(3))  # stratum, cluster, arm
    clusters: dict[str, int] = field(default_factory=dict)

    def codes(self, known: dict[str, str]) -> list[int]:
        """Return the codes of levels; 0 of what is not known yet."""
        return [
            one.levels.index(known[one.name]) if one.name in known else 0
            for one in self.trial.known
        ]

    def stratum(self, codes: list[int]) -> int:
        """Return the stratum's number: strata as the study names them, the last changing first."""
        found = 0
        for at in self.strata:
            found = found * len(self.trial.known[at].levels) + codes[at]
        return found

    def add(self, unit: Unit) -> None:
        """Add a unit that was allocated."""
        codes = self.codes(dict(unit.known))
        cluster = self.clusters.setdefault(unit.cluster, len(self.clusters))
        self.known.add(codes)
        self.places.add([self.stratum(codes), cluster, unit.arm])
        self.units.append(unit)

    def arrived(self, known: dict[str, str] | None = None, cluster: str = "") -> Arrived:
        """Return the units that are allocated, and one more that is not, if one is named."""
        places, levels = self.places.rows, self.known.rows
        arms = places[:, 2]
        if known is not None:
            codes = self.codes(known)
            own = [self.stratum(codes), self.clusters.get(cluster, len(self.clusters)), 0]
            places = np.concatenate([places, [own]])
            levels = np.concatenate([levels, [codes]])
        return Arrived(levels, places[:, 0], places[:, 1], arms)


class Held:
    """A trial as its ledger tells it, with the keys that are there."""

    def __init__(self, opened: Opened, keys: Keys | None) -> None:
        """Begin before the first entry."""
        self.opened, self.keys = opened, keys
        self.at, self.hash = 0, FIRST
        self.sequences: dict[str, Sequenced] = {}
        self.rows: list[list[str]] = []
        self.numbers: dict[tuple[str, str], int] = {}  # stage and unit → number
        self.counts: dict[str, int] = {}
        self.children: dict[str, Entry] = {}  # cluster → its frozen list
        self.procedure = opened.procedure
        self.size, self.arms = opened.trial.size, opened.trial.arms
        self.late: dict[str, set[str]] = {}  # cluster → children who entered since
        self.stopped, self.drawn = "", False
        if opened.listed and keys is not None and keys.allocation is not None:
            content = read(opened.folder / LIST)
            if sha256(content) != opened.plan["list"]:
                raise Malformed(f"{LIST}: it was changed since the trial was opened.")
            self.rows = opened_list(content, keys)

    def read(self, entries: Sequence[Entry]) -> None:
        """Read on. Raises Malformed where an entry does not follow those before it."""
        for entry in entries:
            fault = (
                "an entry is missing"
                if entry.number != self.at + 1
                else "an entry does not follow the one before it"
                if entry.previous != self.hash
                else "an entry was changed"
                if hash_of(entry) != entry.hash
                else ""
            )
            if fault:
                raise Malformed(
                    f"the ledger cannot be read on from entry {self.at}: {fault}. "
                    "`fingerpost trial verify` names it; nothing is allocated meanwhile."
                )
            self.take(entry)
            self.at, self.hash = entry.number, entry.hash

    def take(self, entry: Entry) -> None:
        """Take one entry in."""
        if entry.kind == "allocated":
            self.allocated(entry)
        elif entry.kind == "frozen":
            self.children.setdefault(str(entry.body["unit"]), entry)
        elif entry.kind == "entered":
            self.late.setdefault(str(entry.body["unit"]), set()).update(entry.body["children"])
        elif entry.kind == "drawn":
            self.drawn = True
        elif entry.kind == "stopped":
            self.stopped = str(entry.body["words"])
        elif entry.kind == "amendment":
            self.amended(entry.body)

    def amended(self, body: Mapping[str, Any]) -> None:
        """Take in how many units there are to be, and arms that enter or leave from now on. An arm
        that left does not come back: what was drawn meanwhile was drawn without it.
        """
        if body.get("size"):
            self.size = int(body["size"])
        at = self.counts.get("", 0)
        enters, leaves = body.get("opens"), body.get("closes")
        self.arms = tuple(
            replace(
                arm,
                opens=min(at, arm.opens) if arm.name == enters else arm.opens,
                closes=at if arm.name == leaves and not gone(arm, at) else arm.closes,
            )
            for arm in self.arms
        )
        if "" in self.sequences:
            own = self.sequences[""]
            own.trial = replace(own.trial, arms=self.arms)

    def allocated(self, entry: Entry) -> None:
        """Take in an allocation."""
        body = entry.body
        stage, name, number = str(body["stage"]), str(body["unit"]), int(body["number"])
        self.numbers[stage, name] = number
        self.counts[stage] = self.counts.get(stage, 0) + 1
        if self.keys is not None and self.keys.arms is not None:
            self.sequence(stage).add(unit_of(entry, self.keys))

    def sequence(self, stage: str) -> Sequenced:
        """Return the units of a stage; the first has no name."""
        if stage not in self.sequences:
            self.sequences[stage] = self.begun(stage)
        return self.sequences[stage]

    def begun(self, stage: str) -> Sequenced:
        """Return a stage without units."""
        from fingerpost.designs._stages import stage_seed, stage_trial

        trial = replace(self.opened.trial, arms=self.arms)
        if stage:
            trial = stage_trial(self.opened.trial, stage)
        seed = self.keys.allocation if self.keys else None
        if seed is not None and stage:
            seed = stage_seed(seed, stage)
        names = [one.name for one in trial.known]
        strata = tuple(names.index(one.name) for one in strata_of(self.opened.study))
        found = Sequenced(trial, seed, strata)
        found.known = Rows(len(names))
        return found

    def step(self, stage: str, known: dict[str, str], cluster: str) -> Step:
        """Return what the next unit of a stage is given."""
        sequence = self.sequence(stage)
        if self.opened.listed and not stage:
            return self.next_of_list(sequence, known)
        if sequence.seed is None:
            assert self.keys is not None
            self.keys.seed  # noqa: B018 - says which key it takes
        step = self.procedure.step
        if step is None or sequence.seed is None:
            raise UsageError("units of this design are drawn from a register, all at once.")
        return step(sequence.trial, sequence.arrived(known, cluster), sequence.seed)

    def next_of_list(self, sequence: Sequenced, known: dict[str, str]) -> Step:
        """Return the first row of the external list that its stratum has left."""
        strata = [one.name for one in strata_of(self.opened.study)]
        own = [known[name] for name in strata]
        used = sum([dict(unit.known)[name] for name in strata] == own for unit in sequence.units)
        left = [row[-1] for row in self.rows if row[:-1] == own][used:]
        if not left:
            raise UsageError("the external list has no row left for this stratum.")
        arms = [arm.name for arm in sequence.trial.arms]
        return Step(arms.index(left[0]), ())


def unit_of(entry: Entry, keys: Keys) -> Unit:
    """Return a unit from its entry. Raises Malformed where its seal is broken."""
    body = entry.body
    stage, name, number = str(body["stage"]), str(body["unit"]), int(body["number"])
    try:
        said = unseal(keys.opener, str(body["sealed"]), context=context_of(name, stage, number))
    except Malformed as error:
        raise Malformed(f"entry {entry.number}: {error}") from None
    return Unit(
        name,
        number,
        stage,
        int(said["arm"]),
        tuple(float(chance) for chance in said["chances"]),
        tuple((str(one), str(level)) for one, level in said["known"]),
        str(said["cluster"]),
        entry.number,
    )
