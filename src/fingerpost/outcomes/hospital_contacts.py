"""Unplanned hospital contacts: emergency attendances, and unplanned admissions without one."""

from __future__ import annotations

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _admissions as admissions

HOSPITAL_CONTACTS = RecordsMeasure(
    title="Unplanned hospital contacts",
    summary="Days with an emergency attendance or an unplanned admission, a year of follow-up.",
    reference=admissions.REFERENCE,
    domain=admissions.DOMAIN,
    kind="count",
    measured_in="contacts a year",
    better="lower",
    tables=("hes_apc",),
    rows="events",
    dated="contact_date",
    window="after time zero, to the end of follow-up, at a state school or not",
    value=lambda: nw.len().cast(nw.Int64),
    person_years=True,
    absent="zero",
    seen="health records",
    also=("hes_ae",),
    prepare=admissions.contacts,
    limits=(
        "without a table of emergency attendances only unplanned admissions are counted",
        admissions.ABROAD,
    ),
)
