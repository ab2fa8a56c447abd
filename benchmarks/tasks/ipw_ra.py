"""Weighted Poisson regression by arm, standardised, with the whole variance."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our leaf, whole: both models are part of the standard error."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "ipw_ra")


def statsmodels_by_hand(sample: Sample) -> Ready:
    """statsmodels: MNLogit, a weighted GLM an arm, predictions averaged; no standard error."""
    from statsmodels.discrete.discrete_model import MNLogit
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    x, y, arm = sample.matrix(), sample.count, sample.arm

    def call() -> Result:
        probability = np.asarray(MNLogit(arm, x).fit(disp=False).predict())
        means = []
        for a in range(sample.arms):
            rows = arm == a
            weights = 1.0 / probability[rows, a]
            model = GLM(y[rows], x[rows], family=Poisson(), freq_weights=weights)
            means.append(float(np.exp(x @ model.fit().params).mean()))
        return Result(np.array(means[1:]) - means[0])

    return call


BENCHMARK = Benchmark(
    "ipw_ra",
    "IPW-RA Poisson with variance",
    {OWN: own, "statsmodels MNLogit + GLM an arm (point only)": statsmodels_by_hand},
    cpu=4.0,
    note="effects",
)
