"""Unplanned admissions to hospital, by the method of admission."""

from __future__ import annotations

from fingerpost.outcomes import _admissions as admissions

UNPLANNED_ADMISSIONS = admissions.stays_a_year(
    "Unplanned admissions to hospital",
    summary="Stays in hospital begun as an emergency, a year of follow-up.",
    value=admissions.count,
)
