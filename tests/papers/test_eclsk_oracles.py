"""ECLS-K special education: numbers that are oracles, never answers.

Conventions: method decisions, section 5 (weighted least squares on exposure and the 34 covariates
with ATT weights; standard errors with the propensity taken as known). Data: Keller & Tipton (2016),
Journal of Educational and Behavioral Statistics 41:326-348, file eclsk_c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._score import score, tilt
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit, mean
from fingerpost.kernels.products import cross, times

NOT_GIVEN = {"CHILDID", "S1_ID", "F5SPECS", "C5R4RSCL", "C5R4MSCL", "C6R4RSCL", "C6R4MSCL"}
ATT = Term("maths", pair("services", "none"), Target("att"))
OVERLAP = Term("maths", pair("services", "none"), Target("overlap"))


@dataclass(frozen=True)
class Weighted:
    """Weighted least squares of maths on exposure and covariates, ATT weights."""

    task: Task
    design: Dense
    weight: np.ndarray
    residual: np.ndarray
    bread: np.ndarray
    coefficient: float


@pytest.fixture(scope="module")
def task(shared_file: Callable[[str], Path]) -> Task:
    frame = pl.read_csv(shared_file("eclsk_special_education/eclsk_c.csv"))
    given = tuple(name for name in frame.columns if name not in NOT_GIVEN)
    assert len(given) == 34
    columns = {name: Column(frame[name].cast(pl.Float64).to_numpy()) for name in given}
    school = np.unique(frame["S1_ID"].to_numpy(), return_inverse=True)[1]
    cohort = Cohort(
        np.arange(len(frame)),
        ("none", "services"),
        frame["F5SPECS"].to_numpy().astype(np.int64),
        {"maths": Outcome("continuous", frame["C6R4MSCL"].cast(pl.Float64).to_numpy())},
        columns,
        {"school": school},
    )
    return Task(cohort, (ATT,), Analysis(given, cluster="school"))


@pytest.fixture(scope="module")
def weighted(task: Task) -> Weighted:
    cohort = task.cohort
    covariates = [cohort.covariates[name].values for name in task.analysis.given]
    x = np.column_stack([np.ones(cohort.n), cohort.arm, *covariates])
    design = Dense(x, ("intercept", "services", *task.analysis.given))
    weight = tilt(task, ATT).weights[np.arange(cohort.n), cohort.arm]
    y = cohort.outcomes["maths"].value
    fitted = fit(design, y, family="linear", weights=weight)
    residual = weight * (y - mean(design, fitted))
    return Weighted(task, design, weight, residual, fitted.bread, float(fitted.coefficients[1]))


def clustered(task: Task, influence: np.ndarray) -> float:
    """Standard error of influence summed by school, factor G/(G − 1)."""
    sums = sum_by(task.cohort.clusters["school"], influence, n_groups=861)
    return float(np.sqrt(861 / 860 * (sums @ sums)))


def test_weighted_least_squares(weighted: Weighted) -> None:
    assert weighted.coefficient == pytest.approx(-4.9304, abs=5e-4)


def test_its_error_if_children_were_independent(weighted: Weighted) -> None:
    influence = weighted.residual * times(weighted.design, weighted.bread[1])
    n, p = weighted.design.n, weighted.design.p
    assert np.sqrt(n / (n - p) * (influence @ influence)) == pytest.approx(1.0300, abs=1e-3)


def test_its_clustered_error(weighted: Weighted) -> None:
    """The printed 1.0189 has the factor G/(G − 1)·(n − 1)/(n − p); with the project's G/(G − 1)
    alone it is 1.0165."""
    influence = weighted.residual * times(weighted.design, weighted.bread[1])
    n, p = weighted.design.n, weighted.design.p
    found = clustered(weighted.task, influence)
    assert found * np.sqrt((n - 1) / (n - p)) == pytest.approx(1.0189, abs=5e-5)


def test_its_clustered_error_with_the_propensity_stacked(weighted: Weighted) -> None:
    task, found = weighted.task, score(weighted.task)
    own = weighted.residual * times(weighted.design, weighted.bread[1])
    slopes = tilt(task, ATT).slopes[np.arange(task.cohort.n), task.cohort.arm, 0]
    lean = found.fit.bread @ cross(found.design, own * slopes)
    carried = found.residual[:, 0] * times(found.design, lean)
    assert clustered(task, own + carried) == pytest.approx(1.0405, abs=1e-3)


@pytest.mark.parametrize(("term", "known"), [(ATT, 1.684), (OVERLAP, 1.633)])
def test_errors_with_the_propensity_taken_as_known(task: Task, term: Term, known: float) -> None:
    """Larger than the stacked 1.1504 and 0.9723 that the leaves report."""
    cohort = task.cohort
    y, influence = cohort.outcomes["maths"].value, np.zeros(cohort.n)
    for arm, sign in ((1, 1.0), (0, -1.0)):
        weight = tilt(task, term).weights[:, arm] * (cohort.arm == arm)
        influence += sign * weight * (y - weight @ y / weight.sum()) / weight.sum()
    assert clustered(task, influence) == pytest.approx(known, abs=1e-3)


def test_the_trap(task: Task) -> None:
    """One child of propensity 9.29e-6 holds 90.96% of the treated weight; effective size 1.2."""
    cohort, e = task.cohort, score(task).probability[:, 1]
    weight = (cohort.arm == 1) / e
    y = cohort.outcomes["maths"].value
    control = (cohort.arm == 0) / (1 - e)
    ate = weight @ y / weight.sum() - control @ y / control.sum()
    assert e[cohort.arm == 1].min() == pytest.approx(9.29e-6, rel=1e-3)
    assert weight.max() / weight.sum() == pytest.approx(0.9096, abs=1e-4)
    assert weight.sum() ** 2 / (weight @ weight) == pytest.approx(1.2, abs=0.05)
    assert ate == pytest.approx(38.0925, abs=5e-4)
