"""What leaves that are least squares add: CR2 with few clusters, and ordinary standard errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.estimate import Influence
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._taken import UNITS_PER_TERM
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.design import Design
from fingerpost.kernels.small_sample import clustered_least_squares

Array = NDArray[np.float64]
MOST_CLUSTERS = 500  # CR2's cost grows with the square of the clusters; above, the bootstrap stays


def response(task: Task) -> Array:
    """Return (n,) what least squares explains: the outcome, per unit of person-time for a rate."""
    outcome = outcome_of(task)
    found: Array = outcome.value / person_time(outcome)
    return found


def least_squares_weight(task: Task) -> Array:
    """Return (n,) survey weight × person-time."""
    found: Array = survey_weight(task) * person_time(outcome_of(task))
    return found


def all_differences(task: Task) -> bool:
    """Return whether every term is a difference: least squares says nothing of a ratio's error."""
    return all(term.scale == "difference" for term in task.terms)


def dense(design: Design) -> Array:
    """Return the whole (n, p) matrix."""
    return design.block(0, design.n)


def arm_weights(task: Task) -> Array:
    """Return (k, q) weights of arm means that make each contrast."""
    found = np.zeros((len(task.cohort.arms), len(task.terms)))
    for at, term in enumerate(task.terms):
        for name, weight in term.contrast:
            found[task.cohort.arms.index(name), at] += weight
    return found


def least_squares_spread(
    task: Task, answer: Answer, x: Array, weights: Array | None = None
) -> Answer:
    """Return the answer with CR2 and Satterthwaite degrees of freedom (Bell & McCaffrey 2002) where
    clusters are few or one is large, and where arms were drawn of units that are few beside the
    covariates; otherwise as it is. weights: (p, q) contrasts of coefficients.
    """
    found, cluster = answer.estimate, task.analysis.cluster
    if found is None or found.spread is None or not all_differences(task):
        return answer
    codes, units = recode(task.cohort.cluster_codes(cluster))
    # Means of arms, without any covariate, have the error that is published of them.
    crowded = len(task.cohort.arms) < x.shape[1] and len(units) < UNITS_PER_TERM * x.shape[1]
    crowded = crowded and task.analysis.assignment.randomised
    if (found.critical is None and not crowded) or len(units) > MOST_CLUSTERS:
        return answer
    chosen = arm_weights(task) if weights is None else weights
    fitted = clustered_least_squares(
        x, response(task), codes=codes, contrasts=chosen.T, weights=least_squares_weight(task)
    )
    level = cluster or "child"
    spread = Influence(fitted.influence @ chosen, units, level, note="CR2")
    words = f"t, CR2 by {level}, Satterthwaite df"
    changed = replace(
        found,
        spread=spread,
        df=fitted.df,
        critical=None,
        interval=(words,) * len(found.value),
    )
    return replace(answer, estimate=changed)


def ordinary_table(task: Task, answer: Answer, x: Array, weights: Array | None = None) -> Answer:
    """Return the answer with a table of standard errors by convention: ordinary least squares
    (one variance for all, children independent) and HC1, beside the one the answer uses.
    """
    if not all_differences(task) or answer.estimate is None:
        return answer
    chosen = arm_weights(task) if weights is None else weights
    y, weight = response(task), least_squares_weight(task)
    gram = np.linalg.inv((x * weight[:, None]).T @ x)
    residual = y - x @ (gram @ (x.T @ (weight * y)))
    df = len(y) - x.shape[1]
    variance = float(weight @ residual**2) / df
    errors = np.sqrt(np.diag(chosen.T @ gram @ chosen) * variance)
    each = (weight * residual)[:, None] * (x @ (gram @ chosen))
    robust = np.sqrt(len(y) / df * (each**2).sum(axis=0))
    rows = tuple(
        (answer.leaf, term.words(), words, float(value), float(error))
        for words, own in (("ordinary least squares", errors), ("robust (HC1)", robust))
        for term, value, error in zip(task.terms, answer.estimate.value, own, strict=True)
    )
    table = Table(
        "ordinary_errors",
        "Ordinary standard errors, for comparison",
        ("estimator", "contrast", "convention", "estimate", "se"),
        ("label", "label", "label", "number", "number"),
        rows,
        tells=Tells(outcomes=("estimate", "se")),
        counts=(task.cohort.n,) * len(rows),
        residual_df=df,
        tags=(("outcome", task.terms[0].outcome),),
        context="Children taken as independent, with one variance or (HC1: White 1980, with "
        "n/(n − k)) each with its own; intervals do not use these.",
    )
    return replace(answer, tables=(*answer.tables, table))
