"""A stepped wedge: units begin in waves, in an order that is drawn, until all have begun.

Each unit is its own comparison over time, and each period compares units that have begun with units
that have not, but for the last.
"""

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design
from fingerpost.core.rollout import Layout, Rollout, Wave
from fingerpost.designs._assumptions import (
    CARRIED_BY_MODEL,
    DRAWN,
    NO_ANTICIPATION,
    NO_SPILLING,
    SAME_EFFECT,
)
from fingerpost.designs._layouts import begun, first_begin, has_late, in_turn, laid_out


def layout(rollout: Rollout, units: int) -> Layout:
    """Return a wave a period from the first begin to the last period, units spread evenly, or the
    waves that are declared.

    Raises Malformed where fewer than two begin, or a wave never does.
    """
    found = laid_out(rollout, units, own)
    if len(begun(found)) < 2 or has_late(found):
        raise Malformed(
            "stepped_wedge: waves begin in two periods or more, and every unit begins. For units "
            "that do not begin before the end name the design staggered."
        )
    return found


def own(rollout: Rollout, units: int) -> tuple[Wave, ...]:
    """Return the design's own waves."""
    return in_turn(rollout, range(first_begin(rollout), len(rollout.periods)), units=units)


STEPPED_WEDGE = Design(
    title="Stepped wedge",
    summary="Units begin in waves, in an order drawn at random, until all have begun.",
    reference="Hussey & Hughes (2007), Contemporary Clinical Trials 28:182-191; Hemming et al. "
    "(2018), BMJ 363:k1614",
    staggered=True,
    concurrent=False,
    assumes=(DRAWN, NO_ANTICIPATION, NO_SPILLING, SAME_EFFECT, CARRIED_BY_MODEL),
    denies="Units of later waves wait until their turn; in the last period nobody waits.",
    analysis="gls_exposure_time",
    layout=layout,
)
