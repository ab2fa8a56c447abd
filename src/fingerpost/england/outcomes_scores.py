"""Outcomes that are scores: attainment, participation, wellbeing, and life as it is lived."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Flags, Floats, Ints, expit, source
from fingerpost.england.model import CLEFT, OTHER, OUTCOMES
from fingerpost.england.provision import Provision
from fingerpost.england.strength import slope
from fingerpost.england.world import World

MODELS = {model.name: model for model in (*OUTCOMES, *OTHER)}
# Scaled score = SCALED_MEAN + SCALED_SD × standardised score, whole, from 80 to 120.
SCALED_MEAN, SCALED_SD = 104.0, 6.0
SCALED_LEAST, SCALED_MOST, SCALED_EXPECTED = 80, 120, 100
KS1_EXPECTED = -0.75
PHONICS_MEAN, PHONICS_SD, PHONICS_EXPECTED, PHONICS_MOST = 37.5, 6.2, 32, 40
EYFSP_MEAN, EYFSP_SD, EYFSP_LEAST, EYFSP_MOST, EYFSP_GOOD = 34.0, 6.5, 17, 51, 32
# Not assessed: log-odds in children without a listed condition, slope of severity, marker.
MISSED = {"ks1": (-4.9, 0.5, 1.9), "ks2": (-4.2, 0.6, 2.0), "phonics": (-4.6, 0.5, 1.6)}
# What two subjects share of what the model leaves unexplained.
SHARED = 0.6
# The years in which participation and wellbeing are asked about, and the share of what the model
# leaves unexplained that lasts from year to year.
ASKED_YEARS = (2, 4, 6)
LASTING = 0.5


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one block; n children. Standardised unless named otherwise.

    ks1, ks2: (n, 2) reading and mathematics. ks1_assessed, ks2_assessed, phonics_assessed: (n,).
    eyfsp: (n,) points. phonics: (n,) mark. participation, wellbeing: (n, years asked). distress,
    satisfaction: (n,) 0 to 10.
    """

    eyfsp: Ints
    phonics: Ints
    ks1: Floats
    ks2: Floats
    phonics_assessed: Flags
    ks1_assessed: Flags
    ks2_assessed: Flags
    participation: Floats
    wellbeing: Floats
    distress: Floats
    satisfaction: Floats


def expected(world: World, name: str) -> Floats:
    """Return the mean score of each child without provision."""
    model, needs, scenario = MODELS[name], world.needs, world.scenario
    attainment = name in ("ks1", "ks2", "phonics", "eyfsp")
    habit = world.places.school_habit[world.families.school]
    return np.asarray(
        model.base
        + model.severity * needs.severity
        + model.social * needs.social
        + model.clinical * needs.clinical
        + attainment * world.health.scores
        + attainment * scenario.month_on_scores * (_days.month_in_year(world.families.birth) - 5.5)
        + attainment * scenario.habit_on_scores * habit,
        dtype=np.float64,
    )


def gain(world: World, provision: Provision, name: str, year: int) -> Floats:
    """Return what provision adds to each child's score at the end of a year of school."""
    term = np.full(world.size, 3 * year + 2)
    acting = provision.acts_day <= _days.days("census", world.families.reception, term)
    added = slope(MODELS[name], world.scenario) * provision.strength * acting
    return np.asarray(added, dtype=np.float64)


def make(world: World, provision: Provision) -> Scores:
    """Return the scores of one block."""
    eyfsp = single(world, provision, "eyfsp", 0)
    points = np.rint(EYFSP_MEAN + EYFSP_SD * eyfsp).clip(EYFSP_LEAST + 1, EYFSP_MOST)
    marks = np.rint(PHONICS_MEAN + PHONICS_SD * single(world, provision, "phonics", 1))
    rng = source(world.seed, world.block, "life as lived")
    waited = np.where(provision.arm > 0, provision.delay, 4) * provision.concerned
    distress = 2.2 + 0.45 * waited + 0.5 * world.needs.severity
    satisfaction = 6.8 - 0.4 * waited + 0.8 * (provision.strength > 1.0)
    return Scores(
        eyfsp=np.where(world.health.emerging, EYFSP_LEAST, points).astype(np.int64),
        phonics=marks.clip(0, PHONICS_MOST).astype(np.int64),
        ks1=two_subjects(world, provision, "ks1", 2),
        ks2=two_subjects(world, provision, "ks2", 6),
        phonics_assessed=assessed(world, "phonics"),
        ks1_assessed=assessed(world, "ks1"),
        ks2_assessed=assessed(world, "ks2"),
        participation=repeated(world, provision, "participation"),
        wellbeing=repeated(world, provision, "wellbeing"),
        distress=np.round((distress + 1.6 * rng.standard_normal(world.size)).clip(0, 10), 1),
        satisfaction=np.round(
            (satisfaction + 1.6 * rng.standard_normal(world.size)).clip(0, 10), 1
        ),
    )


def single(world: World, provision: Provision, name: str, year: int) -> Floats:
    """Return one score of each child."""
    rng = source(world.seed, world.block, name)
    noise = np.sqrt(MODELS[name].spread) * rng.standard_normal(world.size)
    mean = expected(world, name) + gain(world, provision, name, year)
    return np.asarray(mean + noise, dtype=np.float64)


def two_subjects(world: World, provision: Provision, name: str, year: int) -> Floats:
    """Return reading and mathematics: (n, 2), with the same mean and correlated errors."""
    rng = source(world.seed, world.block, name)
    draws = rng.standard_normal((world.size, 3))
    noise = np.sqrt(SHARED) * draws[:, :1] + np.sqrt(1.0 - SHARED) * draws[:, 1:]
    mean = expected(world, name) + gain(world, provision, name, year)
    return np.asarray(mean[:, None] + np.sqrt(MODELS[name].spread) * noise, dtype=np.float64)


def repeated(world: World, provision: Provision, name: str) -> Floats:
    """Return a score in each of the years asked about: (n, years)."""
    rng = source(world.seed, world.block, name)
    draws = rng.standard_normal((world.size, 1 + len(ASKED_YEARS)))
    noise = np.sqrt(LASTING) * draws[:, :1] + np.sqrt(1.0 - LASTING) * draws[:, 1:]
    gains = np.stack([gain(world, provision, name, year) for year in ASKED_YEARS], axis=1)
    mean = expected(world, name)[:, None] + gains
    return np.asarray(mean + np.sqrt(MODELS[name].spread) * noise, dtype=np.float64)


def chance_missed(world: World, name: str) -> Floats:
    """Return the chance that each child does not sit an assessment: more with severity."""
    base, severity, marker = MISSED[name]
    shift = np.where(world.health.stratum == CLEFT, 0.0, world.health.unassessed)
    return expit(base + severity * world.needs.severity + marker * world.health.marked + shift)


def assessed(world: World, name: str) -> Flags:
    """Return who sat an assessment."""
    rng = source(world.seed, world.block, f"{name} assessed")
    return np.asarray(rng.random(world.size) >= chance_missed(world, name))
