"""Made-up children for studies of access, with a gap that is planted and one that is only need."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import expit

from fingerpost.core.access import Access
from fingerpost.core.assignment import Observed
from fingerpost.core.column import Column
from fingerpost.core.flow import Flow
from fingerpost.core.study import Study
from fingerpost.studies.access.cohort import AccessCohort, Grouping

ALL, CONCERN, PROVIDED = "universal_need", "concern_only_need", "provided_only_need"
SCHOOL_SD = 0.45


def study(**changes: object) -> Study:
    """Return a study of access on made-up children."""
    said: dict[str, object] = {
        "name": "equity",
        "question": "Is SEN provision given alike at equal need?",
        "assignment": Observed(("social",), cluster="school"),
        "access": Access(groups=("fsm",)),
    }
    return Study(**(said | changes))  # type: ignore[arg-type]


def drawn(n: int, rng: np.random.Generator, planted: float) -> dict[str, np.ndarray]:
    """Return children whose need is higher with free school meals; `planted` is the log-odds of
    provision by free school meals at equal need.
    """
    fsm = (rng.random(n) < 0.3).astype(int)
    social = 0.8 * fsm + rng.standard_normal(n)
    need = 0.35 * fsm + 0.15 * social + rng.standard_normal(n)
    school = rng.integers(0, max(n // 25, 2), n)
    habit = SCHOOL_SD * rng.standard_normal(school.max() + 1)
    base = -1.4 + 0.8 * need + 0.4 * social + planted * fsm
    eta = base + habit[school]
    # Nobody is provided for of whom no concern was raised (delta = 1 in the intercept).
    concern = rng.random(n) < expit(eta + 1.0)
    provided = concern & (rng.random(n) < expit(eta) / expit(eta + 1.0))
    return {
        "fsm": fsm, "social": social, "need": need, "school": school,
        "base": base - planted * fsm, "habit": habit[school],
        "concern": concern, "provided": provided,
    }  # fmt: skip


def cohort(
    n: int, *, seed: int, planted: float = 0.0, recorded: str = ALL, reliability: float = 1.0
) -> AccessCohort:
    """Return n made-up children."""
    rng = np.random.default_rng(seed)
    made = drawn(n, rng, planted)
    seen = {
        ALL: np.ones(n, bool), CONCERN: made["concern"], PROVIDED: made["provided"]
    }[recorded]  # fmt: skip
    noise = np.sqrt(1 / reliability - 1) * rng.standard_normal(n)
    start = rng.uniform(4.0, 6.3, n)
    ends = np.where(rng.random(n) < 0.01, rng.uniform(4.0, 11.0, n), 11.0)
    time = np.where(made["provided"], np.minimum(start, ends), ends)
    cause = np.where(made["provided"] & (start <= ends), 1, np.where(ends < 11.0, 2, 0))
    first = rng.integers(1, 7, n)
    years = np.arange(1, 7)
    on = (made["provided"][:, None] & (years >= 1)) | (
        (first[:, None] <= years) & (first < 3)[:, None] & (rng.random(n) < 0.2)[:, None]
    )
    return AccessCohort(
        keys=np.arange(n).astype(np.str_),
        groupings=(
            Grouping("fsm", "free school meals", ("no free meals", "free meals"), made["fsm"]),
        ),
        covariates={"fsm": Column(made["fsm"].astype(float)), "social": Column(made["social"])},
        provided=made["provided"],
        time=time,
        cause=cause,
        places={"school": made["school"], "la": made["school"] // 8},
        concern=made["concern"],
        need=np.where(seen, made["need"] + noise, np.nan),
        status=on.astype(np.int64),
        flow=Flow(
            n,
            (),
            (
                ("provided", int(made["provided"].sum())),
                ("not provided", int((~made["provided"]).sum())),
            ),
        ),
    )


@cache
def truth(planted: float, among: str = "") -> float:
    """Return the gap at equal need and equal social index, by a draw of two million: what would be
    the gap were every child, school habit and all, once in one group and once in the other.
    """
    made = drawn(2_000_000, np.random.default_rng(99), planted)
    rows = made["concern"] if among else slice(None)
    low = made["base"][rows] + made["habit"][rows]
    high = low + planted
    if among:
        return float((expit(high) / expit(high + 1) - expit(low) / expit(low + 1)).mean())
    return float((expit(high) - expit(low)).mean())
