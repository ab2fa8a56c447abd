"""A Poisson outcome model, arms and covariates, by maximum likelihood."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our kernel on typed terms, as the leaves call it."""
    from benchmarks.own import design
    from fingerpost.kernels.glm import fit

    x, y = design(sample), sample.count
    return lambda: Result(fit(x, y, family="poisson").coefficients)


def statsmodels_glm(sample: Sample) -> Ready:
    """statsmodels: GLM by iteratively reweighted least squares."""
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    x, y = sample.matrix(), sample.count
    return lambda: Result(np.asarray(GLM(y, x, family=Poisson()).fit().params))


def sklearn_newton(sample: Sample) -> Ready:
    """scikit-learn: PoissonRegressor without penalty."""
    from sklearn.linear_model import PoissonRegressor

    x, y = sample.matrix()[:, 1:].copy(), sample.count

    def call() -> Result:
        model = PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-8).fit(x, y)
        return Result(np.concatenate([[model.intercept_], model.coef_]))

    return call


def glum_poisson(sample: Sample) -> Ready:
    """glum: Poisson without penalty."""
    from glum import GeneralizedLinearRegressor

    x, y = sample.matrix()[:, 1:].copy(), sample.count

    def call() -> Result:
        model = GeneralizedLinearRegressor(family="poisson", alpha=0.0, gradient_tol=1e-8)
        model.fit(x, y)
        return Result(np.concatenate([[model.intercept_], model.coef_]))

    return call


BENCHMARK = Benchmark(
    "poisson",
    "Poisson outcome model",
    {
        OWN: own,
        "statsmodels GLM Poisson": statsmodels_glm,
        "scikit-learn newton-cholesky": sklearn_newton,
        "glum": glum_poisson,
    },
    against={"statsmodels GLM Poisson": 5.0},
    note="coefficients",
)
