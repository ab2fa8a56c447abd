"""Looks on the way: how much is known at each, and what would have to be seen there to stop.

A look counts by the information that it has, not by the calendar: by generalised least squares on
the cells of the design seen until then, under the working correlation. In a roll-out that is far
from even, for early on few units have begun beside many that wait.

What is looked at is one effect, alike at every exposure. Its estimates at successive looks have the
joint law that boundaries rest on (independent increments), and without any effect every target is
nought, so that the boundary keeps its level whatever the target. A mean over exposures has not that
law: early looks see the first exposures alone, and so another mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fingerpost.core.calendar import period_end
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.rollout import NEVER, Collection, Correlation, Monitoring, Rollout
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import counted, listing, sentence
from fingerpost.designs._power import CONSTANT, Grounds, compared, effect_of, grounds, reach
from fingerpost.kernels.group_sequential import (
    EXACT,
    WIDEST,
    crossing,
    exact_bounds,
    inflation,
    pocock_spending,
    spending,
    spent_bounds,
)
from fingerpost.studies.rollouts.power import Planned, possible
from fingerpost.studies.rollouts.power_tables import finite, in_unit, spans
from fingerpost.studies.rollouts.units import rollout_of

Floats = NDArray[np.float64]
# A look that nobody asked for by name and that knows less than this is left out.
LEAST = 0.05
YEAR_ENDS = re.compile(r"\d{4}|\d{4} summer")
NAMES = {
    "obrien_fleming": "O'Brien and Fleming",
    "pocock": "Pocock",
    "wang_tsiatis": "Wang and Tsiatis",
    "power": "Kim and DeMets",
    "exponential": "Hwang, Shih and DeCani",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One look. period: after whose returns it is held; due: when those are in, empty where no date
    is told. fraction: of all information, under the working correlation; least, most: under all
    held possible. exposures: those with units that wait in the same period, seen by then. se: of
    the effect. bound: of the standardised effect, positive for benefit, infinite where nothing can
    stop there. spent: error of one side spent by then. harm: bound for harm, as a positive number,
    None where there is none. stops: the probability of having stopped for benefit by then, if the
    effect to be found is there; None where none is named.
    """

    period: str
    place: int
    due: str
    fraction: float
    least: float
    most: float
    exposures: tuple[int, ...]
    se: float
    bound: float
    spent: float
    harm: float | None
    stops: float | None


@dataclass(frozen=True, eq=False, slots=True)
class Monitored:
    """The looks of a roll-out. own: whether the study names them; else they are one each academic
    year. left_out: periods of such looks that would know too little. fixed, power: of one analysis
    at the end, and with the looks. inflation: how much more information the looks cost.
    """

    study: Study
    asked: Monitoring
    correlation: Correlation
    looks: tuple[Look, ...]
    own: bool
    left_out: tuple[str, ...]
    fixed: float | None
    power: float | None
    inflation: float


def monitor(planned: Planned) -> Monitored:
    """Return the looks of a planned roll-out; one each academic year where it names none.

    Raises Malformed where a look is named at which nothing can be known yet, or where there are
    not so many periods to look after.
    """
    rollout = rollout_of(planned.study)
    asked = rollout.monitoring or Monitoring()
    held = possible(rollout, planned.power)
    ground = constant(planned)
    own = told_by(ground, planned, held[0], range(len(rollout.periods)))
    places, left_out = places_of(asked, rollout, own)
    variances = own[places]
    fractions = shares(variances)
    others = [variances, *(told_by(ground, planned, each, places) for each in held[1:])]
    every = np.stack([shares(one) for one in others])
    bounds = boundary(asked, fractions)
    alpha = asked.alpha / asked.sides
    effect = effect_of(planned.power)
    stops, fixed = chances(bounds, fractions, effect, float(variances[-1]), alpha=alpha)
    harm = harm_bounds(asked, fractions)
    spent = crossing(bounds, fractions).cumsum()
    seen = planned.ground.observed
    looks = tuple(
        Look(
            period=rollout.periods[place],
            place=int(place),
            due=due(rollout, rollout.periods[place]),
            fraction=float(fractions[at]),
            least=float(every[:, at].min()),
            most=float(every[:, at].max()),
            exposures=compared(planned.layout.exposure, until(seen, int(place))),
            se=math.sqrt(float(variances[at])),
            bound=float(bounds[at]) if bounds[at] < WIDEST else math.inf,
            spent=float(spent[at]),
            harm=None if harm is None else float(harm[at]),
            stops=None if stops is None else float(stops[at]),
        )
        for at, place in enumerate(places)
    )
    cost = inflation(bounds, fractions, alpha=alpha, power=planned.power.power)
    power = None if stops is None else float(stops[-1])
    named = asked.looks is not None
    return Monitored(
        planned.study, asked, held[0], looks, named, left_out, fixed, power, float(cost)
    )


def constant(planned: Planned) -> Grounds:
    """Return what the layout tells of one effect, alike at every exposure."""
    power = replace(planned.power, target=CONSTANT)
    return grounds(planned.layout, power, anticipation=rollout_of(planned.study).anticipation)


def until(observed: NDArray[np.bool_], place: int) -> NDArray[np.bool_]:
    """Return the cells that are seen by the end of a period."""
    found: NDArray[np.bool_] = observed & (np.arange(observed.shape[1]) <= place)
    return found


def told_by(
    ground: Grounds, planned: Planned, correlation: Correlation, places: Iterable[int]
) -> Floats:
    """Return the variance of the effect by the end of each of some periods; infinite before
    anything is told.
    """
    power = replace(planned.power, target=CONSTANT)
    found = [reach(short(ground, at + 1), power, correlation=correlation) for at in places]
    return np.array([one.variance for one in found])


def short(ground: Grounds, count: int) -> Grounds:
    """Return what a layout tells of one effect in its first periods alone."""
    layout, columns = ground.layout, [*range(count), ground.design.shape[2] - 1]
    return replace(
        ground,
        layout=replace(
            layout,
            periods=layout.periods[:count],
            begins=np.where(layout.begins < count, layout.begins, NEVER),
        ),
        design=ground.design[:, :count][:, :, columns],
        observed=ground.observed[:, :count],
        weights=ground.weights[:, columns],
    )


def shares(variances: Floats) -> Floats:
    """Return information as shares of that at the last look."""
    return np.asarray(variances[-1] / variances)


def places_of(
    asked: Monitoring, rollout: Rollout, variances: Floats
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the places of the periods after which somebody looks, the last one always, and the
    periods left out since they would know too little.
    """
    last = len(rollout.periods) - 1
    known = variances[last] / variances
    if isinstance(asked.looks, tuple):
        found = [rollout.periods.index(one) for one in asked.looks]
        early = [rollout.periods[at] for at in found if not np.isfinite(variances[at])]
        if early:
            first = rollout.periods[int(np.flatnonzero(np.isfinite(variances))[0])]
            raise Malformed(
                f"monitoring: after {listed(early)} nothing is known yet: in no period until then "
                "do units that have begun stand beside units that wait. The first look that knows "
                f"something is after {first}."
            )
        return np.unique([*found, last]), ()
    if isinstance(asked.looks, int):
        return spread(asked.looks, known, last=last), ()
    yearly = [at for at, one in enumerate(rollout.periods[:last]) if YEAR_ENDS.fullmatch(one)]
    left_out = tuple(rollout.periods[at] for at in yearly if known[at] < LEAST)
    return np.array([*(at for at in yearly if known[at] >= LEAST), last]), left_out


def spread(count: int, known: Floats, *, last: int) -> NDArray[np.int64]:
    """Return so many places, the last among them, as even in information as periods allow."""
    free = [at for at in range(last) if known[at] > 0]
    if len(free) < count - 1:
        raise Malformed(
            f"monitoring: {count} looks are asked for, and after {counted(len(free) + 1, 'period')}"
            " something is known. Ask for fewer."
        )
    found: list[int] = []
    for step in range(1, count):
        nearest = min(free, key=lambda at: abs(float(known[at]) - step / count))
        free.remove(nearest)
        found.append(nearest)
    return np.array([*sorted(found), last])


def boundary(asked: Monitoring, fractions: Floats) -> Floats:
    """Return (k,) the boundary of the standardised effect, for one side, at so much information.

    >>> boundary(Monitoring(bounds="obrien_fleming"), np.array([0.2, 0.4, 0.6, 0.8, 1])).round(6)
    array([4.561742, 3.225639, 2.633723, 2.280871, 2.040073])
    """
    alpha = asked.alpha / asked.sides
    looks = [float(each) for each in fractions]
    if asked.bounds:
        delta = EXACT.get(asked.bounds, asked.parameter or 0.0)
        return exact_bounds(looks, alpha, delta=delta)
    return spent_bounds(looks, alpha, spend=spending(asked.shape, asked.parameter or 0.0))


def harm_bounds(asked: Monitoring, fractions: Floats) -> Floats | None:
    """Return (k,) the bound for harm as positive numbers, None where there is none.

    By itself, as if nothing else could stop: so whoever looks may go on beyond it without any
    change to the boundary of benefit. Error is spent like Pocock, for harm is to be seen early.
    """
    if not asked.harm:
        return None
    looks = [float(each) for each in fractions]
    return spent_bounds(looks, asked.harm, spend=pocock_spending)


def chances(
    bounds: Floats, fractions: Floats, effect: float | None, variance: float, *, alpha: float
) -> tuple[Floats | None, float | None]:
    """Return (k,) the probability of having stopped for benefit by each look if the effect is
    there, and the power of one analysis at the end on the same side; None where no effect is named.
    """
    if not effect:
        return None, None
    drift = abs(effect) / math.sqrt(variance)
    once = crossing(exact_bounds(1, alpha), np.ones(1), drift=drift)
    return crossing(bounds, fractions, drift=drift).cumsum(), float(once[0])


def ends_of(owed: Collection, period: str) -> date | None:
    """Return the last day of a period: as the study says, or as its name does; None where neither
    tells.
    """
    said = dict(owed.ends).get(period)
    return date.fromisoformat(said) if said else period_end(period)


def due(rollout: Rollout, period: str) -> str:
    """Return the day on which the returns of a period are due, empty where nothing tells."""
    owed = rollout.collection
    ends = ends_of(owed, period) if owed else None
    if owed is None or ends is None:
        return ""
    return (ends + timedelta(days=owed.due_days)).isoformat()


def benefit(study: Study) -> float:
    """Return the sign of an effect that is a benefit: −1 where the outcome is better lower."""
    lower = bool(study.outcomes) and study.outcomes[0].measure.better == "lower"
    return -1.0 if lower else 1.0


# ------------------------------------------------------------------------ tables and words
COLUMNS = (
    *("look", "after", "returns_due", "information", "information_least", "information_most"),
    *("exposures", "se", "bound", "p", "effect", "spent", "harm", "harm_effect", "stopped"),
)
KINDS = (
    *("number", "label", "label", "share", "share", "share"),
    *("label", "number", "number", "number", "number", "number", "number", "number", "share"),
)


def looks_table(found: Monitored, planned: Planned) -> Table:
    """Return every look, a row each; effects in the unit of the outcome."""
    sign = benefit(found.study)
    rows = tuple(
        (
            at,
            look.period,
            look.due or "no date told",
            look.fraction,
            look.least,
            look.most,
            spans(look.exposures),
            finite(look.se),
            finite(look.bound),
            p_of(look.bound, found.asked.sides),
            finite(sign * look.bound * look.se),
            found.asked.sides * look.spent,
            look.harm,
            None if look.harm is None else -sign * look.harm * look.se,
            look.stops,
        )
        for at, look in enumerate(found.looks, start=1)
    )
    return Table(
        "looks",
        "Looks on the way",
        COLUMNS,
        KINDS,
        rows,
        context="information: share of all, under the working correlation; information_least and "
        "information_most under all held possible. bound: of the standardised effect, positive for "
        "benefit; p: the same as a p-value; effect: the same in the unit of the outcome. spent: "
        "error spent by then. harm, harm_effect: where the bound for harm is crossed. stopped: "
        "probability of having stopped for benefit by then, if the effect to be found is there. "
        f"Unit: {planned.unit.raw}.",
        tells=Tells(keys=("look",), units=in_unit(planned, "se", "effect", "harm_effect")),
    )


def p_of(bound: float, sides: int) -> float | None:
    """Return a bound as a p-value."""
    return sides * float(ndtr(-bound)) if math.isfinite(bound) else None


def shape_words(asked: Monitoring) -> str:
    """Return the boundary in words.

    >>> shape_words(Monitoring(bounds="pocock"))
    "Pocock's boundary, exact for the information as planned"
    """
    name, told = NAMES[asked.shape], asked.parameter
    if asked.bounds:
        told_words = "" if told is None else f" (δ = {told:g})"
        return f"{name}'s boundary{told_words}, exact for the information as planned"
    told_words = "" if told is None else f" ({'ρ' if asked.shape == 'power' else 'γ'} = {told:g})"
    return (
        f"error spent like {name}{told_words} by the information that each look turns out to have"
    )


def words(found: Monitored) -> tuple[str, ...]:
    """Return what is to be known of the looks, in sentences."""
    asked, looks = found.asked, found.looks
    said = [
        f"{counted(len(looks), 'look')}, the last analysis counted: after "
        f"{listing(look.period for look in looks)}.",
        sentence(
            f"{'two-sided' if asked.sides == 2 else 'one-sided'} at {asked.alpha:g} in all; "
            f"{shape_words(asked)}"
        ),
        "Information is reckoned from the correlation and the cells seen by then, not from the "
        "calendar: "
        + "; ".join(f"{look.period} {100 * look.fraction:.0f}%" for look in looks)
        + f" (under {correlation_of(found.correlation)}).",
    ]
    if asked.bounds and len(looks) > 1:
        said.append(
            "An exact boundary holds for the information as planned. If looks turn out to know "
            "more or less, spend the error instead (`spending`)."
        )
    if found.fixed is not None and found.power is not None:
        said.append(
            "If the effect to be found is there, alike at every exposure, "
            f"{shown(found.power)} of roll-outs show a benefit with the looks, "
            f"{shown(found.fixed)} with one analysis at the end; with the looks "
            f"{100 * (found.inflation - 1):.1f}% more information is needed for the same. "
            "The power for the target itself stands above."
        )
    if asked.harm:
        said.append(
            f"A bound for harm at {asked.harm:g}, one-sided, spent like Pocock. It binds nobody: "
            "whoever looks may go on beyond it, and the boundary of benefit stays as it is."
        )
    said.append(
        "What is looked at is one effect, alike at every exposure: early looks know the first "
        "exposures alone, and no mean over later ones. The target itself is answered at the end."
    )
    if not found.own and len(looks) > 1:
        said.append("The study names no looks: these are one each academic year.")
    elif not found.own:
        said.append(
            "The study names no looks, and its periods tell no academic year that ends before the "
            "last: there is one analysis, at the end. Name `looks` where there are to be more."
        )
    if found.left_out:
        said.append(
            f"After {listing(found.left_out)} less than {100 * LEAST:g}% is known, so nobody looks."
        )
    return tuple(said)


def shown(share: float) -> str:
    """Return a share as a percentage that never rounds to all.

    >>> shown(0.806), shown(0.9993)
    ('81%', 'more than 99%')
    """
    return "more than 99%" if share > 0.99 else f"{100 * share:.0f}%"


def correlation_of(each: Correlation) -> str:
    """Return a correlation in a few words."""
    return f"{each.structure}, ICC {each.icc:.3g}, cluster autocorrelation {each.cac:g}"


def record(found: Monitored, planned: Planned) -> dict[str, Any]:
    """Return the looks as JSON-ready data."""
    asked = found.asked
    return {
        "declared": rollout_of(found.study).monitoring is not None,
        "boundary": asked.shape,
        "exact": bool(asked.bounds),
        "parameter": asked.parameter,
        "alpha": asked.alpha,
        "sides": asked.sides,
        "harm": asked.harm,
        "harm_binds": False,
        "power_once": found.fixed,
        "power_with_looks": found.power,
        "inflation": found.inflation,
        "left_out": list(found.left_out),
        "looks": looks_table(found, planned).records(),
    }
