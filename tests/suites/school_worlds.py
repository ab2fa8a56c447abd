"""Worlds in which schools, or families, decide both provision and outcome by what no record holds.

A comparison across them is biased; within them it is not. The effect of the arm is the same for
every child, so that a coefficient has a known truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome

ARMS = ("none", "support", "plan")
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate"}
EFFECT = np.array([0.0, 0.4, 0.7])


@dataclass(frozen=True)
class SchoolWorld:
    """Settings: children, schools, arms, kind of outcome, hidden level, scale of the effect.

    hidden: `school` or `family` (pairs and threes of siblings, who go to one school, or, if
    `apart`, to any). scale: on which effects are equal: of means, or of logarithms.
    """

    n: int = 1000
    schools: int = 60
    arms: int = 2
    kind: str = "continuous"
    hidden: str = "school"
    scale: str = "difference"
    apart: bool = False
    strength: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return ARMS[: self.arms]

    @property
    def given(self) -> tuple[str, ...]:
        return ("index", "boy")

    @property
    def options(self) -> dict[str, object]:
        return {"level": self.hidden}

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world."""
        r = np.random.default_rng(seed)
        n = self.n
        family = np.repeat(np.arange(n), r.integers(2, 4, n))[:n]
        school = r.integers(0, self.schools, n)
        school = school if self.apart else school[family]
        codes = family if self.hidden == "family" else school
        trait = r.standard_normal(int(codes.max()) + 1)[codes]
        climate = r.normal(0, 0.3, self.schools)[school]
        index = r.standard_normal(n) + 0.5 * trait
        boy = r.random(n) < 0.5
        wish = np.column_stack(
            [np.zeros(n), 0.4 * index + 0.8 * self.strength * trait, 0.5 * index + trait - 0.3]
        )[:, : self.arms]
        arm = np.argmax(wish + r.gumbel(size=(n, self.arms)), axis=1)
        linear = 0.3 * index + 0.2 * boy - self.strength * trait + climate
        time = r.uniform(0.5, 2.0, n)
        outcome = self.outcome(r, linear, EFFECT[arm], time)
        covariates = {
            "index": Column(index),
            "boy": Column(boy.astype(np.int64), ("girl", "boy")),
        }
        clusters = {"school": school, "family": family}
        return Cohort(np.arange(n), self.names, arm, {"y": outcome}, covariates, clusters)

    def outcome(self, r, linear, effect, time) -> Outcome:
        """Return outcomes whose means, or their logarithms, the arm moves alike for everyone."""
        n = len(linear)
        if self.kind == "continuous":
            return Outcome("continuous", 9 + linear + effect + r.standard_normal(n))
        if self.kind == "binary":
            straight = self.scale == "difference"
            risk = (
                0.4 + 0.08 * linear + 0.4 * effect
                if straight
                else 0.2 * np.exp(0.25 * linear + effect)
            )
            return Outcome("binary", (r.random(n) < np.clip(risk, 0, 1)).astype(float))
        rate = 1.2 * np.exp(0.5 * linear + effect)
        return Outcome("count", r.poisson(rate * time).astype(float), exposure=time)

    def truth(self, term: Term) -> float:
        """Return the effect, on the scale of estimates."""
        assert term.scale == self.scale
        each = 0.4 if (self.kind, self.scale) == ("binary", "difference") else 1.0
        places = [(weight, self.names.index(name)) for name, weight in term.contrast]
        return float(sum(weight * each * EFFECT[at] for weight, at in places))


def asked(world: SchoolWorld, arms: tuple[str, str] = ("support", "none")) -> Term:
    """Return a term on the world's outcome, a coefficient."""
    return Term("y", pair(*arms), Target("conditional"), SUMMARIES[world.kind], world.scale)


def task(world: SchoolWorld, cohort: Cohort, *terms: Term, **options: object) -> Task:
    """Return a task clustered by school."""
    chosen = options or world.options
    told = Analysis(world.given, cluster="school", stream="test", options=chosen)
    return Task(cohort, terms, told)
