"""Health at birth and after: conditions and when they are recorded, gestation, weight, survival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Flags, Floats, Ints, choose, source
from fingerpost.england.conditions import (
    CONDITIONS,
    MARKING,
    NAMES,
    SPECIAL_ELSE,
    YEAR,
)
from fingerpost.england.families import BOYS, Families
from fingerpost.england.model import CLEFT, GENERAL, INDEX, NEURO, PLAN

WEEKS = np.arange(23, 44)
WEEK_SHARES = (
    *(0.0003, 0.0005, 0.0006, 0.0008, 0.0009, 0.0011, 0.0014, 0.0019, 0.0026),
    *(0.0034, 0.0046, 0.0076, 0.0114, 0.0200),
    *(0.058, 0.135, 0.245, 0.290, 0.185, 0.035, 0.001),
)
# Admissions before the fourth birthday of a child with no listed condition: trials and chance.
EARLY_TRIALS, EARLY_CHANCE = 4, 0.13
EARLY_MOST = 12
DEATHS, LATE_DEATHS = 0.0028, 0.0001
HORIZON = 11.99
SCHOOL_AGE = 4.0


@dataclass(frozen=True, slots=True)
class Health:
    """Health of one block of children; n children, k conditions.

    has: (n, k). code: (n, k) which of the condition's codes. recorded: (n, k) day number on which
    it is first recorded. stratum: (n,) general, cleft or neurodisability. gestation: weeks. weight:
    grams. early: admissions before the fourth birthday, the birth not counted. marked: has a
    measured marker of need for a plan by Year 1 spring. special: begins in a special school.
    emerging: is emerging in every early learning goal. died: day number of death, or a day beyond
    all records. support, scores, unassessed, missed: (n,), and admissions: (n, 2): the largest of
    the shifts of a child's conditions.
    """

    has: Flags
    code: Ints
    recorded: Ints
    stratum: Ints
    gestation: Ints
    weight: Ints
    early: Ints
    marked: Flags
    special: Flags
    emerging: Flags
    died: Ints
    support: Floats
    scores: Floats
    unassessed: Floats
    missed: Floats
    admissions: Floats

    def condition(self, name: str) -> Flags:
        """Return which children have a condition, by its name in `conditions`."""
        return np.asarray(self.has[:, NAMES.index(name)])


FAR = 200_000


def make(families: Families, *, seed: int, block: int, boost: str | None = None) -> Health:
    """Return the health of one block. boost: a condition that every child of the block is born
    with; a cleft then comes alone, as the study of isolated clefts asks.
    """
    rng = source(seed, block, "health")
    n, k = families.size, len(CONDITIONS)
    has = rng.random((n, k)) < shares(families.sex)
    if boost is not None:
        if boost == "cleft":
            has[:] = False
        has[:, NAMES.index(boost)] = True
    code = np.stack([choose(rng.random(n), each.weights) for each in CONDITIONS], axis=1)
    ages = np.array([each.ages for each in CONDITIONS])
    age = ages[:, 0] + (ages[:, 1] - ages[:, 0]) * rng.random((n, k))
    recorded = families.birth[:, None] + np.floor(age * YEAR).astype(np.int64)
    gestation, weight = birth_size(rng, families, has)
    zero = _days.days("census", families.reception, np.full(n, _days.ZERO))
    marked, special, emerging = markers(
        rng, marker_chance(families, has, gestation), has, recorded, zero
    )
    return Health(
        has=has,
        code=code,
        recorded=recorded,
        stratum=strata(has),
        gestation=gestation,
        weight=weight,
        early=early_admissions(rng, has, age),
        marked=marked,
        special=special,
        emerging=emerging,
        died=deaths(rng, families.birth, has),
        support=highest(has, [each.support for each in CONDITIONS]),
        scores=-highest(has, [-each.scores for each in CONDITIONS]),
        unassessed=highest(has, [each.unassessed for each in CONDITIONS]),
        missed=np.maximum(highest(has, [each.missed for each in CONDITIONS]), PLAN.missed * marked),
        admissions=np.stack(
            [highest(has, [each.admissions[at] for each in CONDITIONS]) for at in (0, 1)], axis=1
        ),
    )


def social_index(families: Families) -> Floats:
    """Return Ls, an exact linear function of recorded covariates."""
    score = np.log(families.idaci / (1.0 - families.idaci))
    form = (
        INDEX.idaci * (score - INDEX.idaci_mean) / INDEX.idaci_sd
        + INDEX.fsm * families.fsm
        + INDEX.mother_age * families.mother_age
        + INDEX.language * families.language
        + np.array(INDEX.ethnicity)[families.ethnicity]
    )
    return np.asarray((form - INDEX.social_centre) / INDEX.social_scale, dtype=np.float64)


def highest(has: Flags, values: list[float]) -> Floats:
    """Return for each child the largest value among its conditions, 0 without one."""
    return np.asarray(np.where(has, np.array(values), 0.0).max(axis=1), dtype=np.float64)


def strata(has: Flags) -> Ints:
    """Return the stratum of each child: a cleft alone, a neurodisability, or general."""
    kind = np.array([each.stratum for each in CONDITIONS])
    neuro = (has & (kind == NEURO)).any(axis=1)
    cleft = has[:, NAMES.index("cleft")] & (has.sum(axis=1) == 1)
    return np.where(cleft, CLEFT, np.where(neuro, NEURO, GENERAL)).astype(np.int64)


def birth_size(rng: np.random.Generator, families: Families, has: Flags) -> tuple[Ints, Ints]:
    """Return weeks of gestation and birth weight in grams."""
    n = families.size
    weeks = WEEKS[choose(rng.random(n), WEEK_SHARES)]
    early = families.multiple * rng.integers(1, 4, n)
    early += np.where(has[:, NAMES.index("cerebral_palsy")], rng.integers(0, 10, n), 0)
    early += np.where(has[:, NAMES.index("down_syndrome")], rng.integers(0, 4, n), 0)
    weeks = (weeks - early).clip(23, 43)
    mean = 3.42 + 0.170 * (weeks - 39.5) + 0.0030 * np.minimum(weeks - 32, 0) ** 2
    kilos = mean + np.minimum(0.44, 0.16 * mean) * rng.standard_normal(n)
    return weeks, np.rint(1000 * kilos.clip(0.32, 6.0)).astype(np.int64)


def shares(sex: Ints) -> Floats:
    """Return the chance of each condition by the child's sex: (n, k)."""
    share = np.array([each.share for each in CONDITIONS])
    boys = np.array([each.boys for each in CONDITIONS])
    chance = np.where(sex[:, None] == 0, share * boys / BOYS, share * (1 - boys) / (1 - BOYS))
    return np.asarray(chance, dtype=np.float64)


def marker_chance(families: Families, has: Flags, gestation: Ints) -> Floats:
    """Return the chance of a measured marker of need for a plan."""
    chance = np.where(
        has.any(axis=1), highest(has, [each.marker for each in CONDITIONS]), PLAN.listless
    )
    times = np.where(families.sex == 0, PLAN.boys, PLAN.girls) * np.exp(
        PLAN.preterm * np.maximum(37 - gestation, 0) + PLAN.social * social_index(families)
    )
    # Where most have one already, odds are what is multiplied.
    odds = times * chance / (1.0 - chance)
    shifted = np.minimum(odds / (1.0 + odds), PLAN.most)
    return np.asarray(np.where(strata(has) == CLEFT, chance, shifted), dtype=np.float64)


def markers(
    rng: np.random.Generator, chance: Floats, has: Flags, recorded: Ints, zero: Ints
) -> tuple[Flags, Flags, Flags]:
    """Return who has a measured marker of need for a plan, and two of the three kinds.

    A marker is a neurodevelopmental diagnosis recorded before Year 1 spring, a special school, or
    being emerging in every early learning goal. Each marked child shows at least one.
    """
    n = len(has)
    listed = [NAMES.index(name) for name in MARKING]
    diagnosed = (has[:, listed] & (recorded[:, listed] <= zero[:, None])).any(axis=1)
    marked = diagnosed | (rng.random(n) < chance)
    share = highest(has, [each.special for each in CONDITIONS])
    share = np.where(has.any(axis=1), share, SPECIAL_ELSE)
    special = marked & (rng.random(n) < share)
    emerging = marked & ((rng.random(n) < 0.55) | ~(special | diagnosed))
    return marked, special, emerging


def early_admissions(rng: np.random.Generator, has: Flags, age: Floats) -> Ints:
    """Return admissions before the fourth birthday: illness, repair, and first diagnoses."""
    further = highest(has, [each.early for each in CONDITIONS])
    repair = np.floor(further).astype(np.int64)
    count = rng.binomial(EARLY_TRIALS, EARLY_CHANCE, len(has)) + repair
    count += rng.random(len(has)) < further - repair
    later = np.array([not each.born for each in CONDITIONS])
    diagnosed = (has & later & (age < SCHOOL_AGE)).sum(axis=1)
    return np.asarray(np.minimum(count + diagnosed, EARLY_MOST), dtype=np.int64)


def deaths(rng: np.random.Generator, birth: Ints, has: Flags) -> Ints:
    """Return the day of death, or a day beyond all records."""
    n = len(birth)
    early = np.where(has.any(axis=1), highest(has, [each.deaths for each in CONDITIONS]), DEATHS)
    first = rng.random(n) < early
    age = np.where(first, 5.0 * rng.random(n) ** 4, 5.0 + 7.0 * rng.random(n))
    dies = first | (rng.random(n) < 7.0 * LATE_DEATHS)
    return np.where(dies, birth + np.floor(YEAR * age).astype(np.int64), FAR)
