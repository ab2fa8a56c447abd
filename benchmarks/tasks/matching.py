"""One-to-one matching without replacement on the score of all arms, errors by pair and school."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def of_two(sample: Sample) -> Sample:
    """Return the sample with its last arm against all others: a fifth of the children of three."""
    return replace(sample, arm=(sample.arm == sample.arms - 1).astype(np.int64), arms=2)


def own(sample: Sample) -> Ready:
    """Our leaf, whole: score, matching, sets, errors; the last arm against all others."""
    from benchmarks.own import arm_names, cohort
    from fingerpost.core.analysis import Analysis, Task
    from fingerpost.core.estimand import Target, Term, pair
    from fingerpost.core.inference import standard_errors
    from fingerpost.core.leaves import Estimator, load
    from fingerpost.core.model import Models

    sample = of_two(sample)
    children, leaf = cohort(sample), load("estimators", "matching", kind=Estimator)
    first, last = arm_names(sample)[0], arm_names(sample)[-1]
    asked = (Term("absences", pair(last, first), Target("att"), "rate"),)
    analysis = Analysis(sample.names, Models(), cluster="school", stream="benchmark")

    def call() -> Result:
        estimate = leaf.run(Task(children, asked, analysis)).estimate
        if estimate is None:
            raise RuntimeError("matching gave no estimate")
        return Result(estimate.value, standard_errors(estimate))

    return call


def statsmodels_and_neighbours(sample: Sample) -> Ready:
    """Logit of statsmodels, then scikit-learn's nearest neighbour with replacement.

    No peer that is installed matches without: its value is another estimator's, near, not the same.
    """
    from sklearn.neighbors import NearestNeighbors
    from statsmodels.discrete.discrete_model import Logit

    x, y, arm = sample.matrix(), sample.count, of_two(sample).arm

    def call() -> Result:
        along = np.asarray(Logit(arm, x).fit(disp=False).predict())[:, None]
        mine, theirs = np.flatnonzero(arm == 1), np.flatnonzero(arm == 0)
        search = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(along[theirs])
        nearest = theirs[search.kneighbors(along[mine], return_distance=False)[:, 0]]
        return Result(np.array([y[mine].mean() - y[nearest].mean()]))

    return call


PEER = "statsmodels Logit + scikit-learn neighbours (with replacement, no errors)"
BENCHMARK = Benchmark(
    "matching",
    "1:1 matching without replacement, errors by pair and school",
    {OWN: own, PEER: statsmodels_and_neighbours},
    cpu=1.0,
    close={PEER: 0.05},
    note="effects; the peer takes children again, ours once each",
)
