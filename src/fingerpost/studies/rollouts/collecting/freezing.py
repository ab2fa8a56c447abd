"""Freezes: a panel made from the ledger alone, numbered, never written over, and the only thing in
a collection that an analysis reads.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fingerpost.core.errors import FingerpostError, Malformed, UsageError, listed, nearest
from fingerpost.ledger.events import Entry, Event
from fingerpost.studies.rollouts.collecting.folder import (
    COLLECTION,
    RETURNS,
    collection,
    event,
    write_new,
)
from fingerpost.studies.rollouts.collecting.following import Changes, followed
from fingerpost.studies.rollouts.collecting.receiving import latest
from fingerpost.studies.rollouts.collecting.rounds import VERSION, Rounds
from fingerpost.studies.rollouts.folder import sha256
from fingerpost.studies.rollouts.frozen import as_csv
from fingerpost.studies.rollouts.lineage import Made

PANEL, NOTE = "panel.csv", "freeze.json"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze. rows: units × periods; empty: those without a return. left_out: units that may
    return and that the draw does not hold. new: whether this call made it. former: how many rows
    hold a return of a unit that had merged or split by then. synthetic: whether all of it is made
    up.
    """

    path: Path
    name: str
    digest: str
    until: str
    rows: int
    empty: int
    left_out: tuple[str, ...]
    new: bool
    former: int = 0
    synthetic: bool = False


class _Same(Exception):
    """Raised inside the ledger's transaction where the last freeze holds the same."""


def freeze(
    folder: Path,
    *,
    day: date,
    until: str | None = None,
    draw: Path | None = None,
    ledger: str | None = None,
) -> Freeze:
    """Freeze the latest versions of all returns, and return the freeze.

    until: the last period that it holds; if not said, the last whose returns were due by `day`. A
    freeze that would hold what the last one does is that one. Units without a return have rows of
    empty cells. Raises UsageError where nothing can be frozen.
    """
    with collection(folder, ledger=ledger) as (rounds, held, stream):
        changes = followed(folder, rounds, draw=draw, ledger=ledger)
        last = last_period(rounds, until, day)
        restore(folder, held.entries(stream), rounds)

        def decide(entries: Sequence[Entry]) -> Event:
            before = [entry.body for entry in entries if entry.kind == "frozen"]
            said = told(rounds, entries, changes, last)
            if before and all(before[-1][key] == said[key] for key in ("digest", "until")):
                raise _Same
            return event("frozen", {"what": f"freeze-{len(before) + 1}", **said})

        new = True
        try:
            # Of two at once the second finds the first's freeze, whatever both saw before.
            entry = held.append(stream, decide, key=f"freeze {uuid.uuid4().hex}")
        except _Same:
            new = False
            entry = [one for one in held.entries(stream) if one.kind == "frozen"][-1]
        kept = held.entries(stream)
        write(folder, entry, kept, rounds)
    body = entry.body
    out = tuple(unit for unit in changes.codes if unit not in changes.drawn)
    came = latest(kept, until=body["after"])
    rows = [key for key in came if key[0] in body["units"] and rounds.place(key[1]) <= last]
    return Freeze(
        folder / body["what"],
        name=body["what"],
        digest=body["digest"],
        until=body["until"],
        rows=body["rows"],
        empty=body["empty"],
        left_out=out,
        new=new,
        former=changes.former(rounds, rows),
        synthetic=rounds.synthetic,
    )


def last_period(rounds: Rounds, until: str | None, day: date) -> int:
    """Return the place of the last period of a freeze."""
    names = [each.name for each in rounds.periods]
    if until is not None:
        if until not in names:
            raise UsageError(
                f'--until "{until}": it is no period. There are: {listed(names)}.'
                f"{nearest(until, names)}"
            )
        if rounds.periods[names.index(until)].ends > day:
            raise UsageError(f"--until {until}: this period is not over yet. Name an earlier one.")
        return names.index(until)
    due = [at for at, each in enumerate(rounds.periods) if each.due <= day]
    if not due:
        first = rounds.periods[0]
        raise UsageError(
            f"no return is due yet: those of {first.name} are on {first.due}. Freeze then, or name "
            "the last period: --until PERIOD."
        )
    return max(due)


def told(rounds: Rounds, entries: Sequence[Entry], changes: Changes, last: int) -> dict[str, Any]:
    """Return what the ledger says of a freeze of these entries."""
    units = list(changes.drawn)
    fixed = {name: [own.get(unit, "") for unit in units] for name, own in changes.fixed.items()}
    content, empty = panel(rounds, entries, units=units, fixed=fixed, last=last)
    return {
        "digest": sha256(content),
        "until": rounds.periods[last].name,
        "rows": len(units) * (last + 1),
        "empty": empty,
        "units": units,
        "fixed": fixed,
        "after": entries[-1].number if entries else 0,
    }


def panel(
    rounds: Rounds,
    entries: Sequence[Entry],
    *,
    units: Sequence[str],
    fixed: Mapping[str, Sequence[str]],
    last: int,
    after: int | None = None,
) -> tuple[bytes, int]:
    """Return a panel as CSV, a row a unit and period, and how many rows hold no return.

    fixed: column of the register → its value for each unit. after: the last entry that counts; all
    of them if None.
    """
    known = latest(entries, until=after)
    names = [each.name for each in rounds.periods[: last + 1]]
    keys = [(unit, period) for unit in units for period in names]
    blank = ("",) * len(rounds.columns)
    values = [known[key].values if key in known else blank for key in keys]
    columns: dict[str, list[str]] = {
        rounds.unit: [unit for unit, _ in keys],
        rounds.period: [period for _, period in keys],
        **{name: [cell for cell in own for _ in names] for name, own in fixed.items()},
        **{name: [row[at] for row in values] for at, name in enumerate(rounds.names)},
        VERSION: [str(known[key].version if key in known else 0) for key in keys],
    }
    return as_csv(columns), sum(key not in known for key in keys)


def write(folder: Path, entry: Entry, entries: Sequence[Entry], rounds: Rounds) -> None:
    """Write the folder of a freeze whose event is kept, unless it is there. It is made from the
    entries before it alone, so that it can be made again.
    """
    body = entry.body
    place = folder / body["what"]
    if (place / PANEL).is_file():
        return
    if place.exists():
        raise UsageError(f"{place}: it lies where the freeze is to lie. Move it away.")
    content = content_of(entry, entries, rounds)
    if sha256(content) != body["digest"]:
        raise Malformed(
            f"{place}: entries of the ledger no longer give the digest of this freeze. Restore the "
            "ledger from a copy."
        )
    said = {
        "schema_version": 1,
        "study": rounds.study,
        "commitment": rounds.commitment,
        "unit": rounds.unit,
        "period": rounds.period,
        **({"synthetic": True} if rounds.synthetic else {}),
        **({"made": [rounds.made.draw, rounds.made.among]} if rounds.made else {}),
        **{key: body[key] for key in ("what", "digest", "until", "rows", "empty")},
        "entry": {"number": entry.number, "hash": entry.hash},
    }
    note = (json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    try:
        write_new(place, {PANEL: content, NOTE: note})
    except (OSError, FingerpostError):
        # Another process that found the same freeze in the ledger may have written it meanwhile.
        if not (place / PANEL).is_file() or (place / PANEL).read_bytes() != content:
            raise


def content_of(entry: Entry, entries: Sequence[Entry], rounds: Rounds) -> bytes:
    """Return the panel of a freeze, made from the entries before it alone."""
    body = entry.body
    content, _ = panel(
        *(rounds, entries),
        units=body["units"],
        fixed=body["fixed"],
        last=rounds.place(body["until"]),
        after=body["after"],
    )
    return content


def restore(folder: Path, entries: Sequence[Entry], rounds: Rounds) -> None:
    """Write freezes again that are in the ledger and not in the folder: a command was killed
    between the two.
    """
    for entry in entries:
        if entry.kind == "frozen":
            write(folder, entry, entries, rounds)


def verify_collection(
    folder: Path, *, ledger: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is not in a collection as its ledger holds it, and what it holds.

    Every freeze is made again from the ledger and compared byte by byte.
    """
    faults: list[str] = []
    try:
        with collection(folder, ledger=ledger, read_only=True) as (rounds, held, stream):
            entries = held.entries(stream)
    except FingerpostError as error:
        return tuple(error.problems), ()
    returns = {str(one.body["file"]) for one in entries if one.kind == "received"}
    for digest in sorted(returns):
        path = folder / RETURNS / f"{digest}.csv"
        if not path.is_file() or sha256(path.read_bytes()) != digest:
            faults.append(f"{RETURNS}/{digest}.csv: it is gone, or is not the file that came.")
    names = [str(one.body["what"]) for one in entries if one.kind == "frozen"]
    for entry in entries:
        if entry.kind != "frozen":
            continue
        body = entry.body
        try:
            content = content_of(entry, entries, rounds)
        except (KeyError, ValueError, TypeError):
            content = b""
        if sha256(content) != body["digest"]:
            faults.append(
                f"{body['what']}: the entries before it give another panel than it holds."
            )
        path = folder / body["what"] / PANEL
        if not path.is_file() or path.read_bytes() != content:
            faults.append(f"{body['what']}/{PANEL}: it is gone, or was changed.")
    head = entries[-1]
    told = (
        f"{len(rounds.units)} units, {len(rounds.periods)} periods, {len(returns)} files, "
        f"{len(names)} freezes: all is as the ledger holds it.",
        f"Its last entry is {head.number}:{head.hash}.",
    )
    return tuple(faults), told


def collection_of(path: Path) -> Path | None:
    """Return the folder of the collection in which a path lies; None where it lies in none."""
    whole = path.resolve()
    return next(
        (place for place in (whole, *whole.parents) if (place / COLLECTION).is_file()), None
    )


@dataclass(frozen=True, slots=True)
class Readable:
    """A panel that an analysis may read. unit, period: its columns; empty where it is of no
    collection. commitment: of the draw that it was collected for; made: that draw, where it was
    made when the collection was opened. synthetic: whether all is made up. newest: a later freeze
    of the same collection that reaches as far, empty where there is none.
    """

    path: Path
    unit: str = ""
    period: str = ""
    commitment: str = ""
    made: Made = Made()
    synthetic: bool = False
    newest: str = ""


def readable(path: Path, study: str, *, ledger: str | None = None) -> Readable:
    """Return the panel behind a path: as it is where it is of no collection, else that of a freeze.

    Raises UsageError for what lies in a collection and is no freeze of it, or is of another study;
    Malformed where a freeze was changed since.
    """
    folder = collection_of(path)
    if not path.exists():
        return Readable(path)
    if folder is None:
        return copied(path, study)
    with collection(folder, ledger=ledger, read_only=True) as (rounds, held, stream):
        entries = held.entries(stream)
    if rounds.study != study:
        raise UsageError(
            f"{path}: it was collected for the study {rounds.study}, and this one is {study}. Name "
            "its own records."
        )
    frozen = {entry.body["what"]: entry.body for entry in entries if entry.kind == "frozen"}
    inside = path.resolve().relative_to(folder)
    name = inside.parts[0] if inside.parts else ""
    if name not in frozen or inside not in (Path(name), Path(name) / PANEL):
        menu = (
            f"Name one: {listed(str(folder / each) for each in frozen)}."
            if frozen
            else f"Make one: fingerpost rollout collect freeze {folder}."
        )
        raise UsageError(
            f"{path}: this lies in a collection and is no freeze of it, so that it may change "
            f"while it is analysed. {menu}"
        )
    place = folder / name / PANEL
    if not place.is_file() or sha256(place.read_bytes()) != frozen[name]["digest"]:
        raise Malformed(
            f"{place}: its digest is not that which the ledger holds of {name}: it was changed, or "
            f"is gone. Move {folder / name} away, and `fingerpost rollout collect freeze {folder}` "
            "makes it again from the ledger."
        )
    # A freeze of fewer periods is no later one, whenever it was made.
    longest = rounds.place(frozen[name]["until"])
    newest = [one for one in frozen if rounds.place(frozen[one]["until"]) >= longest][-1]
    return Readable(
        place,
        rounds.unit,
        rounds.period,
        commitment=rounds.commitment,
        made=rounds.made,
        synthetic=rounds.synthetic,
        newest="" if newest == name else newest,
    )


def copied(path: Path, study: str) -> Readable:
    """Return the panel of a freeze that was copied out of its collection, held against the digest
    that its own note tells; any other path as it is.

    Raises Malformed where the panel is not the one that was frozen, UsageError where it is another
    study's.
    """
    place = path if path.is_dir() else path.parent
    if not (place / NOTE).is_file() or path not in (place, place / PANEL):
        return Readable(path)
    try:
        note = json.loads((place / NOTE).read_text(encoding="utf-8"))
        named, digest = str(note["study"]), str(note["digest"])
        made = Made(*map(str, note.get("made", ())))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed(
            f"{place / NOTE}: this is not what `fingerpost rollout collect freeze` wrote. Copy the "
            "freeze again."
        ) from None
    if named != study:
        raise UsageError(
            f"{path}: it was collected for the study {named}, and this one is {study}. Name its "
            "own records."
        )
    if not (place / PANEL).is_file() or sha256((place / PANEL).read_bytes()) != digest:
        raise Malformed(
            f"{place / PANEL}: its digest is not that of {NOTE} beside it: it was changed, or is "
            "gone. Copy the freeze again from its collection."
        )
    own = {key: str(note.get(key, "")) for key in ("unit", "period", "commitment")}
    return Readable(place / PANEL, **own, made=made, synthetic=note.get("synthetic") is True)
