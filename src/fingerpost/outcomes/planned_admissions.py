"""Planned admissions to hospital, by the method of admission."""

from __future__ import annotations

from fingerpost.outcomes import _admissions as admissions

PLANNED_ADMISSIONS = admissions.stays_a_year(
    "Planned admissions to hospital",
    summary="Stays in hospital that were planned, a year of follow-up.",
    value=admissions.others,
)
