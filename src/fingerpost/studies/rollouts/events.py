"""Events of a draw's ledger that stand: those that nobody has taken back."""

from __future__ import annotations

from collections.abc import Sequence

from fingerpost.ledger.events import Entry

TAKEN_BACK = "corrected"


def standing(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return entries without those that a later one corrects, and without the corrections."""
    gone = {entry.body["entry"] for entry in entries if entry.kind == TAKEN_BACK}
    return tuple(e for e in entries if e.kind != TAKEN_BACK and e.number not in gone)
