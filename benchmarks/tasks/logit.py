"""A binary propensity by maximum likelihood: was any provision received?"""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our kernel on typed terms, as the leaves call it."""
    from benchmarks.own import design
    from fingerpost.kernels.glm import fit

    x, y = design(sample), provided(sample)
    return lambda: Result(fit(x, y, family="logit").coefficients)


def own_dense(sample: Sample) -> Ready:
    """Our kernel on a matrix that is in memory already, as the peers get it."""
    from fingerpost.kernels.design import Dense
    from fingerpost.kernels.glm import fit

    x, y = Dense(sample.matrix(), ("intercept", *sample.names)), provided(sample)
    return lambda: Result(fit(x, y, family="logit").coefficients)


def statsmodels_logit(sample: Sample) -> Ready:
    """statsmodels: Logit by Newton."""
    from statsmodels.discrete.discrete_model import Logit

    x, y = sample.matrix(), provided(sample)
    return lambda: Result(np.asarray(Logit(y, x).fit(disp=False).params))


def sklearn_newton(sample: Sample) -> Ready:
    """scikit-learn: LogisticRegression without penalty."""
    from sklearn.linear_model import LogisticRegression

    x, y = sample.matrix()[:, 1:].copy(), provided(sample)

    def call() -> Result:
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, y)
        return Result(np.concatenate([model.intercept_, model.coef_[0]]))

    return call


def glum_binomial(sample: Sample) -> Ready:
    """glum: binomial without penalty."""
    from glum import GeneralizedLinearRegressor

    x, y = sample.matrix()[:, 1:].copy(), provided(sample)

    def call() -> Result:
        model = GeneralizedLinearRegressor(family="binomial", alpha=0.0, gradient_tol=1e-8)
        model.fit(x, y)
        return Result(np.concatenate([[model.intercept_], model.coef_]))

    return call


def provided(sample: Sample) -> np.ndarray:
    """Return (n,) whether a child is in any arm but the first."""
    return (sample.arm > 0).astype(np.float64)


BENCHMARK = Benchmark(
    "logit",
    "Logit propensity",
    {
        OWN: own,
        "fingerpost, dense": own_dense,
        "statsmodels Logit": statsmodels_logit,
        "scikit-learn newton-cholesky": sklearn_newton,
        "glum": glum_binomial,
    },
    cpu=0.5,
    against={"statsmodels Logit": 5.0},
    note="coefficients",
)
