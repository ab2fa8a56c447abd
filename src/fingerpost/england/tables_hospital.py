"""The table of admitted care: births, early admissions, first diagnoses, later admissions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fingerpost.england._arrow import codes, dates, whole
from fingerpost.england._draws import Flags, Ints, choose, source
from fingerpost.england.conditions import CONDITIONS, YEAR
from fingerpost.england.health import EARLY_MOST, SCHOOL_AGE
from fingerpost.england.outcomes_counts import Admissions
from fingerpost.england.places import REGIONS
from fingerpost.england.world import World

BIRTH, PLANNED, UNPLANNED = 0, 1, 2
METHODS = ("82", "11", "21")
# Complaints that no phenotype counts.
ILLNESS = ("J069", "J219", "A099", "R509", "B349", "S525", "S009", "R100", "L039", "H669")
ILLNESS_SHARES = (0.16, 0.14, 0.13, 0.11, 0.12, 0.08, 0.09, 0.07, 0.05, 0.05)
ELECTIVE = ("K029", "J353", "H653", "K409", "N47", "Q532", "R062", "Z099")
ELECTIVE_SHARES = (0.26, 0.22, 0.16, 0.08, 0.08, 0.0, 0.08, 0.12)
LIVE_BIRTH = "Z380"
REPAIRS = ("F031", "F291")
FIRST_EARLY, GAP = 45, 15
CODES = tuple(code for each in CONDITIONS for code in each.codes)
OFFSETS = np.cumsum([0, *(len(each.codes) for each in CONDITIONS)])
WORDS = (*ILLNESS, *ELECTIVE, LIVE_BIRTH, *CODES)
FIRST_ELECTIVE = len(ILLNESS)
BORN_ALIVE = FIRST_ELECTIVE + len(ELECTIVE)
FIRST_CODE = BORN_ALIVE + 1
BORN = np.array([each.born for each in CONDITIONS])
NO_CODE = -1
# Share of stays of two days or more in which another consultant takes over on the second day.
SECOND_CONSULTANT = 0.3
# Start ages below one year: HES codes from 7001 by days of age.
AGE_DAYS = (1, 7, 29, 91, 182, 273)


@dataclass(frozen=True, slots=True)
class Spells:
    """Admissions of one block: (m,) child by position, day, kind, stay in days, main diagnosis and
    a second one as positions in `WORDS` (−1 where none), whether a cleft was repaired.
    """

    child: Ints
    day: Ints
    kind: Ints
    stay: Ints
    main: Ints
    second: Ints
    repair: Flags


def hes_apc(world: World, school_age: Admissions, *, last_day: int) -> pa.Table:
    """Return the episodes of all children, by child and day."""
    rng = source(world.seed, world.block, "episodes")
    parts = [
        births(world, rng),
        early(world, rng),
        diagnoses(world, rng),
        at_school_age(world, school_age, rng),
    ]
    found = Spells(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Spells.__slots__)
    )
    alive = (found.day < world.health.died[found.child]) & (found.day <= last_day)
    order = np.flatnonzero(alive)
    order = order[np.lexsort((found.kind[order], found.day[order], found.child[order]))]
    ordered = Spells(*(getattr(found, name)[order] for name in Spells.__slots__))
    handed_over = (ordered.stay >= 2) & (rng.random(len(order)) < SECOND_CONSULTANT)
    return table(world, ordered, handed_over)


def condition_code(world: World, child: Ints, day: Ints) -> Ints:
    """Return a condition's code already known on each day, `NO_CODE` where there is none."""
    health = world.health
    known = health.has[child] & (BORN[None, :] | (health.recorded[child] <= day[:, None]))
    first = known.argmax(axis=1)
    code = FIRST_CODE + OFFSETS[first] + health.code[child, first]
    return np.where(known.any(axis=1), code, NO_CODE)


def births(world: World, rng: np.random.Generator) -> Spells:
    """Return a birth for each child, with an anomaly among the diagnoses."""
    n = world.size
    child = np.arange(n)
    born = world.health.has & BORN[None, :]
    first = born.argmax(axis=1)
    code = FIRST_CODE + OFFSETS[first] + world.health.code[child, first]
    return Spells(
        child,
        world.families.birth,
        np.full(n, BIRTH),
        rng.integers(1, 4, n),
        np.full(n, BORN_ALIVE),
        np.where(born.any(axis=1), code, NO_CODE),
        np.zeros(n, dtype=bool),
    )


def early(world: World, rng: np.random.Generator) -> Spells:
    """Return the admissions before the fourth birthday other than for a first diagnosis.

    Each falls in a stretch of its own, so that none touches another.
    """
    health = world.health
    limit = world.families.birth + np.floor(SCHOOL_AGE * YEAR).astype(np.int64)
    first_seen = health.has & ~BORN[None, :] & (health.recorded < limit[:, None])
    count = np.maximum(health.early - first_seen.sum(axis=1), 0)
    stretch = int((SCHOOL_AGE * YEAR - FIRST_EARLY) // EARLY_MOST)
    slots = rng.random((world.size, EARLY_MOST)).argsort(axis=1)
    child = np.repeat(np.arange(world.size), count)
    order = np.arange(len(child)) - np.repeat(np.cumsum(count) - count, count)
    slot = slots[child, order]
    day = world.families.birth[child] + FIRST_EARLY + slot * stretch
    day += rng.integers(0, stretch - GAP, len(child))
    repair = (world.health.condition("cleft")[child]) & (order < 2)
    kind = np.where(repair | (rng.random(len(child)) < 0.3), PLANNED, UNPLANNED)
    code = condition_code(world, child, day)
    main = np.where(repair, code, complaint(rng, kind))
    return Spells(child, day, kind, stays(rng, kind), main, np.where(repair, NO_CODE, code), repair)


def diagnoses(world: World, rng: np.random.Generator) -> Spells:
    """Return the admission at which each condition that is not of birth is first recorded."""
    health = world.health
    child, which = np.nonzero(health.has & ~BORN[None, :])
    day = health.recorded[child, which]
    code = FIRST_CODE + OFFSETS[which] + health.code[child, which]
    kind = np.where(rng.random(len(child)) < 0.5, PLANNED, UNPLANNED)
    return Spells(
        child,
        day,
        kind,
        stays(rng, kind),
        complaint(rng, kind),
        code,
        np.zeros(len(child), dtype=bool),
    )


def at_school_age(world: World, found: Admissions, rng: np.random.Generator) -> Spells:
    """Return the admissions from the fourth birthday."""
    kind = np.where(found.planned == 1, PLANNED, UNPLANNED)
    return Spells(
        found.child,
        found.day,
        kind,
        stays(rng, kind),
        complaint(rng, kind),
        condition_code(world, found.child, found.day),
        np.zeros(len(kind), dtype=bool),
    )


def complaint(rng: np.random.Generator, kind: Ints) -> Ints:
    """Return a main diagnosis that no phenotype counts, by kind of admission."""
    uniform = rng.random(len(kind))
    planned = FIRST_ELECTIVE + choose(uniform, ELECTIVE_SHARES)
    return np.where(kind == PLANNED, planned, choose(uniform, ILLNESS_SHARES))


def stays(rng: np.random.Generator, kind: Ints) -> Ints:
    """Return days from admission to discharge: most planned ones none."""
    some = rng.random(len(kind)) < np.where(kind == PLANNED, 0.2, 0.6)
    return np.where(some, rng.integers(1, 4, len(kind)), 0)


def start_age(days: Ints) -> Ints:
    """Return HES start ages from ages in days.

    >>> start_age(np.array([0, 3, 200, 400, 2000])).tolist()
    [7001, 7002, 7006, 1, 5]
    """
    years = np.floor(days / YEAR).astype(np.int64)
    infant = 7001 + np.searchsorted(np.array(AGE_DAYS), days, side="right")
    return np.where(years < 1, infant, years)


def table(world: World, spells: Spells, handed_over: Flags) -> pa.Table:
    """Return episodes as the standard has them: one to an admission, two where handed over."""
    families, health = world.families, world.health
    count = 1 + handed_over
    at = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    child, kind = spells.child[at], spells.kind[at]
    end = (spells.day + spells.stay)[at]
    start = spells.day[at] + place
    until = np.where(handed_over[at] & (place == 0), start + 1, end)
    first = np.flatnonzero(np.diff(child, prepend=-1))
    number = np.arange(len(at)) - np.repeat(first, np.diff(np.append(first, len(at))))
    is_birth = kind == BIRTH
    second = spells.second[at]
    region = world.places.regions[families.school[child]]
    day_case = (kind == PLANNED) & (spells.stay[at] == 0)
    return pa.table(
        {
            "child_id": whole(families.child[child]),
            "episode_id": whole(families.child[child] * 1000 + number + 1),
            "episode_start": dates(start),
            "episode_end": dates(until),
            "admission_date": dates(spells.day[at]),
            "discharge_date": dates(end),
            "episode_order": whole(place + 1),
            "episode_type": codes(is_birth.astype(np.int64), ("1", "3")),
            "class_patient": codes(day_case.astype(np.int64), ("1", "2")),
            "admission_method": codes(kind, METHODS),
            "start_age": whole(start_age(start - families.birth[child])),
            "diag_01": codes(spells.main[at], WORDS),
            "diag_02": codes(second.clip(0), WORDS, missing=second == NO_CODE),
            "opertn_01": codes(families.child[child] % 2, REPAIRS, missing=~spells.repair[at]),
            "gestation": whole(health.gestation[child], missing=~is_birth),
            "birth_weight": whole(health.weight[child], missing=~is_birth),
            "mother_age": whole(families.mother_age[child], missing=~is_birth),
            "region": codes(region, [row[0] for row in REGIONS]),
            "valid_from": dates(start),
            "valid_to": dates(until),
            "known_from": dates(until),
        }
    )
