"""Worlds with a cut-off: support is given by a rule on a score, always or mostly followed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome
from fingerpost.estimators.rdd import run

ARMS = ("none", "support")
CUTOFF = 85.0
SD = 10.0
EFFECT = 1.0
TERM = Term("y", pair("support", "none"), Target("cutoff"))
BACK = Term("y", pair("none", "support"), Target("cutoff"))


@dataclass(frozen=True)
class CutoffWorld:
    """Settings of one world.

    fuzzy: the rule moves support from one child in six to five in six, compliers gain EFFECT, those
    always supported gain more and differ besides. curve: how sharply the outcome bends, down with
    support and up without. schools:
    with effects of their own; 0 for none. step: the score moves in steps of this. sorted_share:
    of children just above the cut-off, how many place themselves below. other: how far a covariate
    jumps at the cut-off. moved: the share that the rule moves in a fuzzy world.
    """

    n: int = 1000
    fuzzy: bool = False
    curve: float = 1.0
    schools: int = 0
    step: float = 0.0
    sorted_share: float = 0.0
    other: float = 0.0
    moved: float = 2 / 3

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world; the rule supports children below CUTOFF."""
        r = np.random.default_rng(seed)
        score = r.normal(0.3, 1.0, self.n)
        near = (score >= 0) & (score < 0.3) & (r.random(self.n) < self.sorted_share)
        score[near] = -r.uniform(0, 0.3, near.sum())
        if self.step:
            score = np.floor(score * SD / self.step + 0.5) * self.step / SD
        below = score < 0
        always = r.random(self.n) < (1 - self.moved) / 2
        never = ~always & (r.random(self.n) < (1 - self.moved) / (1 + self.moved))
        support = np.where(always, True, np.where(never, False, below)) if self.fuzzy else below
        bend = self.curve * score**2
        gain = EFFECT + (0.5 * always if self.fuzzy else 0.0) + 0.3 * score - bend
        base = 0.3 * score + 0.5 * bend + 0.1 * np.sin(2 * score) + 0.5 * always * self.fuzzy
        school = r.integers(0, self.schools, self.n) if self.schools else np.arange(self.n)
        habit = r.normal(0, 0.4, self.schools)[school] if self.schools else 0.0
        y = base + habit + gain * support + 0.6 * r.standard_normal(self.n)
        covariates = {
            "index": Column(0.4 * score + self.other * below + r.standard_normal(self.n)),
            "boy": Column((r.random(self.n) < 0.5).astype(np.int64), ("girl", "boy")),
        }
        return Cohort(
            np.arange(self.n),
            ARMS,
            support.astype(np.int64),
            {"y": Outcome("continuous", y)},
            covariates,
            {"school": school} if self.schools else {},
            roles={"score": Column(CUTOFF + SD * score)},
        )

    def truth(self, term: Term) -> float:
        """Return the effect at the cut-off (of compliers there, in a fuzzy world)."""
        return EFFECT * dict(term.contrast)["support"]


def options(**more: object) -> dict[str, object]:
    """Return the options that name the rule, and more."""
    return {"running": "score", "cutoff": CUTOFF, **more}


def task(cohort: Cohort, *terms: Term, cluster: str | None = None, **more: object) -> Task:
    """Return a task of the leaf; clustered by school where the cohort has schools."""
    level = "school" if cluster is None and "school" in cohort.clusters else cluster
    told = Analysis(tuple(cohort.covariates), cluster=level, stream="test", options=options(**more))
    return Task(cohort, terms or (TERM,), told)


def ask(cohort: Cohort, *terms: Term, **more: object) -> Answer:
    """Return the leaf's answer."""
    return run(task(cohort, *terms, **more))


def without(cohort: Cohort, *roles: str) -> Cohort:
    """Return the cohort without columns of a role."""
    return replace(cohort, roles={k: v for k, v in cohort.roles.items() if k not in roles})
