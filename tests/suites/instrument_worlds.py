"""Worlds with a hidden confounder and a lottery: regression is biased, the instrument is not.

Whether a child gets an arm depends on a hidden trait, on the index, and on one or more draws, each
of which moves children one way only; the trait decides the outcome too, and how much the arm does.
The truth is that of the children whom the draw moves, from a large sample of both worlds of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome

ARMS = ("none", "support", "plan")
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate"}
CUTS = (0.4, 1.4)  # of the latent wish for provision: above the first support, the second plan
EFFECT = {"continuous": 0.8, "binary": 0.4, "count": 0.4}  # of one step; logs but for continuous
SCHOOL_SD = 0.3
STRONG, WEAK = 1.0, 0.05


@dataclass(frozen=True)
class InstrumentWorld:
    """Settings: children, schools, arms, kind of outcome.

    strength: by how much winning the draw moves the wish for provision. varied: how much the effect
    differs with the hidden trait. draws: number of independent instruments. by_school: the draw is
    of schools, not of children.
    """

    n: int = 2000
    schools: int = 100
    arms: int = 2
    kind: str = "continuous"
    strength: float = STRONG
    varied: float = 0.3
    draws: int = 1
    by_school: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return ARMS[: self.arms]

    @property
    def given(self) -> tuple[str, ...]:
        return ("index", "boy")

    @property
    def options(self) -> dict[str, object]:
        names = tuple(f"draw{at}" for at in range(self.draws))
        return {"instrument": names[0] if self.draws == 1 else names}

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world."""
        r = np.random.default_rng(seed)
        school = r.integers(0, self.schools, self.n)
        won = (r.random((self.schools if self.by_school else self.n, self.draws)) < 0.5) * 1.0
        won = won[school] if self.by_school else won
        x, trait, noise = self.children(r, self.n)
        arm = self.arm(x, trait, noise, won)
        habit = r.normal(0, SCHOOL_SD, self.schools)[school]
        mean = self.mean(x, trait, arm.astype(float), habit)
        time = r.uniform(0.5, 2.0, self.n)
        if self.kind == "continuous":
            outcome = Outcome("continuous", mean + r.standard_normal(self.n))
        elif self.kind == "binary":
            outcome = Outcome("binary", (r.random(self.n) < mean).astype(float))
        else:
            outcome = Outcome("count", r.poisson(mean * time).astype(float), exposure=time)
        roles = {f"draw{at}": Column(won[:, at].copy()) for at in range(self.draws)}
        covariates = {
            "index": Column(x[:, 0].copy()),
            "boy": Column(x[:, 1].astype(np.int64), ("girl", "boy")),
        }
        return Cohort(
            np.arange(self.n),
            self.names,
            arm,
            {"y": outcome},
            covariates,
            {"school": school},
            roles=roles,
        )

    def children(self, r: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
        """Return covariates (n, 2), the hidden trait and the noise of the wish."""
        x = np.column_stack([r.standard_normal(n), r.random(n) < 0.5])
        return x, r.standard_normal(n), r.standard_normal(n)

    def arm(self, x, trait, noise, won) -> np.ndarray:
        """Return the arm that a child gets under draws `won` (n, draws)."""
        wish = 0.5 * x[:, 0] + trait + 0.5 * noise + self.strength * won.sum(axis=1)
        return np.searchsorted(CUTS[: self.arms - 1], wish, side="right")

    def mean(self, x, trait, dose, habit=0.0) -> np.ndarray:
        """Return the expected outcome (per unit of time) under a dose."""
        effect = EFFECT[self.kind] + self.varied * np.tanh(trait)
        linear = 0.4 * x[:, 0] + 0.2 * x[:, 1] - 0.6 * trait + habit
        if self.kind == "continuous":
            return 9 + linear + effect * dose
        scale = 0.25 if self.kind == "binary" else 1.0
        if self.kind == "binary":
            return np.clip(0.2 * np.exp(scale * (linear + effect * dose)), 0.0, 1.0)
        return 0.8 * np.exp(scale * (0.5 * linear + effect * dose))

    def truth(self, term: Term, draws: int = 2_000_000) -> float:
        """Return what holds of the children whom one draw moves, on the scale of estimates."""
        if self.varied == 0 and self.kind == "continuous":
            steps = sum(weight * self.names.index(name) for name, weight in term.contrast)
            return float(steps * EFFECT["continuous"])
        assert self.draws == 1
        r = np.random.default_rng(2**31)
        x, trait, noise = self.children(r, draws)
        habit = r.normal(0, SCHOOL_SD, draws)
        lost = self.arm(x, trait, noise, np.zeros((draws, 1)))
        won = self.arm(x, trait, noise, np.ones((draws, 1)))
        steps = sum(weight * self.names.index(name) for name, weight in term.contrast)
        if term.scale == "ratio":
            assert self.arms == 2
            moved = won > lost
            high = self.mean(x, trait, np.ones(draws), habit)[moved].mean()
            low = self.mean(x, trait, np.zeros(draws), habit)[moved].mean()
            return float(steps * np.log(high / low))
        gain = self.mean(x, trait, won * 1.0, habit) - self.mean(x, trait, lost * 1.0, habit)
        return float(steps * gain.mean() / (won - lost).mean())


def asked(
    world: InstrumentWorld, scale: str = "difference", arms: tuple[str, str] = ("support", "none")
) -> Term:
    """Return a term on the world's outcome, for the compliers."""
    return Term("y", pair(*arms), Target("compliers"), SUMMARIES[world.kind], scale)


def task(world: InstrumentWorld, cohort: Cohort, *terms: Term, **options: object) -> Task:
    """Return a task clustered by school, with the world's instrument unless options say else."""
    base = Analysis(world.given, cluster="school", stream="test")
    return Task(cohort, terms, replace(base, options=options or world.options))
