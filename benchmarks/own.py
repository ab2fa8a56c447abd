"""Our own side: samples as cohorts and typed terms, leaves run whole."""

from __future__ import annotations

import numpy as np

from benchmarks.benchmark import Ready, Result
from benchmarks.data import Sample
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from fingerpost.kernels.design import Terms


def covariates(sample: Sample) -> dict[str, Column]:
    """Return the covariates by name."""
    return {name: Column(own) for name, own in zip(sample.names, sample.columns, strict=True)}


def design(sample: Sample) -> Terms:
    """Return the design that the leaves build: an intercept and every covariate, linear."""
    return Terms(covariates(sample), linear(sample.names))


def arm_names(sample: Sample) -> tuple[str, ...]:
    """Return names of the arms, the reference first."""
    return ("none", *(f"level {place}" for place in range(1, sample.arms)))


def cohort(sample: Sample) -> Cohort:
    """Return the sample as a cohort with one count outcome."""
    return Cohort(
        np.arange(sample.n),
        arm_names(sample),
        sample.arm,
        {"absences": Outcome("count", sample.count)},
        covariates(sample),
        {"school": sample.school},
    )


def whole_leaf(sample: Sample, name: str, *, by_arm: bool = True) -> Ready:
    """Return the call of a leaf: every arm against the first, for all children, by school."""
    children, leaf = cohort(sample), load("estimators", name, kind=Estimator)
    first, *others = arm_names(sample)
    terms = tuple(Term("absences", pair(arm, first), Target("ate"), "rate") for arm in others)
    analysis = Analysis(sample.names, Models(by_arm=by_arm), cluster="school", stream="benchmark")

    def call() -> Result:
        estimate = leaf.run(Task(children, terms, analysis)).estimate
        if estimate is None:
            raise RuntimeError(f"{name} gave no estimate")
        return Result(estimate.value, standard_errors(estimate))

    return call
