"""Double machine learning against the DoubleML package on the same folds, and on IHDP.

DoubleML 0.11: Bach, Chernozhukov, Kurz & Spindler (2022), Journal of Machine Learning Research
23(53):1-6. IHDP: semi-synthetic outcomes of Hill (2011), Journal of Computational and Graphical
Statistics 20:217-240, whose truth the file itself holds in mu0 and mu1.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._benefit_projection import project
from fingerpost.estimators._cross_fit import folds_of
from suites.worlds import GIVEN, World, term

doubleml = pytest.importorskip("doubleml")
LEAF = load("estimators", "double_ml", kind=Estimator)
N = 1200


def exact_logit() -> LogisticRegression:
    """Return an unpenalised logit, solved to the end."""
    return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)


def asked(cohort: Cohort, *terms: Term, cluster: str | None = None, **options: object) -> Task:
    """Return a task whose learners are the plain models, unless told otherwise."""
    told = {"learner": "linear", **options}
    return Task(cohort, terms, Analysis(GIVEN, cluster=cluster, stream="oracle", options=told))


def ours(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return values and standard errors."""
    found = LEAF.run(task).estimate
    return found.value, standard_errors(found)


def splits(task: Task, repeat: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return our folds as DoubleML takes them: (train, test) rows."""
    code = folds_of(task, 5, repeat=repeat).code
    return [(np.flatnonzero(code != j), np.flatnonzero(code == j)) for j in range(5)]


def matrix(cohort: Cohort) -> np.ndarray:
    """Return the two covariates."""
    return np.column_stack([np.asarray(cohort.covariates[name].values, float) for name in GIVEN])


def no_clipping():
    """Return a setting that leaves probabilities as they are."""
    return doubleml.utils.PSProcessorConfig(clipping_threshold=1e-12)


def irm(cohort: Cohort, outcome_learner, score: str, repeats: int = 1):
    """Return DoubleML's interactive model, not yet split."""
    y, d = cohort.outcomes["y"].value, (cohort.arm == 1).astype(float)
    data = doubleml.DoubleMLData.from_arrays(matrix(cohort), y, d)
    return doubleml.DoubleMLIRM(
        data,
        outcome_learner,
        exact_logit(),
        score=score,
        n_rep=repeats,
        ps_processor_config=no_clipping(),
        draw_sample_splitting=False,
    )


@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.parametrize(("target", "score"), [("ate", "ATE"), ("att", "ATTE")])
def test_two_arms_agree_with_the_interactive_model(kind: str, target: str, score: str) -> None:
    cohort = World(n=N, kind=kind, arms=2).draw(1)
    task = asked(cohort, term(kind, Target(target)))
    learner = LinearRegression() if kind == "continuous" else exact_logit()
    peer = irm(cohort, learner, score)
    peer.set_sample_splitting([splits(task)])
    peer.fit()
    value, error = ours(task)
    assert value[0] == pytest.approx(float(peer.coef[0]), abs=1e-6)
    assert error[0] == pytest.approx(float(peer.se[0]), abs=1e-6)


def test_repeats_are_aggregated_by_the_same_medians() -> None:
    cohort = World(n=N, arms=2).draw(2)
    task = asked(cohort, term("continuous", Target("ate")), repeats=4)
    peer = irm(cohort, LinearRegression(), "ATE", repeats=4)
    peer.set_sample_splitting([splits(task, repeat) for repeat in range(4)])
    peer.fit()
    values = peer.all_coef[0]
    middle = np.median(values)
    definition = np.sqrt(np.median(peer.all_se[0] ** 2 + (values - middle) ** 2))
    value, error = ours(task)
    assert value[0] == pytest.approx(float(middle), abs=1e-6)
    assert error[0] == pytest.approx(float(definition), abs=1e-6)
    assert len(set(values)) == 4


def test_errors_by_school_agree_up_to_how_clusters_of_unlike_size_are_scaled() -> None:
    """Schools of one size, folds of one number of schools: the conventions then agree but for
    G/(G − 1).
    """
    cohort = World(n=N, arms=2).draw(3)
    schools = np.repeat(np.arange(60), 20)
    cohort = replace(cohort, clusters={"school": schools})
    task = asked(cohort, term("continuous", Target("ate")), cluster="school")
    data = doubleml.DoubleMLData.from_arrays(
        matrix(cohort),
        cohort.outcomes["y"].value,
        (cohort.arm == 1).astype(float),
        cluster_vars=schools,
    )
    peer = doubleml.DoubleMLIRM(
        data, LinearRegression(), exact_logit(), ps_processor_config=no_clipping()
    )
    own = folds_of(task, 5).code[::20]
    by_school = [([np.flatnonzero(own != j)], [np.flatnonzero(own == j)]) for j in range(5)]
    peer._smpls, peer._smpls_cluster = [splits(task)], [by_school]
    peer.fit()
    value, error = ours(task)
    assert value[0] == pytest.approx(float(peer.coef[0]), abs=1e-6)
    assert error[0] == pytest.approx(float(peer.se[0]) * np.sqrt(60 / 59), rel=1e-4)


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_three_arms_agree_with_average_potential_outcomes(kind: str) -> None:
    """DoubleML weighs each arm against the rest by a logit of its own; here it is given the
    probabilities of one multinomial logit, learnt by scikit-learn on the same folds.
    """
    cohort = World(n=N, kind=kind, arms=3).draw(4)
    outcome = replace(cohort.outcomes["y"], exposure=None)
    cohort = replace(cohort, outcomes={"y": outcome})
    terms = [term(kind, Target("ate"), arms=one) for one in (("support", "none"), ("plan", "none"))]
    task = asked(cohort, *terms)
    x, y, arm, folds = matrix(cohort), outcome.value, cohort.arm, splits(task)
    score, means = np.zeros((N, 3)), np.zeros((N, 3))
    for train, test in folds:
        score[test] = exact_multinomial().fit(x[train], arm[train]).predict_proba(x[test])
        for a in range(3):
            rows = train[arm[train] == a]
            means[test, a] = exact_mean(kind).fit(x[rows], y[rows]).predict(x[test])
    data = doubleml.DoubleMLData.from_arrays(x, y, arm)
    peer = doubleml.DoubleMLAPOS(
        data,
        LinearRegression(),
        exact_logit(),
        treatment_levels=[0, 1, 2],
        ps_processor_config=no_clipping(),
        draw_sample_splitting=False,
    )
    peer.set_sample_splitting([folds])
    told = {
        a: {
            "ml_m": score[:, [a]],
            "ml_g_d_lvl1": means[:, [a]],
            "ml_g_d_lvl0": means[:, [a]],
        }
        for a in range(3)
    }
    peer.fit(external_predictions=told)
    contrast = peer.causal_contrast(reference_levels=[0])
    value, error = ours(task)
    assert value == pytest.approx(np.asarray(contrast.thetas).ravel(), abs=1e-6)
    assert error == pytest.approx(np.asarray(contrast.ses).ravel(), abs=1e-6)


def exact_multinomial() -> LogisticRegression:
    """Return an unpenalised multinomial logit."""
    return LogisticRegression(C=np.inf, solver="lbfgs", tol=1e-10, max_iter=10_000)


def exact_mean(kind: str):
    """Return an unpenalised model of the mean."""
    if kind == "count":
        return PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return LinearRegression()


def test_learners_from_elsewhere_say_the_same_as_ours_where_they_are_the_same_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cohort = World(n=N, arms=2).draw(5)
    one = term("continuous", Target("ate"))
    value, error = ours(asked(cohort, one))
    module = ModuleType("brought_learners")
    module.exact_logit = exact_logit()
    monkeypatch.setitem(sys.modules, "brought_learners", module)
    brought = asked(
        cohort,
        one,
        outcome_learner="sklearn.linear_model.LinearRegression",
        exposure_learner="brought_learners.exact_logit",
    )
    found = ours(brought)
    assert found[0] == pytest.approx(value, abs=1e-6)
    assert found[1] == pytest.approx(error, abs=1e-6)


def test_projection_and_group_effects_are_those_of_doubleml() -> None:
    """The best linear projection of `dr_learner`, and means of groups as one of indicators."""
    pandas = pytest.importorskip("pandas")
    r = np.random.default_rng(4)
    score = r.normal(size=400)
    line = np.column_stack([np.ones(400), r.normal(size=(400, 2))])
    groups = np.eye(3)[r.integers(0, 3, 400)]
    for design, gates in ((line, False), (groups, True)):
        basis = pandas.DataFrame(design.astype(bool) if gates else design, columns=list("abc"))
        theirs = doubleml.utils.DoubleMLBLP(score, basis=basis, is_gate=gates).fit(cov_type="HC0")
        ours = project(score, np.full(400, 1 / 400), design, ("a", "b", "c"))
        assert ours.value == pytest.approx(theirs.summary["coef"].to_numpy(), abs=1e-12)
        errors = np.sqrt((ours.influence**2).sum(axis=0))
        assert errors == pytest.approx(theirs.summary["std err"].to_numpy(), rel=1e-10)


@pytest.fixture(scope="module")
def ihdp(shared_file: Callable[[str], Path]) -> tuple[Cohort, float, float]:
    """Return the children, the true effect on all, and on those who were treated."""
    path = shared_file("ihdp_semisynthetic/ihdp_npci_1.csv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    arm = table["treatment"].astype(np.int64)
    effect = table["mu1"] - table["mu0"]
    cohort = Cohort(
        np.arange(len(arm)),
        ("none", "visits"),
        arm,
        {"y": Outcome("continuous", table["y_factual"])},
        {name: Column(table[name]) for name in table if name.startswith("x")},
    )
    return cohort, float(effect.mean()), float(effect[arm == 1].mean())


@pytest.mark.real_data
def test_ihdp_comes_close_to_the_truth_in_its_file(ihdp) -> None:
    cohort, all_children, treated = ihdp
    assert (all_children, treated) == (pytest.approx(4.016, abs=5e-4), pytest.approx(4.0, abs=5e-4))
    terms = tuple(Term("y", pair("visits", "none"), Target(kind)) for kind in ("ate", "att"))
    analysis = Analysis(tuple(cohort.covariates), stream="ihdp", options={"repeats": 5})
    found = LEAF.run(Task(cohort, terms, analysis)).estimate
    assert found.value == pytest.approx([all_children, treated], abs=0.1)
    bounds = intervals(found)
    assert (bounds[:, 0] <= [all_children, treated]).all()
    assert (bounds[:, 1] >= [all_children, treated]).all()


@pytest.mark.real_data
def test_ihdp_has_levels_too_rare_for_plain_models_without_a_fold(ihdp) -> None:
    """Few mothers of some sites were visited: without a fold, none; the refusal says what to do."""
    cohort, _, _ = ihdp
    one = Term("y", pair("visits", "none"), Target("ate"))
    analysis = Analysis(tuple(cohort.covariates), stream="ihdp", options={"learner": "linear"})
    with pytest.raises(Unanswerable, match="Mend: learner: spline"):
        LEAF.run(Task(cohort, (one,), analysis))
