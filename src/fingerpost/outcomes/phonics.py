"""The Year 1 phonics screening check: whether the expected standard was met."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _attainment as attainment

PHONICS = RecordsMeasure(
    title="Phonics check met",
    summary="Whether a child met the expected standard of the phonics check.",
    reference="Department for Education, Phonics screening check",
    domain=attainment.DOMAIN,
    kind="binary",
    measured_in="share of children",
    better="higher",
    tables=("phonics",),
    rows="once",
    year=1,
    window="the check in the summer of Year 1, or its repeat in Year 2",
    value=attainment.reached("met"),
    limits=("children who were not assessed have no value",),
)
