"""Families: who is born to whom, when and where, and how deprived the place is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from fingerpost.core.calendar import day_number
from fingerpost.core.errors import UsageError, listed
from fingerpost.england import _days
from fingerpost.england._draws import Floats, Ints, choose, expit, source
from fingerpost.england.model import INDEX
from fingerpost.england.places import LA_SHARE, SCHOOL_SHARE, Places, regional_variance

ERAS = {
    "2003-2013": (date(2003, 9, 1), date(2013, 8, 31)),
    "2014-2025": (date(2014, 9, 1), date(2025, 8, 31)),
}
ETHNICITY = ("WHIT", "MIXD", "ASIA", "BLAC", "CHIN", "AOEG", "UNCL")
ETHNIC_SHARES = (0.755, 0.055, 0.105, 0.055, 0.005, 0.015, 0.010)
OTHER_LANGUAGE = (0.06, 0.15, 0.65, 0.45, 0.60, 0.70, 0.20)
BOYS = 0.513
SIBLINGS = 0.30
TWINS = 0.029


@dataclass(frozen=True, slots=True)
class Families:
    """Children of one block, in arrays (n,).

    child: pseudonym. birth: day number. reception: academic year due in Reception. school: the
    primary school they would attend, by position. deprivation: of the neighbourhood, in SDs.
    idaci: its child poverty score (0-1). fsm: free school meals up to Year 1.
    """

    child: Ints
    mother: Ints
    birth: Ints
    reception: Ints
    sex: Ints
    ethnicity: Ints
    language: Ints
    mother_age: Ints
    multiple: Ints
    school: Ints
    la: Ints
    deprivation: Floats
    idaci: Floats
    fsm: Ints

    @property
    def size(self) -> int:
        """How many children."""
        return len(self.child)


def era_days(era: str) -> tuple[int, int]:
    """Return the first and last day of birth of an era; UsageError where there is none such."""
    if era not in ERAS:
        raise UsageError(f'No era "{era}". Eras: {listed(ERAS)}.')
    first, last = ERAS[era]
    return day_number(first), day_number(last)


def make(
    places: Places, *, seed: int, block: int, first_child: int, size: int, era: str
) -> Families:
    """Return the families of one block; about three children in ten have a sibling beside them."""
    rng = source(seed, block, "families")
    child = first_child + np.arange(size)
    younger = siblings(rng, size)
    older = np.arange(size) - younger
    first, last = era_days(era)
    birth = rng.integers(first, last + 1, size)
    gap = rng.integers(400, 1700, size)
    after = birth[older] + gap
    birth = np.where(younger, np.where(after <= last, after, birth[older] - gap), birth)
    younger &= birth >= first
    birth = birth.clip(first, last)
    older = np.arange(size) - younger
    school = np.searchsorted(places.primary_edges, rng.random(size), side="right")[older]
    rest = 1.0 - regional_variance() - LA_SHARE - SCHOOL_SHARE
    near = np.sqrt(rest) * rng.standard_normal(size)[older]
    deprivation = places.deprivation[school] + near
    ethnicity = choose(rng.random(size), ETHNIC_SHARES)[older]
    language = rng.random(size)[older] < np.array(OTHER_LANGUAGE)[ethnicity]
    mother_age = np.rint(29.3 - 1.4 * deprivation + 5.3 * rng.standard_normal(size)[older])
    years = np.where(younger, np.rint((birth - birth[older]) / 365.25), 0.0)
    fsm = rng.random(size) < expit(-1.80 + 1.25 * deprivation)
    return Families(
        child=child,
        mother=child[older],
        birth=birth,
        reception=_days.reception_year(birth),
        sex=(rng.random(size) >= BOYS).astype(np.int64),
        ethnicity=ethnicity,
        language=language.astype(np.int64),
        mother_age=(mother_age + years).clip(15, 50).astype(np.int64),
        multiple=(rng.random(size) < TWINS).astype(np.int64),
        school=school,
        la=places.school_la[school],
        deprivation=deprivation,
        idaci=expit(INDEX.idaci_mean + INDEX.idaci_sd * deprivation),
        fsm=fsm.astype(np.int64),
    )


def siblings(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return who is the sibling of the child before: (n,) flags, never two in a row."""
    paired = rng.random((size + 1) // 2) < SIBLINGS
    younger = np.zeros(size, dtype=bool)
    younger[1::2] = paired[: size // 2]
    return younger
