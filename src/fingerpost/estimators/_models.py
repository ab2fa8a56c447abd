"""Designs of the working models, from typed terms and the cohort's columns."""

from __future__ import annotations

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.kernels.design import Design, Terms

ARM = "(arm)"
FAMILIES = {"continuous": "linear", "binary": "logit", "count": "poisson"}


def exposure_terms(task: Task) -> tuple[ModelTerm, ...]:
    """Return the terms of the exposure model: as declared, or every covariate, linear."""
    declared = task.analysis.models.exposure
    return linear(task.analysis.given) if declared is None else declared


def outcome_terms(task: Task) -> tuple[ModelTerm, ...]:
    """Return the terms of the outcome model without the arm."""
    declared = task.analysis.models.outcome
    return linear(task.analysis.given) if declared is None else declared


def exposure_design(task: Task) -> Design:
    """Return the (n, p) design of the exposure model, with intercept."""
    return Terms(task.cohort.covariates, exposure_terms(task))


def outcome_design(task: Task) -> Terms:
    """Return the (n, p) design of an outcome model within arms, with intercept."""
    return Terms(task.cohort.covariates, outcome_terms(task))


def pooled_design(task: Task, *, interactions: bool = True) -> Terms:
    """Return the design of one outcome model for all arms: intercept, arms but the first,
    covariates, and (if asked) the declared products of arm and covariate.
    """
    cohort = task.cohort
    terms = [ModelTerm((Factor(ARM),)), *outcome_terms(task)]
    if interactions:
        names = task.analysis.models.interactions
        terms += [ModelTerm((Factor(ARM), Factor(name))) for name in names]
    return Terms({**cohort.covariates, ARM: Column(cohort.arm, cohort.arms)}, tuple(terms))


def under_arm(design: Terms, cohort: Cohort, arm: int) -> Terms:
    """Return the pooled design with every child set to one arm, for prediction."""
    everyone = np.broadcast_to(np.int64(arm), cohort.n)  # one number: no child needs its own
    return design.with_columns({**design.columns, ARM: Column(everyone, cohort.arms)})
