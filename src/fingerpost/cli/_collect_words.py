"""What commands on collections say: a board in signs, counts, receipts, freezes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fingerpost.cli._screen import table
from fingerpost.core.words import counted, listing

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.collecting.board import Board
    from fingerpost.studies.rollouts.collecting.freezing import Freeze
    from fingerpost.studies.rollouts.collecting.receiving import Receipt

SIGNS = {
    "in": "in",
    "late": "late",
    "revised": "rev",
    "due": "due",
    "overdue": "OVER",
    "not due": ".",
    "not asked": "-",
}
KEY = (
    "in: in time; late: came late; rev: revised, with its version; due: there is time yet; OVER: "
    "overdue; . the period is not over; - none is asked."
)
FEW, MOST_NAMED = 30, 8
FORMER = (
    "of areas that had merged or split by then, by the ledger of the draw: they count for the area "
    "as it was drawn, and must be of its former children alone."
)


def summary(found: Board) -> list[str]:
    """Return how many returns stand how, in words."""
    counts = found.counts
    came = counts["in"] + counts["late"] + counts["revised"]
    late = sum(cell.late for cell in found.cells)
    asked = sum(counts.values()) - counts["not due"] - counts["not asked"]
    lines = [
        f"{found.rounds.study} on {found.day}: {came:,} of {asked:,} returns of periods that are "
        f"over are in, {late:,} of them late and {counts['revised']:,} revised; "
        f"{counts['overdue']:,} are overdue, {counts['due']:,} are due and in time yet."
    ]
    if found.silent:
        shown = [*found.silent[:MOST_NAMED]]
        more = len(found.silent) - len(shown)
        shown += [f"{more} more"] if more > 0 else []
        lines.append(f"Nothing yet from {counted(len(found.silent), 'unit')}: {listing(shown)}.")
    if found.notes:
        lines.append(f"By the ledger of the draw: {'; '.join(found.notes)}.")
    frozen = f"Frozen: {listing(found.freezes)}." if found.freezes else "Nothing is frozen yet."
    return [*lines, frozen]


def lines_of(found: Board, *, every: bool) -> list[list[str]]:
    """Return a line a unit, in signs; of many units, only those that are not all in."""
    rows = []
    few = len(found.names) <= FEW
    by: dict[str, list[str]] = {unit: [] for unit in found.names}
    odd = set()
    for cell in found.cells:
        sign = SIGNS[cell.state] + (str(cell.version) if cell.state == "revised" else "")
        by[cell.unit].append(sign)
        if cell.state not in ("in", "not due", "due"):
            odd.add(cell.unit)
    for unit, signs in by.items():
        if every or few or unit in odd:
            rows.append([unit, *signs])
    left = len(by) - len(rows)
    if left:
        rows.append([f"{left} more in time", *[""] * len(found.rounds.periods)])
    return rows


def receipts_table(found: Sequence[Receipt]) -> str:
    """Return what became of each file."""
    rows = [
        (one.file.name, str(one.new), str(one.late), str(one.revised), str(one.same))
        for one in found
    ]
    return table(("file", "new", "of these late", "revised", "as before"), rows)


def freeze_words(found: Freeze) -> list[str]:
    """Return a freeze in words."""
    lines = [
        f"{found.name}: {found.rows:,} rows to {found.until}, {found.empty:,} of them without a "
        "return." + ("" if found.new else " Nothing changed since it was made; no new one is.")
    ]
    if found.former:
        lines.append(f"{counted(found.former, 'row')} {FORMER}")
    if found.left_out:
        lines.append(f"Left out, since the draw does not hold them: {listing(found.left_out)}.")
    return lines
