"""Unauthorised absence: sessions missed without leave, of the sessions possible."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _absence as absence

UNAUTHORISED_ABSENCE = RecordsMeasure(
    title="Unauthorised absence",
    summary="Sessions missed without leave, over the sessions that were possible.",
    reference=absence.REFERENCE,
    domain=absence.DOMAIN,
    kind="count",
    measured_in="sessions per 100 possible",
    better="lower",
    tables=("absence",),
    rows="terms",
    window=absence.WINDOW,
    value=lambda: absence.total("unauthorised"),
    exposure=absence.hundreds,
)
