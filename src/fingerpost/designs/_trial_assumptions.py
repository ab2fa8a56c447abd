"""What reading the results of a trial takes, in words that designs share."""

from __future__ import annotations

from fingerpost.core.leaves import Assumption

AS_ALLOCATED = Assumption(
    "analysed as allocated",
    "Every unit is analysed in the arm into which it was drawn, whatever it went on to receive.",
    diagnostic="fidelity and contamination in the ledger",
)
CONCEALED = Assumption(
    "concealed until allocated",
    "Nobody who decides whether a child takes part can know or guess the arm that comes next.",
    diagnostic="how often a guess is right, in the validation pack",
)
NO_SPILLING = Assumption(
    "no spilling over",
    "What one unit receives changes nothing for another: staff, rooms and know-how are not shared "
    "between arms.",
    diagnostic="contamination in the ledger",
)
SEEN_ALIKE = Assumption(
    "seen alike",
    "Outcomes are seen of all who were allocated, or go missing for reasons that have nothing to "
    "do with the arm.",
    diagnostic="loss by arm, and bounds of Lee",
)
LISTED_BEFORE = Assumption(
    "listed before the draw",
    "Who belongs to a cluster was written down before its arm was known; children who came later "
    "are counted apart.",
    diagnostic="rolls frozen in the ledger",
)
INDIVIDUAL = (AS_ALLOCATED, CONCEALED, NO_SPILLING, SEEN_ALIKE)
CLUSTERED = (AS_ALLOCATED, LISTED_BEFORE, NO_SPILLING, SEEN_ALIKE)
