"""Absence: sessions missed for any reason, of the sessions possible."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _absence as absence

OVERALL_ABSENCE = RecordsMeasure(
    title="Absence",
    summary="Sessions missed for any reason, over the sessions that were possible.",
    reference=absence.REFERENCE,
    domain=absence.DOMAIN,
    kind="count",
    measured_in="sessions per 100 possible",
    better="lower",
    tables=("absence",),
    rows="terms",
    window=absence.WINDOW,
    value=lambda: absence.total("overall"),
    exposure=absence.hundreds,
)
