"""What happens in a trial, written into its ledger: lists of children frozen before clusters are
allocated, what was received, harms, withdrawals, amendments, looks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.trial import TrialArm
from fingerpost.core.words import counted, listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Tail, utc_now
from fingerpost.studies.rollouts.registers import read_rows
from fingerpost.studies.trials.folder import Opened, event, list_files
from fingerpost.studies.trials.keys import Keys, plain
from fingerpost.studies.trials.opening import named_by_key
from fingerpost.studies.trials.sealing import mac
from fingerpost.studies.trials.sequences import Held, gone

SEVERITIES = ("mild", "moderate", "serious")
AFTER, BEFORE = "after allocation", "after the list was frozen, before allocation"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of note: whether it names units that were allocated, needs words, and what it is."""

    unit: str  # "allocated", "other" (not allocated) or "none"
    words: bool
    said: str


OPTIONS = (
    ("severity", "harm"),
    ("size", "amendment"),
    ("opens", "amendment"),
    ("closes", "amendment"),
    ("look", "looked"),
)
AMENDED = (
    "what is changed, by whom it is approved; --size N if units, --opens ARM or --closes ARM if an "
    "arm enters or leaves"
)
KINDS: dict[str, Kind] = {
    "excluded": Kind("other", True, "assessed and not allocated: why"),
    "received": Kind("allocated", False, "received what its arm offers"),
    "fidelity": Kind("allocated", True, "how far what was given is what was planned"),
    "contamination": Kind("allocated", True, "received what another arm offers"),
    "usual": Kind("allocated", True, "what is usually given, in a unit that has no more"),
    "blinding": Kind("none", True, "whether assessors knew arms, or guessed them"),
    "harm": Kind("allocated", True, "harm, with --severity mild, moderate or serious"),
    "withdrew": Kind("allocated", True, "left the provision or the trial: why"),
    "lost": Kind("allocated", True, "lost to follow-up: why"),
    "analysed": Kind("allocated", False, "in the primary analysis"),
    "unblinded": Kind("allocated", True, "somebody was told the arm: who and why"),
    "amendment": Kind("none", True, AMENDED),
    "looked": Kind("none", True, "a look was taken (--look N): what was decided"),
    "stopped": Kind("none", True, "nobody is allocated from now on: why"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be written down. units: in clear. more: severity, size or look. day: on which it
    is written (UTC), for what happens again is written again.
    """

    kind: str
    units: tuple[str, ...] = ()
    words: str = ""
    more: tuple[tuple[str, Any], ...] = ()
    by: str = ""
    day: str = field(default_factory=lambda: utc_now()[:10])


def note(opened: Opened, said: Note, *, keys: Keys | None = None) -> tuple[Entry, ...]:
    """Write a note into a trial's ledger, one entry a unit, and return the entries.

    keys: of any role, where units are named. Written again on the same day, it is there once.
    Raises Malformed with every fault; nothing is then written.
    """
    faults = faults_of(said) or faults_of_arms(opened, said)
    if faults:
        raise UsageError(faults)
    names = named(opened, said, keys)
    bodies = [body_of(said, name) for name in names] or [body_of(said, "")]
    with opened.ledger() as held:
        found = []
        for body in bodies:
            key = f"note {said.kind} {hashlib.sha256(canonical(body)).hexdigest()[:32]}"
            one = event(said.kind, body)
            found.append(held.extend(opened.stream, partial(_said, one), key=key))
        list_files(opened, held)
    return tuple(found)


def _said(one: Event, tail: Tail) -> Event:
    """Return an event whatever the ledger holds."""
    del tail
    return one


def faults_of(said: Note) -> list[str]:
    """Return what is missing or wrong in a note, but for its units' names."""
    if said.kind not in KINDS:
        return [f'"{said.kind}": there is no such note. There are: {listed(["freeze", *KINDS])}.']
    kind, more = KINDS[said.kind], dict(said.more)
    faults = []
    if kind.unit != "none" and not said.units:
        faults.append(f"{said.kind}: --unit is missing: of whom? ({kind.said})")
    if kind.unit == "none" and said.units:
        faults.append(f"{said.kind}: it is of the trial, not of a unit. Leave --unit out.")
    if kind.words and not said.words.strip():
        faults.append(f"{said.kind}: --words is missing: {kind.said}.")
    if said.kind == "harm" and more.get("severity") not in SEVERITIES:
        faults.append(f"harm: --severity is {listed(SEVERITIES)}.")
    if said.kind == "looked" and not more.get("look"):
        faults.append("looked: --look is missing: which look, from 1?")
    for option, kinds in OPTIONS:
        if more.get(option) and said.kind != kinds:
            faults.append(f"--{option} belongs to {kinds}. Leave it out.")
    if any(
        unit and re.search(rf"(?<!\w){re.escape(unit)}(?!\w)", said.words) for unit in said.units
    ):
        faults.append(
            "--words: it names a unit, and words are kept in clear. Leave the name out; if it is "
            "a number of something else, spell it out."
        )
    return faults


def faults_of_arms(opened: Opened, said: Note) -> list[str]:
    """Return what is wrong with an arm that is to enter or leave."""
    more, arms = dict(said.more), [arm.name for arm in opened.trial.arms]
    faults = []
    for option in ("opens", "closes"):
        arm = more.get(option)
        if arm and opened.procedure.period is None:
            design = opened.plan["design"]
            faults.append(f"--{option}: under {design} arms are there from first to last.")
        elif arm and arm not in arms[1:]:
            faults.append(
                f"--{option} {arm}: no arm besides the first bears that name. There are: "
                f"{listed(arms[1:])}."
            )
    return faults or faults_of_rest(opened, more)


def faults_of_rest(opened: Opened, more: Mapping[str, Any]) -> list[str]:
    """Return the fault of a trial that would go on with one arm alone, or of an arm that left."""
    if not (more.get("opens") or more.get("closes")):
        return []
    held = Held(opened, None)
    held.read(opened.entries())
    at = held.counts.get("", 0)
    enters, leaves = more.get("opens"), more.get("closes")
    left = [arm.name for arm in held.arms if gone(arm, at)]
    if enters in left:
        return [f"--opens {enters}: an arm that left does not come back in the same trial."]
    amended = [
        replace(arm, closes=at)
        if arm.name == leaves
        else replace(arm, opens=min(arm.opens, at))
        if arm.name == enters
        else arm
        for arm in held.arms
    ]
    alone = alone_from(amended, at)
    if alone is None:
        return []
    when = "" if alone == at else f" after {alone:,} units, when others close as planned"
    return [
        f"--{'closes' if leaves else 'opens'} {leaves or enters}: no arm would be left beside "
        f"{held.arms[0].name}{when}. Let another in first (--opens), or write that the trial is "
        "stopped."
    ]


def alone_from(arms: Sequence[TrialArm], at: int) -> int | None:
    """Return after how many units, of those still to come, one arm alone is there; None if never.

    >>> alone_from([TrialArm("usual"), TrialArm("more", closes=400)], 200)
    400
    """
    moves = {move for arm in arms for move in (arm.opens, arm.closes) if move is not None}
    for place in sorted({at, *(move for move in moves if move > at)}):
        if sum(arm.opens <= place and not gone(arm, place) for arm in arms) < 2:
            return place
    return None


def named(opened: Opened, said: Note, keys: Keys | None) -> list[str]:
    """Return units as the ledger holds them. Raises where they are not allocated."""
    if not said.units:
        return []
    if keys is None:
        raise UsageError(
            "--key is missing: units' names are kept under a key. One of any role will do."
        )
    names = [keys.unit(unit) for unit in said.units]
    known = known_units(opened, keys)
    unknown = [unit for unit, name in zip(said.units, names, strict=True) if name not in known]
    if KINDS[said.kind].unit == "allocated" and unknown:
        raise Malformed(f"{unit}: no unit of this name is allocated." for unit in unknown)
    if said.kind == "excluded" and len(unknown) < len(names):
        raise Malformed("excluded: a unit that is allocated takes part. Write withdrew, or lost.")
    return names


def known_units(opened: Opened, keys: Keys) -> set[str]:
    """Return the units that are allocated, as the ledger holds them."""
    held = Held(opened, None)
    entries = opened.entries()
    held.read(entries)
    found = {name for _, name in held.numbers}
    if opened.plan["register"] and any(entry.kind == "drawn" for entry in entries):
        from fingerpost.studies.trials.drawing import frame

        units = frame(opened).units
        found |= set(units if named_by_key(opened.study) else map(keys.unit, units))
    return found


def body_of(said: Note, name: str) -> dict[str, Any]:
    """Return what an entry says."""
    body: dict[str, Any] = {"words": said.words.strip(), "by": said.by, "day": said.day}
    body |= {key: value for key, value in said.more if value}
    return {**body, "unit": name} if name else body


@dataclass(frozen=True, slots=True)
class Freeze:
    """Lists of children that were frozen now. children: in each cluster frozen now. entered: in
    each cluster frozen before, children who were not on its list. same: clusters frozen alike.
    """

    children: tuple[tuple[str, int], ...]
    entered: tuple[tuple[str, int, str], ...]
    same: int


def freeze(
    opened: Opened, table: Path, *, keys: Keys, units: Sequence[str] = (), by: str = ""
) -> Freeze:
    """Freeze the list of children of each cluster in a table, with its baseline.

    units: of these clusters alone. A cluster that is frozen already keeps its list: children who
    are not on it are written down as having entered since, and whether that was after its arm was
    known. Raises Malformed with every fault of the table; nothing is then written.
    """
    lists = lists_of(opened, table, units)
    made: list[tuple[str, int]] = []
    entered: list[tuple[str, int, str]] = []
    same, held = 0, Held(opened, None)
    with opened.ledger() as ledger:
        for unit, rows in lists.items():
            name = keys.unit(unit)
            members = sorted(keys.child(row[0]) for row in rows)
            digest = mac(keys.names, b"roll", canonical(sorted(rows))).hex()
            body = {"unit": name, "children": members, "digest": digest, "by": by}
            key = f"freeze {name} {digest[:32]}"
            decide = partial(frozen_or_entered, held, body)
            entry = ledger.extend(opened.stream, decide, key=key)
            if entry.kind == "frozen":
                made.append((unit, len(members)))
            elif entry.body["children"]:
                entered.append((unit, len(entry.body["children"]), str(entry.body["when"])))
            else:
                same += 1
        list_files(opened, ledger)
    return Freeze(tuple(made), tuple(entered), same)


def frozen_or_entered(held: Held, body: Mapping[str, Any], tail: Tail) -> Event:
    """Return the event of a cluster's list: frozen, or who entered since it was."""
    held.read(tail.after(held.at))
    name = str(body["unit"])
    known_arm = held.drawn or ("", name) in held.numbers
    if name not in held.children:
        if known_arm:
            raise UsageError("a cluster in the table is allocated, and its list was never frozen.")
        return event("frozen", body)
    known = {*held.children[name].body["children"], *held.late.get(name, ())}
    late = [child for child in body["children"] if child not in known]
    return event("entered", {**body, "children": late, "when": AFTER if known_arm else BEFORE})


def lists_of(opened: Opened, table: Path, units: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return cluster → its rows: the child, then its baseline. Raises Malformed with all faults."""
    roll = opened.trial.roll
    if roll is None:
        raise UsageError("this trial names no list of children (trial.roll), so none is frozen.")
    rows = read_rows(table, "--roll")
    columns = (roll.unit, roll.child, *roll.baseline)
    lacking = [name for name in columns if not rows or name not in rows[0]]
    if lacking:
        raise Malformed(f"{table}: it has no row, or no column {listing(lacking)}.")
    found: dict[str, list[list[str]]] = {}
    empty = dict.fromkeys(columns, 0)
    for row in rows:
        for name in columns:
            empty[name] += not row[name]
        if not units or row[roll.unit] in units:
            own = [plain(row[roll.child]), *(row[name] for name in roll.baseline)]
            found.setdefault(plain(row[roll.unit]), []).append(own)
    faults = [
        f"{table}: {name} is empty in {counted(many, 'row')}. A baseline is measured before the "
        "arm is known."
        for name, many in empty.items()
        if many
    ]
    absent = [unit for unit in units if plain(unit) not in found]
    faults += [f"{table}: there is no cluster {unit}." for unit in absent]
    twice = sum(len(each) - len({row[0] for row in each}) for each in found.values())
    if twice:
        faults.append(f"{table}: {counted(twice, 'row')} of a child who stands there already.")
    if faults:
        raise Malformed(faults)
    return found


def entrants(opened: Opened, keys: Keys, children: Sequence[tuple[str, str]]) -> list[str]:
    """Return for each (cluster, child) `listed`, or when the child entered: what an analysis needs
    to count later entrants apart. Of a cluster whose list is not frozen: `not frozen`.
    """
    lists: dict[str, set[str]] = {}
    late: dict[tuple[str, str], str] = {}
    for entry in opened.entries():
        if entry.kind == "frozen":
            lists.setdefault(str(entry.body["unit"]), set(entry.body["children"]))
        elif entry.kind == "entered":
            for child in entry.body["children"]:
                late.setdefault((str(entry.body["unit"]), child), f"entered {entry.body['when']}")
    found = []
    for cluster, child in children:
        unit, name = keys.unit(cluster), keys.child(child)
        if unit not in lists:
            found.append("not frozen")
        elif name in lists[unit]:
            found.append("listed")
        else:
            found.append(late.get((unit, name), f"entered {AFTER}"))
    return found
