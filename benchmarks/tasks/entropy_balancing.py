"""Entropy balancing of every arm to all children, errors by school, tilting included."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def own(sample: Sample) -> Ready:
    """Our leaf, whole: the tilting and the target's averages are part of the standard error."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "entropy_balancing")


def scipy_by_hand(sample: Sample) -> Ready:
    """scipy: the dual of each arm by BFGS from nought, as the published code does; no error."""
    from scipy.optimize import minimize

    x, y, arm = sample.matrix(), sample.count, sample.arm

    def call() -> Result:
        goal, means = x.mean(axis=0), []
        for a in range(sample.arms):
            rows, outcome = x[arm == a] - goal, y[arm == a]

            def dual(lean: np.ndarray, rows: np.ndarray = rows) -> tuple[float, np.ndarray]:
                weight = np.exp(rows @ lean)
                total = weight.sum()
                return float(np.log(total)), weight @ rows / total

            found = minimize(dual, np.zeros(x.shape[1]), jac=True, options={"gtol": 1e-8})
            means.append(float(np.average(outcome, weights=np.exp(rows @ found.x))))
        return Result(np.array(means[1:]) - means[0])

    return call


BENCHMARK = Benchmark(
    "entropy_balancing",
    "Entropy balancing, errors by school",
    {OWN: own, "scipy BFGS by hand (point only)": scipy_by_hand},
    cpu=5.0,
    note="effects",
)
