"""Suspensions and permanent exclusions from school."""

from __future__ import annotations

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure

EXCLUSIONS = RecordsMeasure(
    title="Suspensions and exclusions",
    summary="How often a child was suspended or excluded, a year of follow-up.",
    reference="Department for Education, Suspensions and permanent exclusions in England",
    domain="behaviour",
    kind="count",
    measured_in="exclusions a year",
    better="lower",
    tables=("exclusion",),
    rows="terms",
    window="terms that begin after time zero, to the end of follow-up",
    value=lambda: nw.len().cast(nw.Int64),
    person_years=True,
    absent="zero",
)
