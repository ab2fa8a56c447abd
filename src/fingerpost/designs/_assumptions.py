"""What reading the results of a drawn roll-out takes, in words that designs share."""

from __future__ import annotations

from fingerpost.core.leaves import Assumption

DRAWN = Assumption(
    "the draw was kept to",
    "Units began when they were drawn to begin, or are read as if they had: what began otherwise "
    "is counted with the wave in which it was drawn.",
    diagnostic="units since the draw, by wave (since_drawn), from the ledger",
)
NO_ANTICIPATION = Assumption(
    "no anticipation",
    "Nothing changes in a unit before its provision begins, but in periods that the study names as "
    "its anticipation.",
    diagnostic="leads of the event study",
)
NO_SPILLING = Assumption(
    "no spilling over",
    "Provision in one unit changes nothing in another: no child crosses a border for it, and "
    "nobody who provides it is drawn away from a unit that waits.",
)
SAME_EFFECT = Assumption(
    "exposure alone matters",
    "The effect depends on how long ago provision began, not on the calendar: a year in which all "
    "that begins works less well than in others would be read as wear.",
)
CARRIED_BY_MODEL = Assumption(
    "late effects lean on the model",
    "Once every unit is provided for, effects are told from the course of time by the model alone: "
    "only exposures with units that still wait in the same period have a comparison.",
)
