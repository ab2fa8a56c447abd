"""Waves with a late group: units begin in an order that is drawn, and some not before the end.

The late group is what every exposure is compared with, so that effects long after provision began
are told without leaning on a model of time.
"""

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design
from fingerpost.core.rollout import Layout, Rollout, Wave
from fingerpost.designs._assumptions import DRAWN, NO_ANTICIPATION, NO_SPILLING, SAME_EFFECT
from fingerpost.designs._layouts import LATE, begun, first_begin, has_late, in_turn, laid_out


def layout(rollout: Rollout, units: int) -> Layout:
    """Return a wave a period from the first begin to the last but one, and a late group, units
    spread evenly; or the waves that are declared.

    Raises Malformed where fewer than two begin, or there is no late group.
    """
    found = laid_out(rollout, units, own)
    if len(begun(found)) < 2 or not has_late(found):
        raise Malformed(
            "staggered: waves begin in two periods or more, and one wave does not begin (leave out "
            "its `begins`). Where every unit begins name the design stepped_wedge; where all that "
            "begin do so at once, parallel."
        )
    return found


def own(rollout: Rollout, units: int) -> tuple[Wave, ...]:
    """Return the design's own waves."""
    first, last = first_begin(rollout), len(rollout.periods) - 1
    turns = range(first, max(last, first + 1))
    return (*in_turn(rollout, turns, units=units - 1), Wave(LATE))


STAGGERED = Design(
    title="Waves with a late group",
    summary="Units begin in waves, in an order drawn at random; a late group does not before the "
    "study ends.",
    reference="Roth & Sant'Anna (2023), Journal of Political Economy Microeconomics 1:669-709; "
    "Athey & Imbens (2022), Journal of Econometrics 226:62-79",
    staggered=True,
    concurrent=True,
    assumes=(DRAWN, NO_ANTICIPATION, NO_SPILLING, SAME_EFFECT),
    denies="Units of later waves wait until their turn; the late group until the study ends.",
    analysis="gls_exposure_time",
    layout=layout,
)
