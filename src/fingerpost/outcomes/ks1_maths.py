"""Key Stage 1 mathematics, of the children who were assessed."""

from __future__ import annotations

from fingerpost.outcomes import _attainment as attainment

KS1_MATHS = attainment.scores(
    "Key Stage 1 mathematics",
    summary="The mathematics score, set beside all children assessed in the same year.",
    table="ks1",
    score="maths",
    year=2,
)
