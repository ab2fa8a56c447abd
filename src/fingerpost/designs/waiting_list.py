"""A waiting list: some units, drawn, begin at once; the others later, and all of them together.

What happens after the second group has begun has no comparison. Of a trial, two arms are drawn in
permuted blocks within strata: those who begin, and those who wait and have what is given anyway.
"""

from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design, Procedure
from fingerpost.core.rollout import Layout, Rollout, Wave
from fingerpost.core.trial import Trial
from fingerpost.designs._assumptions import CARRIED_BY_MODEL, DRAWN, NO_ANTICIPATION, NO_SPILLING
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._layouts import begun, first_begin, has_late, laid_out


def layout(rollout: Rollout, units: int) -> Layout:
    """Return the units that begin first and those that wait; where nothing is said, half of them
    wait for half of the periods that are left.

    Raises Malformed where waves do not begin in exactly two periods.
    """
    found = laid_out(rollout, units, own)
    if len(begun(found)) != 2 or has_late(found):
        raise Malformed(
            "waiting_list: waves begin in two periods, and every unit begins. For more waves name "
            "the design stepped_wedge, for units that do not begin staggered."
        )
    return found


def own(rollout: Rollout, units: int) -> tuple[Wave, ...]:
    """Return the design's own waves."""
    first, periods = first_begin(rollout), rollout.periods
    second = min(len(periods) - 1, first + (len(periods) - first + 1) // 2)
    return (Wave("first", periods[first]), Wave("waiting", periods[second]))


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    two = len(trial.arms) == 2
    return [
        *([] if two else ["arms: waiting_list has two, those who begin and those who wait."]),
        *check_blocks(trial),
    ]


WAITING_LIST = Design(
    title="Waiting list",
    summary="Some units, drawn at random, begin at once; all others begin together later.",
    reference="Hemming & Taljaard (2016), Journal of Clinical Epidemiology 69:137-146",
    staggered=True,
    concurrent=False,
    assumes=(DRAWN, NO_ANTICIPATION, NO_SPILLING, CARRIED_BY_MODEL),
    shuffled=True,
    denies="Units that wait go without provision until the second group begins; nobody after that.",
    analysis="gls_exposure_time",
    layout=layout,
    procedure=Procedure(
        check,
        replays(by_stratum),
        step=steps(by_stratum),
        strata=True,
        analysis="by_stratum",
    ),
)
