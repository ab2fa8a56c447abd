"""Key Stage 2 mathematics, of the children who were assessed."""

from __future__ import annotations

from fingerpost.outcomes import _attainment as attainment

KS2_MATHS = attainment.scores(
    "Key Stage 2 mathematics",
    summary="The mathematics score, set beside all children assessed in the same year.",
    table="ks2",
    score="maths",
    year=6,
)
