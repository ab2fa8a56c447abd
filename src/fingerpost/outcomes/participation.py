"""Participation, as reported year by year."""

from __future__ import annotations

from fingerpost.outcomes import _survey as survey

PARTICIPATION = survey.yearly(
    "Participation",
    summary="The mean of a child's yearly participation scores over follow-up.",
    column="participation",
)
