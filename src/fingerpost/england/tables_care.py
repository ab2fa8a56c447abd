"""Tables of care outside wards: emergency departments, clinics, community, social care, and what
schools exclude for.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fingerpost.core.calendar import TERMS, day_number
from fingerpost.core.calendar import first_day as first_day_of
from fingerpost.england import _days
from fingerpost.england._arrow import always, codes, dates, number, whole
from fingerpost.england._draws import Floats, Ints, choose, poisson, source
from fingerpost.england.careers import Careers
from fingerpost.england.health import FAR
from fingerpost.england.places import FIRST_URN
from fingerpost.england.provision import Provision
from fingerpost.england.world import World

# Attendances a year in children without a listed condition, at S = Ls = Lc = 0.
EMERGENCIES, CLINICS = 0.26, 0.22
YEARS = 12
COMMUNITY_FROM, MENTAL_FROM = 2016, 2016
TEAMS = ("speech_language", "occupational", "physio", "community_paediatrics", "other")
TEAM_SHARES = (0.46, 0.16, 0.13, 0.18, 0.07)
SPECIALTIES = ("420", "130", "120", "110", "421", "300")
EXCLUDED = 0.0035
PERMANENT = 0.02
KINDS = ("cin", "cpp", "cla")


def spread(world: World, mean: Floats, purpose: str, last_day: int) -> tuple[Ints, Ints]:
    """Return events over childhood: (child by position, day), in order, while the child lives."""
    rng = source(world.seed, world.block, purpose)
    count = poisson(rng.random(world.size), np.minimum(mean * YEARS, 200.0))
    child = np.repeat(np.arange(world.size), count)
    day = world.families.birth[child] + rng.integers(20, int(YEARS * 365), len(child))
    keep = day < np.minimum(world.health.died[child], last_day + 1)
    child, day = child[keep], day[keep]
    order = np.lexsort((day, child))
    return child[order], day[order]


def hes_ae(world: World, *, last_day: int) -> pa.Table:
    """Return attendances at emergency departments."""
    rate = EMERGENCIES * np.exp(
        0.12 * world.needs.social
        + 0.08 * world.needs.clinical
        + 0.5 * world.health.admissions[:, 0]
    )
    child, day = spread(world, rate, "emergencies", last_day)
    rng = source(world.seed, world.block, "emergencies: what happened")
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "attendance_date": dates(day),
            "arrival_mode": codes((rng.random(len(child)) < 0.9).astype(np.int64), ("1", "2")),
            "disposal": codes(
                choose(rng.random(len(child)), (0.12, 0.55, 0.33)), ("01", "02", "03")
            ),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def hes_op(world: World, *, last_day: int) -> pa.Table:
    """Return outpatient appointments."""
    rate = CLINICS * np.exp(
        0.10 * world.needs.severity
        + 0.20 * world.needs.clinical
        + 0.7 * world.health.admissions[:, 1]
    )
    child, day = spread(world, rate, "clinics", last_day)
    rng = source(world.seed, world.block, "clinics: what happened")
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "attendance_date": dates(day),
            "specialty": codes(rng.integers(0, len(SPECIALTIES), len(child)), SPECIALTIES),
            "attended": codes(choose(rng.random(len(child)), (0.88, 0.12)), ("5", "3")),
            "first_attendance": whole(rng.random(len(child)) < 0.4),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def contacts(
    world: World, provision: Provision, purpose: str, mean: Floats, last_day: int
) -> tuple[Ints, Ints, Ints]:
    """Return contacts after referral: (child by position, referral day, contact day), in order."""
    rng = source(world.seed, world.block, purpose)
    n = world.size
    count = np.where(provision.referral_day < FAR, poisson(rng.random(n), mean), 0)
    wait = np.array([60, 110, 180])[world.places.la_wait[world.families.la]]
    delay = np.floor(wait * rng.gamma(2.0, 0.5, n)).astype(np.int64)
    child = np.repeat(np.arange(n), count)
    day = provision.referral_day[child] + delay[child] + rng.integers(0, 400, len(child))
    since = day_number(first_day_of(COMMUNITY_FROM))
    keep = (day >= since) & (day < np.minimum(world.health.died[child], last_day + 1))
    child, day = child[keep], day[keep]
    order = np.lexsort((day, child))
    child, day = child[order], day[order]
    return child, provision.referral_day[child], day


def csds(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return contacts with community services, more of them the slower provision at school came."""
    mean = np.where(provision.arm > 0, 3.0, 1.2) + 0.4 * np.maximum(world.needs.severity, 0.0)
    child, referred, day = contacts(world, provision, "community contacts", mean, last_day)
    rng = source(world.seed, world.block, "community contacts: what happened")
    team = choose(rng.random(world.size), TEAM_SHARES)
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "referral_date": dates(referred),
            "contact_date": dates(day),
            "team": codes(team[child], TEAMS),
            "attended": whole(rng.random(len(child)) < 0.87),
            "minutes": number(np.array([30.0, 45.0, 60.0])[rng.integers(0, 3, len(child))]),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def mhsds(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return contacts with mental health services."""
    mean = 0.12 * np.exp(0.5 * world.needs.severity)
    child, referred, day = contacts(world, provision, "mental health contacts", mean, last_day)
    rng = source(world.seed, world.block, "mental health contacts: what happened")
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "referral_date": dates(referred),
            "contact_date": dates(day),
            "team": always("children and young people", len(child)),
            "attended": whole(rng.random(len(child)) < 0.82),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def social_care(world: World, *, last_day: int) -> pa.Table:
    """Return spells with children's social care, of at most one kind to a child."""
    rng = source(world.seed, world.block, "social care")
    n = world.size
    chance = 0.045 * np.exp(0.7 * world.needs.social)
    start = world.families.birth + rng.integers(30, 4000, n)
    has = (rng.random(n) < chance) & (start < np.minimum(world.health.died, last_day + 1))
    at = np.flatnonzero(has)
    end = start[at] + 30 + np.floor(rng.gamma(1.2, 300.0, n)).astype(np.int64)[at]
    still = (end > last_day) | (end >= world.health.died[at])
    closed = np.where(still, 0, end)
    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "kind": codes(choose(rng.random(n), (0.78, 0.12, 0.10))[at], KINDS),
            "start_date": dates(start[at]),
            "end_date": dates(closed, missing=still),
            "valid_from": dates(start[at]),
            "valid_to": dates(closed, missing=still),
            "known_from": dates(start[at]),
        }
    )


def exclusion(world: World, careers: Careers) -> pa.Table:
    """Return suspensions and permanent exclusions, from Year 1."""
    rng = source(world.seed, world.block, "exclusions")
    rate = EXCLUDED * np.exp(0.5 * world.needs.severity + 0.45 * world.needs.social)
    boys = np.where(world.families.sex == 0, 1.6, 0.4)
    mean = (rate * boys)[:, None] * careers.open
    mean[:, :3] = 0.0
    count = poisson(rng.random(mean.size), mean.ravel()).reshape(mean.shape)
    child, term = np.nonzero(count)
    again = count[child, term]
    child, term = np.repeat(child, again), np.repeat(term, again)
    reception = world.families.reception[child]
    first = _days.days("first", reception, term)
    last = _days.days("last", reception, term)
    permanent = rng.random(len(child)) < PERMANENT
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "academic_year": whole(reception + term // 3),
            "term": codes(term % 3, TERMS),
            "urn": whole(FIRST_URN + careers.school[child, term // 3]),
            "kind": codes(permanent.astype(np.int64), ("suspension", "permanent")),
            "sessions": whole(np.where(permanent, 0, 1 + rng.integers(0, 8, len(child)))),
            "reason": codes(rng.integers(0, 3, len(child)), ("PP", "DB", "PA")),
            "valid_from": dates(first),
            "valid_to": dates(last),
            "known_from": dates(last),
        }
    )
