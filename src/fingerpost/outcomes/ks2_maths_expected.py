"""Key Stage 2 mathematics: whether the expected standard was reached, of those assessed."""

from __future__ import annotations

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _attainment as attainment

KS2_MATHS_EXPECTED = RecordsMeasure(
    title="Key Stage 2 mathematics as expected",
    summary="Whether a child who was assessed reached the expected standard.",
    reference="Standards and Testing Agency, national curriculum assessments",
    domain=attainment.DOMAIN,
    kind="binary",
    measured_in="share of children assessed",
    better="higher",
    tables=("ks2",),
    rows="once",
    year=6,
    window=attainment.WINDOW.format(6),
    value=attainment.reached("maths_expected"),
    limits=attainment.MISSING,
)
