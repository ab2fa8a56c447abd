"""Within clusters: children compared with others of the same school, or the same family.

Schools differ in much that no record holds, and so do families. Comparing only children of one
school, or siblings, sets all of it aside that is the same for them, recorded or not. Only clusters
that hold children of different arms tell anything; the others drop out and are counted. The answer
is a coefficient, an average over clusters weighted by how mixed their arms are, for no group that
anybody asked about; it is labelled `conditional` and never pooled with effects for a target.

It misleads where what decides the arm differs *within* the cluster: why did this child of the
school, or this sibling, get support and not the other? A sibling comparison has more of this, and
more error of measurement, than it seems (Frisell et al. 2012). It also misleads where one child's
provision helps or harms the others of the cluster.

Computed by least squares on what is left of outcome, arms and covariates after the clusters' means
(weighted by person-time, for rates); ratios by Poisson regression with an effect of each cluster,
which is conditioned out and biases nothing (Hausman, Hall & Griliches 1984); clusters without an
event then say nothing either. Covariates that are constant within clusters leave the model by
themselves. Errors are clustered at the coarser of the study's level and `level`.

`level` names a level of clusters: school, or a family; the study's own unless given. Of the two
values of `method`, `fixed` is what is described above. `mundlak` keeps every cluster and adds the
cluster means of arms and covariates to the regression. For differences its coefficient is that of
a fixed effect for each of all clusters: the same as `fixed` where every cluster holds different
arms, or there are no covariates. The table `within_between` then shows how far clusters that
provide more differ beyond their children: nought where a comparison across clusters would have
done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Codes
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.model import linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import Uncertain, estimate
from fingerpost.estimators._assumptions import CONSISTENCY, KINDS, OUTCOME_MODEL
from fingerpost.estimators._least_squares import (
    all_differences,
    least_squares_spread,
    least_squares_weight,
    response,
)
from fingerpost.estimators._models import pooled_design
from fingerpost.estimators._options import Options, levels_of
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.kernels.absorb import (
    Groups,
    WithinFit,
    half_inverse,
    least_squares_within,
    nested,
    poisson_within,
    told,
    within_products,
)
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.glm import fit as fit_glm
from fingerpost.kernels.glm import mean
from fingerpost.kernels.products import times

Array = NDArray[np.float64]
METHODS = ("fixed", "mundlak")
LEAST_SHARE = 0.5  # of the children in clusters that hold a comparison: below, a warning


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """The children of the clusters that stay.

    task: of those children, clustered at the coarser level. level: whose clusters are compared
    within. groups: its clusters that stay. design: (n, p) intercept, arms but the first, then
    covariates. contrasts: (p, q) of the coefficients. table: who stayed and who dropped out.
    share: of children whose cluster holds a comparison. everyone: whether the others stayed too.
    """

    task: Task
    level: str
    groups: Groups
    design: Terms
    contrasts: Array
    table: Table
    share: float
    everyone: bool


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What one model says of every contrast: values (q,), influence (n, q), whether the data can
    tell each (q,), and the fit within clusters, if it is one.
    """

    value: Array
    influence: Array
    told: NDArray[np.bool_]
    fit: WithinFit | None = None


def run(task: Task) -> Answer:
    """Return contrasts of the arms' coefficients within clusters."""
    method, level = _chosen(task)
    kept = _kept(_clustered(task, level), level, everyone=method == "mundlak")
    scales = dict.fromkeys(term.scale for term in task.terms)
    found = {scale: _model(kept, scale, method) for scale in scales}
    places = [(found[term.scale], at) for at, term in enumerate(task.terms)]
    told_ = [bool(one.told[at]) for one, at in places]
    refusals = tuple(
        _untold(kept, term) for term, known in zip(task.terms, told_, strict=True) if not known
    )
    if not any(told_):
        raise TooFew(f"within: {refusals[0].rules[0].words}")
    terms = tuple(term for term, known in zip(task.terms, told_, strict=True) if known)
    own = replace(kept.task, terms=terms)
    uncertain = Uncertain(
        np.array([one.value[at] for one, at in places])[told_],
        np.stack([one.influence[:, at] for one, at in places], axis=1)[:, told_],
        weighted=False,
    )
    answer = Answer("within", estimate(own, uncertain), refusals=refusals, tables=(kept.table,))
    straight = found.get("difference")
    if straight is not None and straight.fit is not None:
        chosen = np.flatnonzero(told_)
        answer = _least_squares(replace(kept, task=own), straight.fit, answer, chosen)
        if method == "mundlak":
            answer = _with(answer, _between(replace(kept, task=own), straight.fit, chosen))
    return replace(answer, warnings=_warnings(kept, terms))


def _with(answer: Answer, *tables: Table | None) -> Answer:
    """Return the answer with more tables."""
    return replace(answer, tables=(*answer.tables, *(one for one in tables if one is not None)))


# ------------------------------------------------------------------ who stays


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options, levels_of(study), study.cluster)


def _chosen(task: Task) -> tuple[str, str]:
    """Return the method, and the level whose clusters are compared within."""
    return _read(task.analysis.options, tuple(task.cohort.clusters), task.analysis.cluster)


def _read(
    options: Mapping[str, object], levels: tuple[str, ...] | None, own: str | None
) -> tuple[str, str]:
    """Return method and level, the study's own level unless given; levels: None where unknown yet.

    Raises UsageError with every fault.
    """
    reads = Options("within", options if "level" in options else {**options, "level": own})
    method, level = reads.word("method", METHODS), own
    if levels is not None:
        level = reads.level("level", levels)
    reads.finish()
    return method, level or ""


def _clustered(task: Task, level: str) -> Task:
    """Return the task clustered at the coarser of the study's level and `level`. Where they cut
    across each other (families whose children go to different schools) each cluster of `level` is
    counted whole with one of its children's clusters, the first in order, so that what is estimated
    within it is not taken for independent pieces.
    """
    cohort, analysis = task.cohort, task.analysis
    own, theirs = cohort.cluster_codes(level), cohort.cluster_codes(analysis.cluster)
    if analysis.cluster is None or analysis.cluster not in cohort.clusters or nested(theirs, own):
        return replace(task, analysis=replace(analysis, cluster=level))
    if nested(own, theirs):
        return task
    place, keys = recode(own)
    first = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(first, place, theirs.astype(np.int64))
    moved = {**cohort.clusters, analysis.cluster: first[place]}
    return replace(task, cohort=replace(cohort, clusters=moved), fits=Fits())


def _kept(task: Task, level: str, *, everyone: bool) -> Kept:
    """Return the children who stay: of clusters that hold children of different arms, or all."""
    cohort = task.cohort
    place, keys = recode(cohort.cluster_codes(level))
    present = (survey_weight(task) > 0)[:, None] & (
        cohort.arm[:, None] == np.arange(len(cohort.arms))
    )
    mixed = (sum_by(place, present, n_groups=len(keys)) > 0).sum(axis=1) > 1
    if not mixed.any():
        raise TooFew(
            f"within: no {level} holds children of different arms, so there is nothing to compare. "
            "Mend: a wider level, or leave within out."
        )
    table = _clusters_table(task, level, place=place, mixed=mixed)
    rows = np.arange(cohort.n) if everyone else np.flatnonzero(mixed[place])
    own = replace(task, cohort=cohort.take(rows), fits=Fits())
    codes, left = recode(place[rows])
    groups = Groups.of(codes, least_squares_weight(own), count=len(left))
    design = pooled_design(own, interactions=False)
    share = float(mixed[place].mean())
    return Kept(own, level, groups, design, _contrasts(own, design.p), table, share, everyone)


def _contrasts(task: Task, p: int) -> Array:
    """Return (p, q) weights of the coefficients that make each contrast; the first arm is the
    reference, and the arms' indicators follow the intercept.
    """
    found = np.zeros((p, len(task.terms)))
    for at, term in enumerate(task.terms):
        for name, weight in term.contrast:
            arm = task.cohort.arms.index(name)
            if arm:
                found[arm, at] += weight
    return found


# ------------------------------------------------------------------ models


def _model(kept: Kept, scale: str, method: str) -> Found:
    """Return what the model of a scale says of every contrast."""
    outcome = outcome_of(kept.task)
    if scale == "difference":
        fit = least_squares_within(kept.design, response(kept.task), groups=kept.groups)
        return _within(kept, fit)
    if len(outcome.value) and float(outcome.value.min()) < 0:
        raise Unanswerable(
            "within: a ratio needs an outcome that is never negative; this one has negative "
            "values. Mend: estimand: {scale: difference}."
        )
    try:
        if method == "mundlak":
            return _poisson_with_means(kept)
        groups = Groups.of(kept.groups.codes, survey_weight(kept.task), count=kept.groups.count)
        time = person_time(outcome)
        return _within(kept, poisson_within(kept.design, outcome.value, time=time, groups=groups))
    except NotFitted as fault:
        raise Unanswerable(
            f"within: {fault} Mend: fewer covariates, or estimand: {{scale: difference}}."
        ) from None


def _within(kept: Kept, fit: WithinFit) -> Found:
    """Return contrasts of a fit within clusters."""
    return Found(
        kept.contrasts.T @ fit.coefficients,
        fit.influence(kept.design, kept.contrasts),
        told(fit.gram, fit.root, contrasts=kept.contrasts),
        fit,
    )


def _poisson_with_means(kept: Kept) -> Found:
    """Return contrasts of a Poisson model with the clusters' means beside arms and covariates."""
    task, outcome = kept.task, outcome_of(kept.task)
    design = _with_means(kept)
    weight, time = survey_weight(task), person_time(outcome)
    fitted = fit_glm(design, outcome.value, family="poisson", weights=weight, offset=np.log(time))
    if fitted.separated or not fitted.converged:
        raise NotFitted("the outcome model did not settle.")
    residual = weight * (outcome.value - mean(design, fitted) * time)
    wide = np.zeros((design.p, len(task.terms)))
    wide[: kept.design.p] = kept.contrasts
    influence = residual[:, None] * times(design, fitted.bread.T @ wide)
    known = np.ones(len(task.terms), dtype=np.bool_)
    return Found(wide.T @ fitted.coefficients, influence, known)


def _with_means(kept: Kept) -> Terms:
    """Return the design with the mean of each column in the child's cluster beside it; not of
    columns that are constant within clusters, which are their own mean.
    """
    products = within_products(kept.design, kept.groups)
    moving = np.flatnonzero(np.diagonal(products.gram) > 0)
    codes = kept.groups.codes
    means = {f"mean of {kept.design.names[at]}": Column(products.mean[codes, at]) for at in moving}
    flat = {name for name in means if not np.ptp(np.asarray(means[name].values)) > 0}
    used = {name: column for name, column in means.items() if name not in flat}
    columns = {**kept.design.columns, **used}
    return Terms(columns, (*kept.design.terms, *linear(tuple(used))))


# ------------------------------------------------------------------ errors and tables


def _least_squares(kept: Kept, fit: WithinFit, answer: Answer, chosen: Codes) -> Answer:
    """Return the answer with CR2 where clusters are few, and with ordinary errors beside.

    The columns centred within clusters are turned into a basis of full rank; CR2 on them is CR2
    with an indicator a cluster (Pustejovsky & Tipton 2018, theorem 2).
    """
    if not all_differences(kept.task):
        return answer
    found, groups = answer.estimate, kept.groups
    contrasts = kept.contrasts[:, chosen]
    if found is not None and found.critical is not None:
        basis = groups.demean(times(kept.design, fit.root))
        cohort = kept.task.cohort
        left = Outcome("continuous", groups.demean(response(kept.task)))
        outcomes = {**cohort.outcomes, kept.task.terms[0].outcome: left}
        centred = replace(cohort, outcomes=outcomes, weight=groups.weight)
        answer = least_squares_spread(
            replace(kept.task, cohort=centred), answer, basis, fit.root.T @ contrasts
        )
    if kept.everyone:
        return answer
    df = kept.task.cohort.n - fit.root.shape[1] - groups.count
    return _with(answer, _ordinary(kept, fit, contrasts, df=df))


def _ordinary(kept: Kept, fit: WithinFit, contrasts: Array, *, df: int) -> Table | None:
    """Return errors of least squares with an indicator a cluster and one variance for all."""
    if df < 1:
        return None
    weight = kept.groups.weight
    used = weight > 0
    variance = float(np.sum(fit.residual[used] ** 2 / weight[used])) / df
    errors = np.sqrt(((fit.root.T @ contrasts) ** 2).sum(axis=0) * variance)
    rows = tuple(
        ("within", term.words(), "ordinary least squares", float(value), float(error))
        for term, value, error in zip(
            kept.task.terms, contrasts.T @ fit.coefficients, errors, strict=True
        )
    )
    return Table(
        "ordinary_errors",
        "Ordinary standard errors, for comparison",
        ("estimator", "contrast", "convention", "estimate", "se"),
        ("label", "label", "label", "number", "number"),
        rows,
        tells=Tells(outcomes=("estimate", "se")),
        counts=(kept.task.cohort.n,) * len(rows),
        residual_df=df,
        tags=(("outcome", kept.task.terms[0].outcome),),
        context="Children taken as independent with one variance; intervals do not use these.",
    )


def _between(kept: Kept, fit: WithinFit, chosen: Codes) -> Table | None:
    """Return each contrast within clusters, between them, and the gap with its error."""
    groups, contrasts = kept.groups, kept.contrasts[:, chosen]
    total = groups.total / groups.total.sum()
    x = within_products(kept.design, groups).mean
    x = x - total @ x
    y = groups.means(response(kept.task))
    y = y - total @ y
    gram = (x * groups.total[:, None]).T @ x
    root = half_inverse(gram)
    if not told(gram, root, contrasts=contrasts).all() or groups.count <= root.shape[1] + 1:
        return None
    slopes = root @ (root.T @ (x.T @ (groups.total * y)))
    away = groups.total * (y - x @ slopes)
    lean = x @ (root @ (root.T @ contrasts))
    codes, units = recode(kept.task.cohort.cluster_codes(kept.task.analysis.cluster))
    of_group = np.empty(groups.count, dtype=np.int64)
    of_group[groups.codes] = codes
    sums = sum_by(of_group, away[:, None] * lean, n_groups=len(units))
    sums -= sum_by(codes, fit.influence(kept.design, contrasts), n_groups=len(units))
    g = len(units)
    errors = np.sqrt(g / max(g - 1, 1) * (sums**2).sum(axis=0))
    inside, outside = contrasts.T @ fit.coefficients, contrasts.T @ slopes
    rows = tuple(
        ("within", term.words(), float(a), float(b), float(b - a), float(error))
        for term, a, b, error in zip(kept.task.terms, inside, outside, errors, strict=True)
    )
    return Table(
        "within_between",
        f"Within and between clusters ({kept.level})",
        ("estimator", "contrast", "within", "between", "gap", "gap_se"),
        ("label", "label", "number", "number", "number", "number"),
        rows,
        tells=Tells(outcomes=("within", "between", "gap", "gap_se")),
        counts=(kept.task.cohort.n,) * len(rows),
        clusters=(groups.count,) * len(rows),
        tags=(("outcome", kept.task.terms[0].outcome),),
        context="The coefficient among children of one cluster; among clusters' means; and the gap "
        "(Mundlak 1978). A gap away from nought says that clusters that provide more differ in "
        "what no record holds: a comparison across clusters would be biased.",
    )


def _clusters_table(task: Task, level: str, *, place: Codes, mixed: NDArray[np.bool_]) -> Table:
    """Return how many clusters, and children in them, hold different arms, and how many do not."""
    rows: list[tuple[Cell, ...]] = []
    for words, which in (("children of different arms", mixed), ("one arm only", ~mixed)):
        children = int(np.count_nonzero(which[place]))
        rows.append(("within", level, words, int(np.count_nonzero(which)), children))
    return Table(
        "within_clusters",
        f"Clusters that a comparison within them can use ({level})",
        ("estimator", "level", "clusters hold", "clusters", "children"),
        ("label", "label", "label", "count", "count"),
        tuple(rows),
        tells=Tells(role="clusters that compare"),
        counts=tuple(int(str(row[4])) for row in rows),
        clusters=tuple(int(str(row[3])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Clusters of one arm hold no comparison: they drop out, or (mundlak) tell only of "
        "the covariates.",
    )


def _untold(kept: Kept, term: Term) -> Refusal:
    """Return the refusal of a contrast that no cluster, or no chain of clusters, holds."""
    words = (
        f"no {kept.level} tells {term.words()}: its clusters never hold both arms, or the "
        "covariates tell the arm for certain within them. Mend: another contrast, a wider level, "
        "or fewer covariates."
    )
    rule = Broken("no answer", "this leaf can answer", float("nan"), float("nan"), words)
    return Refusal((term,), (rule,), "", leaf="within")


def _warnings(kept: Kept, terms: tuple[Term, ...]) -> tuple[tuple[Term, str], ...]:
    """Return a warning where most children are of clusters that tell nothing."""
    if kept.share >= LEAST_SHARE:
        return ()
    words = (
        f"fewer than half of the children are of a {kept.level} that holds different arms; the "
        "answer rests on them alone (within_clusters)."
    )
    return tuple((term, words) for term in terms)


WITHIN = Estimator(
    title="Comparison within clusters",
    summary="Compares children of the same school, or siblings, so that what they share drops out.",
    reference="Mundlak (1978), Econometrica 46:69-85; Hausman, Hall & Griliches (1984), "
    "Econometrica 52:909-938; siblings: Frisell et al. (2012), Epidemiology 23:713-720",
    targets=("conditional",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(
        Assumption(
            "exchangeability within clusters",
            "children of one cluster who are alike on the covariates would have done alike under "
            "the same arm: what is unrecorded and decides both is shared by the whole cluster",
        ),
        Assumption(
            "contrast within clusters",
            "enough clusters hold children of different arms",
            diagnostic="within_clusters",
        ),
        CONSISTENCY,
        OUTCOME_MODEL,
    ),
    run=run,
    trimmed=False,
    spread="influence; CR2 with Satterthwaite df below 50 clusters",
    guard="exempt",
    alike_within="level",
    said=(("level", "children are compared within each {value}"),),
    options=(
        ("level", "a level of clusters: school, or a family; the study's own unless given"),
        ("method", "fixed (an effect of each cluster) or mundlak (clusters' means added)"),
    ),
    check=check,
)
