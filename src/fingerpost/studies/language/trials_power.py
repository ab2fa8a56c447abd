"""What a trial has to find, as a study says it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from fingerpost.core.trial_power import (
    ADJUSTMENTS,
    BLOCKS,
    COMPARES,
    DRAWN,
    KINDS,
    RULES,
    Adaptive,
    ByLevel,
    Regimes,
    Several,
    TrialPower,
)
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.fields import (
    Part,
    Share,
    Text,
    accepts,
    among,
    as_number,
    as_whole,
    choose,
    misread,
    shown,
    whole_within,
)

Count = Annotated[
    float,
    PlainValidator(as_number),
    Field(gt=0),
    accepts({"type": "number", "exclusiveMinimum": 0}),
]
Proportion = Annotated[
    float,
    PlainValidator(as_number),
    Field(gt=0, lt=1),
    accepts({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Lost = Annotated[
    float,
    PlainValidator(as_number),
    Field(ge=0, lt=1),
    accepts({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]
MOST_LEVELS = 4
# Beyond these no plan of a trial lies, and arithmetic would give what is no number.
MOST_UNITS, LEAST_SD, MOST_SD, MOST_CV, MOST_LOST = 1e9, 1e-9, 1e9, 5.0, 0.95
Units = Annotated[
    float,
    PlainValidator(as_number),
    Field(gt=0, le=MOST_UNITS),
    accepts({"type": "number", "exclusiveMinimum": 0, "maximum": MOST_UNITS}),
]
Deviation = Annotated[
    float,
    PlainValidator(as_number),
    Field(ge=LEAST_SD, le=MOST_SD),
    accepts({"type": "number", "minimum": LEAST_SD, "maximum": MOST_SD}),
]
Effect = Annotated[
    float,
    PlainValidator(as_number),
    Field(ge=-MOST_SD, le=MOST_SD),
    accepts({"type": "number", "minimum": -MOST_SD, "maximum": MOST_SD}),
]
Unseen = Annotated[
    float,
    PlainValidator(as_number),
    Field(ge=0, le=MOST_LOST),
    accepts({"type": "number", "minimum": 0, "maximum": MOST_LOST}),
]
Varying = Annotated[
    float,
    PlainValidator(as_number),
    Field(ge=0, le=MOST_CV),
    accepts({"type": "number", "minimum": 0, "maximum": MOST_CV}),
]
LEAST_REPLICATES, MOST_REPLICATES = 100, 200_000


def as_shares(node: object) -> ByLevel:
    """Return a bare number, or {level: number}, each from 0 to below 1."""
    pairs = as_numbers(node)
    if any(not 0 <= value < 1 for _, value in pairs):
        raise misread(node, f"shares lie from 0 to below 1; {shown(node)} was found.")
    return pairs


def as_numbers(node: object) -> ByLevel:
    """Return a bare number, or {name: number}, none of which is below 0."""
    if isinstance(node, dict):
        pairs = tuple((str(name), as_number(value)) for name, value in node.items())
    else:
        pairs = ((DRAWN, as_number(node)),)
    if not pairs or any(value < 0 for _, value in pairs):
        raise misread(node, f"should be a number from 0, or {{level: number}}; {shown(node)}.")
    return pairs


BY_LEVEL: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
    ]
}
Shares = Annotated[ByLevel, PlainValidator(as_shares), accepts(BY_LEVEL)]
Ratios = Annotated[ByLevel, PlainValidator(as_numbers), accepts(BY_LEVEL)]
Replicates = whole_within(LEAST_REPLICATES, MOST_REPLICATES)


def as_adjustments(node: object) -> tuple[str, ...]:
    """Return names of adjustments, one or several."""
    items = node if isinstance(node, list) else [node]
    return tuple(choose(item, "an adjustment", ADJUSTMENTS) for item in items)


class SeveralPart(Part):
    """Several outcomes, and how p-values are adjusted for being many."""

    effects: dict[Text, Effect] = Field(
        description="Outcome: its effect, in the unit of `effect`; 0 for none."
    )
    correlated: Annotated[
        float,
        PlainValidator(as_number),
        Field(gt=-1, lt=1),
        accepts({"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1}),
    ] = Field(0.5, description="Correlation between the test statistics of any two (0.5).")
    adjust: (
        Annotated[
            tuple[str, ...],
            PlainValidator(as_adjustments),
            accepts({"type": ["string", "array"], "items": {"enum": list(ADJUSTMENTS)}}),
        ]
        | None
    ) = Field(
        None,
        description="none, bonferroni, holm, benjamini_hochberg, single_step or step_down (both of "
        "Westfall and Young); all if left out.",
    )
    draws: whole_within(1000, 1_000_000) = Field(  # type: ignore[valid-type]
        100_000, description="How many are simulated (100000)."
    )


def as_keep(node: object) -> tuple[int, ...]:
    """Return how many arms go on after each stage but the last."""
    return tuple(as_whole(item) for item in (node if isinstance(node, list) else [node]))


class AdaptivePart(Part):
    """How a trial goes on with what it has seen."""

    rule: Annotated[Text, among("a rule", RULES)] = Field(
        "drop_losers",
        description="drop_losers (the best arms go on) or response_adaptive (shares follow "
        "results).",
    )
    stages: whole_within(1, 40) = Field(  # type: ignore[valid-type]
        3, description="How many stages, drawing alike (3)."
    )
    effects: dict[Text, Effect] | None = Field(
        None, description="Arm besides the first: its true effect, in standard deviations."
    )
    keep: (
        Annotated[
            tuple[int, ...],
            PlainValidator(as_keep),
            accepts({"type": "array", "items": {"type": "integer"}}),
        ]
        | None
    ) = Field(
        None,
        description="Of drop_losers: how many arms besides the first go on after each stage but "
        "the last.",
    )
    control: Proportion | None = Field(
        None, description="Share of the first arm in every stage; an equal one if left out."
    )
    tuned: Lost = Field(
        0.5, description="Of response_adaptive: power of the chance of being best (0.5)."
    )
    replicates: Replicates = Field(  # type: ignore[valid-type]
        10_000, description="How many trials are simulated (10000)."
    )


def as_three(node: object) -> tuple[float, float, float]:
    """Return three numbers."""
    if not isinstance(node, list) or len(node) != 3:
        raise misread(
            node,
            "should be [mean of those who respond, of the others under one second arm, and under "
            f"the other]; {shown(node)} was found.",
        )
    first, second, third = (as_number(item) for item in node)
    return first, second, third


class RegimesPart(Part):
    """What a sequence of two draws expects."""

    responding: dict[Text, Proportion] = Field(
        description="First arm: share of those whom it helps, who are not drawn again."
    )
    means: dict[
        Text,
        Annotated[
            tuple[float, float, float],
            PlainValidator(as_three),
            accepts({"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}),
        ],
    ] = Field(
        description="First arm: mean outcomes of those who respond, and of the others under either "
        "second arm, in standard deviations."
    )
    replicates: Replicates = Field(  # type: ignore[valid-type]
        10_000, description="How many trials are simulated (10000)."
    )


class TrialPowerPart(Part):
    """What a trial has to find."""

    sizes: dict[Text, Units] = Field(
        description="Level: how many in each unit of the next level, the finest first; of the "
        "last, how many in all: {child: 15, school: 20}."
    )
    drawn: Text | None = Field(
        None,
        description="The level that is drawn; the unit of the assignment, or the finest, if left "
        "out.",
    )
    alpha: Share = Field(0.05, description="Level of the test, all sides together (0.05).")
    power: Annotated[float, PlainValidator(as_number), Field(gt=0.5, lt=1)] = Field(
        0.80, description="Power at which the smallest detectable effect is given (0.80)."
    )
    sides: whole_within(1, 2) = Field(2, description="2 or 1.")  # type: ignore[valid-type]
    kind: Annotated[Text, among("a kind of outcome", KINDS)] = Field(
        "continuous", description="continuous, binary, count or survival."
    )
    effect: Effect | None = Field(
        None, description="The effect to be found, in units of the outcome (continuous)."
    )
    sd: Deviation = Field(1.0, description="Standard deviation of children's outcomes (1).")
    level: Units | None = Field(
        None,
        description="Risk or rate without provision; of survival, the share with the event by the "
        "end.",
    )
    level_with: Units | None = Field(None, description="Risk or rate with provision.")
    hazard_ratio: Count | None = Field(None, description="Of survival: the effect to be found.")
    dispersion: Units = Field(1.0, description="Of a count: its variance over its mean (1).")
    icc: Shares | None = Field(
        None, description="Share of the variance between units: a number, or {level: number}."
    )
    explained: Shares | None = Field(
        None,
        description="{level: share of its variance that covariates explain}; above the drawn "
        "level, of the variance of the effect.",
    )
    varies: Ratios | None = Field(
        None,
        description="{level above the drawn one: variance of the effect over that of its means}.",
    )
    stays: Shares | None = Field(
        None, description="{level: correlation with itself from one measurement to another}."
    )
    blocks: Annotated[Text, among("a way of taking blocks", BLOCKS)] = Field(
        "random",
        description="Effects between levels above the drawn one: random, fixed (one each) or "
        "constant (one for all).",
    )
    covariates: whole_within(0, 1000) = Field(  # type: ignore[valid-type]
        0, description="How many, at the level that degrees of freedom are counted on (0)."
    )
    share: Proportion | None = Field(
        None, description="Share with provision; that of the arms if left out."
    )
    size_cv: Varying = Field(
        0.0, description="Coefficient of variation of the sizes of clusters or blocks (0)."
    )
    before: whole_within(0, 100) = Field(  # type: ignore[valid-type]
        0, description="Measurements of the outcome before provision (0)."
    )
    after: whole_within(1, 100) = Field(  # type: ignore[valid-type]
        1, description="Measurements of the outcome after it, of which the mean counts (1)."
    )
    compares: Annotated[Text, among("a comparison", COMPARES)] = Field(
        "adjusted", description="adjusted for those before, the change since, or those after alone."
    )
    lost: Unseen = Field(0.0, description="Share of the finest units not seen at the end (0).")
    outcomes: SeveralPart | None = Field(
        None, description="Several: {effects, correlated, adjust}."
    )
    adaptive: AdaptivePart | None = Field(None, description="{rule, stages, effects, keep, …}.")
    regimes: RegimesPart | None = Field(
        None, description="Of a sequence of two draws: {responding, means}."
    )


def to_trial_power(part: TrialPowerPart | None) -> TrialPower | None:
    """Return what a trial has to find."""
    if part is None:
        return None
    return TrialPower(
        sizes=tuple(part.sizes.items()),
        drawn=part.drawn or "",
        alpha=part.alpha,
        power=part.power,
        sides=part.sides,
        kind=part.kind,
        effect=part.effect,
        sd=part.sd,
        level=part.level,
        level_with=part.level_with,
        hazard_ratio=part.hazard_ratio,
        dispersion=part.dispersion,
        icc=part.icc or (),
        explained=part.explained or (),
        varies=part.varies or (),
        stays=part.stays or (),
        blocks=part.blocks,
        covariates=part.covariates,
        share=part.share,
        size_cv=part.size_cv,
        before=part.before,
        after=part.after,
        compares=part.compares,
        lost=part.lost,
        outcomes=to_several(part.outcomes),
        adaptive=to_adaptive(part.adaptive),
        regimes=to_regimes(part.regimes),
    )


def to_several(part: SeveralPart | None) -> Several | None:
    """Return several outcomes."""
    if part is None:
        return None
    return Several(
        tuple(part.effects.items()), part.correlated, part.adjust or ADJUSTMENTS, part.draws
    )


def to_adaptive(part: AdaptivePart | None) -> Adaptive | None:
    """Return how a trial goes on with what it has seen."""
    if part is None:
        return None
    return Adaptive(
        part.rule,
        part.stages,
        tuple((part.effects or {}).items()),
        part.keep or (),
        part.control,
        part.tuned,
        part.replicates,
    )


def to_regimes(part: RegimesPart | None) -> Regimes | None:
    """Return what a sequence of two draws expects; `check_trial_power` finds what is amiss."""
    if part is None or len(part.responding) != 2 or set(part.responding) != set(part.means):
        return None
    first, second = part.responding
    return Regimes(
        (part.responding[first], part.responding[second]),
        (part.means[first], part.means[second]),
        part.replicates,
    )


def check_trial_power(
    part: TrialPowerPart | None, arms: tuple[str, ...], faults: FaultList
) -> None:
    """Note levels that are none, numbers that a kind needs or does not take, and strange arms."""
    if part is None:
        return
    check_levels(part, faults)
    check_kind(part, faults)
    if part.before and part.stays is None:
        faults.add("trial.power.stays", "is missing: before needs {level: correlation}.")
    if part.adaptive is not None:
        for arm in part.adaptive.effects or {}:
            if arm not in arms[1:]:
                faults.add("trial.power.adaptive.effects", f'"{arm}" is no arm besides the first.')
    regimes = part.regimes
    if regimes is not None and (
        len(regimes.responding) != 2 or set(regimes.responding) != set(regimes.means)
    ):
        faults.add("trial.power.regimes", "names two first arms, the same in both parts.")


def check_levels(part: TrialPowerPart, faults: FaultList) -> None:
    """Two to four levels; whatever speaks of a level names one."""
    levels = tuple(part.sizes)
    if len(levels) > MOST_LEVELS:
        faults.add("trial.power.sizes", f"from 1 to {MOST_LEVELS} levels; {len(levels)} found.")
    if part.drawn is not None and part.drawn not in levels:
        faults.add("trial.power.drawn", f'"{part.drawn}" is not under sizes.')
    for key in ("icc", "explained", "varies", "stays"):
        for name, _ in getattr(part, key) or ():
            if name != DRAWN and name not in levels:
                faults.add(f"trial.power.{key}", f'"{name}" is not under sizes.')
            if key == "icc" and name == levels[0] and len(levels) > 1:
                faults.add("trial.power.icc", f"{name} has what the other levels leave.")
    if part.icc and len(levels) == 1:
        faults.add("trial.power.icc", "needs a second level under sizes.")
    shares = [value for _, value in part.icc or ()]
    if sum(shares) >= 1:
        faults.add("trial.power.icc", "shares of all levels add up to less than 1.")


def check_kind(part: TrialPowerPart, faults: FaultList) -> None:
    """A risk or rate where the outcome is none, or the other way about."""
    at = "trial.power"
    if part.kind == "continuous":
        for key in ("level", "level_with", "hazard_ratio"):
            if getattr(part, key) is not None:
                faults.add(f"{at}.{key}", "is of another kind of outcome; say effect and sd.")
        return
    if part.level is None:
        faults.add(f"{at}.level", f"is missing: {part.kind} needs it.")
    if part.effect is not None:
        faults.add(f"{at}.effect", f"is of continuous outcomes; {part.kind} says level_with.")
    if part.kind == "survival" and part.level_with is not None:
        faults.add(f"{at}.level_with", "survival says hazard_ratio.")
    if part.kind != "survival" and part.hazard_ratio is not None:
        faults.add(f"{at}.hazard_ratio", f"is of survival; {part.kind} says level_with.")
    if part.kind in ("binary", "survival"):
        for key in ("level", "level_with"):
            value = getattr(part, key)
            if value is not None and value >= 1:
                faults.add(f"{at}.{key}", f"is a share below 1; {value:g} found.")
