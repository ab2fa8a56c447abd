"""Completed copies of a cohort: what each missing value is drawn from, and the drawing.

The models hold every covariate, every outcome, the arm, the survey weight, the columns named as
auxiliary or by which subgroups are made and, where children share clusters, a level of each
cluster. Where arms share a model it holds products of the arm with the outcomes and with those
covariates by which effects may differ, as many as the smallest arm can bear. Numbers are drawn from
a normal regression where the recorded ones look normal, else taken from children alike by
predictive mean matching, which keeps to values that occur (Morris, White & Royston 2014); two
levels by a logit, more by a multinomial logit. A time to an event is a predictor by its event and
the cumulative hazard at its time (White & Royston 2009), and is never imputed itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Malformed
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Imputation
from fingerpost.kernels import chained, chained_layout
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.chained_layout import Known, Layout, Variable, layout

Mask = NDArray[np.bool_]

SKEWED = 1.0  # skewness beyond which a normal regression is not trusted
HEAPED = 0.02  # share of the recorded at the lowest or the highest value: a floor or a ceiling
FEW_VALUES = 20
TOGETHER = 1.5  # recorded children a cluster, from which clusters have a level of their own
FEWEST_CLUSTERS = 5
WEIGHT = "survey weight"  # among the predictors


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A cohort whose missing values are to be drawn.

    equations: the regressions. holes: covariate or role → (n,) missing. outcomes: outcome → (n,)
    missing. clustered: the level of the clusters in the models, empty where there is none. crossed:
    the covariates whose products with the arm the models hold, and uncrossed: those for whose
    products the smallest arm is too small; both empty where each arm has models of its own.
    """

    cohort: Cohort
    asked: Imputation
    equations: Layout
    holes: Mapping[str, Mask]
    outcomes: Mapping[str, Mask]
    clustered: str = ""
    crossed: tuple[str, ...] = ()
    uncrossed: tuple[str, ...] = ()


def outcome_key(name: str) -> str:
    """Return the name of an outcome among the variables: a covariate may bear the same.

    >>> outcome_key("maths")
    'outcome maths'
    """
    return f"outcome {name}"


def planned(
    cohort: Cohort,
    asked: Imputation,
    *,
    holes: Mapping[str, Mask],
    outcomes: Iterable[str],
    cluster: str | None,
    modifiers: Iterable[str] = (),
) -> Plan | None:
    """Return the plan of a cohort's copies; None where nothing is missing that could be imputed.

    holes: covariate → (n,) where the cohort holds a stand-in. outcomes: those to be imputed.
    cluster: the level at which variance is taken. modifiers: covariates, or columns of subgroups,
    by which effects may differ, the most important first. Raises Malformed where an arm has nobody
    with a recorded value.
    """
    unseen = {
        name: ~seen for name in outcomes if (seen := cohort.outcomes[name].observed) is not None
    }
    extra = _auxiliary_holes(cohort, asked)
    if not holes and not unseen:
        return None
    empty = {**holes, **extra}
    variables = [
        _covariate(name, _column(cohort, name), missing) for name, missing in empty.items()
    ]
    variables += [
        _outcome(name, cohort.outcomes[name], missing) for name, missing in unseen.items()
    ]
    _refuse_empty(cohort, variables)
    wanted = tuple(dict.fromkeys(modifiers))
    shown = _recorded(cohort, empty, unseen, roles=(*asked.auxiliary, *wanted))
    crossed = _crossed(cohort, variables, shown, wanted)
    codes = _clusters(cohort, cluster)
    equations = layout(
        [replace(one, crossed=one.crossed or one.name in crossed) for one in variables],
        _known(cohort, shown, crossed, codes),
    )
    level = str(cluster) if codes is not None else ""
    found = Plan(cohort, asked, equations, empty, unseen, level)
    if equations.by_arm:
        return found
    held = {*shown, *empty}
    left = tuple(name for name in wanted if name in held and name not in crossed)
    return replace(found, crossed=crossed, uncrossed=left)


def _crossed(
    cohort: Cohort,
    variables: Sequence[Variable],
    shown: Mapping[str, Array],
    modifiers: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the modifiers whose products with the arm models that arms share can bear: in their
    order, as long as the smallest arm holds enough recorded children for each. Slopes from few
    children are drawn so far apart that what is drawn by them loses its bearing on the outcome.
    """
    widths = {one.name: one.width for one in variables} | {
        name: own.shape[1] for name, own in shown.items()
    }
    least = chained_layout.fewest(variables, cohort.arm, arms=len(cohort.arms))
    free = least // chained_layout.AMPLE
    found = []
    for name in modifiers:
        if 0 < widths.get(name, 0) <= free:
            found.append(name)
            free -= widths[name]
    return tuple(found)


def _known(
    cohort: Cohort,
    shown: Mapping[str, Array],
    crossed: tuple[str, ...],
    codes: NDArray[np.int64] | None,
) -> Known:
    """Return what is recorded for all, as columns, with the places of those that are crossed."""
    outcomes = {outcome_key(name) for name in cohort.outcomes}
    places: list[int] = []
    at = 0
    for name, own in shown.items():
        if name in outcomes or name in crossed:
            places += range(at, at + own.shape[1])
        at += own.shape[1]
    columns = np.hstack(list(shown.values())) if shown else np.empty((cohort.n, 0))
    return Known(columns, tuple(places), cohort.arm, len(cohort.arms), codes)


def copy(plan: Plan, *, number: int, generator: Generator) -> tuple[Cohort, Array]:
    """Return one completed cohort, and (cycles, v) means of the drawn values on the way.

    number: which copy, from 1. generator: of this copy alone.
    """
    asked, cohort = plan.asked, plan.cohort
    drawn = chained.draw(plan.equations, generator, cycles=asked.cycles, donors=asked.donors)
    covariates, roles = dict(cohort.covariates), dict(cohort.roles)
    for name, missing in plan.holes.items():
        place = covariates if name in covariates else roles
        place[name] = _filled(place[name], missing, drawn.values[name])
    outcomes = dict(cohort.outcomes)
    for name, missing in plan.outcomes.items():
        key = outcome_key(name)
        outcomes[name] = _completed(
            outcomes[name], missing, drawn.values[key], drawn.donors.get(key)
        )
    made = replace(
        cohort,
        covariates=covariates,
        roles=roles,
        outcomes=outcomes,
        replicate=number,
        imputed=plan.outcomes,
    )
    return made, drawn.means


def model_of(values: Array, kind: str = "") -> tuple[str, int]:
    """Return the model by which recorded numbers are imputed, and its levels.

    kind: of an outcome; empty of a covariate. Two values take a logit; numbers that are bounded,
    skewed or few are matched; others are drawn from a normal regression.

    >>> model_of(np.array([0.0, 1.0, 1.0]))
    ('logit', 2)
    """
    distinct = np.unique(values)
    if len(distinct) == 2 and kind in ("", "binary"):
        return chained_layout.LOGIT, 2
    if kind in ("count", "ordinal") or len(distinct) <= FEW_VALUES:
        return chained_layout.MATCHING, 0
    spread = float(values.std())
    skew = float(((values - values.mean()) ** 3).mean()) / spread**3
    ends = [float((values == end).mean()) for end in (distinct[0], distinct[-1])]
    if abs(skew) > SKEWED or max(ends) > HEAPED:
        return chained_layout.MATCHING, 0
    return chained_layout.LINEAR, 0


def _column(cohort: Cohort, name: str) -> Column:
    return cohort.covariates[name] if name in cohort.covariates else cohort.roles[name]


def _auxiliary_holes(cohort: Cohort, asked: Imputation) -> dict[str, Mask]:
    """Return the auxiliary numbers that are missing; a missing category is a level of its own."""
    found = {}
    for name in asked.auxiliary:
        if name in cohort.roles and not cohort.roles[name].categorical:
            missing = np.isnan(cohort.roles[name].values.astype(float))
            if missing.any():
                found[name] = missing
    return found


def _covariate(name: str, column: Column, missing: Mask) -> Variable:
    if column.categorical:
        model = chained_layout.LOGIT if len(column.levels) == 2 else chained_layout.MULTINOMIAL
        return Variable(name, column.values.astype(float), missing, model, len(column.levels))
    values = column.values.astype(float)
    model, levels = model_of(values[~missing])
    if levels:
        values = (values == values[~missing].max()).astype(float)
    return Variable(name, values, missing, model, levels)


def _outcome(name: str, outcome: Outcome, missing: Mask) -> Variable:
    values = _scaled(outcome, missing)
    model, levels = model_of(values[~missing], outcome.kind)
    return Variable(outcome_key(name), values, missing, model, levels, crossed=True)


def _scaled(outcome: Outcome, missing: Mask) -> Array:
    """Return an outcome as a predictor: a count as the logarithm of one more than its rate."""
    values = np.where(missing, 0.0, outcome.value)
    if outcome.kind != "count":
        return values
    if outcome.exposure is not None:
        time = np.where(missing, 1.0, outcome.exposure)
        values = values / time * float(time[~missing].mean())
    found: Array = np.log1p(values)
    return found


def _refuse_empty(cohort: Cohort, variables: Iterable[Variable]) -> None:
    faults = [
        f"imputation: {one.name} is recorded for fewer than 2 children of the arm "
        f'"{arm}", so it cannot be imputed there. Leave it out, or merge arms.'
        for one in variables
        for code, arm in enumerate(cohort.arms)
        if np.count_nonzero(~one.missing & (cohort.arm == code)) < 2
    ]
    if faults:
        raise Malformed(faults)


def _recorded(
    cohort: Cohort,
    holes: Mapping[str, Mask],
    unseen: Mapping[str, Mask],
    *,
    roles: Iterable[str],
) -> dict[str, Array]:
    """Return name → (n, k) predictors recorded for every child; those that never vary are left out.

    roles: columns besides the covariates, such as auxiliary ones and those of subgroups.
    """
    parts: dict[str, list[Array]] = {
        name: _numbers_of(column) for name, column in cohort.covariates.items() if name not in holes
    }
    for name in roles:
        if name in cohort.roles and name not in holes:
            parts[name] = _numbers_of(cohort.roles[name])
    if cohort.weight is not None:
        parts[WEIGHT] = [cohort.weight.astype(float)]
    for name, outcome in cohort.outcomes.items():
        if name not in unseen:
            parts[outcome_key(name)] = _predictors_of(outcome)
    found = {}
    for name, columns in parts.items():
        vary = [column for column in columns if np.ptp(column) > 0]
        if vary:
            found[name] = np.column_stack(vary)
    return found


def _numbers_of(column: Column) -> list[Array]:
    """Return a column as predictors: numbers, with a flag where one is missing, or its levels."""
    if not column.categorical:
        values = column.values.astype(float)
        missing = np.isnan(values)
        if not missing.any():
            return [values]
        middle = float(values[~missing].mean()) if not missing.all() else 0.0
        return [np.where(missing, middle, values), missing.astype(float)]
    return [(column.values == code).astype(float) for code in range(1, len(column.levels))]


def _predictors_of(outcome: Outcome) -> list[Array]:
    """Return an outcome that is not imputed, as predictors; one not seen holds the mean."""
    unseen = np.zeros(len(outcome.value), bool) if outcome.observed is None else ~outcome.observed
    if outcome.kind == "time":
        event = np.zeros(len(unseen)) if outcome.event is None else outcome.event.astype(float)
        shown = [np.where(unseen, 0.0, event), _hazard(outcome, unseen)]
    else:
        shown = [_scaled(outcome, unseen)]
    found = [np.where(unseen, one[~unseen].mean(), one) for one in shown]
    return [*found, unseen.astype(float)] if unseen.any() else found


def _hazard(outcome: Outcome, unseen: Mask) -> Array:
    """Return (n,) the Nelson–Aalen cumulative hazard at each child's time."""
    time = np.where(unseen, 0.0, outcome.value)
    event = np.ones(len(time), bool) if outcome.event is None else outcome.event
    times, place = np.unique(time[~unseen], return_inverse=True)
    leave = np.bincount(place, minlength=len(times)).astype(float)
    happen = np.bincount(place, weights=event[~unseen].astype(float), minlength=len(times))
    risk = leave[::-1].cumsum()[::-1]
    if outcome.entry is not None:
        late = np.searchsorted(np.sort(outcome.entry[~unseen]), times, side="left")
        risk = np.maximum(late - (leave.cumsum() - leave), 1.0)
    hazard = (happen / risk).cumsum()
    found = np.zeros(len(time))
    found[~unseen] = hazard[place]
    return found


def _clusters(cohort: Cohort, level: str | None) -> NDArray[np.int64] | None:
    """Return (n,) codes of clusters that children share; None where they are nearly alone."""
    if level is None or level not in cohort.clusters:
        return None
    _, codes = np.unique(cohort.clusters[level], return_inverse=True)
    count = int(codes.max()) + 1
    if count < FEWEST_CLUSTERS or cohort.n < TOGETHER * count:
        return None
    return codes.astype(np.int64)


def _filled(column: Column, missing: Mask, drawn: Array) -> Column:
    """Return a column with the drawn values in place of the missing."""
    values = column.values.copy()
    if not column.categorical:
        known = values[~missing].astype(float)
        if model_of(known)[1]:
            drawn = np.where(drawn == 1.0, known.max(), known.min())
    values[missing] = drawn.astype(values.dtype)
    return replace(column, values=values)


def _completed(
    outcome: Outcome, missing: Mask, drawn: Array, donors: NDArray[np.intp] | None
) -> Outcome:
    """Return an outcome with the drawn values; of a count, the donor's rate over the child's own
    person-time where that is recorded, and the donor's count and person-time where it is not.
    """
    value = outcome.value.copy()
    if outcome.kind != "count" or donors is None:
        value[missing] = drawn
        return replace(outcome, value=value, observed=None)
    value[missing] = outcome.value[donors]
    if outcome.exposure is None:
        return replace(outcome, value=value, observed=None)
    exposure = outcome.exposure.copy()
    own = exposure[missing]
    known = np.isfinite(own) & (own > 0)
    rate = outcome.value[donors] / outcome.exposure[donors]
    value[missing] = np.where(known, np.round(rate * np.where(known, own, 1.0)), value[missing])
    exposure[missing] = np.where(known, own, outcome.exposure[donors])
    return replace(outcome, value=value, exposure=exposure, observed=None)
