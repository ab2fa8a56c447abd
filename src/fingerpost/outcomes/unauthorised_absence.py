"""Unauthorised absence: sessions missed without leave, of the sessions possible."""

from __future__ import annotations

from fingerpost.outcomes import _absence as absence

UNAUTHORISED_ABSENCE = absence.sessions(
    "Unauthorised absence",
    summary="Sessions missed without leave, over the sessions that were possible.",
    column="unauthorised",
)
