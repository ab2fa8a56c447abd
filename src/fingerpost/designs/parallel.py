"""A parallel roll-out: some units, drawn, begin in one period; the others do not before the end.

The comparison lasts as long as the study, so that every exposure has one. Half of the units wait
throughout.
"""

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design
from fingerpost.core.rollout import Layout, Rollout, Wave
from fingerpost.designs._assumptions import DRAWN, NO_ANTICIPATION, NO_SPILLING
from fingerpost.designs._layouts import LATE, begun, first_begin, has_late, laid_out


def layout(rollout: Rollout, units: int) -> Layout:
    """Return the units that begin together, and those that do not; half each where nothing is said.

    Raises Malformed where waves begin in several periods, or none is left without provision.
    """
    found = laid_out(rollout, units, own)
    if len(begun(found)) != 1 or not has_late(found):
        raise Malformed(
            "parallel: waves begin in one period, and one wave does not begin (leave out its "
            "`begins`). For waves that begin in turn name the design staggered."
        )
    return found


def own(rollout: Rollout, units: int) -> tuple[Wave, ...]:
    """Return the design's own waves."""
    return (Wave("provided", rollout.periods[first_begin(rollout)]), Wave(LATE))


PARALLEL = Design(
    title="Parallel roll-out",
    summary="Some units, drawn at random, begin together; the others wait until the study ends.",
    reference="Donner & Klar (2000), Design and Analysis of Cluster Randomization Trials in Health "
    "Research; Murray (1998), Design and Analysis of Group-Randomized Trials",
    staggered=False,
    concurrent=True,
    assumes=(DRAWN, NO_ANTICIPATION, NO_SPILLING),
    shuffled=True,
    denies="Units that are not drawn go without provision for as long as the study lasts.",
    analysis="gls_exposure_time",
    layout=layout,
)
