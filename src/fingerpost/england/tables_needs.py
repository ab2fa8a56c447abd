"""Tables of need: concerns, functional need, participation and wellbeing, life as lived."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fingerpost.england import _days
from fingerpost.england._arrow import always, codes, dates, number, whole
from fingerpost.england._draws import Flags, Ints, choose, source
from fingerpost.england.careers import Careers
from fingerpost.england.health import FAR
from fingerpost.england.outcomes_scores import ASKED_YEARS, Scores
from fingerpost.england.provision import Provision
from fingerpost.england.world import World

RAISED_BY = ("parent", "teacher", "health_visitor", "gp", "paediatrician", "senco", "other")
BY_PRESCHOOL = (0.40, 0.18, 0.22, 0.07, 0.08, 0.0, 0.05)
BY_SCHOOL = (0.22, 0.48, 0.01, 0.04, 0.05, 0.16, 0.04)
# Variance of a measurement's error for a reliability of .8: severity has variance 1.
ERROR = 0.25
AT_CONCERN, AT_RECEPTION, AT_PROVISION = 0, 1, 2
OCCASIONS = ("concern", "reception", "provided")
# Which occasions each rule of recording has.
RECORDED = {
    "concern": (AT_CONCERN,),
    "all": (AT_CONCERN, AT_RECEPTION),
    "provided": (AT_PROVISION,),
}
ASSESSED_WITHIN = 40


def concern(world: World, provision: Provision, *, last_day: int) -> pa.Table:
    """Return first concerns; dates that lie beyond the last day of records are still to come."""
    rng = source(world.seed, world.block, "concerns")
    day = provision.concern_day
    at = np.flatnonzero((day <= last_day) & (day < world.health.died))
    day = day[at]
    age = (day - world.families.birth[at]) / 365.25
    uniform = rng.random(world.size)[at]
    by = np.where(age < 4.5, choose(uniform, BY_PRESCHOOL), choose(uniform, BY_SCHOOL))
    place = np.where(age >= 4.6, 2, (rng.random(world.size)[at] < 0.6).astype(np.int64))

    def seen(days: Ints) -> pa.Array:
        gone = (days[at] > last_day) | (days[at] >= world.health.died[at])
        return dates(np.where(gone, 0, days[at]), missing=gone)

    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "concern_date": dates(day),
            "raised_by": codes(by, RAISED_BY),
            "setting": codes(place, ("home", "nursery", "school")),
            "referral_date": seen(provision.referral_day),
            "identified_date": seen(provision.identified_day),
            "first_provision_date": seen(provision.start_day),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def functional_need(
    world: World, provision: Provision, careers: Careers, *, last_day: int
) -> pa.Table:
    """Return functional need as measured, for whom the scenario records it, with its error."""
    rng = source(world.seed, world.block, "functional need")
    n = world.size
    error = np.sqrt(ERROR) * rng.standard_normal((n, len(OCCASIONS)))
    wait = 5 + np.floor((ASSESSED_WITHIN - 5) * rng.random((n, len(OCCASIONS)))).astype(np.int64)
    zero = careers.census[:, _days.ZERO]
    day = np.full((n, len(OCCASIONS)), FAR)
    day[:, AT_CONCERN] = soon(provision.concern_day, wait[:, AT_CONCERN], zero)
    day[:, AT_RECEPTION] = np.where(
        careers.open[:, 0], careers.census[:, 0] + wait[:, AT_RECEPTION], FAR
    )
    day[:, AT_PROVISION] = soon(provision.start_day, wait[:, AT_PROVISION], zero)
    asked = np.isin(np.arange(len(OCCASIONS)), RECORDED[world.scenario.need_recorded])
    latest = np.minimum(world.health.died - 1, last_day)
    child, occasion = np.nonzero(asked[None, :] & (day <= latest[:, None]))
    at = day[child, occasion]
    severity = world.needs.severity[child] + error[child, occasion]
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "assessed_date": dates(at),
            "severity": number(np.round(severity, 2)),
            "instrument": always("functional need scale", len(child)),
            "informant": codes(np.minimum(occasion, 1), ("parent", "teacher")),
            "occasion": codes(occasion, OCCASIONS),
            "valid_from": dates(at),
            "known_from": dates(at),
        }
    )


def soon(day: Ints, wait: Ints, zero: Ints) -> Ints:
    """Return a day some days after another, but before Year 1 spring where that one was."""
    after = np.where(day < FAR, day + wait, FAR)
    return np.where(day < zero, np.minimum(after, zero - 1), after)


def wellbeing(world: World, careers: Careers, scores: Scores) -> pa.Table:
    """Return participation and wellbeing in the years asked about."""
    terms = 3 * np.array(ASKED_YEARS) + 2
    child, year = np.nonzero(careers.open[:, terms])
    reception = world.families.reception[child]
    day = careers.census[child, terms[year]] + 25
    return pa.table(
        {
            "child_id": whole(world.families.child[child]),
            "academic_year": whole(reception + np.array(ASKED_YEARS)[year]),
            "participation": number(np.round(scores.participation[child, year], 3)),
            "wellbeing": number(np.round(scores.wellbeing[child, year], 3)),
            "informant": codes((year > 0).astype(np.int64), ("parent", "child")),
            "valid_from": dates(day),
            "known_from": dates(day),
        }
    )


def process(world: World, provision: Provision, careers: Careers, scores: Scores) -> pa.Table:
    """Return how seeking provision was lived, asked in Year 1 summer where a concern was raised."""
    answers: Flags = provision.concerned & careers.open[:, _days.ZERO + 1]
    at = np.flatnonzero(answers)
    day = dates(careers.census[at, _days.ZERO + 1] + 14)
    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "asked_date": day,
            "distress": number(scores.distress[at]),
            "satisfaction": number(scores.satisfaction[at]),
            "informant": always("parent", len(at)),
            "valid_from": day,
            "known_from": day,
        }
    )
