"""Absence for illness: sessions missed for illness, of the sessions possible."""

from __future__ import annotations

from fingerpost.outcomes import _absence as absence

ILLNESS_ABSENCE = absence.sessions(
    "Absence for illness",
    summary="Sessions missed for illness, over the sessions that were possible.",
    column="illness",
)
