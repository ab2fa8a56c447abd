"""Inverse probability weighting of every arm, errors by school, propensity included."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our leaf, whole: the estimated propensity is part of the standard error."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "ipw")


def statsmodels_by_hand(sample: Sample) -> Ready:
    """statsmodels: MNLogit, then weighted least squares on the arms with errors by school.

    There is no call that carries the propensity into the standard error: it is taken as known.
    """
    from statsmodels.discrete.discrete_model import MNLogit
    from statsmodels.regression.linear_model import WLS

    x, y, arm, school = sample.matrix(), sample.count, sample.arm, sample.school

    def call() -> Result:
        probability = np.asarray(MNLogit(arm, x).fit(disp=False).predict())
        weights = 1.0 / probability[np.arange(len(arm)), arm]
        arms = (arm[:, None] == np.arange(sample.arms)).astype(np.float64)
        arms[:, 0] = 1.0
        told = {"groups": school}
        fitted = WLS(y, arms, weights=weights).fit(cov_type="cluster", cov_kwds=told)
        return Result(np.asarray(fitted.params)[1:], np.asarray(fitted.bse)[1:])

    return call


BENCHMARK = Benchmark(
    "ipw",
    "IPW, errors by school, propensity included",
    {OWN: own, "statsmodels MNLogit + WLS (propensity taken as known)": statsmodels_by_hand},
    cpu=2.5,
    note="effects; the standard errors differ by what is taken as known",
)
