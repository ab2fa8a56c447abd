"""Wellbeing, as reported year by year."""

from __future__ import annotations

from fingerpost.outcomes import _survey as survey

WELLBEING = survey.yearly(
    "Wellbeing",
    summary="The mean of a child's yearly wellbeing scores over follow-up.",
    column="wellbeing",
)
