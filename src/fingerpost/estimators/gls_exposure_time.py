"""Generalised least squares with exposure-time effects, where the order was drawn.

Cell means are regressed on an effect of each period and one of each number of periods since
provision began: effects may grow or fade, and are not forced to be one constant, which can turn
even the sign (Kenny et al. 2022). How the means of one unit hang together is estimated from the
panel itself: a part that lasts or fades from period to period, a part of each period's own, and
what averaging so many children leaves. It decides how cells are weighted, and nothing else:
standard errors are robust to its being wrong, with a correction for few clusters (CR2) and
Satterthwaite's degrees of freedom. Because it compares levels between units too, and not only
changes within them, it needs an order that was drawn; then it is the sharpest of the leaves.

Only periods in which some unit is still without provision are used, so that each effect rests on
units that were without it at the same time; an exposure that is never seen in such a period is
refused, with the mend: keep a late group. Averages over exposures are over those that are left.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import counted, p_words
from fingerpost.estimators._drawn_waves import clusters_of
from fingerpost.estimators._event_study import event_study_of
from fingerpost.estimators._options import Options
from fingerpost.estimators._panel import (
    KINDS,
    NO_ANTICIPATION,
    ONE_UNIT,
    RANDOM_ORDER,
    SAME_AT_ANY_TIME,
    SUMMARIES,
    TOO_FEW_CLUSTERS,
    drawn_only,
    estimate_of,
    left_out,
    target_of,
    uncompared,
    units_of,
    without_comparison,
)
from fingerpost.estimators._units import Units, Waves
from fingerpost.kernels.exposure_gls import STRUCTURES, ExposureFit, Working, fit_exposure
from fingerpost.kernels.staggered import NEVER, Flags, cell_weights, since

Array = NDArray[np.float64]
LEAF = "gls_exposure_time"
FORESEEN = (
    "outcomes had moved by {moved:.3g} {when} ({p}): if units knew and acted, or something else "
    "began with them, the answer is wrong by as much. Declare it (rollout: anticipation) or "
    "explain it"
)
LEADS = 2  # periods before provision in which it is asked whether outcomes had moved
TARGETS = ("exposure_average", "simple", "long_term", "at_exposure")


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """used: (u, t) cells. x: (u, t, p) columns. exposures: (k,) periods since provision began, each
    with a column after those of the `periods` periods; fit: of them.
    """

    units: Units
    used: Flags
    x: Array
    exposures: list[int]
    periods: int
    fit: ExposureFit

    def contrast(self, by_exposure: Mapping[int, float]) -> Array:
        """Return (p,) weights of coefficients."""
        found = np.zeros(len(self.fit.coefficients))
        for at, weight in by_exposure.items():
            found[self.periods + self.exposures.index(at)] = weight
        return found


def run(task: PanelTask) -> Answer:
    """Return effects of every term, an event study, and the working correlation."""
    drawn_only(task, LEAF)
    structure = _read(task.analysis.options)
    model = _fit(task, structure)
    units = model.units
    clusters_of(units, Waves.of(units), LEAF)  # refuses what was not drawn as one
    asked: list[tuple[Term, Array]] = []
    refused: list[Refusal] = []
    for term in task.terms:
        contrast = _contrast(term, model)
        if contrast is None:
            refused.append(without_comparison(LEAF, term, model.exposures))
        else:
            asked.append((term, contrast))
    leads = None if task.bare else _leads(task, model, structure)
    kept = () if task.bare else _tables(task, model, leads)
    if not asked:
        return Answer(LEAF, refusals=tuple(refused), tables=kept)
    terms = tuple(term for term, _ in asked)
    wanted = np.stack([contrast for _, contrast in asked])
    estimate = estimate_of(
        task,
        units,
        terms,
        wanted @ model.fit.coefficients,
        model.fit.influence @ wanted.T,
        note=("CR2" if model.fit.leverage is not None else "G/(G − p)",),
        df=model.fit.freedom(wanted),
    )
    warnings = [*left_out(units, terms), *uncompared(model.units, model.exposures, terms)]
    warnings += [(term, words) for term in terms for words in _foreseen(task, leads)]
    return Answer(LEAF, estimate, refusals=tuple(refused), tables=kept, warnings=tuple(warnings))


def _tables(task: PanelTask, model: Model, leads: Table | None) -> tuple[Table, ...]:
    """Return the working correlation, an event study, and what was so before provision began."""
    tables = (_working(task, model.units, model.fit.working), _event_study(task, model), leads)
    return tuple(table for table in tables if table is not None)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def _read(options: Mapping[str, object]) -> str:
    reads = Options(LEAF, options)
    structure = reads.word("correlation", STRUCTURES)
    reads.finish()
    return structure


def _fit(task: PanelTask, structure: str) -> Model:
    """Return the fitted model; exposures of one cluster alone are left out with their cells."""
    units = units_of(task, LEAF, weighed=True)
    covariates = _covariates(task, units)
    keep: Flags = np.asarray(np.isfinite(covariates).all(axis=1))
    units, covariates = units.take(keep, "a covariate is missing"), covariates[keep]
    ages = since(units.begins, len(units.periods))
    used = units.seen & (units.treated | units.clean)
    used &= (used & units.clean).any(axis=0)
    have = []
    for at in np.unique(ages[used & units.treated]):
        here = used & units.treated & (ages == at)
        if len(np.unique(units.cluster[here.any(axis=1)])) > 1:
            have.append(int(at))
        else:
            used &= ~here
    if not have:
        raise TooFew(
            f"{LEAF}: no period has both units with provision (two clusters or more) and units "
            "without it. Mend: keep a late group without provision."
        )
    periods = np.flatnonzero(used.any(axis=0))
    x = np.zeros((*used.shape, len(periods) + len(have) + covariates.shape[1]))
    for column, t in enumerate(periods):
        x[:, t, column] = 1.0
    for column, at in enumerate(have):
        x[:, :, len(periods) + column] = units.treated & (ages == at)
    x[:, :, len(periods) + len(have) :] = covariates[:, None, :]
    try:
        fit = _fitted(units, x, used, structure)
    except NotFitted as fault:
        raise Unanswerable(f"{LEAF}: {fault} Mend: fewer covariates.") from None
    return Model(units, used, x, have, len(periods), fit)


def _fitted(units: Units, x: Array, used: Flags, structure: str) -> ExposureFit:
    return fit_exposure(
        units.mean,
        x,
        seen=used,
        children=units.children,
        cluster=units.cluster,
        structure=structure,
        child=units.child,
        weight=units.weight,
    )


def _leads(task: PanelTask, model: Model, structure: str) -> Table | None:
    """Return what units were already in the last periods before provision began, against others at
    the same time; None where there is nobody to compare.
    """
    units = model.units
    ages = since(units.begins, len(units.periods))
    soon = (units.begins != NEVER)[:, None] & model.used & units.clean
    leads, columns = [], []
    for back in range(1 + units.anticipation, 1 + units.anticipation + LEADS):
        column = soon & (ages == -back)
        if len(np.unique(units.cluster[column.any(axis=1)])) > 1:
            leads.append(back)
            columns.append(column.astype(float))
    if not leads or units.worth < TOO_FEW_CLUSTERS:
        return None
    wide = np.concatenate([model.x, np.stack(columns, axis=2)], axis=2)
    try:
        fit = _fitted(units, wide, model.used, structure)
    except NotFitted:
        return None
    wanted = np.eye(wide.shape[2])[model.x.shape[2] :]
    value, freedom = wanted @ fit.coefficients, fit.freedom(wanted)
    error = np.sqrt(((fit.influence @ wanted.T) ** 2).sum(axis=0))
    p = 2 * stdtr(freedom, -np.abs(value / np.maximum(error, 1e-300)))
    p = np.where(np.abs(value) <= units.least, 1.0, p)
    return Table(
        "leads",
        "Did outcomes move before provision began?",
        ("estimator", "contrast", "periods before", "estimate", "se", "p"),
        ("label", "label", "number", "number", "number", "number"),
        tuple(
            (LEAF, task.terms[0].words(), back, *(float(one[at]) for one in (value, error, p)))
            for at, back in enumerate(leads)
        ),
        tells=Tells("moved before", keys=("periods before",), outcomes=("estimate", "se")),
        counts=tuple(int(column.any(axis=1).sum()) for column in columns),
        clusters=(len(units.keys),) * len(leads),
        tags=(("outcome", task.terms[0].outcome),),
        context="Units soon to have provision against others at the same time. Where the order was "
        "drawn and nobody acts on it beforehand, these are nought but for chance.",
    )


def _foreseen(task: PanelTask, leads: Table | None) -> list[str]:
    """Return a warning where outcomes moved before provision began by more than chance gives."""
    rows = [] if leads is None else leads.records()
    level = (1 - task.analysis.level) / max(len(rows), 1)
    told = []
    for row in rows:
        back, moved, p = (float(str(row[name])) for name in ("periods before", "estimate", "p"))
        if p <= level:
            when = f"{counted(int(back), 'period')} before provision began"
            told.append(FORESEEN.format(moved=moved, when=when, p=p_words(p)))
    return told


def _covariates(task: PanelTask, units: Units) -> Array:
    """Return (u, p) covariates of the first period, about their means."""
    given = task.analysis.given
    found = np.zeros((len(units.rows), len(given)))
    for at, name in enumerate(given):
        found[:, at] = np.asarray(task.panel.covariates[name], np.float64)[units.rows, 0]
    if not len(given):
        return found
    centred: Array = found - np.nanmean(found, axis=0)
    return centred


def _contrast(term: Term, model: Model) -> Array | None:
    """Return (p,) weights of the coefficients that make a target, None where none does."""
    units, waves = model.units, Waves.of(model.units)
    usable = model.used & units.treated
    counts = np.stack([usable[waves.member == w].sum(axis=0) for w in range(len(waves.begins))])
    parts = target_of(term, counts > 0, waves.begins)
    if parts is None:
        return None
    weights = cell_weights(parts, counts)
    ages = since(waves.begins, weights.shape[1])
    return model.contrast({at: float(weights[ages == at].sum()) for at in model.exposures})


def _event_study(task: PanelTask, model: Model) -> Table | None:
    """Return effects by periods since provision began."""
    wanted = np.stack([model.contrast({at: 1.0}) for at in model.exposures])
    return event_study_of(
        LEAF,
        task,
        model.units,
        model.exposures,
        wanted @ model.fit.coefficients,
        model.fit.influence @ wanted.T,
        df=model.fit.freedom(wanted),
    )


def _working(task: PanelTask, units: Units, working: Working) -> Table:
    """Return what was estimated of how a unit's outcomes hang together."""
    shared = working.lasting + working.own
    whole = shared + working.child
    rows = (
        ("variance of a unit's mean that is shared between periods", working.lasting),
        ("what is left of it from one period to the next", working.fade),
        ("variance of each period's own", working.own),
        ("variance of children within a unit and period", working.child),
        ("intracluster correlation", shared / whole if working.child > 0 else None),
        ("cluster autocorrelation, one period apart", working.lasting * working.fade / shared),
    )
    return Table(
        "working_correlation",
        "How outcomes of one unit hang together, as estimated",
        ("estimator", "what", "value"),
        ("label", "label", "number"),
        tuple((LEAF, what, None if value is None else float(value)) for what, value in rows),
        counts=(len(units.begins),) * len(rows),
        clusters=(len(units.keys),) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="By moments of residuals. It weights the cells; standard errors do not lean on it.",
    )


GLS_EXPOSURE_TIME = Estimator(
    title="Generalised least squares with exposure-time effects",
    short="least squares by exposure",
    summary="Weights cells by how outcomes of a unit hang together; effects may grow or fade.",
    reference="Hussey & Hughes (2007), Contemporary Clinical Trials 28:182-191; Kenny et al. "
    "(2022), Statistics in Medicine 41:4311-4339; Kauermann & Carroll (2001), JASA 96:1387-1396",
    targets=TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(RANDOM_ORDER, NO_ANTICIPATION, ONE_UNIT, SAME_AT_ANY_TIME),
    run=run,
    takes="panel",
    drawn=True,
    trimmed=False,
    spread="sandwich by what was drawn (CR2); t with Satterthwaite's df",
    guard="exempt",
    options=(
        (
            "correlation",
            "nested_decay, nested, decay or independent: the working correlation's form",
        ),
    ),
    check=check,
)
