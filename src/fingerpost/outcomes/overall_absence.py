"""Absence: sessions missed for any reason, of the sessions possible."""

from __future__ import annotations

from fingerpost.outcomes import _absence as absence

OVERALL_ABSENCE = absence.sessions(
    "Absence",
    summary="Sessions missed for any reason, over the sessions that were possible.",
    column="overall",
)
