"""NHEFS, stopping smoking and weight, by g-estimation: all 1,629 people, those weighed again in
1982 standing for all.

Printed: Hernán and Robins, Causal Inference: What If (2020), chapter 14: 3.4 kg (2.5, 4.5) with one
parameter; 2.86 and 0.03 where the effect may differ by cigarettes a day. To more digits: their
closed form, with the convention that gives the book's numbers: a logit of being weighed again on
the arm and the covariates in all 1,629; a logit of the arm on the covariates among the 1,566 who
were, weighted by the inverse of that probability; and the same weights in the equations.
(A model of the arm in all 1,629, unweighted, would give 3.5107.)
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pyreadstat
import pytest
import statsmodels.api as sm

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._censoring import censoring

CATEGORIES = ("sex", "race", "education", "exercise", "active")
NUMBERS = ("age", "smokeintensity", "smokeyrs", "wt71")
GIVEN = (*CATEGORIES, *NUMBERS)
SQUARES = tuple(ModelTerm((Factor(name, "power", degree=2),)) for name in NUMBERS)
BOOK = (*linear(GIVEN), *SQUARES)


@pytest.fixture(scope="module")
def people() -> Cohort:
    """Return the 1,629, with the change of weight of the 1,566 who were weighed again."""
    with as_file(files("causaldata") / "nhefs" / "nhefs.dta") as path:
        frame, _ = pyreadstat.read_dta(str(path))
    y = frame["wt82_71"].to_numpy(dtype=float)
    covariates = {}
    for name in CATEGORIES:
        levels, codes = np.unique(frame[name].to_numpy(dtype=float), return_inverse=True)
        covariates[name] = Column(codes, tuple(f"{level:g}" for level in levels))
    covariates |= {name: Column(frame[name].to_numpy(dtype=float)) for name in NUMBERS}
    gain = Outcome("continuous", y, observed=~np.isnan(y))
    arm = frame["qsmk"].to_numpy(dtype=int)
    return Cohort(np.arange(len(y)), ("smoking", "quitting"), arm, {"gain": gain}, covariates)


def asked(people: Cohort, kind: str = "conditional", **options) -> Task:
    """Return the book's question of the people."""
    term = Term("gain", pair("quitting", "smoking"), Target(kind))
    models = Models(exposure=BOOK, outcome=BOOK, censoring=BOOK)
    return Task(people, (term,), Analysis(GIVEN, models, stream="nhefs", options=options))


def answer(task: Task):
    return load("estimators", "g_estimation", kind=Estimator).run(task)


def test_weights_of_those_seen(people):
    found = censoring(asked(people))
    assert people.n == 1629
    assert found.seen.sum() == 1566
    weight = found.weight[found.seen]
    assert (weight.min(), weight.max()) == pytest.approx((1.0018143, 1.8246243), abs=1e-7)


def test_one_parameter(people):
    found = answer(asked(people)).estimate
    assert found.value[0] == pytest.approx(3.4458988034, abs=1e-8)
    assert found.n[0] == 1629


def test_one_parameter_is_the_ate_where_effects_are_declared_equal(people):
    found = answer(asked(people, "ate", homogeneous=True)).estimate
    assert found.value[0] == pytest.approx(3.4458988034, abs=1e-8)


def test_two_parameters(people):
    told = answer(asked(people, modifiers="smokeintensity"))
    (table,) = told.tables
    assert table.column("estimate") == pytest.approx((2.8594703898, 0.0300412817), abs=1e-8)
    cigarettes = np.mean(people.covariates["smokeintensity"].values)
    middle = 2.8594703898 + 0.0300412817 * cigarettes
    assert told.estimate.value[0] == pytest.approx(middle, abs=1e-7)


def test_the_book_prints_the_same_to_one_decimal(people):
    """Its interval, by inverting a test with weights as known, is a little wider than ours."""
    found = answer(asked(people)).estimate
    low, high = intervals(found)[0]
    assert found.value[0] == pytest.approx(3.4, abs=0.05)
    assert (low, high) == pytest.approx((2.5, 4.5), abs=0.15)


def test_the_error_is_that_of_every_model_stacked(people):
    """Against statsmodels' fits and a bread by hand: who was seen, the arm, and the blip."""
    task = asked(people)
    x = book_design(people)
    a, gain = people.arm.astype(float), people.outcomes["gain"]
    seen = gain.observed.astype(float)
    z = np.column_stack([x, a])
    p = sm.Logit(seen, z).fit(disp=0, tol=1e-13).predict()
    w = seen / p
    e = sm.GLM(a, x, sm.families.Binomial(), freq_weights=w).fit(tol=1e-14).predict()
    y = np.where(gain.observed, gain.value, 0.0)
    psi = (w * (a - e)) @ y / ((w * (a - e)) @ a)
    blip = w * (a - e) * (y - psi * a)
    parts = np.column_stack([(seen - p)[:, None] * z, (w * (a - e))[:, None] * x, blip])
    bent, q = w * e * (1 - e), z.shape[1]
    size = parts.shape[1]
    bread = np.zeros((size, size))
    bread[:q, :q] = -(z * (p * (1 - p))[:, None]).T @ z
    bread[q:-1, q:-1] = -(x * bent[:, None]).T @ x
    bread[q:-1, :q] = -(x * (w * (a - e) * (1 - p))[:, None]).T @ z
    bread[-1, :q] = -(blip * (1 - p)) @ z
    bread[-1, q:-1] = -(bent * (y - psi * a)) @ x
    bread[-1, -1] = -(w * (a - e)) @ a
    own = np.linalg.solve(bread, parts.T)[-1]
    found = standard_errors(answer(task).estimate)[0]
    assert found == pytest.approx(np.sqrt(own @ own), rel=1e-7)


def book_design(people: Cohort) -> np.ndarray:
    """Return the book's covariates as a matrix, in units that condition it well."""
    columns = [np.ones(people.n)]
    for name in CATEGORIES:
        column = people.covariates[name]
        columns += [(column.values == code).astype(float) for code in range(1, len(column.levels))]
    for name in NUMBERS:
        value = np.asarray(people.covariates[name].values)
        value = (value - value.mean()) / value.std()
        columns += [value, value**2]
    return np.column_stack(columns)


def test_a_linear_prediction_of_the_outcome_changes_nothing_it_already_knows(people):
    """A logit leaves w (A − e) without product with its own terms: taking them off the outcome
    changes no value, and by the same law the estimate is right if either model is.
    """
    plain = answer(asked(people)).estimate.value
    beside = answer(asked(people, outcome_model=True)).estimate.value
    assert beside == pytest.approx(plain, abs=1e-8)
    fewer = asked(people, outcome_model=True)
    models = replace(fewer.analysis.models, exposure=linear(GIVEN))
    changed = replace(fewer, analysis=replace(fewer.analysis, models=models))
    assert abs(answer(changed).estimate.value[0] - plain[0]) > 1e-4
