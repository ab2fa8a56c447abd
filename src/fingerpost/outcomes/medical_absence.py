"""Medical absence: sessions missed for medical appointments, of the sessions possible."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _absence as absence

MEDICAL_ABSENCE = RecordsMeasure(
    title="Medical absence",
    summary="Sessions missed for medical appointments, over the sessions that were possible.",
    reference=absence.REFERENCE,
    domain=absence.DOMAIN,
    kind="count",
    measured_in="sessions per 100 possible",
    better="lower",
    tables=("absence",),
    rows="terms",
    window=absence.WINDOW,
    value=lambda: absence.total("medical"),
    exposure=absence.hundreds,
)
