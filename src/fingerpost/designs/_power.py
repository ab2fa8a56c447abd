"""What a layout can find: the variance of an effect by generalised least squares, and its power.

Units of one wave share a covariance, so that a country of 152 areas is six small problems. The
effect is one at every exposure (`constant`), or has a value at each exposure, of which the target
is a weighted mean over those that have units still waiting in the same period. Then the cells used
are those that the leaf gls_exposure_time uses: of periods in which some unit still waits, and of
exposures of two units or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import Malformed, nearest
from fingerpost.core.rollout import NEVER, Correlation, Layout, Power
from fingerpost.core.seeds import stream
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.panel_correlation import fading, gamma_sizes, lasting, with_effects
from fingerpost.kernels.panel_gls import (
    by_sequence,
    contrast_variance,
    exposure_columns,
    information,
    information_beside_periods,
    mean_variance,
    period_columns,
)
from fingerpost.kernels.power import multiplier_t, multiplier_z, power_t, power_z

CONSTANT = "constant"
LOST = 2  # degrees of freedom: a level, and the effect
SIZED = 12_000  # sizes drawn, over which a variance is averaged: the fewer units, the more draws


@dataclass(frozen=True, eq=False, slots=True)
class Grounds:
    """What a layout tells of, whatever the correlation.

    design: (w, t, p) periods first, then exposures (or one column, where the effect is constant).
    observed: (w, t). exposures: those of the columns; answered: those with units that wait in the
    same period. weights: (1 + len(answered), p): the target first, then each exposure answered.
    observed holds, for every target but `constant`, no cell that an estimator would leave out.
    """

    layout: Layout
    design: Array
    observed: NDArray[np.bool_]
    exposures: tuple[int, ...]
    answered: tuple[int, ...]
    weights: Array

    @property
    def units(self) -> int:
        """How many units are drawn."""
        return int(self.layout.units.sum())


@dataclass(frozen=True, slots=True)
class Reach:
    """What a layout finds under one correlation, in the unit of the outcome.

    variance: of the target's estimate, infinite where it has none. df: units − 2, None where that
    is none. power_z, power_t: None where no effect is named. mdes: the smallest effect found with
    the power asked for, by z; mdes_t by t. at: (exposure, variance) of each exposure answered.
    double: how much a unit with twice the children counts: 1 where each unit counts alike, 2 where
    each child does.
    """

    correlation: Correlation
    variance: float
    df: int | None
    power_z: float | None
    power_t: float | None
    mdes: float
    mdes_t: float | None
    at: tuple[tuple[int, float], ...] = ()
    double: float = 1.0


def grounds(layout: Layout, power: Power, *, anticipation: int = 0) -> Grounds:
    """Return the design of a layout, without periods of anticipation and cells without returns.

    Raises Malformed where nobody waits beside units that have begun, so that nothing is told.
    """
    observed = seen(layout, power, anticipation)
    exposure = layout.exposure
    if power.target != CONSTANT:
        observed = observed & told_apart(layout, observed)
    answered = compared(exposure, observed)
    if not answered:
        raise Malformed(
            "Nothing is told: in no period do units that have begun stand beside units that wait. "
            "Let provision begin in some units later, or not before the study ends."
        )
    columns, exposures = exposure_columns(exposure, observed)
    if power.target == CONSTANT:
        columns = columns.sum(axis=2, keepdims=True)
    waves, periods = exposure.shape
    design = np.concatenate([period_columns(waves, periods), columns], axis=2)
    shares = target_shares(layout, power, observed=observed, answered=answered)
    return Grounds(
        layout,
        design,
        observed,
        exposures,
        answered,
        placed(shares, exposures, answered, periods, constant=power.target == CONSTANT),
    )


def seen(layout: Layout, power: Power, anticipation: int) -> NDArray[np.bool_]:
    """Return (w, t), the cells that are used: with returns, and not just before a begin."""
    at = np.arange(len(layout.periods))
    begins = layout.begins[:, None]
    before = (begins >= 0) & (at < begins) & (at >= begins - anticipation)
    observed: NDArray[np.bool_] = ~before
    faults = []
    for name, periods in power.unseen:
        if name not in layout.waves:
            faults.append(f"unseen: there is no wave {name}.{nearest(name, layout.waves)}")
            continue
        for period in periods:
            if period not in layout.periods:
                faults.append(f"unseen: {period} is no period.{nearest(period, layout.periods)}")
                continue
            observed[layout.waves.index(name), layout.periods.index(period)] = False
    if faults:
        raise Malformed(faults)
    return observed


def compared(exposure: NDArray[np.int64], observed: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the exposures with units that wait in the same period."""
    waits = (observed & (exposure == NEVER)).any(axis=0)
    return tuple(int(e) for e in np.unique(exposure[observed & (exposure >= 0) & waits]))


def told_apart(layout: Layout, observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (w, t), the cells of which effects by exposure can be told: in periods in which some
    unit still waits, and without provision or at an exposure that two units or more reach there.
    """
    exposure = layout.exposure
    waits = (observed & (exposure == NEVER)).any(axis=0)
    found: NDArray[np.bool_] = np.broadcast_to(waits, exposure.shape).copy()
    reached = observed & waits & (exposure >= 0)
    for at in np.unique(exposure[reached]):
        here = reached & (exposure == at)
        if layout.units[here.any(axis=1)].sum() < 2:
            found[here] = False
    return found


def target_shares(
    layout: Layout, power: Power, *, observed: NDArray[np.bool_], answered: tuple[int, ...]
) -> Array:
    """Return (e,) weights of the exposures answered that make the target, of sum 1."""
    exposure = layout.exposure
    is_at = (exposure[:, :, None] == np.array(answered)) & observed[:, :, None]
    by_wave = is_at.sum(axis=1).astype(np.float64)
    units = layout.units.astype(np.float64)
    kind = power.target
    if kind in (CONSTANT, "simple"):
        found = units @ by_wave
    elif kind == "exposure_average":
        found = np.ones(len(answered))
    elif kind == "group_average":
        own = by_wave.sum(axis=1)
        begun = own > 0
        found = units[begun] @ (by_wave[begun] / own[begun, None])
    elif kind == "calendar_average":
        cells = np.einsum("w,wte->te", units, is_at)
        own = cells.sum(axis=1)
        found = (cells[own > 0] / own[own > 0, None]).sum(axis=0)
    else:
        found = (np.array(answered) == named_exposure(power, answered)).astype(np.float64)
    shares: Array = found / found.sum()
    return shares


def named_exposure(power: Power, answered: tuple[int, ...]) -> int:
    """Return the exposure that `long_term` or `at_exposure` speaks of."""
    if power.target == "long_term":
        return answered[-1]
    if power.target != "at_exposure":
        raise Malformed(f"power: {power.target} is no target of a roll-out.")
    if power.exposure not in answered:
        told = ", ".join(str(each) for each in answered)
        asked = "none was named" if power.exposure is None else f"{power.exposure} was asked for"
        raise Malformed(
            f"power: at_exposure needs an exposure that has units still waiting in the same "
            f"period; {asked}. Name one of: {told}."
        )
    return power.exposure


def placed(
    shares: Array,
    exposures: tuple[int, ...],
    answered: tuple[int, ...],
    periods: int,
    *,
    constant: bool,
) -> Array:
    """Return (1 + answered, p) weights over coefficients: the target's, then each exposure's."""
    if constant:
        found = np.zeros((1, periods + 1))
        found[0, -1] = 1.0
        return found
    found = np.zeros((1 + len(answered), periods + len(exposures)))
    for at, exposure in enumerate(answered):
        column = periods + exposures.index(exposure)
        found[0, column] = shares[at]
        found[1 + at, column] = 1.0
    return found


# ------------------------------------------------------------------------- variances
def within(power: Power) -> float:
    """Return the variance of children's outcomes within a unit and period.

    Continuous: sd². Binary: p(1 − p), count: p, at p halfway between the levels without and with
    provision, as by the linear approximation of swCRTdesign. Raises Malformed with every fault.
    """
    faults = faults_of(power)
    if faults:
        raise Malformed(faults)
    if power.kind == "continuous":
        return float(power.sd or 0.0) ** 2
    level = float(power.level or 0.0)
    middle = (level + level_with(power)) / 2
    return middle * (1 - middle) if power.kind == "binary" else middle


def level_with(power: Power) -> float:
    """Return the risk or rate with provision: as said, else the level without and the effect."""
    if power.level_with is not None:
        return power.level_with
    return float(power.level or 0.0) + (power.effect or 0.0)


def effect_of(power: Power) -> float | None:
    """Return the effect in units of the outcome; None where none is named."""
    if power.effect is not None:
        return power.effect
    if power.level is not None and power.level_with is not None:
        return power.level_with - power.level
    return None


def faults_of(power: Power) -> list[str]:
    """Return every fault of what a roll-out is said to have to find."""
    faults = []
    if power.kind == "continuous":
        if power.sd is None or power.sd <= 0:
            faults.append(
                "power: a continuous outcome needs sd, the standard deviation of children's "
                "outcomes within a unit and period, above 0."
            )
    elif power.level is None:
        faults.append(f"power: a {power.kind} outcome needs level, what it is without provision.")
    else:
        faults += faults_of_levels(power)
    told, between = power.effect, (power.level, power.level_with)
    if None not in (told, *between) and not math.isclose(
        float(told or 0), float(between[1] or 0) - float(between[0] or 0), abs_tol=1e-9
    ):
        faults.append("power: effect is not level_with less level. Leave one of them out.")
    if power.children <= 0:
        faults.append("power: children, of a unit in a period, are more than 0.")
    for name in ("explained_between", "explained_within"):
        if not 0 <= getattr(power, name) < 1:
            faults.append(f"power: {name} is a share of variance, from 0 to below 1.")
    for each in power.correlations:
        faults += faults_of_correlation(each)
    return faults


def faults_of_levels(power: Power) -> list[str]:
    """Return every fault of the level without provision and the level with it."""
    faults = []
    top = 1.0 if power.kind == "binary" else math.inf
    for name, value in (("level", power.level), ("the level with provision", level_with(power))):
        if value is not None and not 0 < value < top:
            between = "a risk between 0 and 1" if power.kind == "binary" else "a rate above 0"
            faults.append(f"power: {name} is {value:g}; it is {between}.")
    return faults


def faults_of_correlation(each: Correlation) -> list[str]:
    """Return every fault of one correlation."""
    faults = []
    if not 0 <= each.icc < 1:
        faults.append(f"correlations: an icc of {each.icc:g}; it is from 0 to below 1.")
    for name in ("cac", "iac", "churn"):
        if not 0 <= getattr(each, name) <= 1:
            faults.append(f"correlations: {name} of {getattr(each, name):g}; it is from 0 to 1.")
    if each.structure != "cohort" and (each.iac or each.churn):
        faults.append(f"correlations: iac and churn are of a cohort, not of {each.structure}.")
    if each.effect_sd < 0 or abs(each.effect_corr) > 1:
        faults.append("correlations: effect_sd is 0 or more, effect_corr from −1 to 1.")
    return faults


def covariances(ground: Grounds, power: Power, correlation: Correlation, sizes: Array) -> Array:
    """Return (g, w, t, t), the covariance of a unit's means by size and wave; (g, 1, t, t) where
    all waves share it.

    Between units icc / (1 − icc) of the variance within, so that icc is the share between of both;
    covariates take their shares away after that.
    """
    own = within(power)
    between = own * correlation.icc / (1 - correlation.icc) * (1 - power.explained_between)
    own = own * (1 - power.explained_within)
    periods = ground.observed.shape[1]
    fades = correlation.structure == "decay"
    level = between * (fading if fades else lasting)(periods, correlation.cac)
    lasts = between if fades else between * correlation.cac
    shared = with_effects(
        level,
        ground.layout.exposed,
        sd=correlation.effect_sd,
        correlation=correlation.effect_corr,
        level_sd=math.sqrt(lasts),
    )
    child = own * (
        (1 - correlation.iac) * np.eye(periods)
        + correlation.iac * lasting(periods, 1 - correlation.churn)
    )
    found: Array = shared[None] + child / sizes[:, None, None, None]
    return found


def reach(ground: Grounds, power: Power, *, correlation: Correlation) -> Reach:
    """Return what a layout finds under one correlation.

    Where sizes differ (size_cv above 0) the variance is its mean over draws of them from a gamma
    distribution, apart from waves. Raises Malformed with every fault of what was asked.
    """
    faults = faults_of_correlation(correlation)
    if faults:
        raise Malformed(faults)
    sizes, chance = gamma_sizes(power.children, power.size_cv)
    every = covariances(ground, power, correlation, sizes)
    if len(sizes) == 1:
        variances = contrast_variance(*told_by(ground, every[0]))
    else:
        variances = over_sizes(ground, every, chance)
    variance = float(variances[0])
    answered = () if len(variances) == 1 else ground.answered
    return Reach(
        correlation,
        variance,
        *chances(variance, power, units=ground.units),
        at=tuple(zip(answered, (float(each) for each in variances[1:]), strict=True)),
        double=double_weight(power, correlation),
    )


def told_by(ground: Grounds, covariance: Array) -> tuple[Array, Array]:
    """Return the information of a layout's coefficients, and the weights of what is asked on them.

    covariance: (w, t, t), or (1, t, t) of all. Where every wave is seen in the same periods and has
    the same covariance, effects of periods drop out.
    """
    units, periods = ground.layout.units, ground.observed.shape[1]
    kept = np.flatnonzero(ground.observed.any(axis=0))
    if len(covariance) == 1 and ground.observed[:, kept].all():
        precision = np.linalg.inv(covariance[0][np.ix_(kept, kept)])
        columns = ground.design[:, kept, periods:]
        told = information_beside_periods(columns, precision, units=units)
        return told, ground.weights[:, periods:]
    found = information(ground.design, covariance, units=units, observed=ground.observed)
    return found, ground.weights


def over_sizes(ground: Grounds, every: Array, chance: Array) -> Array:
    """Return (k,) variances of what is asked, averaged over draws of the sizes of units.

    every: (g, w, t, t) covariances by size; chance: (g,) of each size. The draws are the same for
    every correlation, so that curves are smooth.
    """
    units = ground.layout.units
    each = [by_sequence(ground.design, one, observed=ground.observed) for one in every]
    random = stream("power of a roll-out", "sizes of units")
    draws = int(np.clip(SIZED // units.sum(), 100, 1000))
    counts = [random.multinomial(int(count), chance, size=draws) for count in units]
    return mean_variance(
        np.concatenate(np.stack(each, axis=1)),
        ground.weights,
        counts=np.concatenate(counts, axis=1),
        expected=np.outer(units, chance).ravel(),
    )


def chances(
    variance: float, power: Power, *, units: int
) -> tuple[int | None, float | None, float | None, float, float | None]:
    """Return df, power by z and by t, and the smallest effects found by z and by t."""
    df = units - LOST if units > LOST else None
    effect, alpha, se = effect_of(power), power.alpha, math.sqrt(variance)
    by_z = None if effect is None else power_z(effect, variance, alpha=alpha)
    by_t = None
    if effect is not None and df is not None:
        by_t = power_t(effect, variance, df=df, alpha=alpha)
    least = multiplier_z(alpha, power.power) * se
    return (
        df,
        by_z,
        by_t,
        least,
        None if df is None else multiplier_t(alpha, power.power, df=df) * se,
    )


def double_weight(power: Power, correlation: Correlation) -> float:
    """Return how much a unit with twice the children counts in one period: from 1 to 2."""
    within_one = (1 - correlation.icc) / power.children * (1 - power.explained_within)
    between = correlation.icc * (1 - power.explained_between)
    return (between + within_one) / (between + within_one / 2)
