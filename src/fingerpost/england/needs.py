"""Need: the measured indices, latent severity, and the log-odds of support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Floats, source
from fingerpost.england.families import Families
from fingerpost.england.health import Health, social_index
from fingerpost.england.model import CLEFT, INDEX, NEED
from fingerpost.england.places import Places
from fingerpost.england.scenarios import Scenario

REFORM = 2015
LATE_ERA = 2020
# The academic year in which each wave of a policy begins, as years after the first cohort.
WAVE_STEP = 2


@dataclass(frozen=True, slots=True)
class Needs:
    """Need of one block of children, in arrays (n,).

    social, clinical: the measured indices Ls and Lc. severity: S. log_odds: of support against none
    by Year 1 spring, habits included.
    """

    social: Floats
    clinical: Floats
    severity: Floats
    log_odds: Floats


def clinical_form(health: Health) -> Floats:
    """Return the clinical index before it is centred and scaled in its stratum."""
    return np.asarray(
        INDEX.birth_weight * (health.weight / 1000.0)
        + INDEX.gestation * health.gestation
        + INDEX.early_admissions * health.early,
        dtype=np.float64,
    )


def clinical_index(health: Health) -> Floats:
    """Return Lc, in each stratum an exact linear function of recorded covariates."""
    centre = np.array(INDEX.clinical_centre)[health.stratum]
    scale = np.array(INDEX.clinical_scale)[health.stratum]
    return np.asarray((clinical_form(health) - centre) / scale, dtype=np.float64)


def make(
    families: Families,
    health: Health,
    places: Places,
    *,
    scenario: Scenario,
    seed: int,
    block: int,
) -> Needs:
    """Return the need of one block of children."""
    rng = source(seed, block, "severity")
    social, clinical = social_index(families), clinical_index(health)
    on_social, on_clinical = NEED.severity_on_social, NEED.severity_on_clinical
    rest = np.sqrt(1.0 - on_social**2 - on_clinical**2)
    severity = (
        on_social * social + on_clinical * clinical + rest * rng.standard_normal(families.size)
    )
    log_odds = (
        intercept(families, health)
        + scenario.severity * NEED.severity * severity
        + scenario.social * NEED.social * social
        + scenario.clinical * NEED.clinical * clinical
        + scenario.month * (_days.month_in_year(families.birth) - 5.5)
        + scenario.wave * adopted(families, places)
        + places.school_habit[families.school]
        + places.la_habit[families.la]
    )
    return Needs(social, clinical, severity, np.asarray(log_odds, dtype=np.float64))


def intercept(families: Families, health: Health) -> Floats:
    """Return the log-odds of support at S = Ls = Lc = 0 and middling habits.

    In the cleft stratum one number, whatever the year; else shifted by sex, weeks short of 37,
    conditions, the reform of 2014, and the later era.
    """
    year_1 = families.reception + 1
    general = (
        NEED.general
        + NEED.sex * (1 - 2 * families.sex)
        + NEED.preterm * np.maximum(37 - health.gestation, 0)
        + health.support
        + NEED.reform * (year_1 >= REFORM)
        + NEED.later_era * (year_1 >= LATE_ERA)
    )
    return np.asarray(np.where(health.stratum == CLEFT, NEED.cleft, general), dtype=np.float64)


def adopted(families: Families, places: Places) -> Floats:
    """Return 1 where the authority's wave of the policy has begun by the child's Year 1."""
    begins = families.reception.min() + 1 + WAVE_STEP * (1 + places.la_wave[families.la])
    return np.asarray(families.reception + 1 >= begins, dtype=np.float64)
