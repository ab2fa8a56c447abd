"""Key Stage 2 mathematics: whether the expected standard was reached, of those assessed."""

from __future__ import annotations

from fingerpost.outcomes import _attainment as attainment

KS2_MATHS_EXPECTED = attainment.expected(
    "Key Stage 2 mathematics as expected",
    summary="Whether a child who was assessed reached the expected standard.",
    measured_in="share of children assessed",
)
