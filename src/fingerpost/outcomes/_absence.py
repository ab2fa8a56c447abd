"""What measures of absence share: sessions over the terms of follow-up."""

from __future__ import annotations

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure

# The how-to guides of the linked records drop rows with more sessions than a year can hold.
MOST_SESSIONS = 420
HUNDRED = 100.0
PERSISTENT = 0.10
WINDOW = "terms that begin after time zero, to the end of follow-up"
REFERENCE = "Department for Education, A guide to absence statistics (sessions, reasons, 10%)"
DOMAIN = "absence"


def sane() -> nw.Expr:
    """Return which rows hold a number of sessions that a term can hold."""
    possible = nw.col("sessions_possible")
    return (possible > 0) & (possible <= MOST_SESSIONS)


def total(column: str) -> nw.Expr:
    """Return the sum of a column of sessions over a child's rows."""
    return nw.when(sane()).then(nw.col(column)).sum().cast(nw.Int64)


def hundreds() -> nw.Expr:
    """Return the hundreds of sessions possible over a child's rows."""
    return total("sessions_possible").cast(nw.Float64) / HUNDRED


def sessions(title: str, *, summary: str, column: str) -> RecordsMeasure:
    """Return the measure of the sessions of one column, of the sessions possible.

    >>> sessions("Absence", summary="Missed.", column="overall").measured_in
    'sessions per 100 possible'
    """
    return RecordsMeasure(
        title=title,
        summary=summary,
        reference=REFERENCE,
        domain=DOMAIN,
        kind="count",
        measured_in="sessions per 100 possible",
        better="lower",
        tables=("absence",),
        rows="terms",
        window=WINDOW,
        value=lambda: total(column),
        exposure=hundreds,
    )
