"""Key Stage 1 mathematics, of the children who were assessed."""

from __future__ import annotations

from typing import Any

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _attainment as attainment


def scores(reading: Any) -> Any:
    """Return each assessed child's score in standard deviations of its year."""
    return attainment.standardised(reading, table="ks1", score="maths")


KS1_MATHS = RecordsMeasure(
    title="Key Stage 1 mathematics",
    summary="The mathematics score, set beside all children assessed in the same year.",
    reference="Standards and Testing Agency, national curriculum assessments",
    domain=attainment.DOMAIN,
    kind="continuous",
    measured_in=attainment.STANDARD,
    better="higher",
    tables=("ks1",),
    rows="once",
    year=2,
    window=attainment.WINDOW.format(2),
    value=attainment.first("z"),
    prepare=scores,
    scale="difference",
    limits=attainment.MISSING,
)
