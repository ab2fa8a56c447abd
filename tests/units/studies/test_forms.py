"""The test of the models' form: against its formula written out with dense matrices, and laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from fingerpost.core.column import Column
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.studies.forms import PREDICTED, model_form
from suites.assumption_worlds import GIVEN, BentWorld, task

WORLD = BentWorld(n=800, schools=80, provision=0.2, outcome=0.1)


def lines(own, model: str) -> dict[str, dict]:
    table = model_form(own)
    assert table is not None
    return {row["squared"]: row for row in table.records() if row["model"] == model}


def written_out(x, residual, slope, square, codes) -> float:
    """Return the score statistic of one square: residuals times the square, cleared of the columns
    in weighted least squares, summed by cluster (Boos 1992, section 4).
    """
    root = np.sqrt(slope)
    taken = x @ np.linalg.lstsq(x * root[:, None], square * root, rcond=None)[0]
    each = residual * (square - taken)
    sums = np.array([each[codes == code].sum() for code in np.unique(codes)])
    return float(sums.sum() ** 2 / (len(sums) * np.var(sums, ddof=1)))


def columns(cohort):
    named = [np.asarray(cohort.covariates[name].values, dtype=float) for name in GIVEN]
    return sm.add_constant(np.column_stack(named))


def test_the_exposure_line_is_the_score_test_written_out():
    cohort = WORLD.draw(1)
    x, school = columns(cohort), cohort.clusters["school"]
    fitted = sm.Logit(cohort.arm, x).fit(disp=0).predict()
    expected = written_out(x, cohort.arm - fitted, fitted * (1 - fitted), x[:, 1] ** 2, school)
    found = lines(task(cohort), "exposure")["index"]
    assert found["statistic"] == pytest.approx(expected, rel=1e-5)
    assert found["p"] == pytest.approx(stats.chi2.sf(found["statistic"], 1))


def test_the_outcome_line_of_one_pooled_model_is_the_score_test_written_out():
    cohort = WORLD.draw(2)
    x = np.column_stack([columns(cohort), cohort.arm])
    fitted = sm.OLS(cohort.outcomes["y"].value, x).fit()
    school = cohort.clusters["school"]
    own = lines(task(cohort, by_arm=False), "outcome")
    ones = np.ones(cohort.n)
    for name, column in (("index", x[:, 1]), (PREDICTED, fitted.fittedvalues)):
        expected = written_out(x, fitted.resid, ones, column**2, school)
        assert own[name]["statistic"] == pytest.approx(expected, rel=1e-6)


def test_a_model_that_has_the_square_is_not_asked_for_it():
    cohort = BentWorld(n=2000, provision=0.5).draw(3)
    bent = (*linear(GIVEN), ModelTerm((Factor("index", "power", 2),)))
    assert lines(task(cohort), "exposure")["index"]["departs"]
    own = lines(task(cohort, exposure=bent), "exposure")
    assert "index" not in own and not own["wish"]["departs"]


def test_a_product_of_covariates_leaves_its_trace_in_what_the_model_predicts():
    cohort = BentWorld(n=4000).draw(4)
    index, wish = (cohort.covariates[name].values for name in ("index", "wish"))
    r = np.random.default_rng(4)
    lean = 0.6 * index + 0.6 * wish + 0.6 * index * wish
    arm = (r.random(cohort.n) < 1 / (1 + np.exp(-lean))).astype(int)
    own = lines(task(replace(cohort, arm=arm)), "exposure")
    assert own[PREDICTED]["departs"] and not own["index"]["departs"]


def test_neither_order_nor_unit_nor_spelling_of_weights_matters():
    cohort = WORLD.draw(5)
    base = model_form(task(cohort)).records()
    shuffled = cohort.take(np.random.default_rng(5).permutation(cohort.n))
    grown = Column(1000 + 50 * cohort.covariates["index"].values)
    other = replace(cohort, covariates={**cohort.covariates, "index": grown})
    twice = cohort.take(np.repeat(np.arange(cohort.n), 2))
    weighed = replace(cohort, weight=np.full(cohort.n, 2.0))
    for one in (shuffled, other, twice, weighed):
        again = model_form(task(one)).records()
        assert [row["statistic"] for row in again] == pytest.approx(
            [row["statistic"] for row in base], rel=1e-5
        )


def test_what_cannot_be_tested_has_no_line():
    few = BentWorld(n=400, schools=12).draw(6)
    assert model_form(task(few)) is None
    cohort = WORLD.draw(6)
    two = replace(task(cohort), analysis=replace(task(cohort).analysis, given=("boy",)))
    assert model_form(two) is None
    told = Column((cohort.arm + 0.0) * 3)
    apart = replace(cohort, covariates={**cohort.covariates, "index": told})
    assert model_form(task(apart)) is None  # provision is told for certain
