"""What a trial has to find, and with what certainty."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("continuous", "binary", "count", "survival")
ADJUSTMENTS = ("none", "bonferroni", "holm", "benjamini_hochberg", "single_step", "step_down")
BLOCKS = ("random", "fixed", "constant")
COMPARES = ("adjusted", "change", "after")
RULES = ("drop_losers", "response_adaptive")
DRAWN = ""  # stands for the level that a bare number is of
ByLevel = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Adaptive:
    """How a trial goes on with what it has seen.

    rule: `drop_losers` (only the best arms go on) or `response_adaptive` (shares follow results).
    stages: how many, drawing alike; effects: (arm, its true effect in standard deviations), of arms
    besides the first. keep: arms besides the first that go on after each stage but the last.
    control: share of the first arm, None for an equal one. tuned: power to which the chance of
    being best is raised. replicates: how many trials are simulated.
    """

    rule: str = "drop_losers"
    stages: int = 3
    effects: ByLevel = ()
    keep: tuple[int, ...] = ()
    control: float | None = None
    tuned: float = 0.5
    replicates: int = 10_000


@dataclass(frozen=True, slots=True)
class Regimes:
    """What a sequence of two draws expects, both at even chances.

    responding: share of those whom each first arm helps, who are not drawn again. means: of each
    first arm, the mean outcome of those, and of the others under either second arm, in standard
    deviations.
    """

    responding: tuple[float, float] = (0.5, 0.5)
    means: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
    )
    replicates: int = 10_000


@dataclass(frozen=True, slots=True)
class Several:
    """Several outcomes: (name, its effect, 0 for none), one correlation between any two of their
    test statistics, and how p-values are adjusted for being many.
    """

    effects: ByLevel
    correlated: float = 0.5
    adjust: tuple[str, ...] = ADJUSTMENTS
    draws: int = 100_000


@dataclass(frozen=True, slots=True)
class TrialPower:
    """What a trial has to find.

    sizes: (level, how many in each unit of the next level), the finest first; of the last, how many
    in all. drawn: the level that is drawn; empty: the unit of the assignment where it is a level,
    else the finest. alpha: of all sides together. kind: of the outcome. effect: in units of the
    outcome (continuous). sd: of children's outcomes, 1 for effects in standard deviations. level,
    level_with: risk or rate without and with provision; of survival, `level` is the share with the
    event by the end without provision. hazard_ratio: of survival. dispersion: variance over mean of
    a count. icc: share of variance between units of a level; a bare number (DRAWN) is of the drawn
    level, or of the second where the finest is drawn. explained: share of a level's variance that
    covariates explain. varies: variance of the effect over that of a level's means. stays:
    correlation of a level's part with itself from one measurement to another. lost: share of the
    finest units that are not seen at the end.
    """

    sizes: ByLevel = ()
    drawn: str = ""
    alpha: float = 0.05
    power: float = 0.80
    sides: int = 2
    kind: str = "continuous"
    effect: float | None = None
    sd: float = 1.0
    level: float | None = None
    level_with: float | None = None
    hazard_ratio: float | None = None
    dispersion: float = 1.0
    icc: ByLevel = ()
    explained: ByLevel = ()
    varies: ByLevel = ()
    stays: ByLevel = ()
    blocks: str = "random"
    covariates: int = 0
    share: float | None = None
    size_cv: float = 0.0
    before: int = 0
    after: int = 1
    compares: str = "adjusted"
    lost: float = 0.0
    outcomes: Several | None = None
    adaptive: Adaptive | None = None
    regimes: Regimes | None = None
