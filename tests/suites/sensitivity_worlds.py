"""Small worlds for tests of the sensitivity room: cohorts, studies, and a least-squares refit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.model import Models
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.sensitivity._task import SensitivityTask

ARMS = ("none", "support")


def make_cohort(
    arm: np.ndarray,
    value: np.ndarray,
    covariates: Mapping[str, np.ndarray | Column],
    *,
    kind: str = "continuous",
    arms: tuple[str, ...] = ARMS,
    **more,
) -> Cohort:
    columns = {
        name: given if isinstance(given, Column) else Column(np.asarray(given, dtype=float))
        for name, given in covariates.items()
    }
    outcome = Outcome(kind, np.asarray(value, dtype=float))
    return Cohort(np.arange(len(arm)), arms, np.asarray(arm), {"score": outcome}, columns, **more)


def make_study(
    given: tuple[str, ...],
    *,
    contrasts: tuple = (pair("support", "none"),),
    targets: tuple[Target, ...] = (Target("ate"),),
    cluster: str | None = None,
    outcome_terms=None,
    **more,
) -> Study:
    return Study(
        "a world",
        "does support help?",
        assignment=Observed(given, cluster),
        estimand=Estimand(contrasts, targets, more.pop("scale", "difference")),
        models=Models(outcome=outcome_terms),
        **more,
    )


def ols(y: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return coefficients, their covariance, residuals and degrees of freedom (intercept first)."""
    x = np.column_stack([np.ones(len(y)), *columns])
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ x.T @ y
    residual = y - x @ coefficients
    df = len(y) - x.shape[1]
    return coefficients, bread * (residual @ residual) / df, residual, df


def refit_ols(cohort: Cohort, given: tuple[str, ...], terms: tuple[Term, ...] | None):
    """Return one estimator's answers: the arm's coefficient in least squares."""
    assert terms is not None
    found = []
    for term in terms:
        (first, _), (second, _) = term.contrast
        kept = np.isin(cohort.arm, [cohort.arms.index(first), cohort.arms.index(second)])
        treated = (cohort.arm[kept] == cohort.arms.index(first)).astype(float)
        columns = [cohort.covariates[name].values[kept] for name in given]
        found.append(ols(cohort.outcomes[term.outcome].value[kept], treated, *columns))
    value = np.array([one[0][1] for one in found])
    covariance = np.diag([one[1][1, 1] for one in found])
    df = np.array([float(one[3]) for one in found])
    return (Answer("ols", Estimate(terms, value, Matrix(covariance), df=df)),)


def answers_of(cohort: Cohort, study: Study) -> tuple[Answer, ...]:
    return refit_ols(cohort, study.given, study.estimand.terms("score", "mean"))


def make_task(cohort: Cohort, study: Study, **options) -> SensitivityTask:
    return SensitivityTask(study, cohort, answers_of(cohort, study), refit_ols, options)


def confounded(seed: int, *, strength: float, n: int = 400, effect: float = 0.5):
    """Return a world in which severity, never recorded, goes with arm, outcome and prior score.

    Prior score is recorded and is what provision cannot have changed. At strength 0 severity goes
    with nothing. The same seed gives the same children at every strength.
    """
    draw = np.random.default_rng(seed)
    severity, social = draw.standard_normal((2, n))
    arm = (draw.standard_normal(n) + 0.5 * social + strength * severity > 0).astype(int)
    prior = -0.4 * social - strength * severity + draw.standard_normal(n)
    score = effect * arm - 0.4 * social - strength * severity + draw.standard_normal(n)
    return arm, score, {"social": social, "prior": prior}, severity
