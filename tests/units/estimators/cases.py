"""What the tests of several leaves share: small cohorts, and one call of a leaf."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core import leaves
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.model import Models
from suites.worlds import World, task, term
from units.estimators.sandwich import oracle

ATE, ATT = Target("ate"), Target("att")
OVERLAP, PLANNED = Target("overlap"), Target("received", arm="plan")
# kind of outcome, target, scale, arms: every kind, target and scale at least once.
ASKED = [
    ("continuous", ATE, "difference", 3),
    ("continuous", ATT, "ratio", 2),
    ("binary", ATE, "ratio", 2),
    ("binary", OVERLAP, "difference", 3),
    ("count", ATT, "difference", 3),
    ("count", OVERLAP, "ratio", 2),
    ("count", PLANNED, "ratio", 3),
    ("count", Target("atu"), "difference", 2),
]
NAMES = [f"{kind}-{target.kind}-{scale}-{arms}" for kind, target, scale, arms in ASKED]


def small(kind: str, arms: int = 2, *, seed: int = 1, weighted: bool = False) -> Cohort:
    """Return 900 children in 60 schools, with survey weights if asked."""
    cohort = World(n=900, schools=60, kind=kind, arms=arms).draw(seed)
    if not weighted:
        return cohort
    return replace(cohort, weight=np.random.default_rng(seed).uniform(0.5, 2.0, cohort.n))


def ask(leaf: str, cohort: Cohort, *terms: Term, models: Models | None = None, **options) -> Answer:
    """Return a leaf's answer of terms."""
    own = task(cohort, *terms)
    told = replace(own.analysis, options=options)
    if models is not None:
        told = replace(told, models=models)
    return leaves.load("estimators", leaf, kind=Estimator).run(replace(own, analysis=told))


def said(answer: Answer) -> tuple[float, float]:
    """Return the one value of an answer and its standard error."""
    found = answer.estimate
    assert found is not None and len(found.value) == 1
    return float(found.value[0]), float(standard_errors(found)[0])


def check(leaf: str, case: tuple, *, weighted: bool, equations: str | None = None, **options):
    """Compare a leaf with the stacked equations written out by hand."""
    kind, target, scale, arms = case
    cohort = small(kind, arms, weighted=weighted)
    asked = term(kind, target, scale)
    answer = ask(leaf, cohort, asked, **options)
    assert answer.estimate.interval[0].startswith("normal")
    value, error = oracle(cohort, asked, equations or leaf)
    assert said(answer) == (pytest.approx(value, abs=1e-7), pytest.approx(error, rel=1e-5))


def clustered(model, school: np.ndarray, weights: np.ndarray) -> float:
    """Return statsmodels' clustered error of a contrast of coefficients, factor G/(G − 1)."""
    how = {"groups": school, "use_correction": False}
    fitted = model.fit(cov_type="cluster", cov_kwds=how, tol=1e-12)
    g = len(np.unique(school))
    return float(np.sqrt(weights @ fitted.cov_params() @ weights * g / (g - 1)))


def bell_mccaffrey(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, school: np.ndarray, contrast: np.ndarray
) -> tuple[float, float]:
    """Return CR2's error of a contrast and its degrees of freedom, from matrices of all children.

    Bell & McCaffrey (2002), Survey Methodology 28:169-182, with the identity as working covariance.
    """
    n = len(y)
    bread = np.linalg.inv((x * weight[:, None]).T @ x)
    away = np.eye(n) - x @ bread @ (x * weight[:, None]).T
    residual, covariance = away @ y, away @ away.T
    columns, parts = [], []
    for unit in np.unique(school):
        rows = np.flatnonzero(school == unit)
        values, vectors = np.linalg.eigh(covariance[np.ix_(rows, rows)])
        roots = np.where(values > 1e-10, 1 / np.sqrt(np.maximum(values, 1e-10)), 0.0)
        a = (vectors * roots) @ vectors.T @ (weight[:, None] * x)[rows] @ bread @ contrast
        parts.append(a @ residual[rows])
        columns.append(away[rows].T @ a)
    form = np.array(columns) @ np.array(columns).T
    df = np.trace(form) ** 2 / np.sum(form**2)
    return float(np.sqrt(np.sum(np.array(parts) ** 2))), float(df)
