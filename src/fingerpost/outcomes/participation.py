"""Participation, as reported year by year."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _survey as survey

PARTICIPATION = RecordsMeasure(
    title="Participation",
    summary="The mean of a child's yearly participation scores over follow-up.",
    reference="collected in the field: see the code of the instrument in the records",
    domain="participation",
    kind="continuous",
    measured_in="standard deviations",
    better="higher",
    tables=("wellbeing",),
    rows="years",
    window=survey.WINDOW,
    value=lambda: survey.mean("participation"),
    scale="difference",
    informant="child, parent or teacher",
    limits=("a child of whom nobody reported has no value, which is unlikely to be by chance",),
)
