"""The g-formula's point estimate: one Poisson model, every child predicted under every arm."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our kernels on typed terms: fit, then the mean under each arm."""
    from benchmarks.own import arm_names, covariates
    from fingerpost.core.column import Column
    from fingerpost.core.model import Factor, ModelTerm, linear
    from fingerpost.kernels.design import Terms
    from fingerpost.kernels.glm import fit, mean

    levels, y = arm_names(sample), sample.count
    terms = (ModelTerm((Factor("arm"),)), *linear(sample.names))
    columns = {**covariates(sample), "arm": Column(sample.arm, levels)}
    design = Terms(columns, terms)

    def call() -> Result:
        fitted = fit(design, y, family="poisson")
        means = []
        for a in range(sample.arms):
            everyone = Column(np.full(sample.n, a), levels)
            under = design.with_columns({**columns, "arm": everyone})
            means.append(float(mean(under, fitted).mean()))
        return Result(np.array(means[1:]) - means[0])

    return call


def sklearn_newton(sample: Sample) -> Ready:
    """scikit-learn: PoissonRegressor without penalty, then predict under each arm."""
    from sklearn.linear_model import PoissonRegressor

    y, others = sample.count, sample.arms - 1
    x = np.empty((sample.n, others + len(sample.columns)))
    x[:, :others] = sample.arm[:, None] == np.arange(1, sample.arms)
    x[:, others:] = sample.columns.T

    def call() -> Result:
        model = PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-8).fit(x, y)
        under, means = x.copy(), []
        for a in range(sample.arms):
            under[:, :others] = np.arange(1, sample.arms) == a
            means.append(float(model.predict(under).mean()))
        return Result(np.array(means[1:]) - means[0])

    return call


BENCHMARK = Benchmark(
    "g_formula",
    "g-formula Poisson, point estimate",
    {OWN: own, "scikit-learn newton-cholesky": sklearn_newton},
    cpu=0.6,
    note="effects",
)
