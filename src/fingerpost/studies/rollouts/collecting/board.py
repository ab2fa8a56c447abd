"""Where returns stand: a board of units by periods, as tables that pages and pictures show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fingerpost.core.table import Cell as Shown
from fingerpost.core.table import Table
from fingerpost.ledger.events import Entry
from fingerpost.studies.rollouts.collecting.folder import collection
from fingerpost.studies.rollouts.collecting.following import Changes, followed
from fingerpost.studies.rollouts.collecting.receiving import Held, latest
from fingerpost.studies.rollouts.collecting.rounds import Rounds

# State → what it means.
STATES = {
    "in": "came in time",
    "late": "came after it was due",
    "revised": "came again, with other values",
    "due": "the period is over, and there is time yet",
    "overdue": "should have come, and has not",
    "not due": "the period is not over",
    "not asked": "the unit owes none: it merged or split, or was not there yet",
}
RECEIVED = ("in", "late", "revised")


@dataclass(frozen=True, slots=True)
class Cell:
    """One return. version: 0 where none came; late: whether the first came late."""

    unit: str
    period: str
    state: str
    version: int
    late: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Where returns stand on a day. names: unit → what it is called. cells: unit by unit, in the
    order of the periods. freezes: names of what was frozen.
    """

    rounds: Rounds
    day: date
    names: dict[str, str]
    cells: tuple[Cell, ...]
    freezes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """State → how many returns."""
        counted = Counter(cell.state for cell in self.cells)
        return {state: counted[state] for state in STATES}

    @property
    def by_period(self) -> dict[str, dict[str, int]]:
        """Period → state → how many returns."""
        counted = Counter((cell.period, cell.state) for cell in self.cells)
        return {
            each.name: {state: counted[each.name, state] for state in STATES}
            for each in self.rounds.periods
        }

    def of(self, unit: str) -> tuple[Cell, ...]:
        """Return the cells of a unit."""
        return tuple(cell for cell in self.cells if cell.unit == unit)

    @property
    def silent(self) -> tuple[str, ...]:
        """Units that have returned nothing, though something was due."""
        owed = {cell.unit for cell in self.cells if cell.state == "overdue"}
        came = {cell.unit for cell in self.cells if cell.version}
        return tuple(unit for unit in self.names if unit in owed - came)


def board(folder: Path, *, day: date, draw: Path | None = None, ledger: str | None = None) -> Board:
    """Return where the returns of a collection stand on a day, as its ledger has them by now."""
    with collection(folder, ledger=ledger, read_only=True) as (rounds, held, stream):
        entries = [entry for entry in held.entries(stream) if by(entry, day)]
    changes = followed(folder, rounds, draw=draw, ledger=ledger)
    return board_of(rounds, entries, changes, day=day)


def by(entry: Entry, day: date) -> bool:
    """Return whether an entry is known on a day: returns by the day on which they came, freezes by
    when they were made.
    """
    if entry.kind == "frozen":
        return entry.time[:10] <= day.isoformat()
    return str(entry.body.get("received", "")) <= day.isoformat()


def board_of(rounds: Rounds, entries: Sequence[Entry], changes: Changes, *, day: date) -> Board:
    """Return the board that entries make."""
    known = latest(entries)
    cells = []
    for unit in changes.codes:
        for at, each in enumerate(rounds.periods):
            own = known.get((unit, each.name))
            state = state_of(own, unit, at, rounds, changes, day=day)
            late = own is not None and own.late
            cells.append(Cell(unit, each.name, state, own.version if own else 0, late))
    frozen = tuple(str(entry.body["what"]) for entry in entries if entry.kind == "frozen")
    notes = [
        f"{unit} {words} from {rounds.periods[at].name} on"
        for unit, (at, words) in changes.stopped.items()
    ]
    return Board(rounds, day, dict(changes.units), tuple(cells), frozen, tuple(notes))


def state_of(
    own: Held | None, unit: str, at: int, rounds: Rounds, changes: Changes, *, day: date
) -> str:
    """Return the state of one return."""
    if own is not None:
        if own.version > 1:
            return "revised"
        return "late" if own.late else "in"
    gone = unit in changes.stopped and at >= changes.stopped[unit][0]
    if gone or (unit in changes.joined and at < changes.joined[unit][0]):
        return "not asked"
    each = rounds.periods[at]
    if day <= each.ends:
        return "not due"
    return "due" if day <= each.due else "overdue"


def board_table(found: Board) -> Table:
    """Return the board as a table, a row a unit and period."""
    rows = tuple(
        (cell.unit, found.names[cell.unit], cell.period, cell.state, cell.version, cell.late)
        for cell in found.cells
    )
    return Table(
        "board",
        f"Returns of {found.rounds.study} on {found.day}",
        ("unit", "name", "period", "state", "version", "late"),
        ("label", "label", "label", "label", "number", "flag"),
        rows,
        context="; ".join(f"{state}: {words}" for state, words in STATES.items()) + ".",
    )


def periods_table(found: Board) -> Table:
    """Return how many returns of each period are in which state."""
    due = {each.name: each.due.isoformat() for each in found.rounds.periods}
    there = [state for state, count in found.counts.items() if count]
    rows: tuple[tuple[Shown, ...], ...] = tuple(
        (period, due[period], *(counts[state] for state in there))
        for period, counts in found.by_period.items()
    )
    return Table(
        "returns",
        "Returns by period",
        ("period", "due by", *there),
        ("label", "label", *("count",) * len(there)),
        rows,
    )


def calendar_table(found: Board, waves: Sequence[tuple[str, str, int]]) -> Table:
    """Return waves over the calendar. waves: (name, period in which it begins, units)."""
    rows: list[tuple[Shown, ...]] = []
    for name, begins, units in waves:
        for each, before in zip(found.rounds.periods, (None, *found.rounds.periods), strict=False):
            first = before.ends.isoformat() if before is not None else ""
            rows.append((name, begins, units, each.name, first, each.ends.isoformat()))
    return Table(
        "calendar",
        "Waves over the calendar",
        ("wave", "begins", "units", "period", "after", "until"),
        ("label", "label", "count", "label", "label", "label"),
        tuple(rows),
    )
