"""Factorial: two questions or more in one trial, every combination of their answers an arm.

Each factor is read over all units, as if the others had not been there, where factors do not change
one another's effect; whether they do is seen too, with a quarter of the certainty. `levels` of an
arm say which combination it is.
"""

from __future__ import annotations

from itertools import product

from fingerpost.core.leaves import Assumption, Design, Procedure
from fingerpost.core.trial import Trial
from fingerpost.designs._blocks import by_stratum, check_blocks, replays, steps
from fingerpost.designs._trial_assumptions import INDIVIDUAL

ADDITIVE = Assumption(
    "effects add up",
    "Read over all units, a factor's effect is its mean over the levels of the others, as they "
    "were drawn; it is the effect of the factor alone where factors do not change one another's.",
    diagnostic="interaction of the factors",
)


def check(trial: Trial) -> list[str]:
    """Return every fault of what a trial says under this design."""
    factors = {
        name: {dict(arm.levels).get(name) for arm in trial.arms} for name, _ in _first(trial)
    }
    faults = []
    if len(factors) < 2:
        faults.append("arms: factorial needs levels: {factor: level} of two factors in every arm.")
    else:
        held = [tuple(dict(arm.levels).get(name) for name in factors) for arm in trial.arms]
        every = set(product(*factors.values()))
        if len(held) != len(set(held)) or set(held) != every:
            faults.append(
                f"arms: levels make {len(set(held))} combinations, and all {len(every)} of "
                f"{' × '.join(factors)} are needed, each once."
            )
    return faults + check_blocks(trial)


def _first(trial: Trial) -> tuple[tuple[str, str], ...]:
    return trial.arms[0].levels if trial.arms else ()


FACTORIAL = Design(
    title="Factorial",
    summary="Units are drawn among all combinations of two factors or more, in blocks within "
    "strata.",
    reference="Montgomery, Peters & Little (2003), BMC Medical Research Methodology 3:26; Collins "
    "(2018), Optimization of Behavioral, Biobehavioral, and Biomedical Interventions",
    staggered=False,
    concurrent=True,
    assumes=(*INDIVIDUAL, ADDITIVE),
    shuffled=True,
    denies="Units go without those parts that their combination leaves out, while the trial lasts.",
    analysis="g_formula",
    procedure=Procedure(check, replays(by_stratum), step=steps(by_stratum), strata=True),
)
