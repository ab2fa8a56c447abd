"""Targeted maximum likelihood of every arm, errors by school, both models included."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our leaf, whole: score, outcome models and the move are all part of the standard error."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "tmle")


def statsmodels_by_hand(sample: Sample) -> Ready:
    """statsmodels: MNLogit, a Poisson model an arm, then a weighted Poisson model of an intercept
    with the first predictions as offset; errors by school from the efficient influence function.

    There is no call that carries the models into the standard error: they are taken as known.
    """
    from statsmodels.discrete.discrete_model import MNLogit
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    x, y, arm, school = sample.matrix(), sample.count, sample.arm, sample.school

    def call() -> Result:
        probability = np.asarray(MNLogit(arm, x).fit(disp=False).predict())
        means, parts = [], []
        for a in range(sample.arms):
            mine = arm == a
            weight = 1.0 / probability[mine, a]
            first = GLM(y[mine], x[mine], Poisson()).fit().predict(x)
            step = GLM(
                y[mine],
                np.ones((int(mine.sum()), 1)),
                Poisson(),
                offset=np.log(first[mine]),
                freq_weights=weight,
            ).fit(tol=1e-12)
            moved = first * np.exp(float(np.asarray(step.params)[0]))
            part = moved - moved.mean()
            part[mine] += weight * (y[mine] - moved[mine])
            means.append(float(moved.mean()))
            parts.append(np.bincount(school, weights=part) / len(y))
        away = np.stack(parts[1:], axis=1) - parts[0][:, None]
        count = len(np.unique(school))
        error = np.sqrt((away**2).sum(axis=0) * count / (count - 1))
        return Result(np.array(means[1:]) - means[0], error)

    return call


BENCHMARK = Benchmark(
    "tmle",
    "TMLE, errors by school, both models included",
    {OWN: own, "statsmodels MNLogit + Poisson, moved (models taken as known)": statsmodels_by_hand},
    cpu=5.0,
    note="effects; the standard errors differ by what is taken as known",
)
