"""Absence for illness: sessions missed for illness, of the sessions possible."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _absence as absence

ILLNESS_ABSENCE = RecordsMeasure(
    title="Absence for illness",
    summary="Sessions missed for illness, over the sessions that were possible.",
    reference=absence.REFERENCE,
    domain=absence.DOMAIN,
    kind="count",
    measured_in="sessions per 100 possible",
    better="lower",
    tables=("absence",),
    rows="terms",
    window=absence.WINDOW,
    value=lambda: absence.total("illness"),
    exposure=absence.hundreds,
)
