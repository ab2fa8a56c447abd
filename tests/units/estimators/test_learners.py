"""Learners and folds: whole clusters, any order of rows, exact fits without each fold, faults."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from fingerpost.core.analysis import Fits
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.estimators._cross_fit import folds_of
from fingerpost.estimators._learners import OwnModels, learner_named
from fingerpost.kernels.bends import bends
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit, fit_multinomial, mean, probabilities
from fingerpost.kernels.held_out import Model, held_out, predict
from fingerpost.kernels.splines import natural_spline
from suites.worlds import World, task, term
from units.estimators.cases import small

ATE = term("continuous", Target("ate"))


def asked(cohort, **options):
    own = task(cohort, ATE)
    return replace(own, analysis=replace(own.analysis, options=options))


def test_schools_lie_whole_in_one_fold_and_every_fold_holds_every_arm() -> None:
    cohort = small("continuous", 3)
    code = folds_of(task(cohort, ATE), 5).code
    for school in range(60):
        assert len(set(code[cohort.clusters["school"] == school])) <= 1
    for j in range(5):
        assert set(cohort.arm[code == j]) == {0, 1, 2}


def test_folds_do_not_depend_on_the_order_of_rows_and_repeats_differ() -> None:
    cohort = small("continuous")
    order = np.random.default_rng(0).permutation(cohort.n)
    first = folds_of(task(cohort, ATE), 4).code
    assert (folds_of(task(cohort.take(order), ATE), 4).code == first[order]).all()
    assert (folds_of(task(cohort, ATE), 4, repeat=1).code != first).any()


def test_children_by_themselves_are_dealt_arm_by_arm() -> None:
    """Each fold's number of children of an arm differs from any other's by one at most."""
    cohort = World(n=503, arms=3).draw(1)
    alone = replace(task(cohort, ATE), analysis=replace(task(cohort, ATE).analysis, cluster=None))
    code = folds_of(alone, 5).code
    counts = np.array([np.bincount(cohort.arm[code == j], minlength=3) for j in range(5)])
    assert np.ptp(counts, axis=0).max() <= 1


def test_fewer_schools_than_folds_and_an_arm_of_one_school_are_too_few() -> None:
    with pytest.raises(TooFew, match=r"4 clusters \(school\).*folds: 4"):
        folds_of(task(World(n=300, schools=4, arms=2).draw(1), ATE), 5)
    cohort = World(n=300, schools=30, arms=2).draw(1)
    alone = (cohort.clusters["school"] == 3).astype(np.int64)
    with pytest.raises(TooFew, match="all children of arm support"):
        folds_of(task(replace(cohort, arm=alone), ATE), 5)


@pytest.mark.parametrize("n", [400, 3000])
@pytest.mark.parametrize("family", ["linear", "logit", "poisson"])
def test_each_fit_is_the_fit_without_its_fold(n: int, family: str) -> None:
    r = np.random.default_rng(n)
    x = np.column_stack([np.ones(n), r.standard_normal((n, 3))])
    eta = x @ [0.2, 0.5, -0.4, 0.1]
    y = {
        "linear": eta + r.standard_normal(n),
        "logit": (r.random(n) < 1 / (1 + np.exp(-eta))) * 1.0,
    }
    y["poisson"] = r.poisson(np.exp(eta)).astype(float)
    design, fold, weight = Dense(x, ("1", "a", "b", "c")), r.integers(0, 4, n), r.uniform(0.5, 2, n)
    model = Model(family, np.zeros(4))
    offset = np.log(r.uniform(0.5, 2, n)) if family == "poisson" else None
    found = held_out(
        design, y[family], model=model, fold=fold, folds=4, weights=weight, offset=offset
    )
    said = predict(design, found, fold=fold)
    for j in range(4):
        rows = np.flatnonzero(fold != j)
        by_hand = fit(
            design.take(rows),
            y[family][rows],
            family=family,
            weights=weight[rows],
            offset=None if offset is None else offset[rows],
        )
        assert said[fold == j] == pytest.approx(mean(design, by_hand)[fold == j], abs=2e-7)


@pytest.mark.parametrize("n", [500, 4000])
def test_a_multinomial_too(n: int) -> None:
    cohort = World(n=n, arms=3).draw(2)
    design, shape = OwnModels(bent=False)._design(task(cohort, ATE), ())
    x = np.column_stack([np.ones(n), np.asarray(cohort.covariates["index"].values)])
    design, fold = Dense(x, ("1", "index")), np.arange(n) % 5
    found = held_out(
        design, cohort.arm, model=Model("multinomial", np.zeros(2), 3), fold=fold, folds=5
    )
    said = predict(design, found, fold=fold)
    rows = np.flatnonzero(fold != 2)
    by_hand = fit_multinomial(design.take(rows), cohort.arm[rows], levels=cohort.arms)
    assert said[fold == 2] == pytest.approx(probabilities(design, by_hand)[fold == 2], abs=2e-7)
    assert not shape.any()


def test_a_ridge_is_that_of_the_plain_fit() -> None:
    r = np.random.default_rng(5)
    x = np.column_stack([np.ones(300), r.standard_normal((300, 2)) * [1, 10]])
    y = x @ [1.0, 1.0, 0.1] + r.standard_normal(300)
    design, fold = Dense(x, ("1", "a", "b")), np.arange(300) % 3
    found = held_out(design, y, model=Model("linear", np.full(3, 0.3)), fold=fold, folds=3)
    rows = fold != 1
    scale = 300 * 0.3 * x.var(axis=0)
    by_hand = np.linalg.solve(x[rows].T @ x[rows] + np.diag(scale), x[rows].T @ y[rows])
    assert found.coefficients[1][:, 0] == pytest.approx(by_hand, rel=1e-6)


def test_separation_is_not_fitted() -> None:
    x = np.column_stack([np.ones(60), np.arange(60.0)])
    with pytest.raises(NotFitted):
        held_out(
            Dense(x, ("1", "a")),
            (np.arange(60) > 30) * 1.0,
            model=Model("logit", np.zeros(2)),
            fold=np.arange(60) % 3,
            folds=3,
        )


def test_bends_and_a_line_span_the_natural_spline() -> None:
    r = np.random.default_rng(1)
    x, weight = r.gamma(2, 3, 500), r.uniform(0.5, 2, 500)
    columns = np.column_stack([np.ones(500), x, *bends(x, weights=weight)])
    knots = np.quantile(np.unique(x), [0.05, 0.275, 0.5, 0.725, 0.95])
    spline = natural_spline(x, knots)
    left = spline - columns @ np.linalg.lstsq(columns, spline, rcond=None)[0]
    assert np.abs(left).max() < 1e-8 * np.abs(spline).max()
    share = weight / weight.sum()
    gram = columns[:, 2:].T @ (columns * share[:, None])
    assert gram[:, 2:] == pytest.approx(np.eye(3), abs=1e-8)
    assert gram[:, 0] == pytest.approx(0, abs=1e-8)


def test_few_values_bend_little_or_not_at_all() -> None:
    weight = np.ones(90)
    assert [len(bends(np.arange(90) % k * 1.0, weights=weight)) for k in (1, 2, 3, 5, 30)] == [
        0,
        0,
        0,
        1,
        3,
    ]


BAD = ["magic", "", 3, True, None, ("linear", "spline"), "os", "no.such.module.Here", "os.nothing"]


# Neither is called: only classes and objects that can fit are ever used.
BAD += ["os.abort", "sys.exit", "fractions.Fraction", "sklearn.pipeline.Pipeline"]


@pytest.mark.parametrize("said", BAD)
def test_what_is_no_learner_is_a_usage_error(said: object) -> None:
    with pytest.raises(UsageError, match="outcome_learner"):
        learner_named(said, "outcome_learner")


class Strange:
    """A learner whose wishes are set by the test."""

    says = 0.5

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.full(len(x), self.says)

    def predict_proba(self, x):
        return np.column_stack([1 - self.predict(x), self.predict(x)])


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a learner from elsewhere."""

    def bring(**ways):
        module = ModuleType("brought_strange")
        module.Strange = type("Strange", (Strange,), ways)
        monkeypatch.setitem(sys.modules, "brought_strange", module)
        return learner_named("brought_strange.Strange", "learner")

    return bring


def test_faults_of_a_learner_from_elsewhere_are_told_without_a_childs_value(brought) -> None:
    own = asked(small("continuous"))
    folds, everyone = folds_of(own, 5), np.ones(own.cohort.n, dtype=bool)

    def breaks(self, x, y):
        raise ValueError(f"bad value {y[0]}")

    with pytest.raises(Unanswerable, match=r"could not fit \(ValueError\)") as told:
        brought(fit=breaks).means(own, folds, rows=everyone)
    assert "bad value" not in str(told.value)
    with pytest.raises(Unanswerable, match="missing or infinite"):
        brought(says=np.nan).means(replace(own, fits=Fits()), folds, rows=everyone)


def test_weights_need_a_learner_that_takes_them(brought) -> None:
    own = asked(small("continuous", weighted=True))
    with pytest.raises(UsageError, match="takes no weights"):
        brought().means(own, folds_of(own, 5), rows=np.ones(own.cohort.n, dtype=bool))
    learner = learner_named("sklearn.linear_model.LinearRegression", "learner")
    assert np.isfinite(
        learner.means(own, folds_of(own, 5), rows=np.ones(own.cohort.n, dtype=bool))
    ).all()


def test_a_regressor_cannot_learn_the_arms() -> None:
    own = asked(small("continuous"))
    learner = learner_named("sklearn.linear_model.LinearRegression", "exposure_learner")
    with pytest.raises(UsageError, match="predict_proba"):
        learner.probabilities(own, folds_of(own, 5))


def test_the_order_of_rows_does_not_matter_to_a_random_learner() -> None:
    name = "sklearn.ensemble.ExtraTreesRegressor"
    cohort = World(n=200, schools=20, arms=2).draw(3)
    order = np.random.default_rng(0).permutation(200)
    said = []
    for one in (cohort, cohort.take(order)):
        own, everyone = asked(one), np.ones(200, dtype=bool)
        said.append(learner_named(name, "learner").means(own, folds_of(own, 3), rows=everyone))
    assert said[1] == pytest.approx(said[0][order])
