"""An oracle for influence that knows nothing of the leaf: how the answer moves as a school's weight
falls a little (the infinitesimal jackknife; Efron & Stein 1981). And children not seen to the end.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.model import Models, linear
from suites.worlds import GIVEN
from units.estimators.cases import small

STEP = 1e-4
CENSORED = Models(censoring=linear(GIVEN))


@cache
def leaf_named(name: str) -> Estimator:
    """Return a leaf, looked for once: looking costs more than most answers here."""
    return load("estimators", name, kind=Estimator)


def ask(
    leaf: str,
    cohort: Cohort,
    *terms: Term,
    given: tuple[str, ...] = GIVEN,
    models: Models | None = None,
    **options,
) -> Answer:
    """Return a leaf's answer of terms, clustered by school."""
    told = Analysis(given, models or Models(), cluster="school", stream="test", options=options)
    return leaf_named(leaf).run(Task(cohort, terms, told))


def check_influence(
    leaf: str, cohort: Cohort, asked: Term, *, models: Models | None = None, **options
) -> None:
    """Compare the influence of every school with the movement of the answer."""
    found = ask(leaf, cohort, asked, models=models, **options).estimate
    assert found.interval[0].startswith("normal")
    base = np.ones(cohort.n) if cohort.weight is None else cohort.weight
    school, moved = cohort.clusters["school"], []
    for unit in found.spread.units:
        weight = np.where(school == unit, base * (1 - STEP), base)
        there = ask(leaf, replace(cohort, weight=weight), asked, models=models, **options)
        moved.append((found.value[0] - there.estimate.value[0]) / STEP)
    size = float(np.abs(found.spread.sums).max())
    assert np.array(moved) == pytest.approx(found.spread.sums[:, 0], abs=1e-3 * size)


def censored(kind: str, arms: int = 2, *, seed: int = 3, weighted: bool = False) -> Cohort:
    """Return 900 children in 60 schools, of whom about four in five were seen to the end; of the
    others the outcome, and the time at risk, are not known.
    """
    cohort = small(kind, arms, seed=seed, weighted=weighted)
    return hide(cohort, seed)


def hide(cohort: Cohort, seed: int) -> Cohort:
    """Return the cohort with outcomes hidden, by arm and covariate."""
    r = np.random.default_rng([seed, 99])
    index = np.asarray(cohort.covariates["index"].values)
    chance = 1 / (1 + np.exp(-(1.6 - 0.8 * cohort.arm + 0.9 * index)))
    here = r.random(cohort.n) < chance
    outcome = cohort.outcomes["y"]
    time = outcome.exposure
    unseen = replace(
        outcome,
        value=np.where(here, outcome.value, np.nan),
        exposure=None if time is None else np.where(here, time, np.nan),
        observed=here,
    )
    return replace(cohort, outcomes={"y": unseen})
