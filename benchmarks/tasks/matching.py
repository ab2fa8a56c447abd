"""One-to-one matching on the score of all arms, without replacement and with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.benchmark import OWN, Benchmark, Ready, Result
from benchmarks.data import Sample


def of_two(sample: Sample) -> Sample:
    """Return the sample with its last arm against all others: a fifth of the children of three."""
    return replace(sample, arm=(sample.arm == sample.arms - 1).astype(np.int64), arms=2)


def own(sample: Sample) -> Ready:
    """Our leaf, each child taken once: score, matching, sets, errors."""
    return _leaf(sample, again=False)


def with_replacement(sample: Sample) -> Ready:
    """Our leaf as it comes: a child may be the match of several, and the score is estimated."""
    return _leaf(sample, again=True)


def _leaf(sample: Sample, *, again: bool) -> Ready:
    """Our leaf, whole; the last arm against all others."""
    from benchmarks.own import arm_names, cohort
    from fingerpost.core.analysis import Analysis, Task
    from fingerpost.core.estimand import Target, Term, pair
    from fingerpost.core.inference import standard_errors
    from fingerpost.core.leaves import Estimator, load

    sample = of_two(sample)
    children, leaf = cohort(sample), load("estimators", "matching", kind=Estimator)
    first, last = arm_names(sample)[0], arm_names(sample)[-1]
    asked = (Term("absences", pair(last, first), Target("att"), "rate"),)
    options = {"replace": again}
    analysis = Analysis(sample.names, cluster="school", stream="benchmark", options=options)

    def call() -> Result:
        estimate = leaf.run(Task(children, asked, analysis)).estimate
        if estimate is None:
            raise RuntimeError("matching gave no estimate")
        return Result(estimate.value, standard_errors(estimate))

    return call


def statsmodels_and_neighbours(sample: Sample) -> Ready:
    """Logit of statsmodels, then scikit-learn's nearest neighbour with replacement; no errors.

    No peer that is installed matches without.
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
AGAIN = "fingerpost, with replacement"
BENCHMARK = Benchmark(
    "matching",
    "1:1 matching without replacement, errors by pair and school",
    {OWN: own, AGAIN: with_replacement, PEER: statsmodels_and_neighbours},
    cpu=1.0,
    # Of two who are equally near, to rounding, the peer takes either and we take both, half each.
    close={AGAIN: float("inf"), PEER: 1e-3},
    like={PEER: AGAIN},
    note="effects with replacement; without, no peer",
)
