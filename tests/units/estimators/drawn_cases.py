"""Small trials for tests of what leans on a draw."""

from __future__ import annotations

import numpy as np

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator
from fingerpost.core.outcome import Outcome

ARMS = ("usual", "added")


def cohort(y, arm, *, strata=None, school=None, weight=None) -> Cohort:
    """Return the children of a trial."""
    n = len(y)
    clusters = {} if school is None else {"school": np.asarray(school)}
    own = {"y": Outcome("continuous", np.asarray(y, dtype=float))}
    codes = None if strata is None else np.asarray(strata, dtype=np.int64)
    return Cohort(
        np.arange(n), ARMS, np.asarray(arm), own, {}, clusters, strata=codes, weight=weight
    )


def told(found: Cohort, *, unit=None, cluster=None, drawn=None, observed=False, **options) -> Task:
    """Return the task of the difference between the arms."""
    own = Observed() if observed else Randomised("simple", unit=unit, level=cluster)
    term = Term("y", pair("added", "usual"), Target("ate"))
    level = cluster or unit
    analysis = Analysis((), assignment=own, cluster=level, stream="t", options=options)
    return Task(found, (term,), analysis, drawn=drawn)


def ask(leaf: str, task: Task):
    """Return a leaf's answer."""
    return leaves.load("estimators", leaf, kind=Estimator).run(task)
