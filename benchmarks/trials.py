"""Speed of trials against what was promised, a task a row.

    python benchmarks/trials.py [power boundaries outcomes adaptive …] [--write]

`power`: a closed form of four levels with unequal clusters and a baseline, by itself and with all
its curves and numbers of units. `boundaries`: five looks, exact and by spending, with what they
cost. `outcomes`: twelve outcomes at once, every adjustment, 100,000 draws. `adaptive`: 10,000
trials of four arms whose worst are dropped, and whose shares follow results; a sequence of two
draws. Seconds are the median of some calls; --write: as TRIALS.md too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

# One thread of linear algebra: problems are small, and more only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

from benchmarks.rollouts import Page, Timed, measured, timed  # noqa: E402


def power() -> list[Timed]:
    """Return the time of a closed form, and of a study with its curves."""
    import math

    from fingerpost.kernels.trial_power import Scheme, Tier, freedom, power_of, variance
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.power import plan_trial_power

    scheme = Scheme(
        (
            Tier("child", 10, stays=0.5),
            Tier("class", 4, 0.15, stays=0.7),
            Tier("school", 4, 0.15, varies=0.5),
            Tier("area", 20, 0.05, varies=0.5),
        ),
        drawn=1,
        size_cv=0.5,
        before=1,
    )
    study = read_study(ROOT / "examples" / "trials" / "cra2.yaml")

    def closed() -> float:
        return power_of(0.2, math.sqrt(variance(scheme)), df=freedom(scheme))

    return [
        timed("closed form, four levels", closed, promised=0.05),
        timed("a study, all curves and units", lambda: plan_trial_power(study), promised=0.05),
    ]


def boundaries() -> list[Timed]:
    """Return the time of five looks."""
    from fingerpost.studies.trials.boundaries import asked_for
    from fingerpost.studies.trials.boundaries import boundaries as compute

    def call(bounds: str | None, spending: str | None) -> Callable[[], object]:
        asked = asked_for(
            bounds=bounds, spending=spending, parameter=None, alpha=0.025, sides=1, harm=0.0
        )
        return lambda: compute(asked, 5)

    return [
        timed("five looks, exact", call("obrien-fleming", None), promised=0.5, runs=5),
        timed("five looks, spending", call(None, "obrien-fleming"), promised=0.5, runs=5),
    ]


def outcomes() -> list[Timed]:
    """Return the time of twelve outcomes at once."""
    import numpy as np

    from fingerpost.kernels.multiple_power import Several, exchangeable, power_of_several

    asked = Several(np.full(12, 2.8), exchangeable(12, 0.5), 978)

    def call() -> object:
        return power_of_several(asked, draws=100_000, random=np.random.default_rng(1))

    return [timed("12 outcomes, 100,000 draws", call, promised=3.0, runs=3)]


def adaptive() -> list[Timed]:
    """Return the time of 10,000 adaptive trials, and of as many sequences of two draws."""
    import numpy as np

    from fingerpost.kernels.adaptive import (
        Rule,
        Sequence2,
        drop_losers,
        follow_results,
        sequence_power,
        simulate,
    )

    effects = (0.0, 0.1, 0.2, 0.4)
    losers = Rule(effects, (120, 120, 120), keep=(2, 1))
    follows = Rule(effects, (60,) * 6, control=0.3)
    sequence = Sequence2((0.4, 0.5), np.array([[0.3, 0.0, 0.2], [0.4, 0.1, 0.3]]), 400)

    def seeded() -> np.random.Generator:
        return np.random.default_rng(1)

    return [
        timed(
            "10,000 trials, losers dropped",
            lambda: simulate(losers, drop_losers, random=seeded()),
            promised=60.0,
            runs=3,
        ),
        timed(
            "10,000 trials, shares follow results",
            lambda: simulate(follows, follow_results, random=seeded()),
            promised=60.0,
            runs=1,
        ),
        timed(
            "10,000 sequences of two draws",
            lambda: sequence_power(sequence, random=seeded()),
            promised=60.0,
            runs=3,
        ),
    ]


TASKS: dict[str, Callable[[], list[Timed]]] = {
    "power": power,
    "boundaries": boundaries,
    "outcomes": outcomes,
    "adaptive": adaptive,
}


PAGE = Page(
    ROOT / "benchmarks" / "TRIALS.md", "Speed of trials", "python benchmarks/trials.py --write"
)

if __name__ == "__main__":
    sys.exit(measured(sys.argv[1:], TASKS, PAGE))
