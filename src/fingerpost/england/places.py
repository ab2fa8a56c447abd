"""The places of synthetic England: regions, local authorities, schools, and their habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england._draws import Floats, Ints, choose, source
from fingerpost.england.model import NEED, STRENGTH

REGIONS: tuple[tuple[str, str, int, float, float], ...] = (
    # letter of residence, name, authorities, share of children, deprivation (SD of areas)
    ("A", "North East", 12, 0.046, 0.11),
    ("B", "North West", 23, 0.132, 0.08),
    ("D", "Yorkshire and The Humber", 15, 0.098, 0.06),
    ("E", "East Midlands", 9, 0.083, 0.00),
    ("F", "West Midlands", 14, 0.111, 0.07),
    ("G", "East of England", 11, 0.112, -0.07),
    ("H", "London", 33, 0.165, 0.04),
    ("J", "South East", 19, 0.160, -0.11),
    ("K", "South West", 16, 0.093, -0.04),
)
AUTHORITIES = sum(region[2] for region in REGIONS)
PRIMARIES = 16_800
SPECIALS = 500
FIRST_URN = 100_001
FIRST_LA = 201
# How an area's deprivation divides: between authorities, schools and neighbourhoods; what the
# regions leave of a variance of 1.
LA_SHARE, SCHOOL_SHARE = 0.008, 0.40
TYPES = ("community", "academy_converter", "academy_sponsor", "voluntary")
TYPE_SHARES = (0.40, 0.24, 0.10, 0.26)
SEN_UNITS, RESOURCED = 0.022, 0.050
WAVES = 4


@dataclass(frozen=True, slots=True)
class Places:
    """Authorities (152) and schools (16,800 primary, then 500 special), in arrays by position.

    la_region: (152,) index of the region. la_habit, la_plan_habit: log-odds of support and of a
    plan. la_wait: 0 quick, 1 middling, 2 slow. la_wave: 0 first to 3 last to adopt a policy.
    school_la: (schools,). school_habit: log-odds of support; 0 in special schools. size: pupils.
    deprivation: (schools,) sum of the parts of region, authority and school, in SDs of areas.
    staffing: (schools,) how far staffing is above the middle, in SDs.
    """

    la_region: Ints
    la_habit: Floats
    la_plan_habit: Floats
    la_wait: Ints
    la_wave: Ints
    school_la: Ints
    school_habit: Floats
    size: Ints
    deprivation: Floats
    staffing: Floats
    school_type: Ints
    sen_unit: Ints
    resourced: Ints
    primary_edges: Floats

    @property
    def regions(self) -> Ints:
        """The region of each school."""
        return self.la_region[self.school_la]


def make(seed: int) -> Places:
    """Return the places of the England with this seed; the same whatever the children.

    >>> places = make(1)
    >>> len(places.la_region), len(places.school_la)
    (152, 17300)
    """
    rng = source(seed, -1, "places")
    la_region = np.repeat(np.arange(len(REGIONS)), [region[2] for region in REGIONS])
    weights = rng.lognormal(0.0, 0.55, AUTHORITIES)
    shares = np.array([region[3] for region in REGIONS])[la_region]
    weights *= shares / np.bincount(la_region, weights)[la_region]
    la_deprivation = regional()[la_region] + np.sqrt(LA_SHARE) * rng.standard_normal(AUTHORITIES)
    primary_la = spread(PRIMARIES, weights)
    school_la = np.concatenate([primary_la, spread(SPECIALS, weights)])
    schools = len(school_la)
    primary = np.arange(schools) < PRIMARIES
    size = np.where(
        primary,
        rng.lognormal(5.45, 0.50, schools).clip(30, 1200),
        rng.lognormal(4.6, 0.35, schools).clip(30, 300),
    ).astype(np.int64)
    habit = np.where(primary, NEED.school_sd * rng.standard_normal(schools), 0.0)
    deprivation = la_deprivation[school_la] + np.sqrt(SCHOOL_SHARE) * rng.standard_normal(schools)
    at = edges(size[:PRIMARIES], primary_la, weights)
    unit, resourced = rng.random(schools) < SEN_UNITS, rng.random(schools) < RESOURCED
    return Places(
        la_region=la_region,
        la_habit=NEED.la_sd * rng.standard_normal(AUTHORITIES),
        la_plan_habit=NEED.plan_la_sd * rng.standard_normal(AUTHORITIES),
        la_wait=rng.integers(0, len(STRENGTH.waits), AUTHORITIES),
        la_wave=rng.integers(0, WAVES, AUTHORITIES),
        school_la=school_la,
        school_habit=habit,
        size=size,
        deprivation=centred(deprivation, at),
        staffing=rng.standard_normal(schools),
        school_type=np.where(primary, choose(rng.random(schools), TYPE_SHARES), len(TYPES)),
        sen_unit=(unit & primary).astype(np.int64),
        resourced=(resourced & primary).astype(np.int64),
        primary_edges=at,
    )


def regional() -> Floats:
    """Return the deprivation of each region, its mean over children taken off."""
    shares = np.array([region[3] for region in REGIONS])
    values = np.array([region[4] for region in REGIONS])
    return np.asarray(values - (shares * values).sum() / shares.sum(), dtype=np.float64)


def regional_variance() -> float:
    """Return the variance of deprivation between regions, over children."""
    shares = np.array([region[3] for region in REGIONS])
    return float((shares * regional() ** 2).sum() / shares.sum())


def centred(deprivation: Floats, at: Floats) -> Floats:
    """Return the deprivation of schools less the mean over children in primary schools."""
    chance = np.diff(at, prepend=0.0)
    return np.asarray(deprivation - (chance * deprivation[: len(at)]).sum(), dtype=np.float64)


def spread(count: int, weights: Floats) -> Ints:
    """Return the authority of each of `count` schools, in proportion to weights, at least one."""
    exact = weights / weights.sum() * (count - len(weights))
    whole = np.floor(exact).astype(np.int64) + 1
    short = count - whole.sum()
    whole[np.argsort(np.floor(exact) - exact, kind="stable")[:short]] += 1
    return np.repeat(np.arange(len(weights)), whole)


def edges(size: Ints, la: Ints, weights: Floats) -> Floats:
    """Return the cumulative chance of each primary school: authority by weight, school by size."""
    within = size / np.bincount(la, size)[la]
    chance = within * weights[la]
    return np.asarray(np.cumsum(chance) / chance.sum(), dtype=np.float64)
