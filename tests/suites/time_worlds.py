"""Simulated worlds of times to an event whose truth is known, with leaving and late entry.

Continuous time: exponential given covariates and, if asked, a gamma frailty of the school; the
truth is a closed form averaged over covariates. Tied time: whole school terms, a logit of the
hazard in each. Leaving is like the event's process: none, alike for all, or telling, that is, much
more likely for children of high index, who have the event soonest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome
from suites.worlds import ARMS, SCORE, design, tilting

RATE = np.array([[-2.3, 0.6, 0.3], [-2.7, 0.4, 0.3], [-2.2, 0.7, 0.1]])  # arm × (1, index, boy)
LEAVE = {"alike": np.array([-3.0, 0.0, 0.0]), "telling": np.array([-2.8, 1.0, 0.4])}
TERMS = 12  # of school, in tied time; in continuous time records end then
GROWTH = 0.05  # of the logit of the hazard, a term


@dataclass(frozen=True)
class TimeWorld:
    """Settings of one world. late: whether a third of children come under observation late.
    frailty: variance of a school's factor on the rate, in continuous time.
    """

    n: int = 2000
    schools: int = 100
    arms: int = 2
    tied: bool = False
    leaving: str = "alike"
    late: bool = False
    frailty: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        return ARMS[: self.arms]

    def draw(self, seed: int) -> Cohort:
        """Return one sample; children whose event came before they would have entered are not in
        it, so that it may hold fewer than n.
        """
        r = np.random.default_rng(seed)
        x = design(r, self.n)
        arm = np.argmax(x @ SCORE[: self.arms].T + r.gumbel(size=(self.n, self.arms)), axis=1)
        school = r.integers(0, self.schools, self.n)
        eta = np.einsum("np,np->n", x, RATE[arm])
        if self.frailty:
            eta = eta + np.log(r.gamma(1 / self.frailty, self.frailty, self.schools)[school])
        failure, left = self.times(r, eta), np.full(self.n, np.inf)
        if self.leaving != "none":
            left = self.times(r, x @ LEAVE[self.leaving], growth=0.0)
        left = np.minimum(left, TERMS)
        entry = np.zeros(self.n)
        if self.late:
            some = r.random(self.n) < 1 / 3
            entry[some] = 1.0 if self.tied else r.uniform(0.1, 1.0, int(some.sum()))
        time, event = np.minimum(failure, left), failure <= left
        kept = np.flatnonzero(time > entry)
        covariates = {
            "index": Column(x[:, 1].copy()),
            "boy": Column(x[:, 2].astype(np.int64), ("girl", "boy")),
        }
        outcome = Outcome("time", time, entry=entry if self.late else None, event=event)
        unit = np.arange(self.n)
        whole = Cohort(unit, self.names, arm, {"y": outcome}, covariates, {"school": school})
        return whole.take(kept)

    def times(self, r: np.random.Generator, eta: np.ndarray, growth: float = GROWTH) -> np.ndarray:
        """Return when something happens: at a term (after the last: never), or at any time."""
        if not self.tied:
            return r.exponential(np.exp(-eta))
        hazard = 1 / (1 + np.exp(-(eta[:, None] + growth * np.arange(TERMS))))
        happens = r.random(hazard.shape) < hazard
        return np.where(happens.any(axis=1), happens.argmax(axis=1) + 1.0, np.inf)

    def truth(self, term: Term, draws: int = 1_000_000) -> float:
        """Return the superpopulation value of a term, on the scale of estimates."""
        x = design(np.random.default_rng(2**31), draws)
        score = np.exp(x @ SCORE[: self.arms].T)
        score /= score.sum(axis=1, keepdims=True)
        h = tilting(term, score, self.names)
        value = 0.0
        for name, weight in term.contrast:
            eta = x @ RATE[self.names.index(name)]
            one = float(h @ self.of_child(eta, term.summary, float(term.horizon)) / h.sum())
            value += weight * (np.log(one) if term.scale == "ratio" else one)
        return value

    def of_child(self, eta: np.ndarray, summary: str, by: float) -> np.ndarray:
        """Return risk, survival or mean time free of the event, given the linear predictor."""
        if self.tied:
            free, area = np.ones(len(eta)), np.zeros(len(eta))
            for place in range(int(np.floor(by))):
                area += free
                free = free / (1 + np.exp(eta + GROWTH * place))
            area += free * (by - np.floor(by))
        elif self.frailty:
            rate, v = np.exp(eta), self.frailty
            grown = 1 + v * rate * by
            free = grown ** (-1 / v)
            area = (1 - grown ** (1 - 1 / v)) / (rate * (1 - v))
        else:
            rate = np.exp(eta)
            free = np.exp(-rate * by)
            area = (1 - free) / rate
        return {"risk": 1 - free, "survival": free, "rmst": area}[summary]


def asked(
    target: Target,
    *,
    summary: str = "risk",
    horizon: float = 6.0,
    scale: str = "difference",
    arms: tuple[str, str] = ("support", "none"),
) -> Term:
    """Return a term on the worlds' time to the event."""
    return Term("y", pair(*arms), target, summary, scale, horizon)
