"""Cohorts of children born with a cleft, drawn straight from England's arrays without any file.

What a cohort holds is what `cohorts.linked` would read from the records of the same England (a test
holds the two together): children born from September 2003 to August 2008, in a state school at the
Year 1 spring census with no plan, alive and not opted out; their covariates as known then; outcomes
from the summer of Year 1 to the end of Year 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.calendar import day_number
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.outcome import Outcome
from fingerpost.england import _days, careers, outcomes_counts, outcomes_scores, places, world
from fingerpost.england.build import LAST_DAY, USUAL_CLEFTS
from fingerpost.england.careers import Careers
from fingerpost.england.families import ETHNICITY
from fingerpost.england.model import EHCP
from fingerpost.england.outcomes_scores import ASKED_YEARS
from fingerpost.england.provision import Provision
from fingerpost.england.scenarios import DEFAULT, scenario
from fingerpost.england.world import World

Array = NDArray[np.float64]
LAST_BIRTH = day_number(date(2008, 8, 31))
PUBLISHED = 6_359  # children of the published cohort
DRAWN = USUAL_CLEFTS + 1_000  # so that more than these are eligible in every world
ARMS = ("none", "support")
GIVEN = (
    *("sex", "birth_month", "ethnicity", "first_language", "fsm", "idaci", "mother_age"),
    *("gestation", "birth_weight", "early_admissions"),
)
SEVERITY = "severity"
RATES = ("unauthorised_absence", "medical_absence", "unplanned_admissions", "planned_admissions")
SCORES = ("ks1_maths", "ks2_maths", "participation", "wellbeing")
FIRST = _days.ZERO + 1  # the first term of follow-up


@dataclass(frozen=True, eq=False, slots=True)
class Lives:
    """One block of children and what became of them. rows: who is of the cohort, by position."""

    world: World
    given: Provision
    roll: Careers
    rows: NDArray[np.int64]


def lives(
    seed: int, *, size: int = DRAWN, block: int = 0, first: int = 1, most: int | None = PUBLISHED
) -> Lives:
    """Return the children of one England who were born with a cleft, and who of them is eligible.

    most: how many of them are kept, the first of them; all where None.
    """
    made = world.make(
        places.make(seed),
        scenario=scenario(DEFAULT),
        seed=seed,
        block=block,
        first_child=first,
        size=size,
        boost="cleft",
    )
    given = world.unaided(made)
    roll = careers.make(
        made.families,
        made.health,
        made.places,
        seed=seed,
        block=block,
        last_day=day_number(LAST_DAY),
    )
    zero = roll.census[:, _days.ZERO]
    kept = (
        (made.families.birth <= LAST_BIRTH)
        & roll.open[:, _days.ZERO]
        & (made.health.died > zero)
        & (roll.opted_out > zero)
        & (given.arm < EHCP)
    )
    rows = np.flatnonzero(kept)
    if most is not None and len(rows) < most:
        raise RuntimeError(f"world {seed}: only {len(rows):,} children are eligible")
    return Lives(made, given, roll, rows[:most])


def cohort(of: Lives) -> Cohort:
    """Return the eligible children as estimators see them, every outcome with who was seen."""
    at, made = of.rows, of.world
    return Cohort(
        unit=made.families.child[at],
        arms=ARMS,
        arm=of.given.arm[at],
        outcomes={**counts(of), **scores(of)},
        covariates=covariates(of),
        clusters={"school": of.roll.school[at, _days.ZERO // 3]},
    )


def covariates(of: Lives) -> dict[str, Column]:
    """Return the covariates of a study of linked records, and (never recorded) severity."""
    at, families, health = of.rows, of.world.families, of.world.health
    idaci = families.idaci[at]
    numbers = {
        "birth_month": _days.month_in_year(families.birth[at]),
        "fsm": families.fsm[at],
        "idaci": np.log(idaci / (1.0 - idaci)),
        "mother_age": families.mother_age[at],
        "gestation": health.gestation[at],
        "birth_weight": health.weight[at] / 1000.0,
        "early_admissions": health.early[at],
        SEVERITY: of.world.needs.severity[at],
    }
    return {
        "sex": Column(families.sex[at], ("M", "F")),
        "ethnicity": Column(families.ethnicity[at], ETHNICITY),
        "first_language": Column(families.language[at], ("ENG", "OTH")),
        **{name: Column(values.astype(np.float64)) for name, values in numbers.items()},
    }


def counts(of: Lives) -> dict[str, Outcome]:
    """Return sessions missed per hundred possible, and admissions a year."""
    at, made = of.rows, of.world
    missed = outcomes_counts.absence(made, of.given, of.roll)
    inside = followed(of)
    possible = (missed.possible[at, FIRST:] * inside).sum(axis=1) / 100.0
    found = {}
    for name, sessions in (
        ("unauthorised_absence", missed.unauthorised),
        ("medical_absence", missed.medical),
    ):
        total = (sessions[at, FIRST:] * inside).sum(axis=1)
        found[name] = count(total, possible)
    zero, last = of.roll.census[:, _days.ZERO], exits(of)
    admitted = outcomes_counts.admissions(made, of.given, last_day=day_number(LAST_DAY))
    within = (admitted.day > zero[admitted.child]) & (admitted.day <= last[admitted.child])
    years = (last - zero)[at] / 365.25
    for planned, name in enumerate(("unplanned_admissions", "planned_admissions")):
        own = admitted.child[within & (admitted.planned == planned)]
        found[name] = count(np.bincount(own, minlength=made.size)[at], years)
    return found


def count(events: NDArray[np.int64], exposure: Array) -> Outcome:
    """Return a count over an exposure, seen where there was any."""
    return Outcome("count", events.astype(np.float64), exposure=exposure, observed=exposure > 0)


def exits(of: Lives) -> NDArray[np.int64]:
    """Return the day on which each child's follow-up by hospitals ends, which goes on after state
    schools: (n,) of the whole block.
    """
    families = of.world.families
    last = np.full(families.size, _days.COUNT - 1)
    end = calendar_end(families.reception, last)
    return np.minimum.reduce([end, of.world.health.died, of.roll.opted_out])


def calendar_end(reception: NDArray[np.int64], term: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the last day of a term of each child, by position counted from Reception autumn."""
    return _days.days("last", reception, term)


def followed(of: Lives) -> NDArray[np.bool_]:
    """Return which terms of follow-up begin before a child opts out: (n, terms) of the cohort."""
    terms = np.broadcast_to(np.arange(FIRST, _days.COUNT), (len(of.rows), _days.COUNT - FIRST))
    begins = _days.days("first", of.world.families.reception[of.rows], terms)
    return np.asarray(begins <= of.roll.opted_out[of.rows][:, None])


def scores(of: Lives) -> dict[str, Outcome]:
    """Return attainment where it was assessed, and the mean of the reports of participation and
    wellbeing in Years 2, 4 and 6.
    """
    at, open_ = of.rows, of.roll.open[of.rows]
    found = outcomes_scores.make(of.world, of.given)
    result = {}
    for name, values, sat, year in (
        ("ks1_maths", found.ks1, found.ks1_assessed, 2),
        ("ks2_maths", found.ks2, found.ks2_assessed, 6),
    ):
        result[name] = seen(values[at, 1], sat[at] & open_[:, 3 * year + 2])
    asked = open_[:, [3 * year + 2 for year in ASKED_YEARS]]
    times = asked.sum(axis=1)
    for name, reports in (("participation", found.participation), ("wellbeing", found.wellbeing)):
        total = (reports[at] * asked).sum(axis=1)
        result[name] = seen(total / np.maximum(times, 1), times > 0)
    return result


def seen(values: Array, observed: NDArray[np.bool_]) -> Outcome:
    """Return a continuous outcome, NaN where nobody saw it."""
    return Outcome("continuous", np.where(observed, values, np.nan), observed=observed)
