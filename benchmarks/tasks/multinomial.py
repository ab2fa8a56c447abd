"""The propensity of all arms together, by maximum likelihood."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our kernel on typed terms, as the leaves call it."""
    from benchmarks.own import arm_names, design
    from fingerpost.kernels.glm import fit_multinomial

    x, levels = design(sample), arm_names(sample)

    def call() -> Result:
        return Result(fit_multinomial(x, sample.arm, levels=levels).coefficients.T.ravel())

    return call


def statsmodels_mnlogit(sample: Sample) -> Ready:
    """statsmodels: MNLogit by Newton."""
    from statsmodels.discrete.discrete_model import MNLogit

    x, y = sample.matrix(), sample.arm
    return lambda: Result(np.asarray(MNLogit(y, x).fit(disp=False).params).T.ravel())


def sklearn_newton(sample: Sample) -> Ready:
    """scikit-learn: LogisticRegression without penalty; its arms are told against the first."""
    from sklearn.linear_model import LogisticRegression

    x, y = sample.matrix()[:, 1:].copy(), sample.arm

    def call() -> Result:
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, y)
        every = np.column_stack([model.intercept_, model.coef_])
        return Result((every[1:] - every[0]).ravel())

    return call


BENCHMARK = Benchmark(
    "multinomial",
    "Multinomial propensity",
    {
        OWN: own,
        "statsmodels MNLogit": statsmodels_mnlogit,
        "scikit-learn newton-cholesky": sklearn_newton,
    },
    cpu=2.0,
    against={"statsmodels MNLogit": 2.0},
    note="coefficients against the first arm",
)
