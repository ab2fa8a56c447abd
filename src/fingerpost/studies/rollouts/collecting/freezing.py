"""Freezes: a panel made from the ledger alone, numbered, never written over, and the only thing in
a collection that an analysis reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.ledger.events import Entry, Event
from fingerpost.studies.rollouts.collecting.folder import COLLECTION, collection, event, write_new
from fingerpost.studies.rollouts.collecting.following import Changes, followed
from fingerpost.studies.rollouts.collecting.receiving import latest
from fingerpost.studies.rollouts.collecting.rounds import VERSION, Rounds
from fingerpost.studies.rollouts.folder import sha256
from fingerpost.studies.rollouts.frozen import as_csv

PANEL, NOTE = "panel.csv", "freeze.json"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze. rows: units × periods; empty: those without a return. left_out: units that may
    return and that the draw does not hold. new: whether this call made it.
    """

    path: Path
    name: str
    digest: str
    until: str
    rows: int
    empty: int
    left_out: tuple[str, ...]
    new: bool


class _Same(Exception):
    """Raised inside the ledger's transaction where the last freeze holds the same."""


def freeze(
    folder: Path,
    *,
    day: date,
    until: str | None = None,
    draw: Path | None = None,
    ledger: str | None = None,
) -> Frozen:
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

        count = sum(entry.kind == "frozen" for entry in held.entries(stream))
        new = True
        try:
            entry = held.append(stream, decide, key=f"freeze-{count + 1}")
        except _Same:
            new = False
            entry = [one for one in held.entries(stream) if one.kind == "frozen"][-1]
        write(folder, entry, held.entries(stream), rounds)
    body = entry.body
    out = tuple(unit for unit in changes.codes if unit not in changes.drawn)
    return Frozen(
        folder / body["what"],
        name=body["what"],
        digest=body["digest"],
        until=body["until"],
        rows=body["rows"],
        empty=body["empty"],
        left_out=out,
        new=new,
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
    content, _ = panel(
        *(rounds, entries),
        units=body["units"],
        fixed=body["fixed"],
        last=rounds.place(body["until"]),
        after=body["after"],
    )
    if sha256(content) != body["digest"]:
        raise Malformed(
            f"{place}: entries of the ledger no longer give the digest of this freeze. Restore the "
            "ledger from a copy."
        )
    said = {
        "schema_version": 1,
        "study": rounds.study,
        "commitment": rounds.commitment,
        **{key: body[key] for key in ("what", "digest", "until", "rows", "empty")},
        "entry": {"number": entry.number, "hash": entry.hash},
    }
    note = (json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    write_new(place, {PANEL: content, NOTE: note})


def restore(folder: Path, entries: Sequence[Entry], rounds: Rounds) -> None:
    """Write freezes again that are in the ledger and not in the folder: a command was killed
    between the two.
    """
    for entry in entries:
        if entry.kind == "frozen":
            write(folder, entry, entries, rounds)


def collection_of(path: Path) -> Path | None:
    """Return the folder of the collection in which a path lies; None where it lies in none."""
    whole = path.resolve()
    return next(
        (place for place in (whole, *whole.parents) if (place / COLLECTION).is_file()), None
    )


@dataclass(frozen=True, slots=True)
class Readable:
    """A panel that an analysis may read. unit, period: its columns; empty where it is of no
    collection. commitment: of the draw that it was collected for.
    """

    path: Path
    unit: str = ""
    period: str = ""
    commitment: str = ""


def readable(path: Path, study: str, *, ledger: str | None = None) -> Readable:
    """Return the panel behind a path: as it is where it is of no collection, else that of a freeze.

    Raises UsageError for what lies in a collection and is no freeze of it, or is of another study;
    Malformed where a freeze was changed since.
    """
    folder = collection_of(path)
    if folder is None or not path.exists():
        return Readable(path)
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
    return Readable(place, rounds.unit, rounds.period, rounds.commitment)
