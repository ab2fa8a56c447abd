"""Analysis of covariance: what came after, given what came before.

Where one wave begins and others wait, the mean outcome of the periods with provision is compared
between them among units alike in their last period before and in their mean before. Of a draw it is
the sharpest of the simple answers: where a unit's level lasts only in part, the change since before
(did) takes off too much and the level alone too little, and the regression finds what is right. It
leans on the draw: where units chose when to begin, being alike before is not being alike.

**How it is computed.** Least squares over units of the mean over the periods after on provision and
on the baseline; standard errors are robust, summed by what was drawn and corrected for what each
cluster did to the fit (CR2, which is HC2 where units stand for themselves), with Satterthwaite's
degrees of freedom.

**Options.** `baseline`: both (the last period before and the mean of all before, unless there is
one period only), last, or mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.estimators._options import Options
from fingerpost.estimators._panel import (
    KINDS,
    NO_ANTICIPATION,
    ONE_UNIT,
    RANDOM_ORDER,
    SUMMARIES,
    TOO_FEW_CLUSTERS,
    drawn_only,
    estimate_of,
    exposures,
    left_out,
    unit_weights,
    units_of,
    without_comparison,
)
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import ALONE, too_few_of_wave
from fingerpost.kernels.small_sample import clustered_least_squares
from fingerpost.kernels.small_waves import effective
from fingerpost.kernels.staggered import NEVER

Array = NDArray[np.float64]
BASELINES = ("both", "last", "mean")
SAME = 1e-9  # of a baseline, what is left beside the others; below, it adds nothing


def run(task: PanelTask) -> Answer:
    """Return the adjusted difference after one beginning, or its refusal."""
    drawn_only(task, "ancova")
    way = _read(task.analysis.options)
    units = units_of(task, "ancova", weighed=True).complete()
    if len(units.rows) < 6:
        raise TooFew(f"ancova: {len(units.rows)} units were seen in every period; 6 are needed.")
    if len(units.waves) > 1 or not np.any(units.begins == NEVER):
        return Answer("ancova", refusals=tuple(_several(term, units) for term in task.terms))
    asked: list[tuple[Term, Fitted]] = []
    refused: list[Refusal] = []
    for term in task.terms:
        one = _gap(term, units, way)
        if isinstance(one, Refusal):
            refused.append(one)
        else:
            asked.append((term, one))
    if not asked:
        return Answer("ancova", refusals=tuple(refused))
    terms = tuple(term for term, _ in asked)
    estimate = estimate_of(
        task,
        units,
        terms,
        np.array([one.value for _, one in asked]),
        np.stack([one.sums for _, one in asked], axis=1),
        note=("CR2" if units.clustered else "HC2",),
        df=np.array([one.df for _, one in asked]),
    )
    return Answer(
        "ancova", estimate, refusals=tuple(refused), warnings=tuple(left_out(units, terms))
    )


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> str:
    reads = Options("ancova", options)
    way = reads.word("baseline", BASELINES)
    reads.finish()
    return way


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """value; (g,) sums by cluster, whose squares add up to its variance; degrees of freedom."""

    value: float
    sums: Array
    df: float


def _gap(term: Term, units: Units, way: str) -> Fitted | Refusal:
    """Return the coefficient of provision, with errors by cluster; or a refusal, also where one
    cluster tells nearly all of a side.
    """
    usable = units.treated & units.told
    weights = unit_weights(term, usable, Waves.of(units))
    if weights is None:
        return without_comparison("ancova", term, exposures(usable, units.begins))
    mine = units.begins != NEVER
    worth = min(_worth(units, mine), _worth(units, ~mine))
    if worth < ALONE and len(units.keys) >= TOO_FEW_CLUSTERS:
        return too_few_of_wave("ancova", term, units, worth)
    during = weights[mine].sum(axis=0)
    early = np.arange(len(during)) < units.waves[0] - units.anticipation
    before = np.flatnonzero(early & units.told)
    own = np.sqrt(units.weight)
    design = own[:, None] * _design(units.mean[:, before], mine, way)
    after = own * (units.known @ during)
    if not units.clustered:
        return _by_unit(design, after)
    fit = clustered_least_squares(design, after, codes=units.cluster)
    return Fitted(float(fit.coefficients[1]), fit.influence[:, 1], float(fit.df[1]))


def _by_unit(design: Array, after: Array) -> Fitted:
    """Return the same where units are clusters of one: HC2, and Satterthwaite's degrees of freedom
    by sums over units, as a rehearsal asks for thousands of them.
    """
    bread = np.linalg.pinv(design.T @ design)
    best = bread @ (design.T @ after)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    left = np.maximum(1 - leverage, 1e-8)
    pull = design @ bread[:, 1] / np.sqrt(left)
    # The variance is a form in outcomes; of it only the trace, and that of its square, are needed.
    inner = (design * (pull**2)[:, None]).T @ design @ bread
    square = float((pull**4 * (1 - 2 * leverage)).sum() + (inner * inner.T).sum())
    df = float((pull**2 * left).sum()) ** 2 / max(square, 1e-300)
    return Fitted(float(best[1]), (after - design @ best) * pull, df)


def _worth(units: Units, side: NDArray[np.bool_]) -> float:
    """Return how many clusters alike those of one side of the comparison are worth."""
    sizes = np.bincount(units.cluster[side], minlength=len(units.keys)).astype(float)
    return float(effective(sizes, np.zeros(len(sizes), dtype=np.int64), groups=1)[0])


def _design(before: Array, mine: NDArray[np.bool_], way: str) -> Array:
    """Return (u, p): one, provision, and the baseline about its mean, less what adds nothing."""
    last, mean = before[:, -1], before.mean(axis=1)
    held = {"both": [last, mean], "last": [last], "mean": [mean]}[way]
    held = held[:1] if before.shape[1] == 1 else held
    own = [column - column.mean() for column in held]
    found = np.column_stack([np.ones(len(mine)), mine.astype(float)])
    for column in own:
        left = column - found @ np.linalg.lstsq(found, column, rcond=None)[0]
        if np.linalg.norm(left) > SAME * np.linalg.norm(column):
            found = np.column_stack([found, column])
    return found


def _several(term: Term, units: Units) -> Refusal:
    """Return the refusal where there is not one beginning, and units that wait."""
    said = (
        f"provision begins in {len(units.waves)} different periods"
        if len(units.waves) > 1
        else "no unit stays without provision"
    )
    words = (
        f"{said}; the analysis of covariance is of one beginning. Mend: gls_exposure_time or "
        "random_timing."
    )
    rule = Broken("one beginning", "two groups", float(len(units.waves)), 1.0, words)
    return Refusal((term,), (rule,), "gls_exposure_time or random_timing", leaf="ancova")


ANCOVA = Estimator(
    title="Analysis of covariance",
    short="analysis of covariance",
    summary="Compares what came after among units alike in what came before.",
    reference="McKenzie (2012), Journal of Development Economics 99:210-221; MacKinnon & White "
    "(1985), Journal of Econometrics 29:305-325",
    targets=("simple", "at_exposure", "exposure_average", "calendar_average", "group_average"),
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(RANDOM_ORDER, NO_ANTICIPATION, ONE_UNIT),
    run=run,
    takes="panel",
    drawn=True,
    trimmed=False,
    spread="sandwich by what was drawn (CR2); t with Satterthwaite's df",
    guard="exempt",
    options=(("baseline", "what is held alike: both, last or mean (both)"),),
    check=check,
)
