"""What a fit took of its residuals, where arms were drawn: against hat matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import aipw, g_formula

ASKED = Term("y", pair("more", "usual"), Target("ate"))


def trial(seed: int, n: int, p: int, *, each: int = 1) -> Task:
    """Return n units, half to each arm, of `each` children, with p covariates and no effect."""
    r = np.random.default_rng(seed)
    arm = np.repeat(r.permutation(np.arange(n) % 2), each).astype(np.int64)
    at = np.repeat(np.arange(n), each)
    x = r.standard_normal((n, p))[at]
    y = r.standard_normal(n * each) + 0.5 * x[:, 0]
    given = tuple(f"x{place}" for place in range(p))
    cohort = Cohort(
        np.arange(n * each),
        ("usual", "more"),
        arm,
        {"y": Outcome("continuous", y)},
        {name: Column(x[:, place]) for place, name in enumerate(given)},
        clusters={"school": at},
    )
    level = "school" if each > 1 else None
    drawn = Randomised("simple", level or "child")
    return Task(cohort, (ASKED,), Analysis(given, assignment=drawn, cluster=level))


def test_the_error_is_by_the_leverage_of_each_child_in_its_arms_fit():
    asked = trial(3, 70, 9)
    cohort, n = asked.cohort, 70
    x = np.stack([np.ones(n), *(one.values for one in cohort.covariates.values())], axis=1)
    y, influence, parts = cohort.outcomes["y"].value, np.zeros(n), []
    for sign, code in ((1, 1), (-1, 0)):
        mine = cohort.arm == code
        fit = sm.OLS(y[mine], x[mine]).fit()
        hat = fit.get_influence().hat_matrix_diag
        pull = x[mine] @ np.linalg.inv(x[mine].T @ x[mine]) @ x.mean(axis=0)
        predicted = fit.predict(x)
        own = pull * fit.resid / np.sqrt(1 - hat)
        influence += sign * (predicted - predicted.mean()) / n
        influence[mine] += sign * own
        parts.append(float(own @ own))
    found = g_formula.run(asked).estimate
    assert standard_errors(found)[0] == pytest.approx(np.sqrt(influence @ influence))
    assert found.df[0] == pytest.approx(sum(parts) ** 2 / sum(one**2 / 25 for one in parts))
    seen = g_formula.run(
        Task(cohort, (ASKED,), replace(asked.analysis, assignment=Observed()))
    ).estimate
    assert seen.df is None and standard_errors(seen)[0] < standard_errors(found)[0]


def test_copies_of_a_child_in_a_cluster_are_one_child():
    """Clusters of children alike have the leverage, and so the error, of one child each."""
    one = trial(5, 80, 3)
    copies = {name: Column(np.repeat(got.values, 3)) for name, got in one.cohort.covariates.items()}
    many = replace(
        one.cohort,
        unit=np.arange(240),
        arm=np.repeat(one.cohort.arm, 3),
        outcomes={"y": Outcome("continuous", np.repeat(one.cohort.outcomes["y"].value, 3))},
        covariates=copies,
        clusters={"school": np.repeat(np.arange(80), 3)},
    )
    level = replace(one.analysis, cluster="school", assignment=Randomised("simple", "school"))
    for leaf in (g_formula, aipw):
        alone, whole = (leaf.run(each).estimate for each in (one, Task(many, (ASKED,), level)))
        assert standard_errors(whole)[0] == pytest.approx(
            standard_errors(alone)[0] * np.sqrt(80 / 79)
        )
        assert whole.df[0] == pytest.approx(alone.df[0])
