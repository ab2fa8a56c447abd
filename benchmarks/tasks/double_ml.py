"""Double machine learning of every arm, folds of whole schools, errors by school."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample

FOLDS = 5


def own(sample: Sample) -> Ready:
    """Our leaf, whole, with plain models as learners."""
    return _leaf(sample, "linear")


def spline(sample: Sample) -> Ready:
    """Our leaf with its flexible learner: every measured covariate bends."""
    return _leaf(sample, "spline")


def _leaf(sample: Sample, learner: str) -> Ready:
    from fingerpost.core.inference import standard_errors
    from fingerpost.core.leaves import Estimator, load

    leaf = load("estimators", "double_ml", kind=Estimator)

    def call() -> Result:
        estimate = leaf.run(_task(sample, learner)).estimate
        if estimate is None:
            raise RuntimeError("double_ml gave no estimate")
        return Result(estimate.value, standard_errors(estimate))

    return call


def _task(sample: Sample, learner: str):  # type: ignore[no-untyped-def]
    """Return a new task, so that no run finds what another has fitted."""
    from benchmarks.own import arm_names, cohort
    from fingerpost.core.analysis import Analysis, Task
    from fingerpost.core.estimand import Target, Term, pair

    first, *others = arm_names(sample)
    terms = tuple(Term("absences", pair(arm, first), Target("ate"), "rate") for arm in others)
    options = {"learner": learner, "folds": FOLDS}
    analysis = Analysis(sample.names, cluster="school", stream="benchmark", options=options)
    return Task(cohort(sample), terms, analysis)


def doubleml(sample: Sample) -> Ready:
    """DoubleML's average potential outcomes on our folds, nuisances by scikit-learn.

    DoubleML weighs each arm against the rest by a logit of its own; to make the same estimate it is
    given the probabilities of one multinomial logit. Its errors take children as independent.
    """
    from doubleml import DoubleMLAPOS, DoubleMLData
    from doubleml.utils import PSProcessorConfig
    from sklearn.linear_model import LogisticRegression, PoissonRegressor

    from fingerpost.estimators._cross_fit import folds_of

    x, y, arm = sample.matrix()[:, 1:], sample.count, sample.arm
    code = folds_of(_task(sample, "linear"), FOLDS).code
    folds = [(np.flatnonzero(code != j), np.flatnonzero(code == j)) for j in range(FOLDS)]
    levels = list(range(sample.arms))

    def call() -> Result:
        score, means = np.zeros((sample.n, sample.arms)), np.zeros((sample.n, sample.arms))
        for train, test in folds:
            logit = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-8, max_iter=1000)
            score[test] = logit.fit(x[train], arm[train]).predict_proba(x[test])
            for a in levels:
                rows = train[arm[train] == a]
                poisson = PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-8)
                means[test, a] = poisson.fit(x[rows], y[rows]).predict(x[test])
        peer = DoubleMLAPOS(
            DoubleMLData.from_arrays(x, y, arm),
            PoissonRegressor(),
            LogisticRegression(),
            treatment_levels=levels,
            ps_processor_config=PSProcessorConfig(clipping_threshold=1e-12),
            draw_sample_splitting=False,
        )
        peer.set_sample_splitting([folds])
        parts = ("ml_g_d_lvl1", "ml_g_d_lvl0")
        peer.fit(
            external_predictions={
                a: {"ml_m": score[:, [a]], **dict.fromkeys(parts, means[:, [a]])} for a in levels
            }
        )
        found = peer.causal_contrast(reference_levels=[0])
        return Result(np.asarray(found.thetas).ravel(), np.asarray(found.ses).ravel())

    return call


BENCHMARK = Benchmark(
    "double_ml",
    "Double machine learning, five folds of schools",
    {OWN: own, "DoubleML + scikit-learn": doubleml, "fingerpost, spline": spline},
    cpu=10.0,
    close={"fingerpost, spline": float("inf")},
    note="effects; DoubleML takes children as independent, and splines are another learner",
)
