"""Potential outcomes: what each child's outcomes would be, on average over luck, in each arm.

A mean is over the luck of counts, of scores and of frailty, given all that is fixed in the child:
severity, the indices, conditions, and how strong provision would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from fingerpost.england import outcomes_counts, outcomes_scores
from fingerpost.england._draws import Floats
from fingerpost.england.model import PLAN_STRENGTH
from fingerpost.england.outcomes_scores import SCALED_EXPECTED, SCALED_MEAN, SCALED_SD
from fingerpost.england.strength import slope, strength_of
from fingerpost.england.world import World

ARMS = ("none", "support", "ehcp")
# Measures whose contrast is a ratio of means; the others are contrasted by difference.
RATES = {
    "unauthorised_absence": "sessions per 100 possible",
    "medical_absence": "sessions per 100 possible",
    "illness_absence": "sessions per 100 possible",
    "overall_absence": "sessions per 100 possible",
    "unplanned_admissions": "admissions a year",
    "planned_admissions": "admissions a year",
}
SCORES = {
    "ks1_maths": "standard deviations",
    "ks2_maths": "standard deviations",
    "ks2_maths_expected": "share of children assessed",
    "ks2_maths_expected_composite": "share of children, not assessed counted as not reached",
    "participation": "standard deviations",
    "wellbeing": "standard deviations",
}
MEASURES = {**RATES, **SCORES}
# From a scaled score rounded to a whole number back to the standardised score of the threshold.
EXPECTED = (SCALED_EXPECTED - 0.5 - SCALED_MEAN) / SCALED_SD
SESSIONS = 100.0


@dataclass(frozen=True, slots=True)
class Potential:
    """Potential outcomes of one block: measure → (n, arms) means; and who sits key stage 2.

    strength: (n,) of support, were it given. assessed: (n,) the chance of being assessed at the end
    of Year 6. ks1_assessed: the same at the end of Year 2.
    """

    means: dict[str, Floats]
    strength: Floats
    ks1_assessed: Floats
    assessed: Floats


def strengths(world: World) -> Floats:
    """Return the strength of provision in each arm, were it given: (n, arms)."""
    drawn = world.chances
    support = strength_of(drawn.delay, drawn.planned, drawn.delivered)
    return np.stack([np.zeros(world.size), support, PLAN_STRENGTH * support], axis=1)


def make(world: World) -> Potential:
    """Return the potential outcomes of one block, from the Year 1 spring census on."""
    strength = strengths(world)
    means = {name: rate(world, name, strength) for name in outcomes_counts.KINDS}
    absence = sum(means.values())
    del means["other_authorised_absence"]
    means["overall_absence"] = np.asarray(absence)
    for at, name in enumerate(("unplanned_admissions", "planned_admissions")):
        shift = np.exp(world.health.admissions[:, at])[:, None]
        means[name] = rate(world, name, strength) * shift * outcomes_counts.YEAR_SESSIONS / SESSIONS
    for name, score in (
        ("ks1_maths", "ks1"),
        ("ks2_maths", "ks2"),
        ("participation", "participation"),
        ("wellbeing", "wellbeing"),
    ):
        means[name] = scored(world, score, strength)
    assessed = 1.0 - outcomes_scores.chance_missed(world, "ks2")
    spread = np.sqrt(outcomes_scores.MODELS["ks2"].spread)
    reached = np.asarray(ndtr((means["ks2_maths"] - EXPECTED) / spread), dtype=np.float64)
    means["ks2_maths_expected"] = reached
    means["ks2_maths_expected_composite"] = reached * assessed[:, None]
    ks1_assessed = 1.0 - outcomes_scores.chance_missed(world, "ks1")
    return Potential(means, strength[:, 1], ks1_assessed, assessed)


def rate(world: World, name: str, strength: Floats) -> Floats:
    """Return the mean count per hundred sessions in each arm: (n, arms)."""
    model = outcomes_counts.MODELS[name]
    base = np.exp(outcomes_counts.log_rate(world, model)) * SESSIONS / outcomes_counts.YEAR_SESSIONS
    effect = np.exp(slope(model, world.scenario) * strength)
    return np.asarray(base[:, None] * effect, dtype=np.float64)


def scored(world: World, name: str, strength: Floats) -> Floats:
    """Return the mean score in each arm: (n, arms)."""
    added = slope(outcomes_scores.MODELS[name], world.scenario) * strength
    return np.asarray(outcomes_scores.expected(world, name)[:, None] + added, dtype=np.float64)


def contrast(means: Floats, weights: Floats, measure: str, arms: tuple[int, int]) -> float:
    """Return the contrast of two arms over weighted children: a ratio of means, or a difference.

    means: (n, arms). weights: (n,). arms: (of, against) by position in `ARMS`.
    """
    of, against = (float((weights * means[:, arm]).sum() / weights.sum()) for arm in arms)
    return of / against if measure in RATES else of - against


def weight(potential: Potential, measure: str) -> Floats:
    """Return the weight of each child in a measure's mean: the chance of having it measured."""
    if measure == "ks1_maths":
        return potential.ks1_assessed
    if measure in ("ks2_maths", "ks2_maths_expected"):
        return potential.assessed
    return np.ones(len(potential.assessed))
