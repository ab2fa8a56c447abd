"""Simulated worlds whose truth is known: the arms and outcomes of children in schools.

Exposure is a multinomial logit and outcomes are canonical models, both linear in two covariates and
different by arm, so every leaf's models hold; the truth is the superpopulation value. Worlds may
also bend, lack a covariate of some children, have few children with provision, or hide outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome

ARMS = ("none", "support", "plan")
GIVEN = ("index", "boy")
SCORE = np.array([[0.0, 0.0, 0.0], [-0.2, 0.5, 0.3], [-0.6, 0.6, 0.5]])  # arm × (1, index, boy)
OUTCOME = {
    "continuous": np.array([[9.0, 0.8, 0.5], [9.6, 0.5, 0.5], [9.2, 1.0, 0.2]]),
    "binary": np.array([[-0.5, 0.6, 0.3], [0.1, 0.4, 0.3], [-0.3, 0.7, 0.0]]),
    "count": np.array([[0.3, 0.3, 0.2], [0.1, 0.2, 0.2], [0.4, 0.35, 0.0]]),
}
SCHOOL_SD = 0.3
# What the square of the index (less one) adds, arm by arm, in a world that bends.
SCORE_BEND = np.array([0.0, -0.25, 0.2])
OUTCOME_BEND = {
    "continuous": np.array([0.5, 0.3, 0.4]),
    "binary": np.array([0.35, 0.2, 0.3]),
    "count": np.array([-0.15, -0.1, -0.12]),
}
RARE = -1.6  # of the intercepts of the score, where provision is rare
SQUARES = (*linear(GIVEN), ModelTerm((Factor("index", "power", degree=2),)))  # what then is right
# Being seen depends on the index, otherwise in each arm: what a study of `hidden` declares.
UNSEEN = Models(censoring=(*linear(GIVEN), ModelTerm((Factor("(arm)"), Factor("index")))))


@dataclass(frozen=True)
class World:
    """Settings of one world: children, schools, arms, kind of outcome, equal effects or not.

    two_kinds: children differ in being a boy and in nothing else, so that the score takes two
    values, each of half the children, and thirds of it hold one each. bent: the square of the index
    decides arm and outcome too. missing: the index is missing for a fifth of children (a tenth of
    girls, three tenths of boys), and where it is, whoever decides the arm goes by the mean of those
    where it is known: a mean and a flag are all there is to adjust for. It decides the outcome as
    ever. rare: about a fifth of children are not in the first arm.
    """

    n: int = 2000
    schools: int = 100
    arms: int = 3
    kind: str = "continuous"
    equal_effects: bool = False
    two_kinds: bool = False
    bent: bool = False
    missing: bool = False
    rare: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return ARMS[: self.arms]

    @property
    def given(self) -> tuple[str, ...]:
        if self.missing:
            return ("index", "index missing", "boy")
        return ("boy",) if self.two_kinds else GIVEN

    @property
    def outcome(self) -> np.ndarray:
        """(arms, terms) of the outcome's linear predictor."""
        found = OUTCOME[self.kind][: self.arms].copy()
        if self.bent:
            found = np.column_stack([found, OUTCOME_BEND[self.kind][: self.arms]])
        if self.equal_effects:
            found[:, 1:] = found[0, 1:]
        return found

    @property
    def score(self) -> np.ndarray:
        """(arms, terms) of the score's linear predictors."""
        found = SCORE[: self.arms].copy()
        found[1:, 0] += RARE * self.rare
        if self.bent:
            found = np.column_stack([found, SCORE_BEND[: self.arms]])
        return found

    def terms(self, x: np.ndarray) -> np.ndarray:
        """Return what linear predictors are made of, (n, terms)."""
        return np.column_stack([x, x[:, 1] ** 2 - 1]) if self.bent else x

    def known(self, r: np.random.Generator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,) whose index is missing, and the covariates as the arm is decided by."""
        absent = np.zeros(len(x), dtype=bool)
        if not self.missing:
            return absent, x
        absent = r.random(len(x)) < 0.1 + 0.2 * x[:, 2]
        seen = x.copy()
        seen[absent, 1] = 0.0
        return absent, seen

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world."""
        r = np.random.default_rng(seed)
        x = design(r, self.n, two_kinds=self.two_kinds)
        absent, seen = self.known(r, x)
        lean = self.terms(seen) @ self.score.T
        arm = np.argmax(lean + r.gumbel(size=(self.n, self.arms)), axis=1)
        school = r.integers(0, self.schools, self.n)
        eta = np.einsum("np,np->n", self.terms(x), self.outcome[arm])
        time = r.uniform(0.5, 2.0, self.n)
        if self.kind == "continuous":
            effect = r.normal(0, SCHOOL_SD, self.schools)[school]
            y, exposure = eta + effect + r.standard_normal(self.n), None
        elif self.kind == "binary":
            y, exposure = (r.random(self.n) < 1 / (1 + np.exp(-eta))).astype(float), None
        else:
            frailty = r.gamma(1 / SCHOOL_SD**2, SCHOOL_SD**2, self.schools)[school]
            y, exposure = r.poisson(time * np.exp(eta) * frailty).astype(float), time
        covariates = {
            "index": Column(x[:, 1].copy()),
            "boy": Column(x[:, 2].astype(np.int64), ("girl", "boy")),
        }
        if self.missing:
            covariates |= filled(x[:, 1], absent)
        outcome = Outcome(self.kind, y, exposure=exposure)
        return Cohort(
            np.arange(self.n), self.names, arm, {"y": outcome}, covariates, {"school": school}
        )

    def truth(self, term: Term, draws: int = 1_000_000) -> float:
        """Return the superpopulation value of a term, on the scale of estimates."""
        return truth_of(replace(self, n=0, schools=0), term, draws)

    def drawn_truth(self, draws: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and the means under each arm of many children, each (draws, arms)."""
        x = design(np.random.default_rng(2**31), draws, two_kinds=self.two_kinds)
        _, seen = self.known(np.random.default_rng(2**30), x)
        score = np.exp(self.terms(seen) @ self.score.T)
        score /= score.sum(axis=1, keepdims=True)
        return score, mean_of(self.kind, self.terms(x) @ self.outcome.T)

    def valued(self, term: Term, draws: int) -> float:
        """Return the value of a term by so many draws."""
        score, means = many(self, draws)
        if term.target.kind == "incremental":
            return self.moved(term, score, means)
        h = tilting(term, score, self.names)
        value = 0.0
        for name, weight in term.contrast:
            mean = float(h @ means[:, self.names.index(name)] / h.sum())
            value += weight * (np.log(mean) if term.scale == "ratio" else mean)
        return value

    def moved(self, term: Term, score: np.ndarray, means: np.ndarray) -> float:
        """Return the mean with the odds of the contrast's first arm multiplied, against the mean as
        things are, of two arms.
        """
        at, delta = self.names.index(term.contrast[0][0]), term.target.delta
        chance = score[:, at]
        then = delta * chance / (delta * chance + 1 - chance)
        means = [
            float(np.mean(share * means[:, at] + (1 - share) * means[:, 1 - at]))
            for share in (then, chance)
        ]
        return float(np.log(means[0] / means[1]) if term.scale == "ratio" else means[0] - means[1])


@cache
def truth_of(world: World, term: Term, draws: int) -> float:
    """Return the truth of a world, whatever its size: worked out once for all tests."""
    return world.valued(term, draws)


@lru_cache(maxsize=2)
def many(world: World, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the many children whose mean is the truth; the worlds asked last are kept."""
    return world.drawn_truth(draws)


def design(r: np.random.Generator, n: int, *, two_kinds: bool = False) -> np.ndarray:
    """Return (n, 3) rows of 1, an index, a boy; the index is nought where there are two kinds."""
    index = r.standard_normal(n) * (not two_kinds)
    return np.column_stack([np.ones(n), index, r.random(n) < 0.5])


def filled(values: np.ndarray, absent: np.ndarray) -> dict[str, Column]:
    """Return a column with the mean where it is missing, and its flag, as `missing: indicator`."""
    whole = np.where(absent, values[~absent].mean(), values)
    return {
        "index": Column(whole),
        "index missing": Column(absent.astype(float), flag_of=("index",)),
    }


def hidden(cohort: Cohort, seed: int, *, steep: float = 1.2, alike: bool = False) -> Cohort:
    """Return the cohort with outcomes unseen by index: of the low in one arm and, less, of the high
    in the other; of the low in both where `alike`.
    """
    r = np.random.default_rng(seed)
    index = np.asarray(cohort.covariates["index"].values)
    eta = 1.0 + steep * index * np.where((cohort.arm == 1) | alike, 1.0, -0.5)
    observed = r.random(cohort.n) < 1 / (1 + np.exp(-eta))
    outcome = cohort.outcomes["y"]
    value = np.where(observed, outcome.value, np.nan)
    exposure = None
    if outcome.exposure is not None:
        exposure = np.where(observed, outcome.exposure, np.nan)
    unseen = replace(outcome, value=value, exposure=exposure, observed=observed)
    return replace(cohort, outcomes={"y": unseen})


def mean_of(kind: str, eta: np.ndarray) -> np.ndarray:
    """Return the mean of an outcome from its linear predictor."""
    if kind == "continuous":
        return eta
    return 1 / (1 + np.exp(-eta)) if kind == "binary" else np.exp(eta)


def tilting(term: Term, score: np.ndarray, arms: tuple[str, ...]) -> np.ndarray:
    """Return how much each kind of child counts in a target."""
    kind = term.target.kind
    if kind == "overlap":
        return 1 / (1 / score).sum(axis=1)
    arm = {"att": term.contrast[0][0], "atu": term.contrast[-1][0]}.get(kind, term.target.arm)
    return np.ones(len(score)) if arm is None else score[:, arms.index(arm)]


SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate"}


def term(
    kind: str,
    target: Target,
    scale: str = "difference",
    arms: tuple[str, str] = ("support", "none"),
) -> Term:
    """Return a term on the worlds' outcome."""
    return Term("y", pair(*arms), target, SUMMARIES[kind], scale)


def task(cohort: Cohort, *terms: Term, given: tuple[str, ...] = GIVEN) -> Task:
    """Return a task clustered by school."""
    return Task(cohort, terms, Analysis(given, cluster="school", stream="test"))
