"""Unplanned admissions to hospital, by the method of admission."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _admissions as admissions

UNPLANNED_ADMISSIONS = RecordsMeasure(
    title="Unplanned admissions to hospital",
    summary="Stays in hospital begun as an emergency, a year of follow-up.",
    reference=admissions.REFERENCE,
    domain=admissions.DOMAIN,
    kind="count",
    measured_in="admissions a year",
    better="lower",
    tables=("hes_apc",),
    rows="events",
    dated="admission_date",
    window=admissions.WINDOW,
    value=lambda: admissions.count(admissions.UNPLANNED),
    person_years=True,
    absent="zero",
    prepare=admissions.stays,
    limits=("how many admissions there are also depends on how near a hospital is",),
)
