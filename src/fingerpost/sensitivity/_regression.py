"""Least squares of the outcome on one arm and covariates, as omitted-variable analysis needs it.

Everything is read off one matrix of cross-products of the standardised columns; a second pass over
the children sums the scores of the arm's coefficient by cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.kernels.arrays import block_rows, one_thread, spans
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Moments, Terms, check, moments, standardised_gram
from fingerpost.sensitivity._task import SensitivityTask

Array = NDArray[np.floating[Any]]
ARM = "(arm)"
OUTCOME = "(outcome)"
LEAST_LEFT = 1e-10  # of a column's variance, after the others, below which it has none of its own


@dataclass(frozen=True, eq=False, slots=True)
class Regression:
    """A least-squares fit seen from one arm's coefficient, the others being covariates.

    estimate, se: of the arm against the reference, ordinary standard error; df: residual degrees
    of freedom. clustered_se: None where there is no level of clusters; clusters: their number.
    gram: (p + 2, p + 2) cross-products in standard units of the p covariate columns, the arm and
    the outcome. columns: covariate → places of its columns among the p.
    """

    estimate: float
    se: float
    df: int
    clustered_se: float | None
    clusters: int | None
    gram: Array
    columns: dict[str, tuple[int, ...]]

    def partial_r2(self, names: Sequence[str]) -> tuple[float, float]:
        """Return a group of covariates' partial R² with the arm, and with the outcome given it."""
        group = sorted({place for name in names for place in self.columns[name]})
        p = len(self.gram) - 2
        exposure = group_share(self.gram[: p + 1, : p + 1], group)
        return exposure, group_share(self.gram, group)


def group_share(gram: Array, group: Sequence[int]) -> float:
    """Return the share of the last column's variance, left by the others, that a group explains.

    gram: (m, m) cross-products. The group's Wald form is the growth of the residual sum of squares
    when its columns leave.
    """
    inverse = np.linalg.inv(gram[:-1, :-1])
    coefficients = inverse @ gram[:-1, -1]
    left = float(gram[-1, -1] - gram[:-1, -1] @ coefficients)
    own = coefficients[list(group)]
    grown = float(own @ np.linalg.solve(inverse[np.ix_(group, group)], own))
    return grown / (left + grown)


def outcome_terms(task: SensitivityTask) -> tuple[ModelTerm, ...]:
    """Return the terms of the outcome model without arms: as declared, or all covariates linear."""
    declared = task.study.models.outcome
    return linear(task.study.given) if declared is None else declared


def regress(task: SensitivityTask, outcome: str, *, first: str, second: str) -> Regression:
    """Return the regression of an outcome on the first arm against the second.

    Further arms are covariates. Raises NotFitted with the names of columns that others determine,
    TooFew where no degree of freedom is left.
    """
    design, found, gram = products(task, outcome, "omitted_variable", first=first, second=second)
    with one_thread():
        return fitted(task, design, found, gram=gram, df=design.n - (design.p - 1))


def products(
    task: SensitivityTask, outcome: str, leaf: str, *, first: str, second: str, least: int = 2
) -> tuple[Terms, Moments, Array]:
    """Return the columns of an outcome's regression on the first arm against the second (the
    constant, covariates, further arms, the arm, the outcome), their moments, and the cross-products
    of all but the constant in standard units.

    leaf: who asks, for messages. least: residual degrees of freedom that it needs. Raises NotFitted
    with the names of columns that others determine, TooFew where too few are left or the outcome
    does not vary.
    """
    cohort, terms = task.cohort, outcome_terms(task)
    order = (second, *further_arms(task, first, second), first)
    place = np.array([order.index(arm) for arm in cohort.arms])
    columns = {
        **cohort.covariates,
        ARM: Column(place[cohort.arm], order),
        OUTCOME: Column(cohort.outcomes[outcome].value),
    }
    arm, last = ModelTerm((Factor(ARM),)), ModelTerm((Factor(OUTCOME),))
    design = Terms(columns, (*terms, arm, last))
    if design.n - (design.p - 1) < least:
        raise TooFew(
            f"{leaf}: {design.n} children for {design.p - 1} coefficients leave no degrees of "
            "freedom; give fewer covariates."
        )
    with one_thread():
        found = moments(design, cohort.weight)
        if not found.deviation[-1] > 0:
            raise TooFew(f"{leaf}: {outcome} does not vary among the children studied.")
        gram = standardised_gram(design, found, weights=cohort.weight)[1:, 1:]
        solve_or_name(gram[:-1, :-1], leaf, design=Terms(columns, (*terms, arm)))
    return design, found, gram


def further_arms(task: SensitivityTask, first: str, second: str) -> tuple[str, ...]:
    """Return the arms that are neither of two."""
    return tuple(arm for arm in task.cohort.arms if arm not in (first, second))


def solve_or_name(gram: Array, leaf: str, *, design: Terms) -> None:
    """Raise NotFitted, with the columns' names, where a column is determined by the others."""
    try:
        singular = bool((np.diag(np.linalg.cholesky(gram)) ** 2 < LEAST_LEFT).any())
    except np.linalg.LinAlgError:
        singular = True
    if singular:
        names = ", ".join(check(design)) or "some columns"
        raise NotFitted(
            f"{leaf}: {names}: constant, or determined by other covariates. Leave it out of "
            "`given`."
        )


def fitted(
    task: SensitivityTask, design: Terms, found: Moments, *, gram: Array, df: int
) -> Regression:
    """Return the regression from the cross-products of its standardised columns."""
    inverse = np.linalg.inv(gram[:-1, :-1])
    coefficients = inverse @ gram[:-1, -1]
    left = max(float(gram[-1, -1] - gram[:-1, -1] @ coefficients), 0.0)
    unit = found.deviation[-1] / found.deviation[-2]
    level = task.study.cluster
    clustered, clusters = None, None
    if level is not None and level in task.cohort.clusters:
        codes, keys = recode(task.cohort.clusters[level])
        clusters = len(keys)
        sums = score_sums(task, design, found, gram=gram, codes=codes, clusters=clusters)
        total = found.total * found.deviation[-2] ** 2 / inverse[-1, -1]
        # The factor of least squares (CR1): the residual degrees of freedom enter as in the
        # ordinary standard error, so that t² / df is a partial f² for both.
        factor = clusters / (clusters - 1) * (design.n - 1) / df if clusters > 1 else np.nan
        clustered = float(np.sqrt(factor * (sums @ sums)) / total)
    return Regression(
        estimate=float(coefficients[-1] * unit),
        se=float(np.sqrt(left / df * inverse[-1, -1]) * unit),
        df=df,
        clustered_se=clustered,
        clusters=clusters,
        gram=gram,
        columns=column_places(task),
    )


def score_sums(
    task: SensitivityTask,
    design: Terms,
    found: Moments,
    *,
    gram: Array,
    codes: NDArray[np.integer[Any]],
    clusters: int,
) -> Array:
    """Return (G,) sums of weight × arm's residual × outcome's residual by cluster.

    By Frisch, Waugh and Lovell these are the scores of the arm's coefficient.
    """
    of_outcome = np.append(-np.linalg.solve(gram[:-1, :-1], gram[:-1, -1]), 1.0)
    of_arm = np.append(-np.linalg.solve(gram[:-2, :-2], gram[:-2, -2]), 1.0)
    scale = found.deviation[1:]
    sums = np.zeros(clusters)
    for lo, hi in spans(design.n, block_rows(design.p)):
        away = (design.block(lo, hi)[:, 1:] - found.mean[1:]) / scale
        score = (away @ of_outcome * scale[-1]) * (away[:, :-1] @ of_arm * scale[-2])
        if task.cohort.weight is not None:
            score *= task.cohort.weight[lo:hi]
        sums += sum_by(codes[lo:hi], score, n_groups=clusters)
    return sums


def column_places(task: SensitivityTask) -> dict[str, tuple[int, ...]]:
    """Return for each covariate the places of the design's columns whose terms use it."""
    places: dict[str, list[int]] = {}
    at = 0
    for term in outcome_terms(task):
        width = Terms(task.cohort.covariates, (term,), intercept=False).p
        for name in term.names:
            places.setdefault(name, []).extend(range(at, at + width))
        at += width
    return {name: tuple(sorted(set(where))) for name, where in places.items()}
