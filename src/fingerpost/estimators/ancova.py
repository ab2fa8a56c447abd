"""Analysis of covariance: what came after, given what came before.

Where one wave begins and others wait, the mean outcome of the periods with provision is compared
between them among units alike in their last period before and in their mean before. Of a draw it is
the sharpest of the simple answers: where a unit's level lasts only in part, the change since before
(did) takes off too much and the level alone too little, and the regression finds what is right. It
leans on the draw: where units chose when to begin, being alike before is not being alike.

**How it is computed.** Least squares over units of the mean over the periods after on provision and
on the baseline; standard errors are robust with the leverage correction HC2, by the level drawn.

**Options.** `baseline`: both (the last period before and the mean of all before, unless there is
one period only), last, or mean.
"""

from collections.abc import Mapping

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
    OWN,
    RANDOM_ORDER,
    SUMMARIES,
    answer,
    drawn_only,
    exposures,
    terms_found,
    unit_weights,
    units_of,
    without_comparison,
)
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import Found
from fingerpost.kernels.staggered import NEVER

Array = NDArray[np.float64]
BASELINES = ("both", "last", "mean")


def run(task: PanelTask) -> Answer:
    """Return the adjusted difference after one beginning, or its refusal."""
    drawn_only(task, "ancova")
    way = _read(task.analysis.options)
    units = units_of(task, "ancova", weighed=True).complete()
    if len(units.rows) < 6:
        raise TooFew(f"ancova: {len(units.rows)} units were seen in every period; 6 are needed.")
    if len(units.waves) > 1 or not np.any(units.begins == NEVER):
        return Answer("ancova", refusals=tuple(_several(term, units) for term in task.terms))
    found, refused = terms_found(task.terms, lambda term: _gap(term, units, way))
    return answer("ancova", task, units, found, refusals=refused, error=OWN)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> str:
    reads = Options("ancova", options)
    way = reads.word("baseline", BASELINES)
    reads.finish()
    return way


def _gap(term: Term, units: Units, way: str) -> Found | Refusal:
    """Return the coefficient of provision, with influence under HC2."""
    usable = units.treated & units.told
    weights = unit_weights(term, usable, Waves.of(units))
    if weights is None:
        return without_comparison("ancova", term, exposures(usable, units.begins))
    mine = units.begins != NEVER
    during = weights[mine].sum(axis=0)
    early = np.arange(len(during)) < units.waves[0] - units.anticipation
    before = np.flatnonzero(early & units.told)
    own = np.sqrt(units.weight)
    after = own * (units.known @ during)
    design = own[:, None] * _design(units.mean[:, before], mine, way)
    inverse = np.linalg.pinv(design.T @ design)
    best = inverse @ (design.T @ after)
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residual = (after - design @ best) / np.sqrt(np.maximum(1 - leverage, 1e-8))
    return Found(float(best[1]), residual * (design @ inverse[:, 1]))


def _design(before: Array, mine: NDArray[np.bool_], way: str) -> Array:
    """Return (u, p): one, provision, and the baseline about its mean."""
    last, mean = before[:, -1], before.mean(axis=1)
    held = {"both": [last, mean], "last": [last], "mean": [mean]}[way]
    held = held[:1] if before.shape[1] == 1 else held
    own = [column - column.mean() for column in held]
    return np.column_stack([np.ones(len(mine)), mine.astype(float), *own])


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
    spread="influence with HC2",
    guard="exempt",
    options=(("baseline", "what is held alike: both, last or mean (both)"),),
    check=check,
)
