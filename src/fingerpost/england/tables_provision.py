"""Tables of provision: what was planned, what was delivered, layers of support, preschool."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fingerpost.core.calendar import TERMS
from fingerpost.england import _days
from fingerpost.england._arrow import codes, dates, number, whole
from fingerpost.england._draws import Ints, choose, source
from fingerpost.england.careers import Careers
from fingerpost.england.model import EHCP, STRENGTH
from fingerpost.england.places import FIRST_LA
from fingerpost.england.provision import FIRST_TERM, Provision
from fingerpost.england.world import World

# Provisions, by the first levels of the code tree, and how common each is.
PROVISIONS = ("P2", "P3", "P4", "P5", "P7", "P8")
PROVISION_SHARES = (0.30, 0.27, 0.16, 0.07, 0.15, 0.05)
ROLES = ("teacher", "teaching_assistant", "senco", "therapist", "mentor")
# Who provides each of the provisions, by position in `ROLES`.
PROVIDER = np.array([0, 1, 2, 3, 1, 4])
SETTINGS = ("preschool", "school")
MODES = ("small_group", "pair", "one_to_one")
MINUTES = 30
WEEKS = (14, 12, 13)
PLANNED_WEEKS = (13, 26, 39, 78)
WEEKS_SHARES = (0.15, 0.25, 0.40, 0.20)
# Terms about which provision may be delivered: from the first possible concern to Year 6 summer.
SPAN = np.arange(FIRST_TERM, _days.COUNT)
LAYERS_FROM = 2026
EARLY_HOURS = (10.0, 12.5, 15.0, 30.0)
HOURS_SHARES = (0.06, 0.10, 0.66, 0.18)
SETTING_TYPES = ("private", "voluntary", "maintained", "childminder")
SETTING_SHARES = (0.42, 0.16, 0.36, 0.06)
# Chance of a funded place two years and one year before Reception.
PLACES = (0.35, 0.95)
TWOS_FROM, THREES_FROM = 2014, 2008


def provided(world: World, provision: Provision, *, last_day: int) -> Ints:
    """Return the positions of children who are ever provided for in their lives."""
    latest = np.minimum(world.health.died - 1, last_day)
    return np.flatnonzero(provision.start_day <= latest)


def provision_plan(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return one line of plan for each child provided for."""
    rng = source(world.seed, world.block, "plans")
    n = world.size
    kind = choose(rng.random(n), PROVISION_SHARES)
    weeks = np.array(PLANNED_WEEKS)[choose(rng.random(n), WEEKS_SHARES)]
    at = provided(world, provision, last_day=last_day)
    start = provision.start_day[at]
    school = start >= _days.days("first", world.families.reception[at], np.zeros(len(at), int))
    minutes = np.array(STRENGTH.planned_minutes)[provision.planned[at]]
    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "line_id": whole(world.families.child[at] * 10 + 1),
            "provision": codes(kind[at], PROVISIONS),
            "setting": codes(school.astype(np.int64), SETTINGS),
            "start_date": dates(start),
            "end_date": dates(start + 7 * weeks[at]),
            "sessions_per_week": number(minutes / MINUTES),
            "minutes_per_session": number(np.full(len(at), float(MINUTES))),
            "planned_weeks": number(weeks[at].astype(np.float64)),
            "provider_role": codes(PROVIDER[kind[at]], ROLES),
            "valid_from": dates(start),
            "known_from": dates(start),
        }
    )


def provision_delivered(
    world: World, provision: Provision, careers: Careers, *, last_day: int
) -> pa.Table:
    """Return what was delivered in each term from the one after which provision began.

    The share of sessions attended is near the child's own share delivered, whatever the term.
    """
    rng = source(world.seed, world.block, "delivery")
    kind = choose(source(world.seed, world.block, "plans").random(world.size), PROVISION_SHARES)
    at = provided(world, provision, last_day=last_day)
    reception = world.families.reception[at]
    last = _days.days("last", reception, np.broadcast_to(SPAN, (len(at), len(SPAN))))
    first = _days.days("first", reception, np.broadcast_to(SPAN, (len(at), len(SPAN))))
    stops = np.minimum(provision.end_day[at], np.minimum(careers.left[at], world.health.died[at]))
    running = (provision.start_day[at][:, None] <= last) & (first < stops[:, None])
    row, column = np.nonzero(running & (last <= last_day))
    child, term = at[row], SPAN[column]
    begun = provision.start_day[child]
    weeks = np.array(WEEKS)[term % 3]
    part = ((last[row, column] - np.maximum(begun, first[row, column]) + 1) / 90.0).clip(0.08, 1.0)
    per_week = np.array(STRENGTH.planned_minutes)[provision.planned[child]] / MINUTES
    offered = np.maximum(np.rint(per_week * weeks * part), 1).astype(np.int64)
    share = np.array(STRENGTH.delivered)[provision.delivered[child]]
    attended = np.rint(offered * (share + 0.05 * (rng.random(len(child)) - 0.5)))
    attended = attended.clip(0, offered)
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "line_id": whole(world.families.child[child] * 10 + 1),
            "academic_year": whole(world.families.reception[child] + term // 3),
            "term": codes(term % 3, TERMS),
            "sessions_offered": number(offered.astype(np.float64)),
            "sessions_attended": number(attended),
            "minutes_total": number(attended * MINUTES),
            "mode": codes(provision.planned[child], MODES),
            "provider_role": codes(PROVIDER[kind[child]], ROLES),
            "valid_from": dates(np.maximum(begun, first[row, column])),
            "valid_to": dates(last[row, column]),
            "known_from": dates(last[row, column]),
        }
    )


def sen_support_layer(world: World, provision: Provision, careers: Careers) -> pa.Table:
    """Return layers of support of children on a roll in spring from the year they begin."""
    reception = world.families.reception
    term = 3 * (LAYERS_FROM - reception) + 1
    at = np.flatnonzero((term >= 0) & (term < _days.COUNT))
    at = at[careers.open[at, term[at]]]
    day = careers.census[at, term[at]]
    level = provision.level(careers.census)[at, term[at]]
    layer = np.where(level == EHCP, 3, np.where(level > 0, 1 + (provision.planned[at] > 1), 0))
    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "layer": codes(layer, ("universal", "targeted", "targeted_plus", "specialist")),
            "plan": codes(
                np.where(level == EHCP, 2, np.where(level > 0, 1, 0)), ("none", "isp", "ehcp")
            ),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def early_years_census(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return funded early years places in the two years before Reception."""
    rng = source(world.seed, world.block, "early years")
    n = world.size
    terms = np.array([-5, -2])
    placed = rng.random((n, 2)) < np.array(PLACES)
    hours = choose(rng.random(n), HOURS_SHARES)
    setting = choose(rng.random(n), SETTING_SHARES)
    number_of = rng.integers(0, 40, n)
    reception = world.families.reception
    year = reception[:, None] + np.array([-2, -1])
    census = _days.days("census", reception, np.broadcast_to(terms, (n, 2)))
    placed &= (year >= np.array([TWOS_FROM, THREES_FROM])) & (census <= last_day)
    placed &= census < world.health.died[:, None]
    child, which = np.nonzero(placed)
    day = census[child, which]
    level = provision.level(census)[child, which]
    old = year[child, which] < 2015
    sen = np.where(level == EHCP, np.where(old, 3, 4), np.where(level > 0, np.where(old, 1, 2), 0))
    la = FIRST_LA + world.families.la[child]
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "academic_year": whole(year[child, which]),
            "setting_id": whole(500_000 + 100 * la + number_of[child]),
            "la": whole(la),
            "setting_type": codes(setting[child], SETTING_TYPES),
            "funded_hours": number(np.array(EARLY_HOURS)[hours[child]]),
            "sen_provision": codes(sen, ("N", "A", "K", "S", "E")),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )
