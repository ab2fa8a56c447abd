"""Children of whom some were not seen, with a truth: for tests of bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.sensitivity._task import SensitivityTask
from suites.sensitivity_worlds import make_study

ARMS = ("none", "support")
ATE = Target("ate")


def children(arm, value, seen, x=None, *, kind="continuous", better="higher", **more) -> Cohort:
    """Return a cohort of one outcome, `score`, seen of some; x is its one covariate."""
    columns = {} if x is None else {"x": Column(np.asarray(x, dtype=float))}
    columns |= more.pop("covariates", {})
    held = np.where(seen, value, np.nan)
    outcome = Outcome(kind, held, observed=np.asarray(seen, dtype=bool), better=better)
    return Cohort(np.arange(len(arm)), ARMS, np.asarray(arm), {"score": outcome}, columns, **more)


def term_of(scale="difference", target=ATE, **more) -> Term:
    return Term("score", pair("support", "none"), target, "mean", scale, **more)


def never(cohort, given, terms, leaves=None):
    """Return no answer and no refusal: the guard rails have nothing to say."""
    return ()


def refusing(cohort, given, terms, leaves=None):
    """Return the refusal of everything."""
    rule = Broken("effective size", "overlap", 3.0, 30.0)
    return (Answer("guard", refusals=(Refusal(tuple(terms), (rule,), "Widen it."),)),)


def task(cohort: Cohort, *, terms=None, refit=never, cluster=None, given=None, **options):
    """Return a task of a study that answered each term with 0."""
    terms = (term_of(),) if terms is None else terms
    given = tuple(cohort.covariates) if given is None else given
    study = make_study(given, cluster=cluster, scale=terms[0].scale)
    size = len(terms)
    answer = Answer("aipw", Estimate(terms, np.zeros(size), Matrix(np.eye(size))))
    return SensitivityTask(study, cohort, (answer,), refit, options)


def run(leaf: str, told: SensitivityTask) -> Answer:
    return load("sensitivity", leaf, kind=Sensitivity).run(told)


def rows(answer: Answer) -> list[dict]:
    return [row for table in answer.tables for row in table.records()]


def logistic(x):
    return 1 / (1 + np.exp(-x))


def repeated(cohort: Cohort, times: int) -> Cohort:
    """Return every child so many times over, each a child of its own."""
    again = cohort.take(np.tile(np.arange(cohort.n), times))
    return replace(again, unit=np.arange(again.n))
