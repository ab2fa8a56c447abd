"""Proximal two-stage least squares: two kinds of proxies for what was not recorded.

**What it asks.** What would the answer be if what confounds it, though never recorded, has left its
trace in two kinds of columns? One kind, proxies of the exposure (Z), goes with what is hidden and
may go with provision, but does not act on the outcome: the distance to a service, an earlier
referral. The other, proxies of the outcome (W), goes with what is hidden and may go with the
outcome, but provision does not act on it: a score from before provision, another outcome that
provision cannot reach. Neither need measure what is hidden well; adjusting for both as if they were
covariates would leave part of the confounding.

**How it is computed.** Two regressions (Tchetgen Tchetgen et al. 2020, section 5): W on the arm, Z
and the covariates; then the outcome on the arm, W as predicted by the first, and the covariates.
The arm's coefficient is the answer. Its variance is that of both stages, by child or by the level
of clusters that the study names. It is a coefficient given the covariates, labelled `conditional`:
lines without products of arm and covariate. A yes-or-no outcome gives a difference of risks, a
count one of rates, weighted by person-time; survey weights count. Covariates that are named as
proxies are proxies only. Children without a proxy's value are left out.

A table shows beside it least squares without the proxies and with all of them as covariates, and
another how well Z tells W among children alike on arm and covariates (for several W: each apart
from the others; Sanderson & Windmeijer 2016). Where Z tells nothing of a W the analysis has no
answer and is refused; F below 10 is warned of.

**What it assumes.** That Z acts on the outcome only through provision and goes with it only through
what is hidden (and the covariates); that provision does not act on W, and Z neither; that W tells
of everything hidden that confounds, with at least as many W as hidden causes and at least as many Z
as W; and lines for W and for the outcome. None of this can be tested but that Z tells of W.

**Options.** `exposure_proxy`: the columns Z. `outcome_proxy`: the columns W.

Reference: Tchetgen Tchetgen, Ying, Cui, Shi & Miao (2020), arXiv:2009.10982; Miao, Geng & Tchetgen
Tchetgen (2018), Biometrika 105(4), 987-993; Cui, Pu, Shi, Miao & Tchetgen Tchetgen (2024), Journal
of the American Statistical Association 119, 1348-1359.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError, listed, nearest
from fingerpost.core.estimand import Contrast, Target, Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.products import cross
from fingerpost.kernels.proximal import (
    Groups,
    Strength,
    least_squares,
    products_of,
    strengths,
    two_stage,
)
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._task import SensitivityTask, as_names, check_options, smallest_arm

Array = NDArray[np.float64]
LEAF = "proximal"
OPTIONS = (
    ("exposure_proxy", "columns that go with what is hidden but do not act on the outcome"),
    ("outcome_proxy", "columns that go with what is hidden but on which provision does not act"),
)
ARM = "(arm)"
WEAK_F = 10.0
SIGNIFICANT = 0.05
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate"}
TOO_FEW_CLUSTERS = 10
FEW_CLUSTERS = 50


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """One outcome's children with their design, in the order of `groups`.

    y, weight: (n,). inside: names of the columns of W. codes: (n,) of the variance unit.
    """

    cohort: Cohort
    design: Terms
    groups: Groups
    inside: tuple[str, ...]
    y: Array
    weight: Array
    codes: NDArray[np.integer]
    units: NDArray[np.generic]


def run(task: SensitivityTask) -> Answer:
    """Return the coefficients for every outcome and contrast, and how strong the proxies are.

    estimate: one conditional term an outcome and contrast, of the first outcome.
    """
    check_options(LEAF, given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    outside, inside = _proxies(task.spec_options, {**task.cohort.roles, **task.cohort.covariates})
    try:
        answers = [_answer(task, name, outside, inside) for name in task.outcomes]
    except NotFitted as fault:
        raise Unanswerable(f"{LEAF}: {fault}") from fault
    return Answer(
        LEAF,
        estimate=answers[0].estimate,
        tables=tuple(table for one in answers for table in one.tables),
        warnings=tuple(words for one in answers for words in one.warnings),
    )


def _answer(
    task: SensitivityTask, outcome: str, outside: tuple[str, ...], inside: tuple[str, ...]
) -> Answer:
    """Return the answer on one outcome."""
    problem = _problem(task, outcome, outside, inside)
    told, terms = _strong(problem), _terms(task, outcome)
    estimate = _estimate(task, problem, terms)
    weak = min(one.f for one in told) < WEAK_F
    words = f"proximal: the exposure proxies tell the outcome proxies weakly (F below {WEAK_F:g})"
    return Answer(
        LEAF,
        estimate=estimate,
        tables=(_table(task, problem, estimate), _strength_table(task, problem, told)),
        warnings=tuple((term, words) for term in terms if weak),
    )


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _proxies(options, None)


def _proxies(
    options: Mapping[str, object], known: Iterable[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of Z and W; raise UsageError where they cannot serve. known: the columns
    that there are, None where only the records tell.
    """
    reads, found = Reads(), []
    for option, _ in OPTIONS:
        names = reads.take(partial(as_names, options.get(option, ()), f"{LEAF}: {option}"), None)
        if names is not None and not names:
            reads.problems.append(
                f"sensitivity: {LEAF} needs `{option}`: a column or a list of columns."
            )
        names, columns = names or (), tuple(known or ())
        reads.problems += [
            f'sensitivity: {LEAF}: {option}: there is no column "{name}".{nearest(name, columns)} '
            f"There are: {listed(columns)}."
            for name in names
            if known is not None and name not in columns
        ]
        found.append(tuple(dict.fromkeys(names)))
    both = sorted(set(found[0]) & set(found[1]))
    if both:
        reads.problems.append(
            f"sensitivity: {LEAF}: {listed(both)} cannot be a proxy of the exposure and of the "
            "outcome at once."
        )
    reads.finish()
    return found[0], found[1]


def _problem(
    task: SensitivityTask, outcome: str, outside: tuple[str, ...], inside: tuple[str, ...]
) -> Problem:
    whole = {**task.cohort.roles, **task.cohort.covariates}
    usable = _complete(task.cohort, [whole[name] for name in (*outside, *inside)], outcome)
    cohort = task.cohort.take(usable)
    columns = {**cohort.roles, **cohort.covariates, ARM: Column(cohort.arm, cohort.arms)}
    common = (ModelTerm((Factor(ARM),)), *_covariates(task, {*outside, *inside}))
    parts = [
        Terms(columns, common),
        Terms(columns, linear(outside), intercept=False),
        Terms(columns, linear(inside), intercept=False),
    ]
    groups = Groups(*(part.p for part in parts))
    if groups.outside < groups.inside:
        raise UsageError(
            f"sensitivity: {LEAF}: {groups.inside} columns of outcome proxies need at least as "
            f"many of exposure proxies; there are {groups.outside}."
        )
    design = Terms(columns, (*common, *linear(outside), *linear(inside)))
    if cohort.n <= design.p + 1 or len(np.unique(cohort.arm)) < len(cohort.arms):
        raise TooFew(f"{LEAF}: {cohort.n:,} children with all proxies are too few for every arm.")
    found = cohort.outcomes[outcome]
    time = np.ones(cohort.n) if found.exposure is None else found.exposure
    base = np.ones(cohort.n) if cohort.weight is None else cohort.weight
    codes, units = recode(cohort.cluster_codes(task.study.cluster))
    return Problem(
        cohort, design, groups, parts[2].names, found.value / time, base * time, codes, units
    )


def _complete(cohort: Cohort, proxies: list[Column], outcome: str) -> NDArray[np.intp]:
    """Return the children whose outcome and proxies were all seen, and who have weight."""
    seen = np.isfinite(cohort.outcomes[outcome].value)
    for column in proxies:
        if not column.categorical:
            seen &= np.isfinite(np.asarray(column.values, dtype=np.float64))
    if cohort.weight is not None:
        seen &= cohort.weight > 0
    return np.flatnonzero(seen)


def _covariates(task: SensitivityTask, proxies: set[str]) -> Iterator[ModelTerm]:
    """Yield the terms of the outcome model that hold no proxy."""
    declared = task.study.models.outcome
    for term in linear(task.study.given) if declared is None else declared:
        if not proxies & set(term.names):
            yield term


def _strong(problem: Problem) -> list[Strength]:
    """Return how strong the exposure proxies are; raise Unanswerable where they tell nothing."""
    told = strengths(
        problem.design,
        weights=problem.weight,
        groups=problem.groups,
        codes=problem.codes,
        count=len(problem.units),
    )
    for name, one in zip(problem.inside, told, strict=True):
        if not one.p < SIGNIFICANT:
            measured = f" (F {one.f:.1f}, p {one.p:.2f})" if np.isfinite(one.f) else ""
            raise Unanswerable(
                f"{LEAF}: among children alike on arm and covariates the exposure proxies do not "
                f"tell {name}{measured}, so nothing can be learnt through them. Mend: name "
                "exposure proxies that go with the same hidden cause as the outcome proxies, or "
                "leave this analysis out."
            )
    return told


def _terms(task: SensitivityTask, outcome: str) -> tuple[Term, ...]:
    summary = SUMMARIES.get(task.cohort.outcomes[outcome].kind)
    if summary is None:
        raise Unanswerable(f"{LEAF}: answers means, risks and rates; {outcome} is none of these.")
    contrasts = task.study.estimand.contrasts
    return tuple(Term(outcome, one, Target("conditional"), summary) for one in contrasts)


def _weights(cohort: Cohort, contrast: Contrast, size: int) -> Array:
    """Return (size,) weights of the coefficients: the intercept, then arms but the first."""
    found = np.zeros(size)
    for name, weight in contrast:
        at = cohort.arms.index(name)
        if at:
            found[at] += weight
    return found


def _estimate(task: SensitivityTask, problem: Problem, terms: tuple[Term, ...]) -> Estimate:
    """Return the coefficients with influence by cluster; t with G − 1 below 50 clusters, no
    standard error below 10.
    """
    cohort, groups = problem.cohort, problem.groups
    size = groups.common + groups.inside
    contrasts = np.stack([_weights(cohort, term.contrast, size) for term in terms], axis=1)
    fitted = two_stage(
        problem.design, problem.y, weights=problem.weight, groups=groups, contrasts=contrasts
    )
    g, q = len(problem.units), len(terms)
    named = task.study.cluster
    sums = sum_by(problem.codes, fitted.influence, n_groups=g)
    correction, note = (1.0, "") if named is None else (g / max(g - 1, 1), "G/(G − 1)")
    spread = Influence(sums, problem.units, named or "child", correction=correction, note=note)
    few = g < FEW_CLUSTERS
    words = f"{'t' if few else 'normal'}, both stages, by {named or 'child'}"
    return Estimate(
        terms,
        contrasts.T @ fitted.coefficients,
        spread if g >= TOO_FEW_CLUSTERS else None,
        df=np.full(q, g - 1.0 if few else np.inf),
        n=np.full(q, cohort.n),
        arm_n=np.tile(np.bincount(cohort.arm, minlength=len(cohort.arms)), (q, 1)),
        arms=cohort.arms,
        clusters=np.full(q, g),
        interval=(words,) * q,
    )


def _table(task: SensitivityTask, problem: Problem, estimate: Estimate) -> Table:
    """Return the answers beside least squares without the proxies, and with them as covariates."""
    errors, limits = standard_errors(estimate), intervals(estimate, task.level)
    found = products_of(problem.design, problem.weight, groups=problem.groups)
    towards = cross(problem.design, problem.weight * problem.y)
    common = np.arange(problem.groups.common)
    everything = np.arange(problem.design.p)
    rows: list[tuple[Cell, ...]] = []
    for at, term in enumerate(estimate.terms):
        beside: list[Cell] = []
        for places in (common, everything):
            fitted = least_squares(found, towards, places=places)
            weights = _weights(problem.cohort, term.contrast, len(places))
            beside.append(None if fitted is None else float(weights @ fitted))
        numbers: tuple[Cell, ...] = (None, None, None)
        if errors is not None and limits is not None:
            numbers = (float(errors[at]), float(limits[at, 0]), float(limits[at, 1]))
        rows.append((term.words(), float(estimate.value[at]), *numbers, *beside))
    outcome = estimate.terms[0].outcome
    return Table(
        name="proximal",
        title=f"{outcome}: proxies of what is hidden",
        columns=("contrast", "estimate", "se", "lo", "hi", "without", "as_covariates"),
        kinds=("label", *("number",) * 6),
        rows=tuple(rows),
        tells=Tells(
            role="by proxies", outcomes=("estimate", "se", "lo", "hi", "without", "as_covariates")
        ),
        counts=tuple(smallest_arm(problem.cohort, term.contrast) for term in estimate.terms),
        tags=(("outcome", outcome),),
        context=(
            f"Exposure proxies: {_words(task, 'exposure_proxy')}. Outcome proxies: "
            f"{_words(task, 'outcome_proxy')}. `without`: least squares without proxies; "
            f"`as_covariates`: with all of them as covariates. {task.level:.0%} intervals."
        ),
        note="Right only if the proxies are what the study says they are: that cannot be tested.",
    )


def _words(task: SensitivityTask, option: str) -> str:
    return ", ".join(as_names(task.spec_options[option], f"{LEAF}: {option}"))


def _strength_table(task: SensitivityTask, problem: Problem, told: list[Strength]) -> Table:
    """Return how well the exposure proxies tell each outcome proxy."""
    smallest = int(np.bincount(problem.cohort.arm).min())
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, one.f, one.df, one.p, "weak" if one.f < WEAK_F else "strong enough")
        for name, one in zip(problem.inside, told, strict=True)
    )
    return Table(
        name="proximal_strength",
        title="How well the exposure proxies tell the outcome proxies",
        columns=("outcome proxy", "F", "df", "p", "verdict"),
        kinds=("label", "number", "number", "number", "label"),
        rows=rows,
        tells=Tells(role="strength of proxies"),
        counts=(smallest,) * len(rows),
        context=(
            "Wald statistic over its degrees of freedom, given arm and covariates; of several "
            "outcome proxies each apart from the others (Sanderson & Windmeijer 2016)."
        ),
        note=f"F below {WEAK_F:g} is weak: the answer leans towards that with biased adjustment.",
    )


PROXIMAL = Sensitivity(
    title="Proximal two-stage least squares",
    short="analysis by proxies (proximal)",
    summary="The answer if what is hidden left its trace in two kinds of proxies.",
    reference="Tchetgen Tchetgen, Ying, Cui, Shi & Miao (2020), arXiv:2009.10982; Miao, Geng & "
    "Tchetgen Tchetgen (2018), Biometrika 105(4), 987-993",
    question="What would the answer be if proxies let us see what was not recorded?",
    run=run,
    options=OPTIONS,
    columns=("exposure_proxy", "outcome_proxy"),
    check=check,
)
