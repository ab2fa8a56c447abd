"""A closed world in which earlier provision moves what moves later provision, and the outcome.

At each of three decisions a child's state L is a number. Provision follows L and lowers it later;
L and an unrecorded U raise the outcome, and U raises L. So L has to be adjusted for, as it moves
provision, and must not be, as provision moves it and U shares it: a regression on provision and L
is wrong whatever its form, and the strategies' means are found only by averaging over L as each
strategy would have left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.course import FIRST, KEEPING, Course
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome

DECISIONS = 3
ARMS = ("none", "support")
GIVEN = ("x", "state")
SUMMARY = {"continuous": "mean", "binary": "risk", "count": "rate"}
SCALE = {"continuous": "difference", "binary": "difference", "count": "ratio"}
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Life:
    """One draw: x (n,), state and provided (n, 3), y and time (n,)."""

    x: Array
    state: Array
    provided: NDArray[np.int64]
    y: Array
    time: Array


def lived(
    rng: np.random.Generator, n: int, kind: str = "continuous", *, regime: int | None = None
) -> Life:
    """Return n children under a regime (0 never, 1 always), or as life has it."""
    x, u = rng.standard_normal((2, n))
    state, provided = np.empty((n, DECISIONS)), np.empty((n, DECISIONS), dtype=np.int64)
    before = np.zeros(n)
    for at in range(DECISIONS):
        last = state[:, at - 1] if at else 0.0
        state[:, at] = 0.5 * last - 0.8 * before + 0.3 * x + 0.5 * u + rng.standard_normal(n)
        drive = -0.2 + 0.4 * state[:, at] + 0.2 * x + 1.2 * before
        chosen = (rng.random(n) < 1 / (1 + np.exp(-drive))).astype(np.int64)
        provided[:, at] = chosen if regime is None else regime
        before = provided[:, at].astype(float)
    level = 0.5 * provided.sum(axis=1) + 0.8 * state[:, -1] + 0.4 * x + 0.7 * u
    time = 0.5 + rng.random(n)
    if kind == "continuous":
        y = 1.0 + level + rng.standard_normal(n)
    elif kind == "binary":
        y = (rng.random(n) < 1 / (1 + np.exp(0.8 - 0.6 * level))).astype(float)
    else:
        y = rng.poisson(time * np.maximum(8.0 + level, 0.1)).astype(float)
    return Life(x, state, provided, y, time)


def asked(kind: str = "continuous") -> Term:
    """Return what is asked: always against never, for everybody."""
    return Term("y", pair("support", "none"), Target("ate"), SUMMARY[kind], SCALE[kind])


@cache
def means(kind: str, draws: int = 2_000_000) -> dict[str, float]:
    """Return the mean (of a count, the rate) under each regime, by living it."""
    found = {}
    for regime, arm in enumerate(ARMS):
        life = lived(np.random.default_rng(8_061), draws, kind, regime=regime)
        found[arm] = float(life.y.sum() / life.time.sum() if kind == "count" else life.y.mean())
    return found


def truth_of(term: Term, kind: str) -> float:
    """Return the true value of a term, on the scale of estimates."""
    known = means(kind)
    if term.scale == "ratio":
        return float(sum(weight * np.log(known[arm]) for arm, weight in term.contrast))
    return float(sum(weight * known[arm] for arm, weight in term.contrast))


def truth(kind: str = "continuous") -> float:
    """Return the true contrast of the two regimes; of a count, its logarithm."""
    return truth_of(asked(kind), kind)


@dataclass(frozen=True)
class OverTimeWorld:
    """Settings: children, schools, kind of outcome."""

    n: int = 1500
    schools: int = 60
    kind: str = "continuous"

    @property
    def given(self) -> tuple[str, ...]:
        return GIVEN

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world, each child under both strategies."""
        life = lived(np.random.default_rng(seed), self.n, self.kind)
        return copies(life, self.kind, schools=self.schools)

    def truth(self, term: Term) -> float:
        """Return the true value of a term, on the scale of estimates."""
        return truth_of(term, self.kind)


def copies(life: Life, kind: str = "continuous", *, schools: int = 60) -> Cohort:
    """Return each child under both strategies, its outcome unseen where it departs from one."""
    n = len(life.x)
    stays = np.concatenate(
        [np.cumprod(life.provided == regime, axis=1).astype(bool) for regime in (0, 1)]
    )
    stage = np.full((2 * n, DECISIONS), KEEPING, dtype=np.int8)
    stage[:, 0] = FIRST
    seen = stays[:, -1]
    value = np.where(seen, np.tile(life.y, 2), np.nan)
    time = np.where(seen, np.tile(life.time, 2), np.nan) if kind == "count" else None
    return Cohort(
        unit=np.tile(np.arange(n), 2),
        arms=ARMS,
        arm=np.repeat(np.arange(2), n),
        outcomes={"y": Outcome(kind, value, exposure=time, observed=seen)},
        covariates={
            "x": Column(np.tile(life.x, 2)),
            "state": Column(np.tile(life.state[:, 0], 2)),
        },
        clusters={"school": np.tile(np.arange(n) % schools, 2)},
        course=Course(stays, stage, {"state": np.tile(life.state, (2, 1))}),
    )


def task(cohort: Cohort, kind: str = "continuous", *, cluster: str | None = None) -> Task:
    """Return the task of the world's one question."""
    told = Analysis(GIVEN, cluster=cluster, stream="test")
    return Task(cohort, (asked(kind),), told)


def adjusted(life: Life) -> float:
    """Return what a regression on provision at each decision and on every state says of always
    against never: the sum of its three coefficients.
    """
    x = np.column_stack([np.ones(len(life.x)), life.provided, life.state, life.x])
    return float(np.linalg.lstsq(x, life.y, rcond=None)[0][1 : 1 + DECISIONS].sum())
