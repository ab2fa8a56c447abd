"""Differences in differences of two groups; and what a regression with two sets of effects hides.

Where provision begins in one period, the change of the outcome's mean from before to after is
compared between units where it begins and units where it never does. Where it begins in several
periods this leaf has no answer, on purpose. The usual regression, with an effect of every unit and
period and one coefficient of provision, then compares units also with units that have provision
already, takes the growth of their effects for a trend, and can have the wrong sign. It is shown
only beside the comparisons that it is made of (Goodman-Bacon's decomposition), with their weights.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import PANEL_TARGETS, Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._panel import (
    KINDS,
    NO_ANTICIPATION,
    ONE_UNIT,
    PARALLEL,
    SUMMARIES,
    answer,
    exposures,
    terms_found,
    unit_weights,
    units_of,
    without_comparison,
)
from fingerpost.estimators._trends_before import trends_before
from fingerpost.estimators._units import Units, Waves
from fingerpost.estimators._wave_errors import Found
from fingerpost.kernels.bacon import decomposition, two_way_coefficient
from fingerpost.kernels.clusters import sum_by
from fingerpost.kernels.staggered import NEVER

Array = NDArray[np.float64]


def run(task: PanelTask) -> Answer:
    """Return the difference in differences, or its refusal; the regression's comparisons beside."""
    units = units_of(task, "did").complete()
    if not len(units.rows):
        raise TooFew("did: no unit was seen in every period.")
    never = bool(np.any(units.begins == NEVER))
    tables = [] if task.bare else _tables(task, units)
    if len(units.waves) > 1 or not never:
        refusals = [_several(term, units) for term in task.terms]
        return Answer("did", refusals=tuple(refusals), tables=tuple(tables))
    found, refused = terms_found(task.terms, lambda term: _gap(term, units))
    return answer("did", task, units, found, refusals=refused, tables=tables)


def _tables(task: PanelTask, units: Units) -> list[Table]:
    """Return what a regression compares, its coefficient, and what trends did before."""
    tables: list[Table] = []
    if np.any(units.begins == NEVER) or len(units.waves) > 1:
        told = _told(units)
        tables += [_comparisons(task, told), _regression(task, told)]
    before = trends_before(task, units, leaf="did")
    return [*tables, *([before] if before is not None else [])]


def _gap(term: Term, units: Units) -> Found | Refusal:
    """Return the difference of mean changes, from the mean of all clean periods before."""
    usable = units.treated & units.told
    weights = unit_weights(term, usable, Waves.of(units))
    if weights is None:
        return without_comparison("did", term, exposures(usable, units.begins))
    mine = units.begins != NEVER
    during = weights[mine].sum(axis=0)
    before = (np.arange(len(during)) < units.waves[0] - units.anticipation) & units.told
    change = units.known @ (during - before / before.sum())
    influence = np.empty(len(change))
    for sign, rows in ((1.0, mine), (-1.0, ~mine)):
        influence[rows] = sign * (change[rows] - change[rows].mean()) / rows.sum()
    return Found(float(change[mine].mean() - change[~mine].mean()), influence)


def _several(term: Term, units: Units) -> Refusal:
    """Return the refusal where there are not two groups and two times."""
    said = (
        f"provision begins in {len(units.waves)} different periods"
        if len(units.waves) > 1
        else "no unit stays without provision"
    )
    words = (
        f"{said}, so no difference in differences of two groups answers, and a regression with "
        "unit and period effects compares units with others that have provision already. Mend: "
        "group_time or imputation; random_timing where the order was drawn."
    )
    rule = Broken("one beginning", "two groups", float(len(units.waves)), 1.0, words)
    return Refusal((term,), (rule,), "group_time, imputation or random_timing", leaf="did")


# ------------------------------------------------------------------ what the regression compares


def _told(units: Units) -> Units:
    """Return the units over periods in which something was seen: a regression knows no others."""
    kept = np.flatnonzero(units.told)
    begins = np.where(units.begins == NEVER, NEVER, np.searchsorted(kept, units.begins))
    return replace(
        units,
        periods=tuple(units.periods[at] for at in kept),
        mean=units.mean[:, kept],
        children=units.children[:, kept],
        begins=begins,
    )


def _comparisons(task: PanelTask, units: Units) -> Table:
    """Return every two-by-two comparison that the regression is made of, with its weight."""
    pairs = decomposition(units.mean, units.begins)
    sizes = {int(at): int(np.count_nonzero(units.begins == at)) for at in np.unique(units.begins)}

    def named(at: int) -> str:
        return "never" if at == NEVER else units.periods[at]

    rows = tuple(
        ("did", one.kind, named(one.first), named(one.other), one.weight, one.value)
        for one in pairs
    )
    return Table(
        "bacon",
        "What a regression with unit and period effects compares",
        ("estimator", "comparison", "begins", "compared with", "weight", "estimate"),
        ("label", "label", "label", "label", "share", "number"),
        rows,
        tells=Tells(outcomes=("estimate",)),
        counts=tuple(min(sizes[one.first], sizes[one.other]) for one in pairs),
        tags=(("outcome", task.terms[0].outcome),),
        context="Goodman-Bacon (2021): the regression's coefficient is the sum of weight times "
        "estimate. Comparisons with units whose provision began earlier take the growth of their "
        "effects for a trend.",
    )


def _regression(task: PanelTask, units: Units) -> Table:
    """Return the regression's coefficient, and its weights by kind of comparison."""
    value, influence = two_way_coefficient(units.mean, units.begins)
    g = len(units.keys)
    sums = sum_by(units.cluster, influence, n_groups=g)
    # Even units that stand for themselves are clusters here, of their own periods. The columns that
    # are counted are periods and provision: units are nested in clusters (CR1, as Stata has it).
    cells, columns = units.mean.size, len(units.periods) + 1
    factor = g / max(g - 1, 1) * (cells - 1) / max(cells - columns, 1)
    error = float(np.sqrt(factor * (sums @ sums)))
    kinds: dict[str, list[float]] = {}
    for one in decomposition(units.mean, units.begins):
        total = kinds.setdefault(one.kind, [0.0, 0.0])
        total[0] += one.weight
        total[1] += one.weight * one.value
    rows: list[tuple[Cell, ...]] = [
        ("did", kind, weight, total / weight if weight else None, None)
        for kind, (weight, total) in kinds.items()
    ]
    rows.append(("did", "the regression", 1.0, value, error))
    return Table(
        "two_way",
        "A regression with unit and period effects, and what it is made of",
        ("estimator", "comparison", "weight", "estimate", "se"),
        ("label", "label", "share", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "se")),
        counts=(len(units.begins),) * len(rows),
        clusters=(g,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Shown beside its comparisons, never as an answer where provision begins in "
        f"several periods. Clustered by {units.level}, factor G/(G − 1) · (n − 1)/(n − k).",
    )


DID = Estimator(
    title="Differences in differences",
    short="differences in differences",
    summary="Compares mean changes of two groups; where provision began at several times, shows "
    "why a regression misleads.",
    reference="Goodman-Bacon (2021), Journal of Econometrics 225:254-277",
    targets=PANEL_TARGETS,
    scales=("difference",),
    outcomes=KINDS,
    summaries=SUMMARIES,
    levels="2",
    assumes=(PARALLEL, NO_ANTICIPATION, ONE_UNIT),
    run=run,
    takes="panel",
    adjusts=False,
    trimmed=False,
    spread="influence by unit, summed by cluster; t with Welch's df over waves",
    guard="exempt",
)
