"""Returns received: all faults of a file at once, nothing half-written, versions numbered."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import math
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.words import counted, listing
from fingerpost.ledger.events import Entry, Event
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts.collecting.folder import RETURNS, collection, event
from fingerpost.studies.rollouts.collecting.following import Changes, followed
from fingerpost.studies.rollouts.collecting.rounds import COUNT, SHARE, Rounds, identifies
from fingerpost.studies.rollouts.folder import put

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
NOT_KNOWN = "not known"
MOST_DIGITS = 20  # of a value: more than any number of a return can mean
MOST_ROWS = 8  # that a fault names
# Codes that are those of children: a unique pupil number, an NHS number.
OF_CHILDREN = re.compile(r"[A-Za-z][0-9]{11}[0-9A-Za-z]|[0-9]{3} ?[0-9]{3} ?[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Return:
    """What one unit returned of one period: values in the order of the columns, empty where they
    are not known.
    """

    unit: str
    period: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """The latest version of a return. late: whether the first came after it was due. number: of its
    entry in the ledger.
    """

    values: tuple[str, ...]
    version: int
    received: str
    late: bool
    number: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file: returns that are new, revised, or as they were; and late ones.
    known: whether this very file was taken in before, and so changed nothing. frozen: the last
    freeze, which holds nothing of it; empty where nothing is frozen. former: how many of the new
    and revised are of units that merged or split by then.
    """

    file: Path
    new: int
    revised: int
    same: int
    late: int
    known: bool = False
    frozen: str = ""
    former: int = 0


class _Unchanged(Exception):
    """Raised inside the ledger's transaction where a file says nothing new."""


@dataclass(slots=True)
class _Faults:
    """Faults of one file: words → the rows they are of."""

    name: str
    rows: dict[str, list[int]] = field(default_factory=dict)
    any_range: bool = False  # whether values are taken however implausible they are

    def add(self, words: str, row: int = 0) -> None:
        """Note a fault; row: 0 for the whole file."""
        self.rows.setdefault(words, []).append(row)

    def told(self) -> list[str]:
        """Return the faults in words."""
        return [f"{self.name}{rows_words(rows)}: {words}" for words, rows in self.rows.items()]


def rows_words(rows: Sequence[int]) -> str:
    """Return places of rows in a file, its header being row 1.

    >>> rows_words([3]), rows_words([2, 4]), rows_words([0])
    (', row 3', ', rows 2 and 4', '')
    """
    named = [str(row) for row in rows if row]
    if not named:
        return ""
    more = len(named) - MOST_ROWS
    shown = [*named[:MOST_ROWS], *([f"{more:,} more"] if more > 0 else [])]
    return f", row{'s' if len(named) > 1 else ''} {listing(shown)}"


def latest(entries: Iterable[Entry], *, until: int | None = None) -> dict[tuple[str, str], Held]:
    """Return (unit, period) → what is held of it; until: the last entry that counts."""
    found: dict[tuple[str, str], Held] = {}
    for entry in entries:
        if entry.kind != "received" or (until is not None and entry.number > until):
            continue
        body = entry.body
        for row in body["returns"]:
            key = (row["unit"], row["period"])
            before = found.get(key)
            late = before.late if before else row["late"]
            values = tuple(row["values"])
            found[key] = Held(values, row["version"], body["received"], late, entry.number)
    return found


def receive(
    folder: Path,
    files: Sequence[Path],
    *,
    received: date,
    draw: Path | None = None,
    ledger: str | None = None,
    again: bool = False,
    implausible: bool = False,
) -> tuple[Receipt, ...]:
    """Check files of returns and write them into the ledger of a collection, an event a file.

    received: the day on which they came. draw: where the collection's draw lies, if not where it
    did. Every file is checked before anything is written: raises Malformed with all faults of all
    of them, two that return other values of one unit and period among them. A return that says what
    is held already is no new version. A file that was taken in before is not taken in again, so
    that one sent twice never undoes what came between; again: that it is meant. implausible: take
    values outside the study's ranges, as units stand by them.
    """
    if received > date.today():
        raise UsageError(f"--received {received}: this day is still to come.")
    with collection(folder, ledger=ledger) as (rounds, held, stream):
        changes = followed(folder, rounds, draw=draw, ledger=ledger)
        faults: list[str] = []
        read: list[list[Return]] = []
        for file in files:
            told = _Faults(file.name, any_range=implausible)
            read.append(
                returns_in(content_of(file), rounds, changes, received=received, faults=told)
            )
            faults += told.told()
        coming = Coming(received, changes, again)
        faults += conflicts(held.entries(stream), rounds, files, read, coming=coming)
        if faults:
            raise Malformed(faults)
        return tuple(
            keep(folder, held, stream, rounds, file=file, coming=coming, rows=rows)
            for file, rows in zip(files, read, strict=True)
        )


def conflicts(
    entries: Sequence[Entry],
    rounds: Rounds,
    files: Sequence[Path],
    read: Sequence[Sequence[Return]],
    *,
    coming: Coming,
) -> list[str]:
    """Return where files that come at once return other values of one unit and period: nobody can
    know which of them holds. Raises UsageError where one cannot come in the place of what is held.
    """
    taken = {str(one.body["file"]) for one in entries if one.kind == "received"}
    known, faults = latest(entries), []
    first: dict[tuple[str, str], tuple[Path, Return]] = {}
    for file, rows in zip(files, read, strict=True):
        if not coming.again and hashlib.sha256(content_of(file)).hexdigest() in taken:
            continue
        versions(rounds, rows, known, coming.received)
        for row in rows:
            other, before = first.setdefault((row.unit, row.period), (file, row))
            if before.values != row.values:
                faults.append(
                    f"{other.name} and {file.name} both return {row.unit} of {row.period}, with "
                    "other values. Send the one that holds."
                )
    return faults


@dataclass(frozen=True, slots=True)
class Coming:
    """How files come: on which day, of units that changed how, and whether one that came before is
    meant to count again.
    """

    received: date
    changes: Changes
    again: bool = False


def keep(
    folder: Path,
    ledger: Ledger,
    stream: str,
    rounds: Rounds,
    *,
    file: Path,
    coming: Coming,
    rows: Sequence[Return],
) -> Receipt:
    """Write the event of one checked file, and keep the file as it came."""
    content = content_of(file)
    digest = hashlib.sha256(content).hexdigest()
    new: list[dict[str, Any]] = []
    known: list[Entry] = []
    frozen: list[str] = []

    def decide(entries: Sequence[Entry]) -> Event:
        frozen.extend(str(one.body["what"]) for one in entries if one.kind == "frozen")
        if not coming.again:
            known.extend(one for one in entries if one.body.get("file") == digest)
        new.extend([] if known else versions(rounds, rows, latest(entries), coming.received))
        if not new:
            raise _Unchanged
        put_once(folder / RETURNS, digest, content)
        said = {"file": digest, "received": coming.received.isoformat(), "returns": new}
        return event("received", said)

    with contextlib.suppress(_Unchanged):
        ledger.append(stream, decide, key=f"received {uuid.uuid4().hex}")
    last = frozen[-1] if frozen and new else ""
    former = coming.changes.former(rounds, ((one["unit"], one["period"]) for one in new))
    return replace(receipt_of(file, rows, new), known=bool(known), frozen=last, former=former)


def content_of(file: Path) -> bytes:
    """Return a file's bytes. Raises UsageError where there is none."""
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file.")
    return file.read_bytes()


def put_once(place: Path, digest: str, content: bytes) -> None:
    """Keep a file as it came, under its digest."""
    place.mkdir(exist_ok=True)
    if not (place / f"{digest}.csv").is_file():
        put(place / f"{digest}.csv", content)


def versions(
    rounds: Rounds,
    rows: Sequence[Return],
    known: dict[tuple[str, str], Held],
    received: date,
) -> list[dict[str, Any]]:
    """Return what is new in a file, each return with its version."""
    found = []
    for row in rows:
        before = known.get((row.unit, row.period))
        if before is not None and before.values == row.values:
            continue
        if before is not None and received.isoformat() < before.received:
            raise UsageError(
                f"--received {received}: what is held of {row.unit}, {row.period} came on "
                f"{before.received}, and what comes in its place cannot have come before it. Say "
                "when this file came."
            )
        due = rounds.periods[rounds.place(row.period)].due
        found.append(
            {
                "unit": row.unit,
                "period": row.period,
                "version": 1 + (before.version if before else 0),
                "late": received > due,
                "values": list(row.values),
            }
        )
    return found


def receipt_of(file: Path, rows: Sequence[Return], told: Sequence[dict[str, Any]]) -> Receipt:
    """Return what became of a file."""
    new = [row for row in told if row["version"] == 1]
    late = sum(row["late"] for row in new)
    return Receipt(file, len(new), len(told) - len(new), len(rows) - len(told), late)


def returns_in(
    content: bytes, rounds: Rounds, changes: Changes, *, received: date, faults: _Faults
) -> list[Return]:
    """Return what a file returns, and note all of its faults. Rows without any value are passed
    over: a template that holds them is not filled there yet.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        faults.add("it is no text in UTF-8. Save it as CSV (UTF-8).")
        return []
    try:
        lines = [(at, row) for at, row in numbered(text) if any(cell.strip() for cell in row)]
    except csv.Error:
        faults.add("it is no CSV: a quotation mark is opened and not closed. Save it anew.")
        return []
    if not lines:
        faults.add("it is empty.")
        return []
    header = [cell.strip() for cell in lines[0][1]]
    place = places(header, rounds, faults)
    if place is None:
        return []
    found: dict[tuple[str, str], Return] = {}
    for at, row in lines[1:]:
        if len(row) != len(header):
            faults.add(f"it has not the {len(header)} cells of the header.", at)
            continue
        cells = [row[place[name]].strip() for name in rounds.header]
        own = one_return(cells, at, rounds, changes, received=received, faults=faults)
        if own is None:
            continue
        if (own.unit, own.period) in found:
            faults.add(
                "the unit and period stand above already. A return holds one row for each, for all "
                "of its children: rows of children are not taken.",
                at,
            )
        found[own.unit, own.period] = own
    if not found and not faults.rows:
        faults.add("no row of it is filled.")
    return list(found.values())


def numbered(text: str) -> Iterable[tuple[int, list[str]]]:
    """Yield the rows of a CSV text with the place of each, from 1."""
    reader = csv.reader(io.StringIO(text, newline=""))
    return enumerate(reader, start=1)


def places(header: list[str], rounds: Rounds, faults: _Faults) -> dict[str, int] | None:
    """Return where each column stands; None, and faults, where the header is not that of a
    return.
    """
    wanted = rounds.header
    if len(header) == 1 and ";" in header[0]:
        faults.add("its columns are parted by semicolons. Save it as CSV with commas.", 1)
        return None
    missing = [name for name in wanted if name not in header]
    more = [name for name in dict.fromkeys(header) if name not in wanted]
    children = [name for name in more if identifies(name)]
    if missing:
        faults.add(f"there is no column {listed(missing)}. Fill in the template.", 1)
    if children:
        faults.add(
            f"the column {listing(children)} says who a child is. Returns hold one row a unit and "
            "period, for all of its children, and nothing of any child: this file is not kept. "
            "Delete it wherever it should not be.",
            1,
        )
    others = [name for name in more if name not in children]
    if others:
        guess = nearest(others[0], missing) if missing else ""
        faults.add(
            f"{counted(len(others), 'column')} more than the template has, the "
            f"{ordinal(header.index(others[0]) + 1)} among them.{guess} Leave them out.",
            1,
        )
    if len(set(header)) != len(header):
        faults.add("a column stands there twice.", 1)
    return None if faults.rows else {name: header.index(name) for name in wanted}


def ordinal(at: int) -> str:
    """Return a place in words.

    >>> ordinal(1), ordinal(3), ordinal(12)
    ('first', 'third', '12th')
    """
    return ("first", "second", "third", "fourth", "fifth")[at - 1] if at <= 5 else f"{at}th"


def one_return(
    cells: Sequence[str],
    at: int,
    rounds: Rounds,
    changes: Changes,
    *,
    received: date,
    faults: _Faults,
) -> Return | None:
    """Return one row of a return; None where nothing is filled in, or something is wrong."""
    unit, period, *values = cells
    if not any(values):
        return None
    before = sum(map(len, faults.rows.values()))
    words = fault_of_unit(unit, changes)
    if words:
        faults.add(words, at)
    names = [each.name for each in rounds.periods]
    if period not in names:
        guess = nearest(period, names)
        faults.add(f"its {rounds.period} is none of the roll-out's.{guess}", at)
    elif rounds.periods[rounds.place(period)].ends > received:
        faults.add(
            f"the period {period} had not ended when it was received "
            f"(it ends on {rounds.periods[rounds.place(period)].ends}).",
            at,
        )
    ranges = {} if faults.any_range else dict(rounds.plausible)
    told = tuple(
        number_of(value, Asked(name, kind, ranges.get(name)), at, faults)
        for value, (name, kind) in zip(values, rounds.columns, strict=True)
    )
    wrong = sum(map(len, faults.rows.values())) > before
    return None if wrong else Return(unit, period, told)


def fault_of_unit(unit: str, changes: Changes) -> str:
    """Return what is wrong with a unit, empty where nothing is. A strange one is never repeated: it
    may be who a child is.
    """
    if unit in changes.codes:
        return ""
    if unit in changes.joined:
        return (
            f"{unit} came of {changes.joined[unit][1]}, and was not drawn. Returns are of units as "
            "they were drawn: ask for these apart, or leave the row out."
        )
    if OF_CHILDREN.fullmatch(unit):
        return (
            "the unit looks like the number of a child. Returns hold one row a unit and period, "
            "and nothing of any child: this file is not kept."
        )
    return f"its unit is none of this roll-out's.{nearest(unit, changes.codes)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A column of a return: its name, its kind, and what lies within reason of it."""

    name: str
    kind: str
    plausible: tuple[float, float] | None = None


def number_of(value: str, asked: Asked, at: int, faults: _Faults) -> str:
    """Return a number as plainly as it can be written; empty where it is not known. What stands in
    a cell is never repeated.

    >>> number_of("012.50", Asked("absence", "number"), 2, _Faults("r.csv"))
    '12.5'
    """
    if value.lower() == NOT_KNOWN:
        return ""
    words = fault_of_number(value, asked)
    if words:
        faults.add(f"{asked.name} {words}", at)
        return ""
    return plainly(Decimal(value))


def fault_of_number(value: str, asked: Asked) -> str:
    """Return what is wrong with a value, empty where nothing is."""
    if not value:
        return f'is empty. Write "{NOT_KNOWN}" where it cannot be told.'
    if not NUMBER.fullmatch(value):
        return "is no plain number. Write 1234.5, without other signs."
    number = Decimal(value)
    if len(number.as_tuple().digits) > MOST_DIGITS:
        return f"has more than {MOST_DIGITS} digits. Round it."
    if asked.kind == COUNT and number < 0:
        return "is below 0, and it is a count."
    if asked.kind == COUNT and number % 1:
        return "is no whole number, and it is a count."
    if asked.kind == SHARE and not 0 <= number <= 1:
        return "lies outside 0 to 1, and it is a share."
    low, high = asked.plausible or (-math.inf, math.inf)
    if not low <= number <= high:
        return (
            f"lies outside {low:g} to {high:g}, which the study holds for plausible. Ask the unit; "
            "where it stands by it, take it in with --implausible."
        )
    return ""


def plainly(value: Decimal) -> str:
    """Return a decimal number without an exponent or zeros at its end.

    >>> plainly(Decimal("100")), plainly(Decimal("-0.0")), plainly(Decimal("2.50"))
    ('100', '0', '2.5')
    """
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if not value else text.removeprefix("+")
