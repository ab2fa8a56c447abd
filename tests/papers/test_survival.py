"""NHEFS, stopping smoking and death within ten years, against printed survival.

Printed: Hernán and Robins, Causal Inference: What If (2020), chapter 17, 1,629 smokers of whom 318
died. Section 17.1: survival of 120 months 76.2% of those who stopped and 82.0% of others. Section
17.4 (weighting): 80.7% and 80.5%, the difference of those who went on smoking from those who
stopped with a bootstrap interval from −4.1% to 3.7%. Section 17.5 (g-formula): 80.4% and 80.6%,
from hazards smooth in time, so that hazards by interval come near and no nearer.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyreadstat
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import survival

MEASURED = ("age", "smokeintensity", "smokeyrs", "wt71")
CATEGORIES = ("education", "exercise", "active")
TERMS = (
    *linear(("sex", "race", *MEASURED, *CATEGORIES)),
    *(ModelTerm((Factor(name, "power", 2),)) for name in MEASURED),
)
MONTHS = 120.0


@pytest.fixture(scope="module")
def smokers() -> Cohort:
    """Return the 1,629 smokers, their time to death in months from January 1983."""
    found = importlib.util.find_spec("causaldata")
    if found is None or found.origin is None:
        pytest.skip("causaldata, which holds NHEFS, is not installed")
    frame, _ = pyreadstat.read_dta(
        Path(found.origin).parent / "nhefs" / "nhefs.dta", output_format="polars"
    )
    data = {
        name: frame[name].cast(float).to_numpy()
        for name in ("qsmk", "death", "yrdth", "modth", "sex", "race", *MEASURED, *CATEGORIES)
    }
    died = data["death"] == 1
    time = np.where(died, (data["yrdth"] - 83) * 12 + data["modth"], MONTHS)
    covariates = {name: Column(data[name]) for name in ("sex", "race", *MEASURED)}
    for name in CATEGORIES:
        levels, codes = np.unique(data[name], return_inverse=True)
        covariates[name] = Column(codes, tuple(f"{level:g}" for level in levels))
    n = len(time)
    outcome = {"death": Outcome("time", time, event=died)}
    arms = ("no", "stopped")
    return Cohort(np.arange(n), arms, data["qsmk"].astype(np.int64), outcome, covariates)


def asked(*arms: str) -> Term:
    contrast = pair(*arms) if len(arms) == 2 else ((arms[0], 1.0),)
    return Term("death", contrast, Target("ate"), "survival", "difference", MONTHS)


def answer(smokers: Cohort, models: Models, **options):
    terms = (asked("stopped"), asked("no"), asked("no", "stopped"))
    given = tuple(smokers.covariates)
    return survival.run(Task(smokers, terms, Analysis(given, models=models, options=options)))


@pytest.mark.real_data
def test_survival_as_observed(smokers: Cohort) -> None:
    """Weights of one: an exposure model of nothing but one coin, tossed for nobody."""
    assert (smokers.n, int(smokers.outcomes["death"].event.sum())) == (1629, 318)
    found = answer(smokers, Models(exposure=(), outcome=())).estimate
    assert np.round(100 * found.value[:2], 1).tolist() == [76.2, 82.0]


@pytest.mark.real_data
def test_survival_by_weighting(smokers: Cohort) -> None:
    found = answer(smokers, Models(exposure=TERMS)).estimate
    assert np.round(100 * found.value[:2], 1).tolist() == [80.7, 80.5]
    assert abs(round(100 * float(found.value[2]), 1)) == 0.2
    # To the digits of 500 bootstrap samples of another curve (smooth hazards).
    assert 100 * intervals(found)[2] == pytest.approx([-4.1, 3.7], abs=0.15)


@pytest.mark.real_data
def test_survival_by_g_formula(smokers: Cohort) -> None:
    pooled = Models(outcome=TERMS, by_arm=False)
    found = answer(smokers, pooled, by="g_formula").estimate
    assert 100 * found.value[:2] == pytest.approx([80.4, 80.6], abs=0.2)
