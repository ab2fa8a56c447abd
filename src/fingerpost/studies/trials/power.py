"""What a trial can find: its smallest detectable effect, its power, and how many units it takes.

Nobody knows the intra-cluster correlation of a trial beforehand, so that the answer is a curve over
it beside each number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Design, load
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.core.trial_power import DRAWN, ByLevel, TrialPower
from fingerpost.kernels.group_sequential import fractions_of
from fingerpost.kernels.looked_power import Looks
from fingerpost.kernels.trial_power import (
    Scheme,
    Tier,
    detectable,
    fewest,
    freedom,
    multiplier,
    power_of,
    sized,
    variance,
)
from fingerpost.studies.rollouts.monitoring import boundary

ICC_STEPS, MOST_ICC = 12, 0.30
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # of the number of units, along a curve
LINES = (0.5, 1.0, 2.0)
MOST_LOG_RATIO = 5.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Two arms, or two levels of a factor: names, and their shares of the allocation."""

    arm: str
    other: str
    shares: tuple[float, float]

    @property
    def words(self) -> str:
        """Both, as a report names them."""
        return f"{self.arm} v {self.other}"


@dataclass(frozen=True, slots=True)
class Reached:
    """What a trial finds in one comparison, in units of the outcome; a hazard ratio as its log.

    icc: along the curve; units: of the highest level. error: of the estimate, at the effect to be
    found or, where none is named, at the smallest that is detected. power_z, power_t: None where no
    effect is named. mdes: the smallest effect detected, by t, and lo, hi, its interval; mdes_z: by
    z. Infinite where nothing can be.
    """

    compared: Compared
    icc: float | None
    units: float
    error: float
    df: float
    power_z: float | None
    power_t: float | None
    mdes: float
    mdes_z: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Needed:
    """How many units of a level it takes, others staying as they are; None where no number does."""

    level: str
    now: float
    needed: int | None


@dataclass(frozen=True, eq=False, slots=True)
class TrialPlanned:
    """The power of one trial.

    scheme: of the headline, the comparison with the smallest share. reaches: every comparison.
    by_icc, by_units: points of the curves. needed: of each level, for the effect to be found.
    """

    study: Study
    name: str
    design: Design
    asked: TrialPower
    scheme: Scheme
    headline: Reached
    reaches: tuple[Reached, ...]
    by_icc: tuple[Reached, ...]
    by_units: tuple[Reached, ...]
    needed: tuple[Needed, ...]

    @property
    def effect(self) -> float | None:
        """The effect to be found; a hazard ratio as its log."""
        return effect_of(self.asked)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels, the finest first."""
        return tuple(tier.name for tier in self.scheme.tiers)

    @property
    def sizes(self) -> tuple[float, ...]:
        """How many of each level are in each unit of the next, as the study has them, children not
        seen at the end left out; a comparison may be of part of them (`scheme`).
        """
        sizes = [size for _, size in self.asked.sizes]
        return (sizes[0] * (1 - self.asked.lost), *sizes[1:])


def trial_of(study: Study) -> tuple[Trial, TrialPower]:
    """Return a study's trial and what it has to find.

    Raises UsageError where it is of no trial, or does not say what has to be found.
    """
    if study.trial is None:
        raise UsageError(f"{study.name} is no trial: it has no `trial:`.")
    if study.trial.power is None:
        raise UsageError(
            f"{study.name} does not say what has to be found. Name trial: {{power: {{sizes: "
            "{child: 15, school: 20}, icc: 0.15}}."
        )
    return study.trial, study.trial.power


def plan_trial_power(study: Study) -> TrialPlanned:
    """Return the power of a study's trial, in closed form; no record is read.

    Raises UsageError where it does not say what has to be found, or leaves no degree of freedom.
    """
    trial, asked = trial_of(study)
    name = str(getattr(study.assignment, "design", ""))
    pairs = comparisons(trial, asked)
    drawn = drawn_place(study, asked)
    arms = max(2, len(trial.arms)) if not any(arm.levels for arm in trial.arms) else 2
    scheme = scheme_of(asked, drawn, arms=arms)
    scheme = replace(scheme, looks=looks_of(trial, asked, study.name))
    schemes = [replace(scheme, shares=pair.shares) for pair in pairs]
    own = own_comparisons(study, trial, scheme)
    if own:
        pairs, schemes = tuple(pair for pair, _ in own), [one for _, one in own]
    if min(freedom(one) for one in schemes) < 1:
        raise UsageError(
            f"{study.name}: no degree of freedom is left for a test. Draw more units, or take "
            "blocks: random, fixed or constant otherwise."
        )
    reaches = tuple(reached(asked, one, pair) for one, pair in zip(schemes, pairs, strict=True))
    worst = max(range(len(pairs)), key=lambda at: reaches[at].error)
    head = schemes[worst]
    return TrialPlanned(
        study,
        name,
        load("designs", name, kind=Design),
        asked,
        head,
        reaches[worst],
        reaches,
        tuple(along_icc(asked, head, pairs[worst])),
        tuple(along_units(asked, head, pairs[worst])),
        tuple(needs(asked, head)),
    )


# ---------------------------------------------------------------------- the design
def drawn_place(study: Study, asked: TrialPower) -> int:
    """Return the place of the level that is drawn among the sizes."""
    levels = [name for name, _ in asked.sizes]
    unit = str(getattr(study.assignment, "unit", "") or "")
    named = asked.drawn or (unit if unit in levels else levels[0])
    return levels.index(named)


def drawn_units(study: Study, asked: TrialPower) -> float:
    """Return how many units the sizes say are drawn."""
    return math.prod(size for _, size in asked.sizes[drawn_place(study, asked) :])


def scheme_of(asked: TrialPower, drawn: int, *, arms: int = 2) -> Scheme:
    """Return a design with everything that its power hangs on."""
    levels = [name for name, _ in asked.sizes]
    bare = levels[drawn] if drawn else levels[min(1, len(levels) - 1)]
    icc = by_level(asked.icc, bare)
    explained, varies = by_level(asked.explained, levels[0]), by_level(asked.varies, bare)
    stays = by_level(asked.stays, levels[0])
    seen = 1 - asked.lost
    tiers = tuple(
        Tier(
            name,
            size * seen if at == 0 else size,
            icc.get(name, 0.0),
            explained.get(name, 0.0),
            varies.get(name, 0.0),
            stays.get(name, dict(asked.stays).get(DRAWN, 0.0)),
        )
        for at, (name, size) in enumerate(asked.sizes)
    )
    return Scheme(
        tiers,
        drawn,
        arms=arms,
        blocks=asked.blocks,
        covariates=asked.covariates,
        size_cv=asked.size_cv,
        before=asked.before,
        after=asked.after,
        compares=asked.compares,
    )


def by_level(pairs: ByLevel, bare: str) -> dict[str, float]:
    """Return {level: number}; a bare number is of one level."""
    return {name or bare: value for name, value in pairs}


def comparisons(trial: Trial, asked: TrialPower) -> tuple[Compared, ...]:
    """Return each arm against the first, or each level of a factor against its first."""
    if asked.share is not None or len(trial.arms) < 2:
        share = 0.5 if asked.share is None else asked.share
        names = [arm.name for arm in trial.arms] or ["without", "with"]
        return (Compared(names[1], names[0], (share, 1 - share)),)
    whole = sum(arm.share for arm in trial.arms)
    if all(arm.levels for arm in trial.arms):
        return tuple(factor_pairs(trial, whole))
    first = trial.arms[0]
    return tuple(
        Compared(arm.name, first.name, (arm.share / whole, first.share / whole))
        for arm in trial.arms[1:]
    )


def own_comparisons(study: Study, trial: Trial, scheme: Scheme) -> list[tuple[Compared, Scheme]]:
    """Return the comparisons that a design has of its own; none where arms are compared by their
    shares.
    """
    design = load("designs", str(getattr(study.assignment, "design", "")), kind=Design)
    schemes = design.procedure.schemes if design.procedure is not None else None
    if schemes is None or len(trial.arms) < 2:
        return []
    return [(Compared(arm, other, one.shares), one) for arm, other, one in schemes(trial, scheme)]


def factor_pairs(trial: Trial, whole: int) -> Iterable[Compared]:
    """Yield each level of each factor against the first level of that factor."""
    for at, (factor, _) in enumerate(trial.arms[0].levels):
        shares: dict[str, float] = {}
        for arm in trial.arms:
            level = arm.levels[at][1]
            shares[level] = shares.get(level, 0.0) + arm.share / whole
        first, *others = shares
        for level in others:
            yield Compared(f"{factor} {level}", f"{factor} {first}", (shares[level], shares[first]))


# --------------------------------------------------------------------- the outcome
def effect_of(asked: TrialPower) -> float | None:
    """Return the effect to be found, in units of the outcome; a hazard ratio as its log."""
    if asked.kind == "survival":
        return None if asked.hazard_ratio is None else math.log(asked.hazard_ratio)
    if asked.kind == "continuous":
        return asked.effect
    if asked.level is None or asked.level_with is None:
        return None
    return asked.level_with - asked.level


def spread(asked: TrialPower, effect: float) -> tuple[float, float]:
    """Return the variance of one child's outcome with and without provision, at an effect.

    Binary: p(1 − p) of either arm; counts: dispersion × rate; survival: one over the share with the
    event (Schoenfeld 1983, Biometrics 39:499-503), proportional hazards.
    """
    level = asked.level or 0.0
    if asked.kind == "continuous":
        return asked.sd**2, asked.sd**2
    if asked.kind == "survival":
        events = 1 - (1 - level) ** math.exp(effect)
        return 1 / max(events, 1e-300), 1 / level
    other = level + effect
    if asked.kind == "count":
        return asked.dispersion * max(other, 0.0), asked.dispersion * level
    other = min(max(other, 0.0), 1.0)
    return other * (1 - other), level * (1 - level)


def error_at(asked: TrialPower, scheme: Scheme, effect: float) -> float:
    """Return the standard error of the estimate, were this the effect."""
    return math.sqrt(variance(scheme, spread(asked, effect)))


def direction(asked: TrialPower) -> tuple[float, float]:
    """Return the sign of the effect that is looked for, and the largest size that it can have."""
    effect = effect_of(asked)
    sign = math.copysign(1.0, effect) if effect else (-1.0 if asked.kind == "survival" else 1.0)
    level = asked.level or 0.0
    if asked.kind == "continuous":
        return sign, math.inf
    if asked.kind == "survival":
        return sign, MOST_LOG_RATIO
    if sign < 0:
        return sign, level
    return sign, 1 - level if asked.kind == "binary" else math.inf


# ------------------------------------------------------------------------- results
def reached(
    asked: TrialPower, scheme: Scheme, compared: Compared, icc: float | None = None
) -> Reached:
    """Return what one comparison finds."""
    effect, df = effect_of(asked), freedom(scheme)
    sign, most = direction(asked)
    by_t, by_z = (
        looked(scheme, multiplier(asked.alpha, asked.power, df=own, sides=asked.sides))
        for own in (df, None)
    )

    def error(size: float) -> float:
        return error_at(asked, scheme, size)

    mdes = detectable(error, by_t, sign=sign, most=most) if df >= 1 else math.inf
    mdes_z = detectable(error, by_z, sign=sign, most=most)
    at_mdes = error(mdes) if math.isfinite(mdes) else math.nan
    half = multiplier(asked.alpha, 0.5, df=df, sides=2) * at_mdes
    own = error(effect) if effect is not None else at_mdes
    levels = {"alpha": asked.alpha, "sides": asked.sides}
    size = 0.0 if effect is None else (abs(effect) if asked.sides == 2 else sign * effect)
    size = counting(scheme, size, own)
    return Reached(
        compared,
        icc if icc is not None else curve_icc(scheme),
        scheme.count(len(scheme.tiers) - 1),
        own,
        df,
        None if effect is None else power_of(size, own, df=None, **levels),  # type: ignore[arg-type]
        None if effect is None else power_of(size, own, df=df, **levels),  # type: ignore[arg-type]
        mdes,
        mdes_z,
        mdes - half,
        mdes + half,
    )


def looks_of(trial: Trial, asked: TrialPower, name: str) -> Looks | None:
    """Return the looks at which a trial may stop; None of a trial without.

    Raises UsageError where the level of the looks is another than that of the power.
    """
    said = trial.monitoring
    if said is None or asked.adaptive is not None:
        return None
    many = said.many
    if many is None or many < 2:
        return None
    alpha = asked.alpha / asked.sides
    if not math.isclose(alpha, said.alpha / said.sides):
        raise UsageError(
            f"{name}: trial.power has the level {alpha:g} of a side, trial.monitoring "
            f"{said.alpha / said.sides:g}. Write the same alpha and sides in both."
        )
    fractions = fractions_of(many)
    return Looks.of(boundary(said, fractions), fractions, alpha=alpha)


def looked(scheme: Scheme, times: float) -> float:
    """Return how many standard errors an effect has to be, with the looks of a scheme."""
    return times if scheme.looks is None or not math.isfinite(times) else scheme.looks.needs(times)


def counting(scheme: Scheme, size: float, error: float) -> float:
    """Return the effect that a trial without the looks of a scheme would find as often."""
    if scheme.looks is None or not math.isfinite(error) or error <= 0:
        return size
    return error * scheme.looks.counts(size / error)


def curve_place(scheme: Scheme) -> int | None:
    """Return the level over whose intra-cluster correlation curves run; None where none matters."""
    if scheme.drawn:
        return scheme.drawn
    blocks = [at for at, tier in enumerate(scheme.tiers) if at and tier.varies]
    return blocks[0] if blocks and scheme.blocks == "random" else None


def curve_icc(scheme: Scheme) -> float | None:
    """Return the intra-cluster correlation that a curve runs over."""
    at = curve_place(scheme)
    return None if at is None else scheme.tiers[at].icc


def with_icc(scheme: Scheme, icc: float) -> Scheme:
    """Return a scheme with another intra-cluster correlation along the curve."""
    at = curve_place(scheme)
    tiers = tuple(
        replace(tier, icc=icc) if place == at else tier for place, tier in enumerate(scheme.tiers)
    )
    return replace(scheme, tiers=tiers)


def iccs(scheme: Scheme) -> list[float]:
    """Return the intra-cluster correlations of a curve: from nought to twice its own and beyond."""
    own = curve_icc(scheme)
    if own is None:
        return []
    others = sum(tier.icc for tier in scheme.tiers[1:]) - own
    most = min(max(MOST_ICC, 2 * own), 0.95 * (1 - others))
    return sorted({own, *(most * at / ICC_STEPS for at in range(ICC_STEPS + 1))})


def along_icc(asked: TrialPower, scheme: Scheme, compared: Compared) -> Iterable[Reached]:
    """Yield what is found over intra-cluster correlations, for fewer and more units."""
    top = len(scheme.tiers) - 1
    for times in LINES:
        size = max(4.0, round(scheme.tiers[top].size * times))
        for icc in iccs(scheme):
            one = with_icc(sized(scheme, top, size=size), icc)
            yield reached(asked, one, compared, icc)


def along_units(asked: TrialPower, scheme: Scheme, compared: Compared) -> Iterable[Reached]:
    """Yield what is found with fewer and more units of the highest level, at half, its own and
    twice the intra-cluster correlation.
    """
    top, own = len(scheme.tiers) - 1, curve_icc(scheme)
    held = [None] if not own else [own / 2, own, min(2 * own, iccs(scheme)[-1])]
    sizes = sorted({max(4.0, round(scheme.tiers[top].size * times)) for times in FACTORS})
    for icc in dict.fromkeys(held):
        for size in sizes:
            one = sized(scheme, top, size=size)
            one = one if icc is None else with_icc(one, icc)
            if freedom(one) >= 1:
                yield reached(asked, one, compared, icc)


def needs(asked: TrialPower, scheme: Scheme) -> Iterable[Needed]:
    """Yield how many units of each level the effect to be found takes, others as they are."""
    effect = effect_of(asked)
    if not effect:
        return

    def enough(at: int, size: int) -> bool:
        # Of some designs a comparison is of part of those who are drawn: as many times more.
        part = scheme.tiers[at].size / asked.sizes[at][1]
        one = sized(scheme, at, size=size * part)
        df = freedom(one)
        if df < 1:
            return False
        error = error_at(asked, one, effect)
        far = counting(scheme, abs(effect), error)
        found = power_of(far, error, df=df, alpha=asked.alpha, sides=asked.sides)
        return found >= asked.power

    for at, (name, size) in enumerate(asked.sizes):
        yield Needed(name, size, fewest(lambda n, at=at: enough(at, n), start=2))  # type: ignore[misc]
