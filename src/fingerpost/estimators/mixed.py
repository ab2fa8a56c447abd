"""A mixed model: children within schools, with an intercept of each school drawn from a normal.

The usual primary analysis of school trials. One regression of the outcome on the arm and the
covariates, in which schools differ by a random intercept: the arm's coefficient then weighs what
schools and children within them tell, each by how sure it is. Where effects differ between schools
that weighting is of nobody in particular, so that the answer is a coefficient, labelled
`conditional`, and not the effect for all children; `cluster_means` and `by_stratum` give that.

It assumes that schools differ by a normal intercept and children by a normal residual, with one
variance each. Where schools were not drawn but chosen it also assumes that they do not choose by
what is not in the model; `within` does not. Strata of the draw, pairs of schools among them, are
effects of their own, so that they may have other shares of the arms; strata within a school (its
children were drawn) are the school's intercept, and other shares there are refused.

**How it is computed.** Restricted maximum likelihood; standard errors and degrees of freedom are
Kenward and Roger's, which hold with few schools where the normal does not: a balanced trial of G
schools has G − 2. The table `variance_parts` gives the variances within and between schools, the
intraclass correlation, and the effect in the model's own standard deviations: over its total
variance (within and between, schools counting more alike than children do) and over that within
schools. Trials are compared by the other, over the standard deviation of all children as they are
(table `effect_sizes`). A crossover's half-differences have no effect in either. Children without
weight; rates are per unit of person-time.

**Options.** `level`: the clusters that have an intercept; the study's own unless given.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import counted, few_words
from fingerpost.estimators._assumptions import CONSISTENCY, OUTCOME_MODEL
from fingerpost.estimators._drawn_units import of_halves, shares_alike
from fingerpost.estimators._least_squares import dense, response
from fingerpost.estimators._models import pooled_design
from fingerpost.estimators._options import Options, levels_of
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.effect_sizes import hedges, scaled
from fingerpost.kernels.mixed_intercept import MixedIntercept, mixed_intercept

Array = NDArray[np.float64]
LEAF = "mixed"
SPANNED = 1e-8  # of a column of length one: what the columns before it leave of it


def run(task: Task) -> Answer:
    """Return the contrasts of the arms' coefficients."""
    level = _level(task)
    if task.cohort.weight is not None:
        raise Unanswerable(f"{LEAF}: it has no use for sampling weights. Mend: cluster_means.")
    design = pooled_design(task, interactions=False)
    codes, _ = recode(task.cohort.cluster_codes(level))
    x = with_strata(task, dense(design), codes)
    fitted = mixed_intercept(x, response(task), codes=codes)
    contrasts = np.stack([_weights(task, term.contrast, x.shape[1]) for term in task.terms], axis=1)
    df = np.array([fitted.df(one) for one in contrasts.T])
    children, by_arm = counted(task.cohort)
    q = len(task.terms)
    words, few = f"t, Kenward–Roger df, {fitted.groups} levels of {level}", few_words(fitted.groups)
    estimate = Estimate(
        task.terms,
        contrasts.T @ fitted.coefficients,
        None if few else Matrix(contrasts.T @ fitted.covariance @ contrasts),
        df=df,
        n=np.full(q, children),
        arm_n=np.tile(by_arm, (q, 1)),
        arms=task.cohort.arms,
        clusters=np.full(q, fitted.groups),
        interval=(few or words,) * q,
    )
    tables = () if few else (_table(task, fitted, estimate, level),)
    return Answer(LEAF, estimate=estimate, tables=tables)


def with_strata(task: Task, x: Array, codes: NDArray[np.integer]) -> Array:
    """Return (n, p) a design with the strata of the draw as effects. codes: (n,) of the clusters
    that have an intercept.

    Children drawn within a cluster have its intercept in place of an effect; that is refused where
    shares of the arms differ.
    """
    if task.cohort.strata is None:
        return x
    stratum, keys = recode(np.asarray(task.cohort.strata))
    each = np.unique(np.stack([stratum, codes]), axis=1).shape[1]
    if each == len(keys):
        if not shares_alike(task.cohort.arm.astype(np.int64), stratum.astype(np.int64)):
            raise Unanswerable(
                f"{LEAF}: strata of the draw hold quite different shares of an arm, and are within "
                "the clusters that have an intercept. Mend: by_stratum."
            )
        return x
    wide = np.concatenate([x, (stratum[:, None] == np.arange(1, len(keys))).astype(float)], axis=1)
    size = np.abs(np.diag(np.linalg.qr(wide / np.linalg.norm(wide, axis=0), mode="r")))
    told = size > SPANNED  # covariates may name the strata themselves
    told[: x.shape[1]] = True
    found: Array = wide[:, told]
    return found


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options, and where there is no level."""
    reads = Options(LEAF, options)
    levels = levels_of(study)
    if levels is not None:
        reads.level("level", levels)
    if levels is not None and not levels:
        reads.blame("it needs clusters. Write records: {clusters: {school: COLUMN}}.")
    reads.finish()


def _level(task: Task) -> str:
    own = task.analysis.options.get("level", task.analysis.cluster)
    if own is None and len(task.cohort.clusters) == 1:
        own = next(iter(task.cohort.clusters))
    if own is None:
        raise UsageError(
            f"estimators: {LEAF} needs a level of clusters. Write {{{LEAF}: {{level: school}}}}."
        )
    return str(own)


def _weights(task: Task, contrast: tuple[tuple[str, float], ...], p: int) -> Array:
    """Return (p,) weights of the coefficients that make a contrast; the first arm is the reference,
    and the arms' indicators follow the intercept.
    """
    found = np.zeros(p)
    for name, weight in contrast:
        at = task.cohort.arms.index(name)
        if at:
            found[at] += weight
    return found


def _table(task: Task, fitted: MixedIntercept, estimate: Estimate, level: str) -> Table:
    """Return variances and effects in standard deviations."""
    assert isinstance(estimate.spread, Matrix)
    assert estimate.df is not None
    rows: list[tuple[Cell, ...]] = []
    errors = np.sqrt(np.diag(estimate.spread.covariance))
    for term, value, error, df in zip(task.terms, estimate.value, errors, estimate.df, strict=True):
        for of, variance in (
            ("total by the model", fitted.total),
            (f"within {level}", fitted.within),
        ):
            sd = float(np.sqrt(variance)) / hedges(task.cohort.n - 2)
            g = scaled(value, error, sd=sd, df=df, level=task.analysis.level)
            parts = (fitted.within, fitted.between, fitted.icc)
            none = of_halves(task.analysis.assignment)
            rows.append((LEAF, term.words(), of, *parts, *((None,) * 3 if none else g)))
    return Table(
        "variance_parts",
        f"Variances within and between, and the effect in standard deviations ({level})",
        ("estimator", "contrast", "variance", "within", "between", "icc", "g", "lo", "hi"),
        (*("label",) * 3, *("number",) * 6),
        tuple(rows),
        tells=Tells(outcomes=("within", "between", "icc", "g", "lo", "hi")),
        counts=(task.cohort.n,) * len(rows),
        clusters=(fitted.groups,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Of what is left after the covariates. g: the effect over the model's standard "
        "deviation (Hedges 2007), of all children (within and between), or of those of one "
        "cluster; none where the outcome is half of a difference within a child. It is not the g "
        "of the table effect_sizes, over the standard deviation of all children as they are, which "
        "trials are compared by.",
    )


MIXED = Estimator(
    title="Mixed model",
    short="the mixed model",
    summary="A regression with a random intercept of each school, and degrees of freedom to match.",
    reference="Kenward & Roger (1997), Biometrics 53:983-997; Hedges (2007), Journal of "
    "Educational and Behavioral Statistics 32:341-370",
    targets=("conditional",),
    scales=("difference",),
    outcomes=("continuous",),
    assumes=(
        Assumption(
            "normal intercepts",
            "what clusters share is normal, of one variance, and has nothing to do with the arm "
            "or the covariates",
        ),
        CONSISTENCY,
        OUTCOME_MODEL,
    ),
    run=run,
    trimmed=False,
    spread="Kenward–Roger",
    guard="exempt",
    strata=True,
    options=(("level", "the clusters that have an intercept; the study's own unless given"),),
    check=check,
)
