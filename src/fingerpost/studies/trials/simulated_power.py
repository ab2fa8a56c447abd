"""Power that no closed form gives: several outcomes at once, adaptive trials, sequences of draws.

Simulated in seconds; every share is told with its Monte-Carlo error. Draws come from named streams
of the study, so that the same study gives the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.core.errors import UsageError
from fingerpost.core.seeds import stream
from fingerpost.core.trial_power import TrialPower
from fingerpost.kernels.adaptive import (
    REGIMES,
    Play,
    Rule,
    Sequence2,
    SequencePower,
    drop_losers,
    follow_results,
    sequence_power,
    simulate,
    stages_of,
)
from fingerpost.kernels.adaptive import Reached as Simulated
from fingerpost.kernels.multiple_power import Found, Several, exchangeable, power_of_several
from fingerpost.kernels.trial_power import Scheme, repeated, within_arms

if TYPE_CHECKING:
    from fingerpost.studies.trials.power import TrialPlanned

RULES: dict[str, Play] = {"drop_losers": drop_losers, "response_adaptive": follow_results}


@dataclass(frozen=True, eq=False, slots=True)
class ManyOutcomes:
    """Power of several outcomes. names, effects: of outcomes. found: adjustment → what it finds."""

    names: tuple[str, ...]
    effects: tuple[float, ...]
    correlated: float
    found: dict[str, Found]
    draws: int


@dataclass(frozen=True, eq=False, slots=True)
class AdaptiveTrial:
    """An adaptive trial. arms: names, the first that others are compared with. scaled: by what
    effects were divided, the standard deviation of what is known of a drawn unit.
    """

    arms: tuple[str, ...]
    rule: Rule
    reached: Simulated
    scaled: float


@dataclass(frozen=True, eq=False, slots=True)
class RegimesTrial:
    """A sequence of two draws. names: of its four regimes."""

    names: tuple[str, ...]
    found: SequencePower


def many_outcomes(planned: TrialPlanned) -> ManyOutcomes | None:
    """Return the power of several outcomes, all measured on the same units; None where the study
    names none.
    """
    several = planned.asked.outcomes
    if several is None:
        return None
    names, effects = zip(*several.effects, strict=True)
    if planned.asked.kind != "continuous":
        raise UsageError(
            "trial.power.outcomes: several outcomes at once are computed for continuous ones."
        )
    if planned.scheme.looks is not None:
        raise UsageError(
            "trial.power.outcomes: several outcomes at once are computed of a trial without looks. "
            "Leave out trial.monitoring, or outcomes."
        )
    asked = Several(
        np.asarray(effects, dtype=float) / planned.headline.error,
        exchangeable(len(names), several.correlated),
        planned.headline.df,
    )
    found = power_of_several(
        asked,
        adjustments=several.adjust,
        alpha=planned.asked.alpha,
        sides=planned.asked.sides,
        draws=several.draws,
        random=stream(planned.study.digest(), "power of several outcomes"),
    )
    return ManyOutcomes(names, effects, several.correlated, found, several.draws)


def unit_sd(scheme: Scheme, asked: TrialPower) -> float:
    """Return the standard deviation of what is known of one drawn unit, covariates and measurements
    before taken into account.
    """
    units = scheme.count(scheme.drawn)
    return asked.sd * math.sqrt(within_arms(scheme) * units * repeated(scheme))


def adaptive_trial(planned: TrialPlanned) -> AdaptiveTrial | None:
    """Return what an adaptive trial reaches; None where the study describes none.

    One-sided at α over the sides of the study, familywise over all arms.
    """
    asked = planned.asked.adaptive
    trial = planned.study.trial
    if asked is None or trial is None:
        return None
    arms = tuple(arm.name for arm in trial.arms) or ("without", "with")
    known = dict(asked.effects)
    scaled = unit_sd(planned.scheme, planned.asked)
    effects = (0.0, *(known.get(name, 0.0) / scaled for name in arms[1:]))
    total = round(planned.scheme.count(planned.scheme.drawn))
    rule = Rule(effects, stages_of(total, asked.stages), asked.keep, asked.control, asked.tuned)
    reached = simulate(
        rule,
        RULES[asked.rule],
        alpha=planned.asked.alpha / planned.asked.sides,
        replicates=asked.replicates,
        random=stream(planned.study.digest(), "power of an adaptive trial"),
    )
    return AdaptiveTrial(arms, rule, reached, scaled)


def regimes_trial(planned: TrialPlanned) -> RegimesTrial | None:
    """Return what a sequence of two draws finds; None where the study describes none."""
    asked, trial = planned.asked.regimes, planned.study.trial
    if asked is None or trial is None:
        return None
    first = tuple(arm.name for arm in trial.arms)[:2]
    firsts = first if len(first) == 2 else ("first", "other")
    later = trial.stages[0].arms if trial.stages else ()
    second = tuple(arm.name for arm in later)[:2]
    seconds = second if len(second) == 2 else ("one", "other")
    scaled = unit_sd(planned.scheme, planned.asked)
    design = Sequence2(
        asked.responding,
        np.asarray(asked.means) / scaled,
        round(planned.scheme.count(planned.scheme.drawn)),
    )
    found = sequence_power(
        design,
        alpha=2 * planned.asked.alpha / planned.asked.sides,  # of a test of two sides
        replicates=asked.replicates,
        random=stream(planned.study.digest(), "power of a sequence of draws"),
    )
    names = tuple(f"{firsts[a]}, then {seconds[b]} if it does not help" for a, b in REGIMES)
    return RegimesTrial(names, found)
