"""Worlds in which one assumption is broken, or none, and how a study of them is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.model import Models
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.studies import plan
from fingerpost.studies.answering import Answered, analysis_of, answer_outcome

ARMS = ("none", "support", "plan")
GIVEN = ("index", "wish", "boy")
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate"}


@dataclass(frozen=True)
class BentWorld:
    """Children whose provision and outcome go with an index and a wish, in lines or in bends.

    provision, outcome: how much the square of the index adds to the log-odds of provision, and to
    the outcome (or to its logit, or logarithm). slope: of the index in the log-odds; steep, it
    leaves children without any of their like in the other arm. rare: what is taken off all
    log-odds.
    """

    n: int = 1000
    schools: int = 100
    arms: int = 2
    kind: str = "continuous"
    provision: float = 0.0
    outcome: float = 0.0
    slope: float = 0.5
    rare: float = 0.3

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world."""
        r = np.random.default_rng(seed)
        index, wish = r.standard_normal((2, self.n))
        boy = r.random(self.n) < 0.5
        square = (index**2 - 1) / np.sqrt(2)
        lean = self.slope * index + 0.3 * wish + 0.2 * boy + self.provision * square - self.rare
        chances = np.stack([np.zeros(self.n), lean, 0.5 * lean], axis=1)[:, : self.arms]
        arm = np.argmax(chances + r.gumbel(size=chances.shape), axis=1)
        school = r.integers(0, self.schools, self.n)
        habit = r.normal(0, 0.3, self.schools)[school]
        mean = 0.4 * index + 0.3 * wish + 0.5 * (arm > 0) + self.outcome * square + habit
        covariates = {
            "index": Column(index),
            "wish": Column(wish),
            "boy": Column(boy.astype(np.int64), ("girl", "boy")),
        }
        outcomes = {"y": Outcome(self.kind, self.values(r, mean))}
        clusters = {"school": school}
        return Cohort(np.arange(self.n), ARMS[: self.arms], arm, outcomes, covariates, clusters)

    def values(self, r: np.random.Generator, mean: np.ndarray) -> np.ndarray:
        """Return outcomes of a mean, on the scale of the kind's link."""
        if self.kind == "binary":
            return (r.random(self.n) < 1 / (1 + np.exp(-mean))).astype(float)
        if self.kind == "count":
            return r.poisson(np.exp(0.5 * mean)).astype(float)
        return mean + r.standard_normal(self.n)


def task(cohort: Cohort, *targets: Target, **models) -> Task:
    """Return a task of the world's children, clustered by school."""
    summary = SUMMARIES[cohort.outcomes["y"].kind]
    contrast = pair("support", "none")
    terms = tuple(Term("y", contrast, one, summary) for one in targets or (Target("ate"),))
    told = Analysis(GIVEN, cluster="school", stream="test", models=Models(**models))
    return Task(cohort, terms, told)


def study_of(cohort: Cohort, leaf: str, *terms: Term, given: tuple[str, ...], **options) -> Study:
    """Return a study that asks one leaf what the terms ask, of one outcome `y`."""
    first = terms[0]
    horizons = () if first.horizon is None else (first.horizon,)
    summary = first.summary if horizons else None
    targets = tuple(term.target for term in terms)
    return Study(
        "assumptions",
        "Does support help?",
        arms=Arms("arm", tuple((arm, arm) for arm in cohort.arms)),
        outcomes=(OutcomeSpec("y", "y", cohort.outcomes["y"].kind),),
        assignment=Observed(given, "school"),
        estimand=Estimand((first.contrast,), targets, first.scale, summary, horizons),
        estimators=(leaf,),
        options=((leaf, tuple(options.items())),),
    )


def answered(study: Study, cohort: Cohort) -> Answered:
    """Return what a study run finds of the outcome, with its tables."""
    own = Task(cohort, plan.asked(study, "y"), analysis_of(study))
    return answer_outcome(study, own, lambda words: None)


def few_mixed_schools(cohort: Cohort, share: float, seed: int) -> Cohort:
    """Return the children with a share of schools giving all of theirs one arm."""
    r = np.random.default_rng(seed)
    school = cohort.clusters["school"]
    one_arm = r.random(int(school.max()) + 1) < share
    arm_of = r.integers(0, len(cohort.arms), len(one_arm))
    return replace(cohort, arm=np.where(one_arm[school], arm_of[school], cohort.arm))
