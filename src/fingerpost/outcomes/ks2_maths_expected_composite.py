"""Key Stage 2 mathematics as a composite: not assessed counts as not reached.

A child who died, or was at a state school to the end and not assessed, did not reach the standard:
nobody drops out because of how they were doing. A child who left state schools has no value.
"""

from __future__ import annotations

from fingerpost.outcomes import _attainment as attainment

KS2_MATHS_EXPECTED_COMPOSITE = attainment.expected(
    "Key Stage 2 mathematics assessed and as expected",
    summary="Whether a child was assessed and reached the expected standard.",
    measured_in="share of children",
    absent="zero",
    limits=("what moves being assessed moves this too, whatever is learnt",),
)
