"""Planned admissions to hospital, by the method of admission."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _admissions as admissions

PLANNED_ADMISSIONS = RecordsMeasure(
    title="Planned admissions to hospital",
    summary="Stays in hospital that were planned, a year of follow-up.",
    reference=admissions.REFERENCE,
    domain=admissions.DOMAIN,
    kind="count",
    measured_in="admissions a year",
    better="lower",
    tables=("hes_apc",),
    rows="events",
    dated="admission_date",
    window=admissions.WINDOW,
    value=lambda: admissions.others(admissions.UNPLANNED),
    person_years=True,
    absent="zero",
    prepare=admissions.stays,
    limits=("how many admissions there are also depends on how near a hospital is",),
)
