"""Worlds in which a draw decides the arms: of children within strata, or of whole schools."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.outcome import Outcome
from suites.worlds import GIVEN, OUTCOME, SCHOOL_SD, World, design

# Shares of the arms among girls and boys: a comparison across strata would be biased.
SHARES = np.array([[0.5, 0.25, 0.25], [0.3, 0.4, 0.3]])


@dataclass(frozen=True)
class DrawnWorld:
    """Settings. whole: schools were drawn, with the same chances; otherwise children, within
    strata (girls and boys) of unlike shares.
    """

    n: int = 2000
    schools: int = 100
    arms: int = 3
    kind: str = "continuous"
    whole: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        return () if self.whole else GIVEN

    @property
    def assignment(self) -> Randomised:
        """How the arms were drawn."""
        if self.whole:
            return Randomised("simple", unit="school")
        return Randomised("stratified", strata=("boy",), level="school")

    def draw(self, seed: int) -> Cohort:
        """Return one sample of the world."""
        r = np.random.default_rng(seed)
        found = World(self.n, self.schools, self.arms, self.kind).draw(seed)
        x = design(r, self.n, two_kinds=False)
        boy = np.asarray(found.covariates["boy"].values)
        x = np.column_stack([x[:, 0], np.asarray(found.covariates["index"].values), boy])
        school = np.asarray(found.clusters["school"])
        if self.whole:
            arm = r.permutation(np.arange(self.schools) % self.arms)[school]
        else:
            share = SHARES[:, : self.arms] / SHARES[:, : self.arms].sum(axis=1, keepdims=True)
            edges = np.cumsum(share, axis=1)[boy]
            arm = (r.random(self.n)[:, None] > edges).sum(axis=1).clip(0, self.arms - 1)
        eta = np.einsum("np,np->n", x, OUTCOME[self.kind][arm])
        y, time = outcome(r, self.kind, eta, school)
        strata = None if self.whole else boy
        own = Outcome(self.kind, y, exposure=time)
        return replace(found, arm=arm, strata=strata, outcomes={"y": own})

    def truth(self, term: Term, draws: int = 1_000_000) -> float:
        """Return the superpopulation value of a term, on the scale of estimates."""
        return World(self.n, self.schools, self.arms, self.kind).truth(term, draws)


def outcome(r, kind: str, eta, school):
    """Return (n,) outcomes, and the time they were counted over."""
    many = int(school.max()) + 1
    if kind == "continuous":
        effect = r.normal(0, SCHOOL_SD, many)[school]
        return eta + effect + r.standard_normal(len(eta)), None
    if kind == "binary":
        return (r.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float), None
    time = r.uniform(0.5, 2.0, len(eta))
    frailty = r.gamma(1 / SCHOOL_SD**2, SCHOOL_SD**2, many)[school]
    return r.poisson(time * np.exp(eta) * frailty).astype(float), time
