"""Platform: arms enter and leave a trial that goes on, beside one arm that is there throughout.

Drawn in permuted blocks within strata of each time in which the same arms are there. `opens` and
`closes` of an arm say after how many units it enters and leaves; where that is decided on the way,
an amendment says so (`fingerpost trial note DIR amendment --opens ARM`, `--closes ARM`).

Units of the first arm that came before an arm entered, or after it left, are no comparison for it:
children, schools and the times were others then. They are not pooled with those that came beside
it: arms are compared within the times in which both were there (`by_stratum`, with the time among
the strata), and the others are counted apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.core.allocation import Arrived
from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._periods import (
    borders,
    chances,
    check_blocks_of_periods,
    period,
    replay,
    step,
)
from fingerpost.designs._trial_assumptions import INDIVIDUAL
from fingerpost.kernels.trial_power import Scheme

ENTERS_BY_PLAN = Assumption(
    "entry apart from results",
    "When an arm enters has nothing to do with what the results of arms that are there were; where "
    "an arm leaves by results, at looks named beforehand, the effect of one that stays is "
    "overstated a little.",
    diagnostic="amendments and looks in the ledger",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    faults = []
    if len(trial.arms) < 3:
        faults.append("arms: a platform has three or more; for two name stratified.")
    if not borders(trial):
        faults.append(
            "arms: none enters or leaves. Say after how many units, such as opens: 200 or closes: "
            "400 (a plan, which amendments change), or name multi_arm."
        )
    return faults + check_blocks_of_periods(trial)


def schemes(trial: Trial, scheme: Scheme) -> tuple[tuple[str, str, Scheme], ...]:
    """Return each arm against units of the first arm that came beside it.

    Times in which both are there count by how many units come in them, as in `by_stratum`: the
    variance is Σ_p (n_p / N)²·(1/(n_p·a_p) + 1/(n_p·c_p)), with the shares a and c of the two arms,
    and N units in all those times.
    """
    whole = scheme.count(scheme.drawn)
    none = np.zeros(int(whole), dtype=np.int64)
    chance = chances(trial, Arrived(none[:, None], none, none, none[:0]))
    time = np.searchsorted(np.array(borders(trial)), np.arange(len(none)), side="right")
    found = []
    for at, arm in enumerate(trial.arms[1:], 1):
        both = chance[:, at] > 0
        if not both.any():
            continue  # it would come when the last unit is in
        units = np.bincount(time[both])
        mine, other = (np.bincount(time[both], weights=chance[both, of]) for of in (at, 0))
        held = units > 0
        weight = units[held] / units.sum()
        variance = float((weight**2 * (1 / mine[held] + 1 / other[held])).sum())
        share = float(mine.sum()) / whole, float(other.sum()) / whole
        times = variance * whole / (1 / share[0] + 1 / share[1])
        found.append(
            (arm.name, trial.arms[0].name, replace(scheme, shares=share, arms=2, times=times))
        )
    return tuple(found)


PLATFORM = Design(
    title="Platform",
    summary="Arms enter and leave on the way; each is compared with units of the first arm that "
    "came beside it.",
    reference="Woodcock & LaVange (2017), New England Journal of Medicine 377:62-70; Bofill Roig "
    "et al. (2022), BMC Medical Research Methodology 22:228",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, ENTERS_BY_PLAN),
    shuffled=True,
    denies="Units of each arm go without what the other arms that are there offer while the trial "
    "lasts; nobody is drawn into an arm before it enters or after it leaves.",
    analysis="by_stratum",
    procedure=Procedure(
        check, replay, step=step, strata=True, margins=True, chances=chances, period=period,
        schemes=schemes,
    ),
)  # fmt: skip
