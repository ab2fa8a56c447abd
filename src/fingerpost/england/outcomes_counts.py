"""Outcomes that are counted: sessions missed and hospital admissions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Floats, Ints, gamma_frailty, poisson, source
from fingerpost.england.careers import Careers
from fingerpost.england.conditions import YEAR
from fingerpost.england.health import SCHOOL_AGE
from fingerpost.england.model import CLEFT, OTHER, OUTCOMES, OutcomeModel
from fingerpost.england.provision import Provision
from fingerpost.england.strength import slope
from fingerpost.england.world import World

# Sessions a term: autumn, spring, summer; 380 a year.
SESSIONS = (140, 118, 122)
YEAR_SESSIONS = sum(SESSIONS)
MODELS = {model.name: model for model in (*OUTCOMES, *OTHER)}
# Kinds of absence, in the order in which they take from the sessions possible.
KINDS = (
    "unauthorised_absence",
    "medical_absence",
    "illness_absence",
    "other_authorised_absence",
)
# Those that a child's conditions shift.
SHIFTED = ("illness_absence", "other_authorised_absence")
# Share of sessions nobody misses more than, whatever the rate.
MOST = 0.95
# Admissions of one child that are expected at most.
MOST_MEAN = 400.0


@dataclass(frozen=True, slots=True)
class Absence:
    """Sessions of each child in each of 21 terms from Reception autumn: (n, 21).

    possible is 0 where the child was on no roll. Each kind is at most what is left of possible.
    """

    possible: Ints
    unauthorised: Ints
    illness: Ints
    medical: Ints
    other: Ints


@dataclass(frozen=True, slots=True)
class Admissions:
    """Admissions from the fourth birthday: child (m,) by position, day (m,), planned (m,) 0/1."""

    child: Ints
    day: Ints
    planned: Ints


def log_rate(world: World, model: OutcomeModel) -> Floats:
    """Return the log rate a year of each child without provision, frailty left out."""
    needs = world.needs
    return np.asarray(
        model.base
        + (model.name in SHIFTED) * world.health.missed
        + model.severity * needs.severity
        + model.social * needs.social
        + model.elsewhere * needs.social * (world.health.stratum != CLEFT)
        + model.clinical * needs.clinical,
        dtype=np.float64,
    )


def absence(world: World, provision: Provision, careers: Careers) -> Absence:
    """Return the sessions missed; provision acts on the terms whose census it precedes."""
    n = world.size
    reception = world.families.reception
    possible = np.where(careers.open, np.array(SESSIONS)[_days.TERM], 0)
    # Children of four were not counted before 2012/13.
    possible[:, :3] *= (reception >= 2013)[:, None]
    left = possible.copy()
    acting = careers.census >= provision.acts_day[:, None]
    taken = {}
    for name in KINDS:
        rng = source(world.seed, world.block, name)
        model = MODELS[name]
        rate = np.exp(log_rate(world, model)) * gamma_frailty(rng, n, model.spread)
        effect = np.exp(slope(model, world.scenario) * provision.strength)
        rate = rate / YEAR_SESSIONS
        uniform = rng.random((n, _days.COUNT))
        mean = np.where(acting, (rate * effect)[:, None], rate[:, None]).clip(max=MOST)
        count = poisson(uniform.ravel(), (mean * possible).ravel()).reshape(n, _days.COUNT)
        taken[name] = np.minimum(count, left)
        left -= taken[name]
    unauthorised, medical, illness, other = (taken[name] for name in KINDS)
    return Absence(possible, unauthorised, illness, medical, other)


def admissions(world: World, provision: Provision, *, last_day: int) -> Admissions:
    """Return the admissions from the fourth birthday to the end of Year 6, in order of child, day.

    Each admission of a child's own course is kept or not by a draw of its own, so that the same
    admissions stay under any provision that leaves the rate alone.
    """
    families = world.families
    first = families.birth + np.int64(np.ceil(SCHOOL_AGE * YEAR))
    end = _days.days("last", families.reception, np.full(world.size, _days.COUNT - 1))
    end = np.minimum(np.minimum(end, world.health.died - 1), last_day)
    days = np.maximum(end - first + 1, 0)
    spells: list[tuple[Ints, Ints, Ints]] = []
    for planned, name in ((0, "unplanned_admissions"), (1, "planned_admissions")):
        rng = source(world.seed, world.block, name)
        model = MODELS[name]
        rate = np.exp(log_rate(world, model) + world.health.admissions[:, planned])
        rate *= gamma_frailty(rng, world.size, model.spread)
        effect = np.exp(slope(model, world.scenario) * provision.strength)
        most = np.maximum(effect, 1.0)
        count = poisson(rng.random(world.size), np.minimum(rate * most * days / YEAR, MOST_MEAN))
        child = np.repeat(np.arange(world.size), count)
        place, mark = rng.random((2, len(child)))
        day = first[child] + np.floor(place * days[child]).astype(np.int64)
        now = np.where(day >= provision.acts_day[child], effect[child], 1.0)
        stays = mark * most[child] < now
        spells.append((child[stays], day[stays], np.full(stays.sum(), planned)))
    child, day, kind = (np.concatenate([spell[at] for spell in spells]) for at in range(3))
    order = np.lexsort((kind, day, child))
    return Admissions(child[order], day[order], kind[order])
