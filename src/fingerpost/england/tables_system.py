"""Tables of the system: requests for assessment, disputes, alternative provision."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fingerpost.core.calendar import day_number
from fingerpost.core.calendar import first_day as first_day_of
from fingerpost.england import _days
from fingerpost.england._arrow import always, codes, dates, whole
from fingerpost.england._draws import Floats, Ints, source
from fingerpost.england.careers import Careers
from fingerpost.england.health import FAR
from fingerpost.england.places import FIRST_LA
from fingerpost.england.provision import Provision
from fingerpost.england.world import World

REQUESTS_FROM = 2023
ASKED_BY = ("parent", "school", "health", "social_care", "other")
WEEKS_20 = 140
# Median days from request to plan in authorities that are quick, middling and slow.
TO_PLAN = (120, 145, 175)
# Requests refused, as a share of children concerned a year; refusals disputed; mediated first.
REFUSED, DISPUTED, MEDIATED = 0.03, 0.25, 0.55


def requests(world: World, provision: Provision) -> tuple[Ints, Ints, Ints, Ints]:
    """Return (child by position, day received, day decided, plan day or `FAR`), in order."""
    rng = source(world.seed, world.block, "requests")
    n = world.size
    wait = np.array(TO_PLAN)[world.places.la_wait[world.families.la]]
    took = np.floor(wait * rng.lognormal(0.0, 0.3, n)).astype(np.int64) + 42
    plans = provision.plan_day < FAR
    asked = np.where(plans, provision.plan_day - took, FAR)
    refused = ~plans & provision.concerned & (rng.random(n) < REFUSED)
    later = provision.concern_day + rng.integers(100, 1500, n)
    asked = np.where(refused, later, asked)
    child = np.flatnonzero(asked < FAR)
    decided = asked + 25 + np.floor(20 * rng.random(n)).astype(np.int64)
    return child, asked[child], decided[child], np.where(plans, provision.plan_day, FAR)[child]


def assessment_request(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return requests for an assessment, from the year in which they are held for each person."""
    rng = source(world.seed, world.block, "requests: who asked")
    child, asked, decided, plan = requests(world, provision)
    since = day_number(first_day_of(REQUESTS_FROM))
    latest = np.minimum(last_day, world.health.died[child] - 1)
    keep = (asked >= since) & (asked <= latest)
    child, asked, decided, plan, latest = (
        values[keep] for values in (child, asked, decided, plan, latest)
    )
    open_, none = decided > latest, plan > latest
    refused = plan == FAR
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "la": whole(FIRST_LA + world.families.la[child]),
            "received_date": dates(asked),
            "source": codes(who(rng.random(len(child))), ASKED_BY),
            "decided_date": dates(np.where(open_, 0, decided), missing=open_),
            "outcome": codes(refused.astype(np.int64), ("assessed", "refused"), missing=open_),
            "plan_date": dates(np.where(none, 0, plan), missing=none),
            "within_20_weeks": whole(plan - asked <= WEEKS_20, missing=none),
            "valid_from": dates(asked),
            "known_from": dates(asked),
        }
    )


def who(uniform: Floats) -> Ints:
    """Return who asked, by position in `ASKED_BY`."""
    return np.searchsorted(np.array([0.36, 0.86, 0.92, 0.96]), uniform, side="right")


def dispute(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return mediations and appeals after a refusal."""
    rng = source(world.seed, world.block, "disputes")
    n = world.size
    disputed, mediated = rng.random(n) < DISPUTED, rng.random(n) < MEDIATED
    gap, length = rng.integers(14, 60, n), rng.integers(40, 300, n)
    child, _, decided, plan = requests(world, provision)
    day = decided + gap[child]
    since = day_number(first_day_of(REQUESTS_FROM))
    latest = np.minimum(last_day, world.health.died[child] - 1)
    keep = (plan == FAR) & disputed[child] & (day >= since) & (day <= latest)
    child, day = child[keep], day[keep]
    end = day + length[child]
    open_ = end > latest[keep]
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "kind": codes(1 - mediated[child], ("mediation", "tribunal")),
            "registered_date": dates(day),
            "decided_date": dates(np.where(open_, 0, end), missing=open_),
            "outcome": codes(
                (length[child] % 2).astype(np.int64), ("for the family", "partly"), missing=open_
            ),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def ap_census(world: World, careers: Careers) -> pa.Table:
    """Return children in alternative provision, very few at primary age."""
    rng = source(world.seed, world.block, "alternative provision")
    terms = 3 * np.arange(_days.YEARS) + 1
    chance = 0.0004 * np.exp(0.9 * world.needs.severity + 0.5 * world.needs.social)
    placed = (rng.random((world.size, _days.YEARS)) < chance[:, None]) & careers.open[:, terms]
    placed[:, :2] = False
    child, year = np.nonzero(placed)
    day = careers.census[child, terms[year]]
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "academic_year": whole(world.families.reception[child] + year),
            "la": whole(FIRST_LA + world.families.la[child]),
            "setting_type": always("pupil referral unit", len(child)),
            "sen_provision": codes((day % 2).astype(np.int64), ("N", "K")),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )
