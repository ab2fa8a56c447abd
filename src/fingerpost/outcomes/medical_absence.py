"""Medical absence: sessions missed for medical appointments, of the sessions possible."""

from __future__ import annotations

from fingerpost.outcomes import _absence as absence

MEDICAL_ABSENCE = absence.sessions(
    "Medical absence",
    summary="Sessions missed for medical appointments, over the sessions that were possible.",
    column="medical",
)
