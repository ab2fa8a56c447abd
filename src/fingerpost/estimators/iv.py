"""Instrumental variables: the effect on the children whom an instrument moves.

An instrument is something that changes which arm a child gets but has no other way to the outcome,
and that is as good as drawn: a lottery, a cut in a price, how often a child's school gives support
to other children. Comparing outcomes along the instrument, and dividing by how far it moves
children between arms, removes whatever confounds arm and outcome, recorded or not.

The answer is for the compliers: children who get the arm because of the instrument. It says
nothing of those who would get it, or go without, either way. It misleads where the instrument
reaches the outcome by another road (a school that supports often may also teach better), where it
is not as good as drawn, or where it moves some children away from the arm. None of that shows in
the data. What does show is weakness: an instrument that hardly moves anybody makes the estimate
biased towards the confounded one and its interval too short. The table `first_stage` judges it, and
the Anderson–Rubin set, printed beside every estimate, holds however weak the instrument is: it is
then wide, often unbounded, and may be in two pieces. An empty set says that several instruments
contradict each other.

Computed by two-stage least squares with the covariates in both stages (of rates, weighted by
person-time); the error is the influence summed by cluster. With more than two arms in order, arm is
a dose 0, 1, 2, …, and the answer one number per step, averaged over the steps and the children
moved across each. On the ratio scale it solves a multiplicative structural mean model, Σ w ẑ Y
exp(−ψ A) = 0, with ẑ the fitted arm given the covariates: for two arms, the ratio of the compliers'
mean outcomes. Children without a value of the instrument are left out, and counted.

`instrument` names one column of the records, or several. `preference` names a level of clusters
instead: the instrument is then the mean arm of the *other* children of a child's school, or area.
Leaving the child out is a jackknife: it has none of the bias of many weak instruments that one
indicator a school would have. The study should be clustered at that level, and is for this leaf
where its own level is finer. `above` makes a number an instrument of two values, at a cut-point.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Codes
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators import _weak
from fingerpost.estimators._answer import TOO_FEW_CLUSTERS, Uncertain, estimate, factor
from fingerpost.estimators._assumptions import CONSISTENCY, KINDS
from fingerpost.estimators._instruments import Instruments, instruments, read
from fingerpost.estimators._models import ARM, outcome_terms
from fingerpost.estimators._options import levels_of
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.kernels.absorb import partial_out
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.design import Dense, Terms
from fingerpost.kernels.design import check as check_design
from fingerpost.kernels.two_stage import (
    FirstStage,
    first_stage,
    hansen,
    not_rejected,
    p_at,
    score_sums,
    slope_by,
)

Array = NDArray[np.float64]
NOTHING_LEFT = 1e-10  # share of a variance left by the covariates that counts as none


@dataclass(frozen=True, eq=False, slots=True)
class Stage:
    """What both stages need, cleared of the covariates.

    found: the instruments and their children. p: columns of the covariates, the constant among
    them. weight: (n,) survey weight × person-time. y, a: (n,) outcome (rate) and dose. by_dose:
    (n, k) outcome of each arm's children, which sum to y. z: (n, q). codes: (n,), count: clusters.
    """

    found: Instruments
    p: int
    weight: Array
    y: Array
    a: Array
    by_dose: Array
    z: Array
    codes: Codes
    count: int
    first: FirstStage

    @property
    def task(self) -> Task:
        """The task of the children who have a value of the instrument."""
        return self.found.task


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    read(options, levels_of(study), study.given)


def check_cohort(task: Task) -> None:
    """Raise UsageError with what the records tell to be wrong with the options."""
    with suppress(Unanswerable):
        instruments(task)


def run(task: Task) -> Answer:
    """Return the effect on compliers, its Anderson–Rubin set, and how strong the instrument is."""
    stage = _stage(instruments(task))
    found = stage.task
    steps = [_steps(found, term) for term in found.terms]
    solved = [_solve(stage, term) for term in found.terms]
    value = np.array([one[0] * by for one, by in zip(solved, steps, strict=True)])
    influence = np.stack([one[1] * by for one, by in zip(solved, steps, strict=True)], axis=1)
    regions = tuple(
        _region(stage, term, steps=by, value=float(own))
        for term, by, own in zip(found.terms, steps, value, strict=True)
        if stage.count >= TOO_FEW_CLUSTERS
    )
    return Answer(
        "iv",
        estimate=estimate(found, Uncertain(value, influence, weighted=False)),
        regions=regions,
        tables=_tables(stage, value, steps),
        warnings=_weak.warnings(stage.found, stage.first),
    )


def _stage(found: Instruments) -> Stage:
    """Return outcome, dose and instruments cleared of the covariates, and the first stage."""
    task, cohort = found.task, found.task.cohort
    codes, units = recode(cohort.cluster_codes(task.analysis.cluster))
    _enough(found, clusters=len(units))
    weight = survey_weight(task) * person_time(outcome_of(task))
    columns = {**cohort.covariates, ARM: Column(cohort.arm, cohort.arms)}
    design = Terms(columns, outcome_terms(task))
    rate = outcome_of(task).value / person_time(outcome_of(task))
    dose = cohort.arm.astype(np.float64)
    arms = (cohort.arm[:, None] == np.arange(len(cohort.arms))).astype(np.float64)
    before = np.column_stack([dose, found.z])
    after = partial_out(design, np.column_stack([before, rate[:, None] * arms]), weights=weight)
    q = found.z.shape[1]
    a, z, by_dose = after[:, 0], after[:, 1 : q + 1], after[:, q + 1 :]
    _moves(found, before, after[:, : q + 1], weight=weight)
    first = first_stage(
        a,
        z,
        weights=weight,
        codes=codes,
        count=len(units),
        factor=factor(task.analysis.cluster, len(units))[0],
    )
    if first.partial_r2 > 1 - NOTHING_LEFT:
        raise Unanswerable(
            f"iv: {found.told} tells the arm for certain, given the covariates, so there is "
            "nothing to instrument. Mend: an instrument that is not the arm itself, or regression."
        )
    return Stage(
        found, design.p, weight, by_dose.sum(axis=1), a, by_dose, z, codes, len(units), first
    )


def _enough(found: Instruments, *, clusters: int) -> None:
    """Raise where the children who have an instrument are too few, or all of one arm."""
    task = found.task
    seen = set(np.unique(task.cohort.arm).tolist())
    for term in task.terms:
        for name, _ in term.contrast:
            if task.cohort.arms.index(name) not in seen:
                raise TooFew(
                    f"iv: no child of arm {name} has a value of {found.told}. Mend: another "
                    "instrument, or leave iv out."
                )
    if clusters <= found.z.shape[1]:
        raise TooFew(
            f"iv: {clusters} clusters are too few for {found.z.shape[1]} columns of instruments "
            f"({found.told}). Mend: fewer instruments, or {{iv: {{preference: LEVEL}}}}, which is "
            "one."
        )


def _moves(found: Instruments, before: Array, after: Array, *, weight: Array) -> None:
    """Raise where the covariates leave nothing of the arm or of an instrument, or instruments
    repeat each other. before, after: (n, 1 + q), the dose first.
    """
    centred = before - weight @ before / weight.sum()
    left = (weight @ after**2) <= NOTHING_LEFT * (weight @ centred**2)
    if left[0]:
        raise Unanswerable(
            "iv: the covariates tell the arm for certain, so nothing is left to move. Mend: fewer "
            "covariates in `given`, or more children."
        )
    if left[1:].any():
        raise Unanswerable(
            f"iv: the covariates tell {found.told} for certain, so nothing of it is left to move "
            "children. Mend: leave the covariate that repeats it out of `given`, or name another "
            "instrument."
        )
    names = tuple(name.partition(" = ")[0] for name in found.names)
    constant = np.ones((len(after), 1))
    held = Dense(np.hstack([constant, after[:, 1:]]), ("intercept", *names))
    repeats = check_design(held, weight)
    if repeats:
        raise Unanswerable(
            f"iv: {', '.join(repeats)}: a combination of the other instruments. Mend: leave it out."
        )


# ------------------------------------------------------------------ estimates


def _steps(task: Task, term: Term) -> float:
    """Return by how many steps of the dose a contrast differs."""
    steps = sum(weight * task.cohort.arms.index(name) for name, weight in term.contrast)
    if abs(steps) < 1e-12:
        raise Unanswerable(
            f"iv: {term.words()}: the arms weighed against each other lie at the same dose, of "
            "which one effect per step says nothing. Mend: contrasts of two arms."
        )
    return float(steps)


def _solve(stage: Stage, term: Term) -> tuple[float, Array]:
    """Return the effect of one step (its log, for a ratio) and its influence (n,)."""
    if term.scale == "ratio":
        return _ratio(stage)
    try:
        found = slope_by(stage.y, stage.a, instrument=stage.first.projected, weights=stage.weight)
    except NotFitted as fault:
        raise Unanswerable(
            f"iv: {stage.found.told}: {fault} Mend: another instrument, or leave iv out."
        ) from None
    return found.value, found.influence


def _ratio(stage: Stage) -> tuple[float, Array]:
    """Return ψ, the log ratio of one step, and its influence, from Σ w ẑ Y exp(−ψ A) = 0.

    A multiplicative structural mean model (Hernán & Robins 2006, Epidemiology 17:360-372; Clarke,
    Palmer & Windmeijer 2015, Statistical Science 30:96-117). With r = exp(−ψ) it is a polynomial
    Σ_d r^d c_d; for two arms, ψ is the log of E[Y(1)] / E[Y(0)] of the compliers (Clarke &
    Windmeijer 2010, Biostatistics 11:756-770). Raises Unanswerable where it has no positive root,
    or several.
    """
    outcome = outcome_of(stage.task)
    if len(outcome.value) and float(outcome.value.min()) < 0:
        raise Unanswerable(
            "iv: a ratio needs an outcome that is never negative; this one has negative values. "
            "Mend: estimand: {scale: difference}."
        )
    lean = stage.weight * stage.first.projected
    parts = lean @ stage.by_dose
    roots = np.roots(parts[::-1]) if np.isfinite(parts).all() else np.empty(0)
    real = roots[np.abs(roots.imag) <= 1e-9 * np.abs(roots)].real
    positive = np.unique(real[real > 0.0])
    if len(positive) != 1:
        many = "no ratio" if not len(positive) else "more than one ratio"
        raise Unanswerable(
            f"iv: {many} makes the outcome alike along {stage.found.told}, as a weak instrument or "
            "an effect of both signs can bring about. Mend: estimand: {scale: difference}."
        )
    r = float(positive[0])
    powers = r ** np.arange(len(parts))
    slope = float((np.arange(len(parts)) * powers) @ parts)
    return -float(np.log(r)), lean * (stage.by_dose @ powers) / slope


def _region(stage: Stage, term: Term, *, steps: float, value: float) -> Region:
    """Return the Anderson–Rubin set of one term, on the natural scale (a ratio is a ratio)."""
    ratio = term.scale == "ratio"
    parts = stage.by_dose if ratio else np.column_stack([stage.y, -stage.a])
    sums = score_sums(parts, stage.z, weights=stage.weight, codes=stage.codes, count=stage.count)
    level = stage.task.analysis.level
    # The unknown is the effect of one step, or r = exp(−ψ), which is 1 where there is none.
    near = float(np.exp(-value / steps)) if ratio else value / steps
    found = not_rejected(sums, level=level, centre=near)
    pieces = [_moved(piece, steps, ratio=ratio) for piece in found]
    kept = sorted(piece for piece in pieces if piece is not None)
    by = stage.task.analysis.cluster or "child"
    return Region(
        term,
        tuple(kept),
        level,
        f"Anderson–Rubin, scores summed by {by}",
        value=float(np.exp(value)) if ratio else value,
        p=p_at(sums, 1.0 if ratio else 0.0),
    )


def _moved(piece: tuple[float, float], steps: float, *, ratio: bool) -> tuple[float, float] | None:
    """Return a piece of one step's values as the term's; of r, only what lies above nought."""
    lo, hi = piece
    if not ratio:
        ends = (lo * steps, hi * steps)
        return min(ends), max(ends)
    if hi <= 0.0:
        return None
    with np.errstate(divide="ignore", over="ignore"):
        ends = tuple(float(np.float64(max(end, 0.0)) ** -steps) for end in (lo, hi))  # type: ignore
    return min(ends), max(ends)


# ------------------------------------------------------------------ tables


def _tables(stage: Stage, value: Array, steps: list[float]) -> tuple[Table, ...]:
    """Return the first stage, who has an instrument, whom it moves, and what is tested."""
    found, first = stage.found, stage.first
    tables = [
        _weak.first_stage_table(found, first, clusters=stage.count),
        _weak.coefficients_table(found, first),
        _weak.children_table(found),
    ]
    if not first.weak:
        profile = _weak.profile_table(found, stage.weight * first.projected)
        tables += [] if profile is None else [profile]
    plain = [term.scale == "difference" for term in stage.task.terms]
    if any(plain):
        tables.append(_ordinary(stage, value, steps))
        if stage.z.shape[1] > 1:
            at = float((value / np.array(steps))[plain.index(True)])
            j = hansen(
                stage.y,
                stage.a,
                z=stage.z,
                at=at,
                weights=stage.weight,
                codes=stage.codes,
                count=stage.count,
            )
            tables.append(_weak.overidentified_table(stage.task, j, moments=stage.z.shape[1]))
    return tuple(tables)


def _ordinary(stage: Stage, value: Array, steps: list[float]) -> Table:
    """Return errors with one variance for all, of the terms that are differences; the variance is
    the mean square (divisor n), as two-stage least squares has no degrees of freedom of its own.
    """
    n = stage.task.cohort.n
    rows = []
    bottom = float(stage.weight @ stage.first.projected**2)
    for term, own, by in zip(stage.task.terms, value, steps, strict=True):
        if term.scale == "difference":
            left = stage.y - own / by * stage.a
            variance = float(stage.weight @ left**2) / n
            rows.append((term, float(own), abs(by) * float(np.sqrt(variance / bottom))))
    return _weak.ordinary_table(stage.task, rows, df=n - stage.p - 1)


IV = Estimator(
    title="Instrumental variables",
    short="IV",
    summary="Compares along something that moves children between arms but touches nothing else.",
    reference="Imbens & Angrist (1994), Econometrica 62:467-475; Angrist & Imbens (1995), JASA "
    "90:431-442; Anderson & Rubin (1949), Annals of Mathematical Statistics 20:46-63",
    targets=("compliers",),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(
        Assumption(
            "relevance",
            "the instrument changes which arm children get, and not only a little",
            diagnostic="first_stage",
        ),
        Assumption(
            "exclusion",
            "the instrument reaches the outcome by way of the arm alone",
        ),
        Assumption(
            "independence",
            "among children alike on the covariates the instrument is as good as drawn",
        ),
        Assumption(
            "monotonicity",
            "the instrument moves no child away from an arm that it moves others to",
        ),
        CONSISTENCY,
    ),
    run=run,
    levels="ordered",
    trimmed=False,
    spread="influence; Anderson–Rubin sets beside it",
    guard="exempt",
    options=(
        ("instrument", "a column of the records, or a list of columns"),
        ("preference", "instead: a level of clusters, whose other children's mean arm it is"),
        ("above", "a number: the instrument is whether the column reaches it"),
    ),
    said=(("instrument", "the instrument is {value}"),),
    columns=("instrument",),
    apart=("instrument",),
    check=check,
    check_cohort=check_cohort,
)
