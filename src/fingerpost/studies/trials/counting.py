"""What a trial's ledger counts: who was assessed, allocated, provided for, lost, harmed; by arm
where a key opens arms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fingerpost.core.errors import Malformed
from fingerpost.ledger.events import Entry
from fingerpost.studies.trials.drawing import drawn_of
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.keys import Keys
from fingerpost.studies.trials.opening import named_by_key
from fingerpost.studies.trials.sequences import Held

# What is counted of a unit once, however often it is noted.
ONCE = ("received", "contamination", "withdrew", "lost", "analysed", "unblinded")
SEVERITY = ("mild", "moderate", "serious")


@dataclass(eq=False, slots=True)
class Counts:
    """What a ledger counts.

    allocated: units; months: month → units; left: units assessed and not
    allocated → why. units: kind → units, of what
    is counted once; harms: (unit, severity). arms: unit → arm, None without a key that opens them.
    lists: clusters whose children are frozen, children on the lists, children who entered later.
    """

    allocated: int = 0
    months: dict[str, int] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    units: dict[str, set[str]] = field(default_factory=dict)
    harms: list[tuple[str, str]] = field(default_factory=list)
    arms: dict[str, str] | None = None
    names: tuple[str, ...] = ()
    lists: tuple[int, int, int] = (0, 0, 0)
    entries: tuple[Entry, ...] = ()
    size: int | None = None
    stopped: str = ""

    @property
    def excluded(self) -> Counter[str]:
        """Why → how many units were assessed and not allocated."""
        return Counter(self.left.values())

    @property
    def assessed(self) -> int:
        """Units that were assessed: those allocated, and those noted as excluded."""
        return self.allocated + len(self.left)

    @property
    def head(self) -> dict[str, int | str]:
        """The last entry that is counted: its number, its hash and its time."""
        if not self.entries:
            return {}
        last = self.entries[-1]
        return {"number": last.number, "hash": last.hash, "time": last.time}

    def of(self, kind: str) -> int:
        """Return how many units something was noted of."""
        return len(self.units.get(kind, set()))

    def by_arm(self, kind: str) -> dict[str, int]:
        """Return arm → units that something was noted of; `allocated` for all."""
        assert self.arms is not None
        held = self.arms if kind == "allocated" else self.units.get(kind, set())
        found = Counter(self.arms[unit] for unit in held if unit in self.arms)
        return {name: found[name] for name in self.names}

    def harms_by_arm(self, severity: str) -> dict[str, int]:
        """Return arm → events of harm of a severity."""
        assert self.arms is not None
        found = Counter(self.arms[unit] for unit, how in self.harms if how == severity)
        return {name: found[name] for name in self.names}

    def said(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return (time, body) of the notes of a kind."""
        return [(entry.time, entry.body) for entry in self.entries if entry.kind == kind]


def count(opened: Opened, keys: Keys | None = None) -> Counts:
    """Return what a trial's ledger counts. keys: that open arms, for counts by arm.

    Raises Malformed where the ledger is not as it was written.
    """
    entries = opened.entries()
    shows = keys if keys is not None and keys.arms is not None else None
    held = Held(opened, shows)
    held.read(entries)
    found = Counts(entries=entries, size=held.size, stopped=held.stopped)
    found.names = tuple(arm.name for arm in opened.trial.arms)
    found.allocated = held.counts.get("", 0)
    for entry in entries:
        take(found, entry)
    found.lists = (
        len(held.children),
        sum(len(one.body["children"]) for one in held.children.values()),
        sum(map(len, held.late.values())),
    )
    if shows is not None:
        found.arms = {unit.name: found.names[unit.arm] for unit in held.sequence("").units}
    if opened.plan["register"]:
        of_register(found, opened, keys)
    return found


def take(found: Counts, entry: Entry) -> None:
    """Count one entry."""
    body, kind = entry.body, entry.kind
    if kind == "allocated" and not body["stage"]:
        month = entry.time[:7]
        found.months[month] = found.months.get(month, 0) + 1
        # Assessed again later, and allocated then.
        found.left.pop(str(body["unit"]), None)
    elif kind == "excluded":
        found.left[str(body["unit"])] = str(body["words"])
    elif kind == "harm":
        found.harms.append((str(body["unit"]), str(body["severity"])))
    elif kind in ONCE:
        found.units.setdefault(kind, set()).add(str(body["unit"]))


def of_register(found: Counts, opened: Opened, keys: Keys | None) -> None:
    """Count units that were drawn all at once; whose arms are public."""
    made = drawn_of(opened.folder, opened)
    if made is None:
        return
    said = [entry for entry in found.entries if entry.kind == "drawn"]
    if not said or said[0].body["allocation"] != made.digest:
        raise Malformed(f"{opened.folder}: the draw is not the one that the ledger holds.")
    found.allocated = len(made.units)
    found.months = {said[0].time[:7]: len(made.units)}
    if keys is not None or named_by_key(opened.study):
        named = (
            made.units
            if named_by_key(opened.study) or keys is None
            else tuple(keys.unit(unit) for unit in made.units)
        )
        arms = [made.arms[int(code)] for code in made.code]
        found.arms = dict(zip(named, arms, strict=True))
